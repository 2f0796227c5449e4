// Package desired turns a placement into complete objects: what Argo CD and the runtime clusters should hold. It is
// pure and deterministic. Equal input gives equal bytes and lists are sorted. The objects have Argo CD's own normal
// form, so that the operator and Argo CD never undo each other's changes.
package desired

import (
	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// Owner returns the value of AnnotationOwner for an object that the operator made for a product.
func Owner(product, instance string) string { return identity.Owner("Product", "", product, instance) }

// labels returns the labels of every object that belongs to a product.
func labels(product, instance string) map[string]string {
	return map[string]string{
		api.LabelProduct:               product,
		api.LabelInstance:              instance,
		"app.kubernetes.io/managed-by": "nautes",
	}
}

func owned(product, instance string) map[string]string {
	return map[string]string{api.AnnotationOwner: Owner(product, instance)}
}
