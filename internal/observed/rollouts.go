package observed

import (
	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// RolloutsOf returns the syncs of whole revisions that Argo CD tells of, the oldest first: the last ten that succeeded,
// and the last one of all. FinishedAt is set for those that succeeded. A self-heal or a removal is a sync of single
// objects, and no rollout.
func RolloutsOf(app *argo.Application) []api.DeployedRevision {
	var out []api.DeployedRevision
	for i := range app.Status.History {
		h := &app.Status.History[i]
		r := api.DeployedRevision{Revision: h.Revision, TargetRevision: h.Source.TargetRevision, Path: h.Source.Path,
			StartedAt: h.DeployStartedAt, FinishedAt: h.DeployedAt.DeepCopy()}
		if r.StartedAt == nil {
			r.StartedAt = r.FinishedAt
		}
		out = append(out, r)
	}
	op := app.Status.OperationState
	if op == nil || op.SyncResult == nil || op.SyncResult.Revision == "" || !isWhole(op.Operation.Sync) {
		return out
	}
	started := metav1.NewTime(op.StartedAt.Time)
	if n := len(out); n > 0 && !out[n-1].StartedAt.Before(&started) {
		return out
	}
	last := api.DeployedRevision{Revision: op.SyncResult.Revision, TargetRevision: op.SyncResult.Source.TargetRevision,
		Path: op.SyncResult.Source.Path, StartedAt: &started}
	if op.Phase.Successful() {
		last.FinishedAt = op.FinishedAt
	}
	return append(out, last)
}

func isWhole(sync *argo.SyncOperation) bool {
	return sync == nil || !sync.DryRun && len(sync.Resources) == 0
}
