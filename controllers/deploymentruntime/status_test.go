package deploymentruntime

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// recorded returns the record of a runtime that lives on cluster c1.
func recorded(name string, namespaces ...string) *record.Record {
	return &record.Record{
		App: &observed.Application{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{api.Finalizer}}},
		Placement: placement.Placement{
			Product: "product-7", Destination: placement.Destination{Environment: "dev", Cluster: "c1"},
			Namespaces: namespaces, Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
		},
	}
}

// good are the facts of a runtime that runs.
func good() observed.Facts {
	return observed.Facts{
		Sync: "Synced", Health: "Healthy", Revision: "r1", Deployed: "r1", Compared: true, Current: true, Resources: 1,
		Errors: map[string]string{},
	}
}

func TestSyncedAndHealthy(t *testing.T) {
	rec := recorded("a", "x")
	for sentence, c := range map[string]struct {
		change          func(*observed.Facts)
		synced, healthy string
	}{
		"all is well": {func(*observed.Facts) {}, "True/Synced", "True/Healthy"},
		"the spec was not compared yet": {func(f *observed.Facts) { f.Compared = false }, "False/Syncing",
			"True/Healthy"},
		"an operation runs": {func(f *observed.Facts) { f.Running = true }, "False/Syncing",
			"Unknown/NotYetJudged"},
		"the health is older than the sync": {func(f *observed.Facts) { f.Current = false }, "True/Synced",
			"Unknown/NotYetJudged"},
		"the last sync failed": {func(f *observed.Facts) {
			f.Sync, f.Failed, f.Failure = "OutOfSync",
				true, "Deployment a/b: no"
		}, "False/SyncFailed", "True/Healthy"},
		"a hook failed": {func(f *observed.Facts) { f.Failed, f.Failure = true, "Job a/b: no" }, "False/SyncFailed",
			"True/Healthy"},
		"it differs again while it is applied again": {func(f *observed.Facts) {
			f.Sync, f.Again, f.Running, f.Current = "OutOfSync", true, true, false
		}, "False/OutOfSync", "True/Healthy"},
		"a sync waits": {func(f *observed.Facts) {
			f.Running, f.Objects = true, []api.ResourceStatus{{Kind: "Job", Name: "a", State: observed.StateAwaited}}
		}, "False/Syncing", "Unknown/NotYetJudged"},
		"a Job is suspended": {func(f *observed.Facts) {
			f.Health, f.Objects = "Suspended", []api.ResourceStatus{{Group: "batch", Kind: "Job", State: "Suspended"}}
		}, "True/Synced", "True/WorkloadSuspended"},
		"a Deployment is paused": {func(f *observed.Facts) {
			f.Health, f.Objects = "Suspended", []api.ResourceStatus{{Group: "batch", Kind: "Job", State: "Suspended"},
				{Group: "apps", Kind: "Deployment", State: "Suspended"}}
		}, "True/Synced", "False/WorkloadSuspended"},
		"Argo CD does not say what is suspended": {func(f *observed.Facts) { f.Health = "Suspended" }, "True/Synced",
			"False/WorkloadSuspended"},
		"it drifted": {func(f *observed.Facts) { f.Sync = "OutOfSync" }, "False/OutOfSync",
			"True/Healthy"},
		"Argo CD cannot compare": {func(f *observed.Facts) { f.Sync, f.Health = "Unknown", "Unknown" },
			"False/SyncUnknown", "Unknown/HealthUnknown"},
		"the AppProject does not permit it": {func(f *observed.Facts) {
			f.Errors[observed.ErrorInvalidSpec] = "no"
		}, "False/SpecRefused", "True/Healthy"},
		"the path does not exist": {func(f *observed.Facts) {
			f.Sync,
				f.Errors[observed.ErrorComparison] = "Unknown", "no such path"
		}, "False/ManifestError", "True/Healthy"},
		"the path is empty": {func(f *observed.Facts) { f.Resources = 0 }, "True/Synced",
			"False/NothingDeployed"},
		"pods start": {func(f *observed.Facts) { f.Health = "Progressing" }, "True/Synced",
			"False/Progressing"},
		"a pod fails": {func(f *observed.Facts) { f.Health = "Degraded" }, "True/Synced",
			"False/Degraded"},
		"an object is missing": {func(f *observed.Facts) { f.Sync, f.Health = "OutOfSync", "Missing" },
			"False/OutOfSync", "False/Missing"},
		"a sync error that Argo CD keeps is no": {func(f *observed.Facts) { f.Errors[observed.ErrorSync] = "old" },
			"True/Synced", "True/Healthy"},
	} {
		t.Run(sentence, func(t *testing.T) {
			f := good()
			c.change(&f)
			for want, got := range map[string]metav1.Condition{c.synced: synced(f, rec, nil), c.healthy: healthy(f)} {
				if is := string(got.Status) + "/" + got.Reason; is != want || got.Message == "" {
					t.Errorf("got %s %q, want %s", is, got.Message, want)
				}
			}
		})
	}
}

