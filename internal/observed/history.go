package observed

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	maxRollouts      = 20
	maxRolloutImages = 10
	maxRolloutImage  = 255
	maxRolloutText   = 256
)

// History returns the rollouts of a runtime, the newest first: those that its status remembers, and those that Argo CD
// tells of (RolloutsOf). The status is the memory: Argo CD forgets syncs that failed, and does not know whether what it
// applied became ready. What ended while no operator looked comes from Argo CD. An entry changes only together with the
// condition Ready or the deployed revision, so that the history costs no write.
func History(before, told []api.DeployedRevision, ready metav1.Condition, f Facts,
	now metav1.Time) []api.DeployedRevision {
	out := joined(before, told)
	if len(out) > 0 {
		out[0] = judged(out[0], told, ready, f, now)
	}
	return out[:min(maxRollouts, len(out))]
}

// joined adds to the history what Argo CD tells and the history does not know. Another try of the newest revision is
// not another rollout.
func joined(before, told []api.DeployedRevision) []api.DeployedRevision {
	out := slices.Clone(before)
	if len(out) > 0 && out[0].StartedAt == nil {
		out = nil // written by an operator that knew no more than Argo CD tells
	}
	for i, t := range told {
		if len(out) > 0 {
			newest := &out[0]
			if !newest.StartedAt.Before(t.StartedAt) {
				continue
			}
			if isSameRollout(*newest, t) {
				newest.TargetRevision = t.TargetRevision
				continue
			}
			if newest.Outcome == api.RolloutDeploying {
				newest.Outcome, newest.FinishedAt = api.RolloutReplaced, t.StartedAt
			}
		}
		if i == len(told)-1 {
			t.Outcome, t.FinishedAt = api.RolloutDeploying, nil
		}
		out = slices.Insert(out, 0, t)
	}
	return out
}

func isSameRollout(a, b api.DeployedRevision) bool {
	return a.Revision == b.Revision && a.Path == b.Path
}

// judged returns the newest rollout with its outcome. One that was ready once stays Deployed: what happens to it
// later is told by the conditions.
func judged(r api.DeployedRevision, told []api.DeployedRevision, ready metav1.Condition, f Facts,
	now metav1.Time) api.DeployedRevision {
	isReady := ready.Status == metav1.ConditionTrue && ready.Reason == api.ReasonReady
	isFailed := slices.Contains([]string{api.ReasonSyncFailed, api.ReasonDegraded}, ready.Reason) &&
		ready.Status == metav1.ConditionFalse
	applied := len(told) > 0 && told[len(told)-1].FinishedAt != nil && isSameRollout(r, told[len(told)-1])
	switch {
	case r.Outcome == api.RolloutDeployed || r.Outcome == api.RolloutReplaced:
	case isReady && (r.Revision == f.Deployed || applied && r.Outcome == api.RolloutDeploying):
		r.Outcome, r.Message, r.FinishedAt = api.RolloutDeployed, "", &now
		r.Images = rolloutImages(f)
	case isFailed && r.Outcome == api.RolloutDeploying && r.Revision == f.Revision:
		r.Outcome, r.FinishedAt = api.RolloutFailed, &now
		r.Message = text.Cut(ready.Message, maxRolloutText, "...")
	}
	return r
}

func rolloutImages(f Facts) []string {
	var out []string
	for _, image := range f.Images {
		if len(out) < maxRolloutImages && len(image) <= maxRolloutImage {
			out = append(out, image)
		}
	}
	return out
}
