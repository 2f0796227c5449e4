package wake

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// Of names objects that an event concerns.
type Of[T client.Object] struct {
	// Among are those that the cache finds without looking at all: in a namespace, or by a field index.
	Among []client.ListOption
	// If chooses of these; nil chooses all.
	If func(T) bool
}

// Requests returns a request for each object of the kind of list that is chosen. Where they cannot be listed that is
// logged, and none is woken.
func Requests[T client.Object](
	ctx context.Context, c client.Reader, list client.ObjectList, chosen func(T) bool, options ...client.ListOption,
) []reconcile.Request {
	var out []reconcile.Request
	err := c.List(ctx, list, append(options, client.UnsafeDisableDeepCopy)...)
	if err == nil {
		err = meta.EachListItem(list, func(o runtime.Object) error {
			if obj, ok := o.(T); ok && (chosen == nil || chosen(obj)) {
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

// queue is what a handler puts requests into.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Those returns a handler that wakes the objects which choose names for the object that changed. Waking one too many
// costs a pass that writes nothing.
//
// What exists when the operator starts wakes nobody: all objects of the kind of list are looked at then anyway.
func Those[T client.Object](
	c client.Reader, list client.ObjectList, choose func(ctx context.Context, changed client.Object) []Of[T],
) handler.EventHandler {
	return onChange(func(ctx context.Context, changed client.Object) (requests []reconcile.Request) {
		for _, of := range choose(ctx, changed) {
			if fresh, ok := list.DeepCopyObject().(client.ObjectList); ok {
				requests = append(requests, Requests(ctx, c, fresh, of.If, of.Among...)...)
			}
		}
		return requests
	})
}

// Mapped returns a handler that wakes the objects with the keys of the object that changed, whether they exist or not.
// As with Those, what exists when the operator starts wakes nobody.
func Mapped(keys func(ctx context.Context, changed client.Object) []client.ObjectKey) handler.EventHandler {
	return onChange(func(ctx context.Context, changed client.Object) []reconcile.Request {
		var requests []reconcile.Request
		for _, key := range keys(ctx, changed) {
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
		return requests
	})
}

// onChange returns a handler that maps objects to requests: an object as it was and as it is.
func onChange(requests func(ctx context.Context, changed client.Object) []reconcile.Request) handler.EventHandler {
	return Handler{
		OnCreate: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				Add(q, requests(ctx, e.Object))
			}
		},
		OnUpdate: func(ctx context.Context, e event.UpdateEvent, q queue) {
			due := append(requests(ctx, e.ObjectOld), requests(ctx, e.ObjectNew)...)
			if e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion() { // looked at again, nothing changed
				addTo(q, Later, due...)
				return
			}
			Add(q, due)
		},
		OnDelete: func(ctx context.Context, e event.DeleteEvent, q queue) { Add(q, requests(ctx, e.Object)) },
	}
}

// Handler is an event handler that gives its requests a haste. handler.Funcs of controller-runtime would hide the queue
// from its functions and decide about priorities by itself. A function that is nil does nothing.
type Handler struct {
	OnCreate func(context.Context, event.CreateEvent, queue)
	OnUpdate func(context.Context, event.UpdateEvent, queue)
	OnDelete func(context.Context, event.DeleteEvent, queue)
}

// Create implements handler.EventHandler.
func (h Handler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	if h.OnCreate != nil {
		h.OnCreate(ctx, e, q)
	}
}

// Update implements handler.EventHandler.
func (h Handler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	if h.OnUpdate != nil {
		h.OnUpdate(ctx, e, q)
	}
}

// Delete implements handler.EventHandler.
func (h Handler) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	if h.OnDelete != nil {
		h.OnDelete(ctx, e, q)
	}
}

// Generic implements handler.EventHandler.
func (Handler) Generic(context.Context, event.GenericEvent, queue) {}

// few is how many requests one event may make that are as usual. Where it makes more, they wait behind those that
// somebody's own change made.
const few = 5

// Add puts the requests of one event into a queue, each once. Many of them wait until nothing more urgent does.
func Add(q queue, requests []reconcile.Request) {
	seen := make(map[reconcile.Request]bool, len(requests))
	var due []reconcile.Request
	for _, r := range requests {
		if !seen[r] {
			seen[r] = true
			due = append(due, r)
		}
	}
	if len(due) <= few {
		addTo(q, Usual, due...)
	} else {
		addTo(q, Later, due...)
	}
}

// addTo adds requests to a queue, with haste where the queue has priorities.
func addTo(q queue, h Haste, requests ...reconcile.Request) {
	lanes, has := q.(priorityqueue.PriorityQueue[reconcile.Request])
	for _, r := range requests {
		if has {
			lanes.AddWithOpts(priorityqueue.AddOpts{Priority: h.priority()}, r)
		} else {
			q.Add(r)
		}
	}
}

// Self returns a handler that wakes the object that changed. When the operator starts, those go first that somebody
// changed while no operator worked; then those that are new, then those that are settled.
func Self(found func(client.Object) Haste) handler.EventHandler {
	requestOf := func(o client.Object) reconcile.Request {
		return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)}
	}
	return Handler{
		OnCreate: func(_ context.Context, e event.CreateEvent, q queue) {
			h := Usual
			if e.IsInInitialList {
				h = found(e.Object)
			}
			addTo(q, h, requestOf(e.Object))
		},
		OnUpdate: func(_ context.Context, e event.UpdateEvent, q queue) { addTo(q, Soon, requestOf(e.ObjectNew)) },
		OnDelete: func(_ context.Context, e event.DeleteEvent, q queue) { addTo(q, Soon, requestOf(e.Object)) },
	}
}

// Reported returns a handler that wakes the object whose key an Application has. What Argo CD reports goes before what
// the operator wrote itself. As with Those, what exists when the operator starts wakes nobody.
func Reported(keys func(ctx context.Context, changed client.Object) []client.ObjectKey) handler.EventHandler {
	usual := Mapped(keys)
	return Handler{
		OnCreate: usual.Create,
		OnUpdate: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, okBefore := e.ObjectOld.(*observed.Application)
			after, okAfter := e.ObjectNew.(*observed.Application)
			if !okBefore || !okAfter || reflect.DeepEqual(before.Status, after.Status) {
				usual.Update(ctx, e, q)
				return
			}
			for _, key := range keys(ctx, after) {
				addTo(q, Soon, reconcile.Request{NamespacedName: key})
			}
		},
		OnDelete: usual.Delete,
	}
}

// Dependents returns a handler that wakes the objects which depend on the one that changed.
func Dependents[T client.Object](
	c client.Reader, list client.ObjectList, depends func(obj T, changed client.Object) bool,
	options ...client.ListOption,
) handler.EventHandler {
	return Those(c, list, func(_ context.Context, changed client.Object) []Of[T] {
		return []Of[T]{{Among: options, If: func(obj T) bool { return depends(obj, changed) }}}
	})
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
