package deploymentruntime

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

const (
	maxImages = 20
	// maxNamespaces bounds the placement, as the schema does: a record may grow longer while its cluster does not
	// answer.
	maxNamespaces = 40
	shortRevision = 8
)

// stage is a condition with the reason of its success.
type stage struct{ condition, reason, message string }

// stages returns the conditions that the phases are about, in the order in which they are reached.
func stages() []stage {
	return []stage{
		{api.ConditionAccepted, api.ReasonAccepted, "no rule is violated"},
		{api.ConditionResolved, api.ReasonResolved, "everything that the runtime refers to was found"},
		{api.ConditionApplied, api.ReasonApplied, "the Application is written"},
	}
}

// status returns the status of the runtime after the phases stopped with a problem or none. It is rebuilt from facts;
// what was there before counts only for the time of transitions and for the calm of Ready.
func (s *scope) status(before *api.DeploymentRuntime, stop error, now time.Time,
	dwell time.Duration) api.DeploymentRuntimeStatus {
	st := api.DeploymentRuntimeStatus{
		ObservedGeneration: before.Generation,
		Conditions:         slices.Clone(before.Status.Conditions),
		// Kept when the Application is gone: it is then the only memory of where the runtime is deployed.
		Placement: before.Status.Placement,
	}
	for _, ref := range s.illegal {
		if ref.ProjectName != "" {
			st.IllegalProjectRefs = append(st.IllegalProjectRefs, ref)
		}
	}
	var facts observed.Facts
	// What an earlier life of the runtime left behind is nothing of this one's.
	if s.record != nil && s.record.Placement.Runtime.UID == string(before.UID) {
		facts = observed.FactsOf(s.record.App)
		s.describe(&st, facts)
	}
	set := func(c metav1.Condition) {
		c.ObservedGeneration = before.Generation
		if c.LastTransitionTime.IsZero() {
			c.LastTransitionTime = metav1.NewTime(now)
		}
		statuspatch.Condition(&st.Conditions, c)
	}
	reached := s.setStages(stop, set)
	if reached {
		set(s.synced(facts))
		set(healthy(facts))
	} else {
		set(phases.NotReached(api.ConditionSynced))
		set(phases.NotReached(api.ConditionHealthy))
	}
	ready, after := readiness(before, st, facts, now, dwell)
	set(ready)
	s.LookAgain(after)
	return st
}

// setStages sets the conditions up to the one that the phases stopped at, and says whether all of them hold.
func (s *scope) setStages(err error, set func(metav1.Condition)) bool {
	stop, about, holds := problem.As(err), phases.ConditionOf(err), true
	for _, stage := range stages() {
		switch {
		case !holds:
			set(phases.NotReached(stage.condition))
		case stop != nil && stage.condition == about:
			set(metav1.Condition{Type: stage.condition, Status: metav1.ConditionFalse, Reason: stop.Reason,
				Message: stop.Message})
			holds = false
		case stop != nil && !s.judged:
			set(phases.NotReached(stage.condition))
		default:
			set(metav1.Condition{Type: stage.condition, Status: metav1.ConditionTrue, Reason: stage.reason,
				Message: stage.message + s.remark(stage.condition)})
		}
	}
	return holds
}

// remark says what somebody should know, or do, although a condition holds.
func (s *scope) remark(condition string) string {
	if condition != api.ConditionResolved {
		return ""
	}
	var text string
	repo := s.resolution.CodeRepo
	if repo != nil && repo.Namespace != s.runtime.Namespace && s.runtime.Spec.ManifestSource.CodeRepo == repo.Name {
		text = "; the code repo is another product's: in spec.manifestSource.codeRepo write it with that product, as " +
			"status.placement.codeRepo does"
	}
	if cluster := s.resolution.Cluster; cluster != nil && !cluster.DeletionTimestamp.IsZero() {
		text += fmt.Sprintf("; cluster %q is being removed once nothing uses it any more, and until then this runtime "+
			"is served as before", cluster.Name)
	}
	return text
}

