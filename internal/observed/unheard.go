package observed

import (
	"fmt"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
)

// Unheard names a request to Argo CD that it has not begun to serve: a changed spec, a refresh, a sync, the end of a
// sync, or the deletion of the Application. It is empty where nothing is asked, and before Argo CD first looked at the
// Application. Two equal answers mean that Argo CD wrote nothing between them.
func Unheard(app *argo.Application) string {
	if s := app.Status; app.Spec.Source == nil || s.Sync.Status == "" && len(s.Conditions) == 0 || !asks(app) {
		return ""
	}
	return fmt.Sprintf("%s/%d/%s", app.UID, app.Generation, app.Annotations[argo.AnnotationKeyRefresh])
}

// asks says whether Argo CD was asked for something that it has not begun to serve.
func asks(app *argo.Application) bool {
	errs, op := errorsOf(app.Status.Conditions), app.Status.OperationState
	if _, refresh := app.Annotations[argo.AnnotationKeyRefresh]; refresh {
		return true
	}
	switch {
	case app.Operation != nil && (op == nil || op.Phase.Completed()):
		return true
	case op != nil && op.Phase == synccommon.OperationTerminating:
		return true
	case !app.DeletionTimestamp.IsZero():
		return app.CascadedDeletion() && errs[ErrorDeletion] == ""
	}
	refused := errs[ErrorInvalidSpec] != "" || errs[argo.ApplicationConditionUnknownError] != ""
	return !comparedToSpec(app) && !refused
}
