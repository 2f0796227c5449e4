package deploymentruntime

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// synced is what Argo CD says, unless the runtime reaches where it must not, or Argo CD refuses it and may not mean it.
func (s *scope) synced(f observed.Facts) metav1.Condition {
	why := s.outside
	if why == nil && f.Refusal() != "" {
		why = s.unsettled
	}
	if why != nil {
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionFalse, Reason: why.Reason,
			Message: why.Message}
	}
	return synced(f, s.record, s.unsettled)
}

// synced says whether Argo CD applied the resolved revision.
func synced(f observed.Facts, rec *record.Record, unsettled *problem.Problem) metav1.Condition {
	no := func(reason, format string, args ...any) metav1.Condition {
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionFalse, Reason: reason,
			Message: fmt.Sprintf(format, args...)}
	}
	if reason, message := incomparable(f, rec); reason != "" {
		return no(reason, "%s", message)
	}
	switch {
	case f.Running && !f.Again || !f.Compared || len(awaitedOf(f)) > 0:
		reason, message := syncing(f, rec)
		return no(reason, "%s", message)
	case unsettled != nil:
		return no(unsettled.Reason, "%s", unsettled.Message)
	case f.Failed && f.Sync == "Synced":
		return no(api.ReasonSyncFailed, "revision %s is applied, but its sync failed%s: %s", f.Revision, retried(rec),
			f.Failure)
	case f.Sync == "Synced":
		return metav1.Condition{Type: api.ConditionSynced, Status: metav1.ConditionTrue, Reason: api.ReasonSynced,
			Message: "revision " + f.Revision + " is applied" + leftOut(f)}
	case f.Sync == "Unknown":
		return no(api.ReasonSyncUnknown, "Argo CD cannot compare: the cluster or the repository does not answer")
	}
	reason, message := differing(f, rec)
	return no(reason, "%s", message)
}

// incomparable says why Argo CD has no manifests to compare with; an empty reason is that it has.
func incomparable(f observed.Facts, rec *record.Record) (reason, message string) {
	switch {
	case f.Refusal() != "":
		return api.ReasonSpecRefused, "Argo CD refuses the Application: " + f.Refusal()
	case rec.Searching(f):
		return api.ReasonSyncing, fmt.Sprintf("Argo CD is looking for the branch or the tag %q", rec.Placement.Revision)
	case f.Sight.Absent:
		return api.ReasonManifestError, revisionGone(rec.Placement)
	case f.Errors[observed.ErrorComparison] != "":
		return api.ReasonManifestError, "Argo CD cannot produce or compare the manifests: " +
			f.Errors[observed.ErrorComparison]
	}
	return "", ""
}

func awaitedOf(f observed.Facts) []api.ResourceStatus {
	return observed.InState(f.Objects, observed.StateAwaited)
}

// syncing says what a sync that runs waits for.
func syncing(f observed.Facts, rec *record.Record) (reason, message string) {
	told := observed.Tell(awaitedOf(f))
	switch {
	case f.AwaitsConfirmation():
		return api.ReasonPruneHeld, fmt.Sprintf("the sync of revision %s, and each newer one, waits for a person: %s; "+
			"put the object back, or confirm that it goes: %s", f.Syncing, told, observed.Confirmation(rec.App))
	case f.Running && told != "":
		return api.ReasonSyncing, fmt.Sprintf("the sync of revision %s waits: %s%s", f.Syncing, told, behind(f))
	}
	return api.ReasonSyncing, "Argo CD is comparing or syncing"
}

// differsAgain is what is said of objects that are changed back.
const differsAgain = "the cluster differs from it again"

// differing says why the cluster is not as the revision says although no sync runs.
func differing(f observed.Facts, rec *record.Record) (reason, message string) {
	switch {
	case rec.Placement.Suspend:
		return api.ReasonSuspended, fmt.Sprintf("spec.suspend is set: what runs keeps running, and revision %s waits",
			f.Revision)
	case f.Failed:
		return api.ReasonSyncFailed, fmt.Sprintf("the sync of revision %s failed and is tried again: %s", f.Revision,
			f.Failure)
	case f.Again:
		return api.ReasonOutOfSync, fmt.Sprintf("revision %s was applied, and %s: %s%s", f.Revision, differsAgain,
			observed.Tell(observed.InState(f.Objects, observed.StateOutOfSync, observed.StateMissing)),
			oncePerCommit(f))
	case f.Stale:
		return api.ReasonSyncing, fmt.Sprintf("revision %s was applied, and Argo CD has not compared since", f.Revision)
	case !f.Own && rec.Automated() && f.Errors[observed.ErrorSync] == "":
		return api.ReasonSyncing, fmt.Sprintf("Argo CD is about to apply revision %s, the first one", f.Revision)
	}
	return api.ReasonOutOfSync, "what runs differs from revision " + f.Revision
}

