package wake

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// BoundCodeRepo returns the code repo that a CodeRepoBinding binds.
func BoundCodeRepo(_ context.Context, obj client.Object) []client.ObjectKey {
	binding, ok := obj.(*api.CodeRepoBinding)
	if !ok {
		return nil
	}
	return []client.ObjectKey{{Namespace: binding.Namespace, Name: binding.Spec.CodeRepo}}
}
