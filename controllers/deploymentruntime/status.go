package deploymentruntime

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
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
		History:   before.Status.History,
	}
	for _, ref := range s.illegal {
		if ref.ProjectName != "" {
			st.IllegalProjectRefs = append(st.IllegalProjectRefs, ref)
		}
	}
	var facts observed.Facts
	// What an earlier life of the runtime left behind is nothing of this one's.
	ours := s.record != nil && s.record.Placement.Runtime.UID == string(before.UID)
	if ours {
		facts = observed.FactsOf(s.record.App)
		facts.Objects = observed.InQuestion(slices.Concat(s.objects, facts.Objects))
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
		is := s.synced(facts)
		told := s.steady(before, facts, is)
		set(told)
		if told.Reason != is.Reason {
			st.Resources = before.Status.Resources
		}
		set(healthy(facts))
	} else {
		set(phases.NotReached(api.ConditionSynced))
		set(phases.NotReached(api.ConditionHealthy))
	}
	ready, after := readiness(before, st, facts, now, dwell)
	set(ready)
	columns(&st)
	if ours {
		st.History = observed.History(st.History, s.rollouts(), ready, facts, metav1.NewTime(now))
	}
	s.LookAgain(after)
	return st
}

// columns keeps Sync and Health, which are Argo CD's words, from hiding that a condition is False: Argo CD calls a
// revision synced whose hook failed, and healthy where nothing is deployed.
func columns(st *api.DeploymentRuntimeStatus) {
	synced := meta.FindStatusCondition(st.Conditions, api.ConditionSynced)
	if st.Sync == "Synced" && synced.Status == metav1.ConditionFalse && synced.Reason != api.ReasonSyncing {
		st.Sync = observed.StateOutOfSync
	}
	if st.Health == "Healthy" && meta.IsStatusConditionFalse(st.Conditions, api.ConditionHealthy) {
		st.Health = observed.StateMissing
	}
}

// steady keeps saying what was wrong with a revision while its sync, or the removal of what it does not hold, is tried
// again, and until Argo CD has compared after that: else each attempt would be news.
func (s *scope) steady(before *api.DeploymentRuntime, f observed.Facts, now metav1.Condition) metav1.Condition {
	was := meta.FindStatusCondition(before.Status.Conditions, api.ConditionSynced)
	if was == nil || !f.Running && f.Current || was.ObservedGeneration != before.Generation {
		return now
	}
	same := f.Revision != "" && strings.Contains(was.Message, f.Revision)
	var steady bool
	switch syncing := now.Reason == api.ReasonSyncing; was.Reason {
	case api.ReasonSyncFailed:
		steady = syncing && desired.AttemptsOf(s.record.App, f.Revision).Count > 0
	case api.ReasonPruneHeld:
		steady = syncing && same
	case api.ReasonOutOfSync: // it may be changed back once more: the next comparison shows that
		steady = same && strings.Contains(was.Message, differsAgain) && (syncing || now.Reason == api.ReasonSynced)
	}
	if steady {
		return *was
	}
	return now
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
	st.Sync, st.Health, st.Revision = f.Sync, f.Health, f.Deployed
	st.ShortRevision = f.Deployed[:min(shortRevision, len(f.Deployed))]
	st.Images = f.Images[:min(maxImages, len(f.Images))]
	st.Resources = f.Objects
}

// rollouts are those that Argo CD tells of, in the words of people.
func (s *scope) rollouts() []api.DeployedRevision {
	told, p := observed.RolloutsOf(s.record.App), s.record.Placement
	for i := range told {
		if told[i].TargetRevision == p.Target() {
			told[i].TargetRevision = p.Revision
		} else {
			told[i].TargetRevision = placement.ShortRevision(told[i].TargetRevision)
		}
	}
	return told
}

// readiness sums the conditions up. A runtime that was ready stays so while the same revision is merely progressing, as
// under autoscaling, and while it is degraded for less than the dwell; and while Argo CD only compares anew what the
// operator writes in other words.
func readiness(before *api.DeploymentRuntime, st api.DeploymentRuntimeStatus, f observed.Facts, now time.Time,
	dwell time.Duration) (metav1.Condition, time.Duration) {
	wasReady := meta.IsStatusConditionTrue(before.Status.Conditions, api.ConditionReady) &&
		before.Status.ObservedGeneration == before.Generation && before.Status.Revision == f.Deployed
	ready := metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
		Message: "revision " + f.Revision + " runs and is healthy" + leftOut(f)}
	var after time.Duration
	for _, c := range failing(st.Conditions) {
		isCalm, left := calm(c, f, now, dwell)
		if !wasReady || !isCalm {
			ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, c.Reason, c.Message
			return ready, 0
		}
		after = max(after, left)
		if ready.Reason == api.ReasonReady {
			ready.Reason, ready.Message = c.Reason, c.Message
		}
	}
	return ready, after
}

// calm says whether a runtime that was ready stays so, and how long that may last; 0 is for ever.
func calm(c metav1.Condition, f observed.Facts, now time.Time, dwell time.Duration) (bool, time.Duration) {
	switch c.Reason {
	case api.ReasonProgressing:
		return true, 0
	case api.ReasonSyncing:
		return !f.Running, 0
	case api.ReasonDegraded:
		left := dwell - now.Sub(c.LastTransitionTime.Time)
		return left > 0, left
	}
	return false, 0
}

// failing returns the conditions that keep the runtime from being ready: those that are False, else the first that
// nobody knows. What stands under the runtime's name can fail it before the rules are asked.
func failing(conditions []metav1.Condition) []metav1.Condition {
	var out, unknown []metav1.Condition
	for _, name := range []string{api.ConditionAccepted, api.ConditionResolved, api.ConditionApplied,
		api.ConditionSynced, api.ConditionHealthy} {
		c := meta.FindStatusCondition(conditions, name)
		switch {
		case c.Status == metav1.ConditionFalse:
			out = append(out, *c)
		case c.Status == metav1.ConditionUnknown && len(unknown) == 0:
			unknown = append(unknown, *c)
		}
	}
	if len(out) > 0 {
		return out
	}
	return unknown
}
