// Package wake says which events wake a reconciler, and in which order what they ask for is done.
package wake

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// SpecChanged passes what a person changes: the spec, labels, annotations, the deletion; not what status writers do.
func SpecChanged() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
		predicate.LabelChangedPredicate{})
}

// ExistenceChanged passes creations and deletions.
func ExistenceChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}

// TurnedFalse passes that one of the conditions turned False, or is so no more: other reconcilers write them, and Ready
// sums them up.
func TurnedFalse(conditions ...string) predicate.Predicate {
	falseOf := func(o client.Object) (out []string) {
		told, _ := o.(interface{ GetConditions() []metav1.Condition })
		for _, name := range conditions {
			if told != nil && meta.IsStatusConditionFalse(told.GetConditions(), name) {
				out = append(out, name)
			}
		}
		return out
	}
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return !slices.Equal(falseOf(e.ObjectOld), falseOf(e.ObjectNew)) },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// ApplicationChanged leaves out the updates by which Argo CD only says that it looked again.
func ApplicationChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*observed.Application)
		after, okAfter := e.ObjectNew.(*observed.Application)
		return !okBefore || !okAfter || !observed.SaysTheSame(before, after)
	}}
}

// ClusterChanged passes what matters to runtimes and products: the spec, the identity, the pins, and whether it is
// ready.
func ClusterChanged() predicate.Predicate {
	return predicate.Or(SpecChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
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

// RecordChanged passes only what changes an Application as a record: its coming, its going, its annotations. Argo CD
// writes its status into it at every refresh.
func RecordChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()
		return before[api.AnnotationPlacement] != after[api.AnnotationPlacement] ||
			before[api.AnnotationTeardown] != after[api.AnnotationTeardown]
	}}
}
