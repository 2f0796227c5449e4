package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// recordChanged passes only what changes an Application as a record: its coming, its going, its annotations. Argo CD writes its
// status into it at every refresh.
func recordChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()
		return before[api.AnnotationPlacement] != after[api.AnnotationPlacement] || before[api.AnnotationTeardown] != after[api.AnnotationTeardown]
	}}
}