// TestWhatIsChangedBackIsSaidSteadily: Argo CD syncs it and calls it synced, until it looks again.
func TestWhatIsChangedBackIsSaidSteadily(t *testing.T) {
	rec := recorded("a", "x")
	s := &scope{record: rec}
	again := good()
	again.Sync, again.Again = "OutOfSync", true
	before := &api.DeploymentRuntime{}
	before.Status.Conditions = []metav1.Condition{synced(again, rec, nil)}
	for sentence, c := range map[string]struct {
		change func(*observed.Facts)
		want   string
	}{
		"it is synced once more":     {func(f *observed.Facts) { f.Running = true }, api.ReasonOutOfSync},
		"nobody has compared since":  {func(f *observed.Facts) { f.Current = false }, api.ReasonOutOfSync},
		"it was compared, and stays": {func(*observed.Facts) {}, api.ReasonSynced},
		"another revision is synced": {func(f *observed.Facts) { f.Revision, f.Running = "r2", true }, api.ReasonSyncing},
		"its sync failed":            {func(f *observed.Facts) { f.Failed, f.Current = true, false }, api.ReasonSyncFailed},
	} {
		f := good()
		c.change(&f)
		if got := s.steady(before, f, synced(f, rec, nil)); got.Reason != c.want {
			t.Errorf("%s: %s, want %s", sentence, got.Reason, c.want)
		}
	}
}

// TestWhatIsSaidOfARevisionThatIsNotThere: nothing that alarms while it is looked for, and the next step when it is not
// there.
func TestWhatIsSaidOfARevisionThatIsNotThere(t *testing.T) {
	absent := func(f *observed.Facts) {
		f.Sync, f.Sight.Absent, f.Errors[observed.ErrorComparison] = "Unknown", true, "unable to resolve"
	}
	before := func(f *observed.Facts) { absent(f); f.Compared, f.Sight.Absent = false, false }
	for sentence, c := range map[string]struct {
		revision, ref string
		found         bool
		change        func(*observed.Facts)
		want, says    string
	}{
		"the branch is looked for": {"v1", "refs/heads/v1", false,
			func(f *observed.Facts) { f.Compared = false }, "Syncing", `the branch or the tag "v1"`},
		"the tag is looked for, there is no branch": {"v1", "refs/tags/v1", false, before, "Syncing",
			`the branch or the tag "v1"`},
		"there is neither": {"v1", "refs/tags/v1", false, absent, "ManifestError",
			`neither a branch nor a tag "v1"`},
		"an abbreviated commit id": {"abc1234", "refs/tags/abc1234", false, absent, "ManifestError",
			"its whole id"},
		"the branch is gone": {"v1", "refs/heads/v1", true, absent, "ManifestError",
			`no branch "v1"`},
		"the tag is gone": {"v1", "refs/tags/v1", true, absent, "ManifestError",
			`no tag "v1"`},
		"a branch by its full name is gone": {"refs/heads/v1", "", false, absent, "ManifestError",
			`no branch "v1"`},
		"a tag by its full name is gone": {"refs/tags/v1", "", false, absent, "ManifestError",
			`no tag "v1"`},
		"there is no default branch": {"HEAD", "", false, absent, "ManifestError", "no default branch"},
		"the last one is found, the path is not there": {"v1", "refs/heads/v1", true, func(f *observed.Facts) {
			f.Errors[observed.ErrorComparison] = "no such path"
		}, "ManifestError", "no such path"},
		"the AppProject does not permit it yet": {"v1", "refs/heads/v1", false, func(f *observed.Facts) {
			f.Compared, f.Errors[observed.ErrorInvalidSpec] = false, "no"
		}, "SpecRefused", "no"},
	} {
		rec := recorded("a", "x")
		rec.Placement.Revision, rec.Placement.Ref, rec.Placement.RefFound = c.revision, c.ref, c.found
		f := good()
		c.change(&f)
		if got := synced(f, rec, nil); got.Reason != c.want || !strings.Contains(got.Message, c.says) {
			t.Errorf("%s: got %s %q", sentence, got.Reason, got.Message)
		}
	}
}

