package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// argoCDPrefix is the prefix of the annotations that tell Argo CD how to treat an object: hooks, sync waves, options.
const argoCDPrefix = "argocd.argoproj.io/"

// Metadata reports metadata of an object from a product's files that would steer Argo CD or Kubernetes instead of
// describing the object.
func Metadata(obj metav1.Object) []*problem.Problem {
	var violations []*problem.Problem
	forbid := func(field, format string, args ...any) {
		violations = append(violations,
			problem.New(problem.Invalid, api.ReasonForbiddenMetadata, format, args...).At(field))
	}
	for _, name := range slices.Sorted(maps.Keys(obj.GetAnnotations())) {
		if strings.HasPrefix(name, argoCDPrefix) && !setByArgoCD(name) {
			forbid("metadata.annotations["+name+"]", "annotation %s is not permitted: it would change how Argo "+
				"CD treats the product's resources; remove it", name)
		}
	}
	for i, name := range obj.GetFinalizers() {
		if !harmlessFinalizer(obj, name) {
			forbid(fmt.Sprintf("metadata.finalizers[%d]", i),
				"finalizer %s is not permitted: it would hold up the deletion of the object; remove it", name)
		}
	}
	if len(obj.GetOwnerReferences()) > 0 {
		forbid("metadata.ownerReferences", "ownerReferences are not permitted: Kubernetes would delete the object "+
			"together with its owner; remove them")
	}
	return violations
}

// setByArgoCD says whether Argo CD itself sets the annotation on objects that it applies.
func setByArgoCD(annotation string) bool {
	return annotation == argoCDPrefix+"tracking-id" || annotation == argoCDPrefix+"installation-id"
}

// harmlessFinalizer accepts our own finalizer on kinds from which the operator removes it. It also accepts the
// finalizers that Kubernetes sets while it deletes an object in the foreground or orphans its dependents.
func harmlessFinalizer(obj metav1.Object, name string) bool {
	_, isRuntime := obj.(*api.DeploymentRuntime)
	return isRuntime && name == api.Finalizer || name == metav1.FinalizerDeleteDependents ||
		name == metav1.FinalizerOrphanDependents
}
