package controllers

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// specChanged passes what a person changes: the spec, labels, annotations, the deletion; not what status writers do.
func specChanged() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{})
}

// existenceChanged passes creations and deletions.
func existenceChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}

// applicationChanged leaves out the updates by which Argo CD only says that it looked again.
func applicationChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*observed.Application)
		after, okAfter := e.ObjectNew.(*observed.Application)
		return !okBefore || !okAfter || !observed.SaysTheSame(before, after)
	}}
}

// clusterChanged passes what matters to runtimes and products: the spec, the identity, the pins, and whether it is ready.
func clusterChanged() predicate.Predicate {
	return predicate.Or(specChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.Cluster)
		after, okAfter := e.ObjectNew.(*api.Cluster)
		return !okBefore || !okAfter || before.Status.UID != after.Status.UID ||
			!slices.Equal(before.Status.PinnedProducts, after.Status.PinnedProducts) ||
			serving(before) != serving(after)
	}})
}

func serving(c *api.Cluster) bool {
	_, yes := clusters.Serves(c)
	return yes
}
