package observed

import (
	"slices"
	"strings"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

func running(app *argo.Application) bool {
	op := app.Status.OperationState
	return app.Operation != nil || (op != nil && !op.Phase.Completed())
}

// syncing returns the commit that the running operation applies.
func syncing(app *argo.Application) string {
	if op := app.Status.OperationState; op != nil && !op.Phase.Completed() && op.SyncResult != nil {
		return op.SyncResult.Revision
	}
	return ""
}

// failure reports a failed sync only while it still matters. Argo CD keeps an old failure for ever.
func failure(app *argo.Application) (bool, string) {
	op, sync := app.Status.OperationState, app.Status.Sync
	if !op.Phase.Completed() || op.Phase.Successful() {
		return false, ""
	}
	of := ""
	if op.SyncResult != nil {
		of = op.SyncResult.Revision
	}
	switch sync.Status {
	case argo.SyncStatusCodeOutOfSync:
		if of != "" && of != sync.Revision {
			return false, ""
		}
	case argo.SyncStatusCodeSynced:
		if of != sync.Revision || overcome(op) {
			return false, ""
		}
	default:
		return false, ""
	}
	return true, failureText(op)
}

// overcome says whether a sync that failed left nothing to do now that the objects are as the repository says: the
// objects that failed are there, or it was about some objects only. A hook that failed, or was ended, is not overcome.
func overcome(op *argo.OperationState) bool {
	failed := failedOf(op)
	return isPartial(op) || len(failed) > 0 && len(InState(failed, StateFailed)) == 0
}

func isPartial(op *argo.OperationState) bool {
	return op.Operation.Sync != nil && len(op.Operation.Sync.Resources) > 0
}

// failureText names the first object that failed; without one it says what Argo CD says of the operation.
func failureText(op *argo.OperationState) string {
	if failed := InQuestion(failedOf(op)); len(failed) > 0 {
		return Tell(failed)
	}
	return shown(op.Message)
}

// comesBack says whether objects of the compared revision differ although a whole sync applied it before the comparison.
func comesBack(app *argo.Application, f Facts) bool {
	if f.Sync != string(argo.SyncStatusCodeOutOfSync) || f.Failed || !f.Prunes.OthersDiffer || !f.Compared ||
		app.Status.ReconciledAt == nil {
		return false
	}
	for _, h := range slices.Backward(app.Status.History) {
		if h.Revision != f.Revision || !same(withoutEmptyDirectory(h.Source), withoutEmptyDirectory(*app.Spec.Source)) {
			return false
		}
		if h.DeployedAt.Before(app.Status.ReconciledAt) {
			return true
		}
	}
	return false
}

// outdated says whether the running operation may be ended for a newer commit. It must be one that nobody asked for,
// that waits for health or for a person and not for a hook, which would be deleted, and that removes nothing meanwhile.
func outdated(app *argo.Application, compared bool) bool {
	op := app.Status.OperationState
	if op.Phase != synccommon.OperationRunning || op.Operation.Sync == nil || op.SyncResult == nil ||
		!app.DeletionTimestamp.IsZero() || !compared {
		return false
	}
	by := op.Operation.InitiatedBy
	wait := waits.FindStringSubmatch(oneLine(op.Message))
	if wait == nil || !by.Automated && by.Username != identity.Initiator ||
		slices.ContainsFunc(op.SyncResult.Resources, isRunning) {
		return false
	}
	isNewer := app.Status.Sync.Revision != "" && op.SyncResult.Revision != "" &&
		app.Status.Sync.Revision != op.SyncResult.Revision
	return isNewer && (wait[1] == confirmation || wait[1] == healthy && !op.Operation.Sync.Prune)
}

func isRunning(r *argo.ResourceResult) bool {
	return r.HookType != "" && r.HookPhase == synccommon.OperationRunning
}

// Remembered says that the repo-server did not try to produce the manifests, because it remembers that it could not.
func (f Facts) Remembered() bool { return strings.Contains(f.Errors[ErrorComparison], "(cached)") }

// AwaitsDeletion returns the objects of an Application that is being deleted that stay until a person confirms that
// they go.
func AwaitsDeletion(app *argo.Application) []api.ResourceStatus {
	if app.DeletionTimestamp.IsZero() || app.IsDeletionConfirmed(app.DeletionTimestamp.Time) {
		return nil
	}
	var out []api.ResourceStatus
	for _, r := range app.Status.Resources {
		if r.RequiresDeletionConfirmation {
			out = append(out, api.ResourceStatus{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name,
				State: StateAwaited, Message: "its sync-options hold Delete=confirm"})
		}
	}
	return InQuestion(out)
}

// Confirmation is the command by which a person confirms that Argo CD removes what asks for it. Argo CD accepts only a
// confirmation that is newer than the sync that removes, and the operator asks for that sync every few minutes, so the
// confirmation is one for the next quarter of an hour.
func Confirmation(app *argo.Application) string {
	return "kubectl -n " + app.Namespace + " annotate --overwrite application " + app.Name + " " +
		synccommon.AnnotationDeletionApproved + "=$(date -u -d +15min +%Y-%m-%dT%H:%M:%SZ)"
}
