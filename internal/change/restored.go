package change

import (
	"context"
	"fmt"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// keepProtected protects a runtime that is saved again while what it deployed before is protected and still there. The
// protection stood in the file that was deleted, and the REST form cannot ask for it.
func (w *whatIf) keepProtected(ctx context.Context, op *operation, obj client.Object) {
	m := w.change.service.management.of(ctx, w.change.access)
	if _, said := obj.GetAnnotations()[api.AnnotationProtect]; said || op.kind != "DeploymentRuntime" || m == nil {
		return
	}
	records, err := m.Recorded(ctx, w.change.product, op.resource)
	if err != nil || len(records) == 0 || !records[0].Protect || records[0].Begun {
		return // without records nothing is known of it, and the removal of a protected runtime stays held
	}
	annotations := map[string]string{api.AnnotationProtect: "true"}
	maps.Copy(annotations, obj.GetAnnotations())
	obj.SetAnnotations(annotations)
	w.warnings = append(w.warnings, warning("KEPT", "", fmt.Sprintf(
		"%s %s stays protected, as what it deployed before is; take the annotation %s out of its file to end that",
		op.kind, op.name, api.AnnotationProtect)))
}