// retried says whether Argo CD is asked to sync again.
func retried(rec *record.Record) string {
	if rec.Placement.Suspend {
		return ""
	}
	return " and is tried again"
}

// behind says what a newer commit waits for.
func behind(f observed.Facts) string {
	switch {
	case f.Syncing == f.Revision || f.Revision == "":
		return ""
	case f.Outdated:
		return "; it is ended now, because revision " + f.Revision + " is there"
	}
	return "; revision " + f.Revision + " waits for the end of this sync, which is not ended by itself because a hook " +
		"or a removal may be at work: delete the hook's object, or end the sync in Argo CD"
}

// oncePerCommit is the way out for a Job that removes itself: it is missing each time, and made again each time.
func oncePerCommit(f observed.Facts) string {
	for _, o := range observed.InState(f.Objects, observed.StateMissing) {
		if o.Kind == "Job" && o.Group == "batch" {
			return "; a Job that removes itself (ttlSecondsAfterFinished) is made again by every sync: with the annotation " +
				"argocd.argoproj.io/hook: Sync it runs once per commit"
		}
	}
	return ""
}

// leftOut names what Argo CD warns of although it calls the revision synced.
func leftOut(f observed.Facts) string {
	var out string
	for _, state := range []string{observed.StateExcluded, observed.StateRepeated} {
		if told := observed.Tell(observed.InState(f.Objects, state)); told != "" {
			out += "; but " + told
		}
	}
	return out
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
	details := cmp.Or(observed.Tell(observed.InState(f.Objects, observed.StateNotRunning)),
		observed.Tell(observed.InState(f.Objects, f.Health)), f.HealthMessage)
	switch {
	case (!f.Current || f.Running) && !f.Again:
		return no(metav1.ConditionUnknown, api.ReasonNotYetJudged,
			"Argo CD has not judged the health since the last change")
	case f.Resources == 0:
		return no(metav1.ConditionFalse, api.ReasonNothingDeployed,
			"the path holds no manifest at this revision: correct spec.manifestSource; where the path is a link to a "+
				"directory, name that directory, because Argo CD does not follow it")
	case f.Health == "Healthy":
		return metav1.Condition{Type: api.ConditionHealthy, Status: metav1.ConditionTrue, Reason: api.ReasonHealthy,
			Message: "all resources are healthy"}
	case f.Health == "Suspended":
		return suspended(f)
	case f.Health == "Progressing":
		return no(metav1.ConditionFalse, api.ReasonProgressing, cmp.Or(details, unnamed("are starting")))
	case f.Health == "Degraded":
		return no(metav1.ConditionFalse, api.ReasonDegraded, cmp.Or(details, unnamed("failed")))
	case f.Health == "Missing":
		return no(metav1.ConditionFalse, api.ReasonMissing, cmp.Or(details, unnamed("are missing on the cluster")))
	}
	return no(metav1.ConditionUnknown, api.ReasonHealthUnknown,
		"Argo CD cannot tell the health: the cluster may not answer")
}

// unnamed says the same of all objects where Argo CD does not say which it is about.
func unnamed(what string) string {
	return "some objects " + what + "; Argo CD does not say which: since 3.0 it does only where " +
		"controller.resource.health.persist is set, as config/argocd does"
}

// suspended tells Jobs, which rest because their manifest says so and of which nothing is expected, from workloads that
// do not run what the revision says.
func suspended(f observed.Facts) metav1.Condition {
	c := metav1.Condition{Type: api.ConditionHealthy, Status: metav1.ConditionFalse, Reason: api.ReasonWorkloadSuspended}
	resting := observed.InState(f.Objects, f.Health)
	isJob := func(o api.ResourceStatus) bool { return o.Group == "batch" && o.Kind == "Job" }
	switch {
	case len(resting) == 0:
		c.Message = unnamed("are paused")
	case slices.ContainsFunc(resting, func(o api.ResourceStatus) bool { return !isJob(o) }):
		resting = slices.DeleteFunc(resting, isJob)
		c.Message = observed.Tell(resting) + "; the revision does not run before it goes on: resume it"
	default:
		c.Status, c.Message = metav1.ConditionTrue, observed.Tell(resting)+"; everything else is healthy"
	}
	return c
}