// TestARevisionThatFailedStaysFailedWhileItIsTriedAgain: else each attempt would be an Event.
func TestARevisionThatFailedStaysFailedWhileItIsTriedAgain(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	s := scope{record: recorded("a", "x"), runtime: &api.DeploymentRuntime{}}
	before := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
	before.Status.Conditions = []metav1.Condition{{Type: api.ConditionSynced, Status: metav1.ConditionFalse,
		Reason: api.ReasonSyncFailed, Message: "Job a failed", ObservedGeneration: 2}}
	f := good()
	f.Running = true
	syncing := metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionFalse, Reason: api.ReasonSyncing}
	if got := s.steady(before, f, syncing); got.Reason != api.ReasonSyncing {
		t.Errorf("the first attempt: %s", got.Reason)
	}
	s.record.App = desired.WithAttempt(s.record.App, desired.AttemptsOf(s.record.App, "r1"), now)
	if got := s.steady(before, f, syncing); got.Message != "Job a failed" {
		t.Errorf("another attempt: %+v", got)
	}
	f.Revision = "r2"
	if got := s.steady(before, f, syncing); got.Reason != api.ReasonSyncing {
		t.Errorf("another revision: %s", got.Reason)
	}
	f.Revision, before.Generation = "r1", 3
	if got := s.steady(before, f, syncing); got.Reason != api.ReasonSyncing {
		t.Errorf("another spec: %s", got.Reason)
	}
}

func TestASuspendedRuntimeThatIsBehindSaysSo(t *testing.T) {
	rec := recorded("a", "x")
	rec.Placement.Suspend = true
	f := good()
	if c := synced(f, rec, nil); c.Reason != api.ReasonSynced {
		t.Errorf("in sync: got %s", c.Reason)
	}
	f.Sync = "OutOfSync"
	if c := synced(f, rec, nil); c.Reason != api.ReasonSuspended || !strings.Contains(c.Message, "r1") {
		t.Errorf("behind: got %+v", c)
	}
}

func TestTheStatusOfARecordThatGrewTooLongIsStillAccepted(t *testing.T) {
	namespaces := make([]string, 61)
	for i := range namespaces {
		namespaces[i] = fmt.Sprintf("ns-%d", i)
	}
	rec := recorded("a", namespaces...)
	rec.Placement.Runtime.UID = "u"
	s := scope{record: rec}
	st := s.status(&api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{UID: "u"}}, nil, time.Time{}, 0)
	if got := len(st.Placement.Namespaces); got != 40 {
		t.Errorf("the status lists %d namespaces, and the schema permits 40", got)
	}
}

