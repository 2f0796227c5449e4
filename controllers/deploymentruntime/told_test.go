package deploymentruntime

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/prune"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

func TestColumnsHideNoConditionThatIsFalse(t *testing.T) {
	for sentence, c := range map[string]struct {
		synced, healthy string // reasons where they are False
		sync, health    string
	}{
		"all is well":         {"", "", "Synced", "Healthy"},
		"a hook failed":       {api.ReasonSyncFailed, "", "OutOfSync", "Healthy"},
		"nothing is deployed": {"", api.ReasonNothingDeployed, "Synced", "Missing"},
		"it is compared anew, and REASON says so": {api.ReasonSyncing, "", "Synced", "Healthy"},
	} {
		st := api.DeploymentRuntimeStatus{Sync: "Synced", Health: "Healthy"}
		for name, reason := range map[string]string{api.ConditionSynced: c.synced, api.ConditionHealthy: c.healthy} {
			status := metav1.ConditionTrue
			if reason != "" {
				status = metav1.ConditionFalse
			}
			st.Conditions = append(st.Conditions, metav1.Condition{Type: name, Status: status, Reason: reason})
		}
		columns(&st)
		if st.Sync != c.sync || st.Health != c.health {
			t.Errorf("%s: %s, %s", sentence, st.Sync, st.Health)
		}
	}
}

// What lasts a moment in every deployment is no alarm.
func TestADifferenceThatASyncIsAboutToEndIsNoFault(t *testing.T) {
	automated, byHand := recorded("a", "x"), recorded("a", "x")
	automated.App = desired.Application(placement.Placement{Namespaces: []string{"x"}}, "argocd", true)
	for sentence, c := range map[string]struct {
		rec    *record.Record
		change func(*observed.Facts)
		want   string
	}{
		"the first sync has not begun": {automated, func(*observed.Facts) {}, api.ReasonSyncing},
		"nobody syncs it":              {byHand, func(*observed.Facts) {}, api.ReasonOutOfSync},
		"it drifted":                   {automated, func(f *observed.Facts) { f.Own = true }, api.ReasonOutOfSync},
		"compared in the second in which it was applied": {automated, func(f *observed.Facts) {
			f.Own, f.Stale = true, true
		}, api.ReasonSyncing},
		"compared since, and it drifted": {automated, func(f *observed.Facts) { f.Own, f.Applied = true, true },
			api.ReasonOutOfSync},
	} {
		f := good()
		f.Sync = "OutOfSync"
		c.change(&f)
		if got := synced(f, c.rec, nil); got.Reason != c.want {
			t.Errorf("%s: got %s %q", sentence, got.Reason, got.Message)
		}
	}
}

// Names are those of tenants, and may be as long as Kubernetes permits.
func TestTextsAboutManyObjectsEndWithTheNextStep(t *testing.T) {
	long := func(n int) string { return fmt.Sprintf("%03d", n) + strings.Repeat("x", 250) }
	var objects []placement.Object
	var held []prune.Held
	for n := range 60 {
		o := placement.Object{Kind: strings.Repeat("K", 63), Namespace: strings.Repeat("n", 63), Name: long(n)}
		objects = append(objects, o)
		held = append(held, prune.Held{Object: o, File: long(n), Because: "is a Git LFS pointer"})
	}
	facts := observed.Facts{Revision: strings.Repeat("a", 40),
		Prunes: observed.Prunes{Objects: objects, Kept: objects}}
	for sentence, c := range map[string]struct {
		say  func(*scope) error
		ends string
	}{
		"their files are damaged": {func(s *scope) error { return s.heldBack(facts.Revision, held) },
			"remove it if what it held is to go"},
		"they may not be pruned": {func(s *scope) error { return s.keptBack(facts) }, "by hand"},
		"they wait for a person": {func(s *scope) error { return s.notRemoved(s.record.App, facts, objects) }, "Z)"},
		"their namespace is given up": {func(s *scope) error { return s.givenUp(objects) },
			someScope().record.Approval(objects[0].Namespace, "u")},
	} {
		s := someScope()
		message := c.say(s).Error()
		if len(message) > statuspatch.MaxMessage || !strings.HasSuffix(message, c.ends) ||
			!strings.Contains(message, long(0)) || !strings.Contains(message, "at least 19 more, see status.resources") {
			t.Errorf("%s, %d bytes: %s", sentence, len(message), message)
		}
		if got := observed.InQuestion(s.objects); len(got) != observed.MaxObjects || got[0].State != observed.StateHeld {
			t.Errorf("%s: %d objects are told of", sentence, len(got))
		}
	}
}

func someScope() *scope {
	s := &scope{record: recorded("a", "x")}
	s.record.Placement.Runtime.UID = "u"
	return s
}

// A runtime of which nobody can say how long it has waited must not wait untold for ever.
func TestAWaitForWhichThereIsNoRoomIsToldAtOnce(t *testing.T) {
	r := &Reconciler{Clock: clocktesting.NewFakeClock(time.Now()), Timing: phases.Timing{Patience: time.Minute}}
	waits := phases.Waiting(api.ReasonWaitingForTenancy, "wait")
	if got := r.patience(t.Context(), &api.DeploymentRuntime{}, waits); got != time.Minute {
		t.Errorf("one that begins to wait has %s", got)
	}
	for i, room := int64(1), true; room; i++ {
		_, room = r.untold.Lasts(wait{generation: i}, r.Clock.Now())
	}
	late := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{UID: "late"}}
	if got := r.patience(t.Context(), late, waits); got != 0 {
		t.Errorf("one more than there is room for has %s", got)
	}
}