// describe fills in what the record and Argo CD say.
func (s *scope) describe(st *api.DeploymentRuntimeStatus, f observed.Facts) {
	p := s.record.Placement
	namespaces := slices.Concat(p.Namespaces, p.Leaving)
	st.Placement = &api.PlacementStatus{
		Environment: p.Destination.Environment,
		Cluster:     p.Destination.Cluster,
		Server:      p.Server,
		Namespaces:  namespaces[:min(maxNamespaces, len(namespaces))],
		Application: s.record.App.Name,
		AppProject:  identity.AppProject(p.Product),
		RepoURL:     p.RepoURL,
	}
	if p.RepoProduct != "" {
		st.Placement.CodeRepo = api.CodeRepoOf(p.Product, p.RepoProduct, p.CodeRepo)
	}
	st.Sync, st.Health, st.Revision, st.History = f.Sync, f.Health, f.Deployed, f.History
	for i := range st.History { // in the words of people
		if was := &st.History[i]; was.TargetRevision == p.Target() {
			was.TargetRevision = p.Revision
		} else {
			was.TargetRevision = placement.ShortRevision(was.TargetRevision)
		}
	}
	st.ShortRevision = f.Deployed[:min(shortRevision, len(f.Deployed))]
	st.Images = f.Images[:min(maxImages, len(f.Images))]
}

// synced is what Argo CD says, unless the runtime reaches where it must not.
func (s *scope) synced(f observed.Facts) metav1.Condition {
	if s.outside != nil {
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionFalse, Reason: s.outside.Reason,
			Message: s.outside.Message}
	}
	return synced(f, s.record, s.unsettled)
}

// synced says whether Argo CD applied the resolved revision.
func synced(f observed.Facts, rec *record.Record, unsettled *problem.Problem) metav1.Condition {
	no := func(reason, format string, args ...any) metav1.Condition {
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionFalse, Reason: reason,
			Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case f.Errors[observed.ErrorInvalidSpec] != "":
		return no(api.ReasonSpecRefused, "Argo CD refuses the Application: %s", f.Errors[observed.ErrorInvalidSpec])
	case rec.Searching(f):
		return no(api.ReasonSyncing, "Argo CD is looking for the branch or the tag %q", rec.Placement.Revision)
	case f.Sight.Absent:
		return no(api.ReasonManifestError, "%s", revisionGone(rec.Placement))
	case f.Errors[observed.ErrorComparison] != "":
		return no(api.ReasonManifestError, "Argo CD cannot produce or compare the manifests: %s",
			f.Errors[observed.ErrorComparison])
	case f.Running || !f.Compared:
		return no(api.ReasonSyncing, "Argo CD is comparing or syncing")
	case unsettled != nil:
		return no(unsettled.Reason, "%s", unsettled.Message)
	case f.Sync == "Synced":
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionTrue, Reason: api.ReasonSynced,
			Message: "revision " + f.Revision + " is applied"}
	case f.Sync == "Unknown":
		return no(api.ReasonSyncUnknown, "Argo CD cannot compare: the cluster or the repository does not answer")
	case rec.Placement.Suspend:
		return no(api.ReasonSuspended, "spec.suspend is set: what runs keeps running, and revision %s waits",
			f.Revision)
	case f.Failed:
		return no(api.ReasonSyncFailed, "the sync of revision %s failed and is tried again: %s", f.Revision, f.Failure)
	}
	return no(api.ReasonOutOfSync, "what runs differs from revision %s", f.Revision)
}

// revisionGone says that the repository does not have the revision. Of a commit id Argo CD never says so.
func revisionGone(p placement.Placement) string {
	const next = "what runs keeps running; push it, or correct spec.manifestSource.targetRevision"
	switch {
	case p.Ref != "" && !p.RefFound:
		return fmt.Sprintf("the code repo has neither a branch nor a tag %q: %s; a commit is named by its whole id",
			p.Revision, next)
	case strings.HasPrefix(p.Target(), "refs/tags/"):
		return fmt.Sprintf("the code repo has no tag %q: %s", placement.ShortRevision(p.Target()), next)
	case p.Target() == "HEAD":
		return "the code repo has no default branch: " + next
	}
	return fmt.Sprintf("the code repo has no branch %q: %s (a tag of that name is refs/tags/%[1]s)",
		placement.ShortRevision(p.Target()), next)
}

