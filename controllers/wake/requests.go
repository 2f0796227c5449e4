package wake

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Requests returns a request for each object of the kind of list that is chosen. Where they cannot be listed that is
// logged, and none is woken.
func Requests[T client.Object](
	ctx context.Context, c client.Reader, list client.ObjectList, chosen func(T) bool, options ...client.ListOption,
) []reconcile.Request {
	var out []reconcile.Request
	err := c.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...)
	if err == nil {
		err = meta.EachListItem(list, func(o runtime.Object) error {
			if obj, ok := o.(T); ok && chosen(obj) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)})
			}
			return nil
		})
	}
	if err != nil {
		log.FromContext(ctx).Error(err, "listing what an event concerns")
		return nil
	}
	return out
}

// Those returns a handler that wakes the objects which choose selects for the object that changed. Where choose returns
// nil there are none. Waking one too many costs a pass that writes nothing.
func Those[T client.Object](
	c client.Reader, list client.ObjectList, choose func(changed client.Object) func(T) bool,
	options ...client.ListOption,
) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, changed client.Object) []reconcile.Request {
		chosen := choose(changed)
		fresh, ok := list.DeepCopyObject().(client.ObjectList)
		if chosen == nil || !ok {
			return nil
		}
		return Requests(ctx, c, fresh, chosen, options...)
	})
}

// Dependents returns a handler that wakes the objects which depend on the one that changed.
func Dependents[T client.Object](
	c client.Reader, list client.ObjectList, depends func(obj T, changed client.Object) bool,
	options ...client.ListOption,
) handler.EventHandler {
	return Those(c, list, func(changed client.Object) func(T) bool {
		return func(obj T) bool { return depends(obj, changed) }
	}, options...)
}

// All returns a handler that wakes every object of the kind of list.
func All(c client.Reader, list client.ObjectList, options ...client.ListOption) handler.EventHandler {
	return Dependents(c, list, func(client.Object, client.Object) bool { return true }, options...)
}

// BoundCodeRepo returns the code repo that a CodeRepoBinding binds.
func BoundCodeRepo(_ context.Context, obj client.Object) []client.ObjectKey {
	binding, ok := obj.(*api.CodeRepoBinding)
	if !ok {
		return nil
	}
	return []client.ObjectKey{{Namespace: binding.Namespace, Name: binding.Spec.CodeRepo}}
}