func TestReadiness(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	const dwell = 15 * time.Second
	all := []string{api.ConditionAccepted, api.ConditionResolved, api.ConditionApplied, api.ConditionSynced,
		api.ConditionHealthy}
	status := func(failing, reason string, since time.Duration) api.DeploymentRuntimeStatus {
		var st api.DeploymentRuntimeStatus
		for _, name := range all {
			c := metav1.Condition{Type: name, Status: metav1.ConditionTrue, Reason: "Fine",
				LastTransitionTime: metav1.NewTime(now.Add(-since))}
			if name == failing {
				c.Status, c.Reason = metav1.ConditionFalse, reason
			}
			st.Conditions = append(st.Conditions, c)
		}
		return st
	}
	unjudged := status(api.ConditionApplied, api.ReasonRecordMismatch, 0)
	for _, name := range []string{api.ConditionAccepted, api.ConditionResolved, api.ConditionSynced,
		api.ConditionHealthy} {
		meta.SetStatusCondition(&unjudged.Conditions, phases.NotReached(name))
	}
	unhealthy := status(api.ConditionHealthy, api.ReasonNotYetJudged, 0)
	unhealthy.Conditions[len(all)-1].Status = metav1.ConditionUnknown
	both := status(api.ConditionHealthy, api.ReasonDegraded, 20*time.Second)
	both.Conditions[3].Status, both.Conditions[3].Reason = metav1.ConditionFalse, api.ReasonSyncing
	was := func(ready metav1.ConditionStatus, revision string, generation int64) *api.DeploymentRuntime {
		r := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Generation: 2}}
		r.Status.Revision, r.Status.ObservedGeneration = revision, generation
		r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: ready, Reason: "x"}}
		return r
	}
	for sentence, c := range map[string]struct {
		before  *api.DeploymentRuntime
		st      api.DeploymentRuntimeStatus
		want    string
		again   time.Duration
		running bool
	}{
		"compared anew in other words: calm": {before: was(metav1.ConditionTrue, "r1", 2),
			st: status(api.ConditionSynced, api.ReasonSyncing, 0), want: "True/Syncing"},
		"compared anew after the spec changed": {before: was(metav1.ConditionTrue, "r1", 1),
			st: status(api.ConditionSynced, api.ReasonSyncing, 0), want: "False/Syncing"},
		"synced, not only compared": {before: was(metav1.ConditionTrue, "r1", 2),
			st: status(api.ConditionSynced, api.ReasonSyncing, 0), want: "False/Syncing", running: true},
		"compared anew while it is degraded for longer than the dwell": {before: was(metav1.ConditionTrue, "r1", 2),
			st: both, want: "False/Degraded"},
		"all hold": {was(metav1.ConditionFalse, "", 0), status("", "", 0),
			"True/Ready", 0, false},
		"the first that fails gives the reason": {was(metav1.ConditionTrue, "r1", 2),
			status(api.ConditionResolved, api.ReasonClusterNotFound, 0), "False/ClusterNotFound", 0, false},
		"one that fails before the rules are asked": {was(metav1.ConditionTrue, "r1", 2), unjudged,
			"False/RecordMismatch", 0, false},
		"one that is unknown keeps it from being ready": {was(metav1.ConditionTrue, "r1", 2), unhealthy,
			"False/NotYetJudged", 0, false},
		"progressing after ready, same revision: calm": {was(metav1.ConditionTrue, "r1", 2),
			status(api.ConditionHealthy, api.ReasonProgressing, 0), "True/Progressing", 0, false},
		"progressing before it was ever ready": {was(metav1.ConditionFalse, "r1", 2),
			status(api.ConditionHealthy, api.ReasonProgressing, 0), "False/Progressing", 0, false},
		"progressing with another revision": {was(metav1.ConditionTrue, "r0", 2),
			status(api.ConditionHealthy, api.ReasonProgressing, 0), "False/Progressing", 0, false},
		"progressing after the spec changed": {was(metav1.ConditionTrue, "r1", 1),
			status(api.ConditionHealthy, api.ReasonProgressing, 0), "False/Progressing", 0, false},
		"degraded for a moment: calm, and another look": {was(metav1.ConditionTrue, "r1", 2),
			status(api.ConditionHealthy, api.ReasonDegraded, 5*time.Second), "True/Degraded", 10 * time.Second, false},
		"degraded for longer than the dwell": {was(metav1.ConditionTrue, "r1", 2),
			status(api.ConditionHealthy, api.ReasonDegraded, 20*time.Second), "False/Degraded", 0, false},
		"degraded before it was ever ready: no dwell": {was(metav1.ConditionFalse, "r1", 2),
			status(api.ConditionHealthy, api.ReasonDegraded, 0), "False/Degraded", 0, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			f := good()
			f.Running = c.running
			got, again := readiness(c.before, c.st, f, now, dwell)
			if is := string(got.Status) + "/" + got.Reason; is != c.want || again != c.again {
				t.Errorf("got %s after %s, want %s after %s", is, again, c.want, c.again)
			}
		})
	}
}