// healthy says whether what was deployed works.
func healthy(f observed.Facts) metav1.Condition {
	no := func(status metav1.ConditionStatus, reason, message string) metav1.Condition {
		return metav1.Condition{Type: api.ConditionHealthy, Status: status, Reason: reason, Message: message}
	}
	details := f.HealthMessage
	if len(f.Unhealthy) > 0 {
		details = strings.Join(f.Unhealthy, "; ")
	}
	switch {
	case !f.Current || f.Running:
		return no(metav1.ConditionUnknown, api.ReasonNotYetJudged,
			"Argo CD has not judged the health since the last change")
	case f.Resources == 0:
		return no(metav1.ConditionFalse, api.ReasonNothingDeployed,
			"the path holds no manifest at this revision: correct spec.manifestSource")
	case f.Health == "Healthy":
		return metav1.Condition{Type: api.ConditionHealthy, Status: metav1.ConditionTrue, Reason: api.ReasonHealthy,
			Message: "all resources are healthy"}
	case f.Health == "Progressing" || f.Health == "Suspended":
		return no(metav1.ConditionFalse, api.ReasonProgressing, orElse(details, "resources are starting"))
	case f.Health == "Degraded":
		return no(metav1.ConditionFalse, api.ReasonDegraded, orElse(details, "a resource failed"))
	case f.Health == "Missing":
		return no(metav1.ConditionFalse, api.ReasonMissing, orElse(details, "a resource does not exist on the cluster"))
	}
	return no(metav1.ConditionUnknown, api.ReasonHealthUnknown,
		"Argo CD cannot tell the health: the cluster may not answer")
}

// readiness sums the conditions up. A runtime that was ready stays so while the same revision is merely progressing, as
// under autoscaling, and while it is degraded for less than the dwell; and while Argo CD only compares anew what the
// operator writes in other words.
func readiness(before *api.DeploymentRuntime, st api.DeploymentRuntimeStatus, f observed.Facts, now time.Time,
	dwell time.Duration) (metav1.Condition, time.Duration) {
	wasReady := meta.IsStatusConditionTrue(before.Status.Conditions, api.ConditionReady) &&
		before.Status.ObservedGeneration == before.Generation && before.Status.Revision == f.Deployed
	c := decisive(st.Conditions)
	if c == nil {
		return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
			Message: "revision " + f.Revision + " runs and is healthy"}, 0
	}
	ready := metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: c.Reason,
		Message: c.Message}
	if wasReady && (c.Reason == api.ReasonProgressing || c.Reason == api.ReasonSyncing && !f.Running) {
		ready.Status = metav1.ConditionTrue
		return ready, 0
	}
	if left := dwell - now.Sub(c.LastTransitionTime.Time); wasReady && c.Reason == api.ReasonDegraded && left > 0 {
		ready.Status = metav1.ConditionTrue
		return ready, left
	}
	return ready, 0
}

// decisive returns the condition that keeps the runtime from being ready: the first that fails, else the first that
// nobody knows. What stands under the runtime's name can fail it before the rules are asked.
func decisive(conditions []metav1.Condition) *metav1.Condition {
	var unknown *metav1.Condition
	for _, name := range []string{api.ConditionAccepted, api.ConditionResolved, api.ConditionApplied,
		api.ConditionSynced, api.ConditionHealthy} {
		c := meta.FindStatusCondition(conditions, name)
		switch {
		case c.Status == metav1.ConditionFalse:
			return c
		case c.Status == metav1.ConditionUnknown && unknown == nil:
			unknown = c
		}
	}
	return unknown
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// announce tells by an Event that a runtime became ready, or why it is not. Where it is on its way to one of the two,
// its conditions tell: most of such states pass within a second.
func (r *Reconciler) announce(before, after *api.DeploymentRuntime) {
	was := meta.FindStatusCondition(before.Status.Conditions, api.ConditionReady)
	is := meta.FindStatusCondition(after.Status.Conditions, api.ConditionReady)
	onItsWay := []string{api.ReasonSyncing, api.ReasonProgressing, api.ReasonWaitingForTenancy,
		api.ReasonWaitingForCredentials, api.ReasonNotYetJudged}
	switch {
	case is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason:
	case is.Status == metav1.ConditionTrue && was != nil && was.Status == metav1.ConditionTrue:
	case is.Status == metav1.ConditionTrue:
		r.Recorder.Event(after, corev1.EventTypeNormal, is.Reason, is.Message)
	case !slices.Contains(onItsWay, is.Reason):
		r.Recorder.Event(after, corev1.EventTypeWarning, is.Reason, is.Message)
	}
}
