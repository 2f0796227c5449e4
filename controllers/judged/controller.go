// Package judged reconciles the kinds that are only judged: nothing is made for them.
package judged

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=environments;projects;coderepobindings;coderepoes,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=environments/status;projects/status;coderepobindings/status,verbs=patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=products;clusters;coderepoproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=coderepoproviders/status,verbs=patch
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications,verbs=get;list;watch

// Reconciler writes the verdict of the rules into the status of a kind that is only judged: nothing is made for it.
type Reconciler[T Object[T]] struct {
	Client client.Client
	Lookup rules.Lookup
	Kind   Kind[T]
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard
	// Recorder announces that an object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts
}

// Object is an object of a kind that is only judged.
type Object[T any] interface {
	client.Object
	DeepCopy() T
}

// Kind is a kind that is only judged.
type Kind[T Object[T]] struct {
	name string
	// namespace is the only one that the kind counts in; empty for the kinds of products.
	namespace string
	empty     func() T
	list      func() client.ObjectList
	judge     func(context.Context, rules.Lookup, T) error
	status    func(T) *api.ObservedStatus
	watches   []watch[T]
}

// watch says which objects' verdicts depend on another object.
type watch[T any] struct {
	on      client.Object
	changed predicate.Predicate
	depends func(T, client.Object) bool
	// inside returns the namespace that the dependents lie in, or nothing where there are none; nil for all namespaces.
	inside func(client.Object) string
}

// Reconcile judges one object.
func (r *Reconciler[T]) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if r.Kind.namespace != "" && req.Namespace != r.Kind.namespace {
		return ctrl.Result{}, nil
	}
	stored := r.Kind.empty()
	if err := r.Client.Get(ctx, req.NamespacedName, stored); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	judged := stored.DeepCopy()
	status := r.Kind.status(judged)
	return phases.Finish(ctx, r.Client, phases.Pass{
		Stored: stored, Object: judged, Conditions: &status.Conditions, Stop: r.Kind.judge(ctx, r.Lookup, judged),
		Doubts: r.Doubts, Recorder: r.Recorder,
		Tell: func(stop *problem.Problem) []metav1.Condition {
			status.ObservedGeneration = judged.GetGeneration()
			return []metav1.Condition{phases.Ready(stop, "no rule is violated")}
		},
	})
}

// wake returns a handler that wakes the objects whose verdicts depend on one that changed.
func (r *Reconciler[T]) wake(w watch[T]) handler.EventHandler {
	return wake.Those(r.Client, r.Kind.list(), func(_ context.Context, changed client.Object) []wake.Of[T] {
		namespace := r.Kind.namespace
		if w.inside != nil {
			if namespace = w.inside(changed); namespace == "" {
				return nil
			}
		}
		return []wake.Of[T]{{Among: []client.ListOption{client.InNamespace(namespace)},
			If: func(obj T) bool { return w.depends == nil || w.depends(obj, changed) }}}
	})
}

// watches returns what verdicts depend on, and the Product: another operator may have served it until now.
func (r *Reconciler[T]) watches() []watch[T] {
	if r.Shard == nil || r.Kind.namespace != "" {
		return r.Kind.watches
	}
	return append(slices.Clone(r.Kind.watches), watch[T]{
		on: &api.Product{}, changed: r.Shard.Gained(), inside: client.Object.GetName})
}

// SetupWithManager watches the kind and all that its verdict depends on.
func (r *Reconciler[T]) SetupWithManager(mgr ctrl.Manager) error {
	b := ctrl.NewControllerManagedBy(mgr).Named(r.Kind.name).For(r.Kind.empty(),
		builder.WithPredicates(wake.SpecChanged()))
	for _, w := range r.watches() {
		b = b.Watches(w.on, r.wake(w), builder.WithPredicates(w.changed))
	}
	traced := phases.Traced(reflect.TypeFor[T]().Elem().Name(), r.Kind.name, r)
	if err := b.WithOptions(wake.Fairly(2, wake.ByNamespace)).
		Complete(r.Shard.Only(traced, shard.Of(wake.ByNamespace))); err != nil {
		return fmt.Errorf("setting up the controller %s: %w", r.Kind.name, err)
	}
	return nil
}