// about returns the error of a phase that is about a condition.
func about(condition string, stop *problem.Problem) error {
	return phases.Run(context.Background(), &scope{}, phases.About(condition, func(context.Context, *scope) error {
		if stop == nil {
			return nil
		}
		return stop
	}))
}

func TestTheStagesSayHowFarARuntimeCame(t *testing.T) {
	for sentence, c := range map[string]struct {
		stage  string
		judged bool
		stop   *problem.Problem
		want   []string
	}{
		"nothing stops it": {"", true, nil, []string{"True", "True", "True"}},
		"a rule refuses it": {api.ConditionAccepted, true, problem.New(problem.Invalid, "X", "x"),
			[]string{"False", "Unknown", "Unknown"}},
		"a reference is missing": {api.ConditionResolved, true, problem.New(problem.Missing, "X", "x"),
			[]string{"True", "False", "Unknown"}},
		"the AppProject is not ready": {api.ConditionApplied, true, problem.New(problem.Waiting, "X", "x"),
			[]string{"True", "True", "False"}},
		"the name is taken, no rule was asked": {api.ConditionApplied, false, problem.New(problem.Conflict, "X", "x"),
			[]string{"Unknown", "Unknown", "False"}},
		"it stays where it was, before judging": {api.ConditionAccepted, false, problem.New(problem.Invalid, "X", "x"),
			[]string{"False", "Unknown", "Unknown"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := &scope{judged: c.judged}
			var got []string
			s.setStages(about(c.stage, c.stop), func(c metav1.Condition) { got = append(got, string(c.Status)) })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheStatusIsStableAndRemembersWhereARuntimeIs(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	before := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Generation: 1}}
	before.Status.Placement = &api.PlacementStatus{Environment: "dev", Cluster: "c1"}
	s := &scope{runtime: before, judged: true}
	stop := about(api.ConditionAccepted, problem.New(problem.Forbidden, api.ReasonPermissionDenied, "no"))
	first := s.status(before, stop, now, time.Second)
	if first.Placement == nil {
		t.Error("the placement was forgotten although the Application may only be gone for a moment")
	}
	if c := meta.FindStatusCondition(first.Conditions, api.ConditionReady); c == nil ||
		c.Reason != api.ReasonPermissionDenied || c.ObservedGeneration != 1 {
		t.Errorf("got %+v", c)
	}
	again := before.DeepCopy()
	again.Status = first
	second := s.status(again, stop, now.Add(time.Hour), time.Second)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("a second pass changed the status:\n%s", diff)
	}
}

func TestTheStatusSaysNothingOfAnEarlierLife(t *testing.T) {
	before := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{UID: "second"}}
	for uid, described := range map[string]bool{"second": true, "first": false} {
		app := &observed.Application{}
		s := &scope{runtime: before, record: &record.Record{App: app}}
		s.record.Placement.Runtime.UID = uid
		st := s.status(before, about(api.ConditionApplied, phases.Waiting(api.ReasonWaitingForTeardown, "wait")),
			time.Unix(0, 0), time.Second)
		if got := st.Placement != nil; got != described {
			t.Errorf("with a record of the %s life: placement %+v", uid, st.Placement)
		}
	}
}
