package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// watched is what watches have told of Applications and runtimes: counting must not load the API server, and a
// reaction is timed when it is told, not when somebody looks.
type watched struct {
	cache.Cache

	mu      sync.Mutex
	waiting map[string][]expectation
	// changed is told of every Application that was added or changed, where somebody wants to know.
	changed func(*argo.Application)
	// first is the first Application of a runtime that was seen, which may be gone by now.
	first *argo.Application
}

type expectation struct {
	holds func(client.Object) bool
	met   chan time.Time
}

func watch(ctx context.Context, config *rest.Config, scheme *runtime.Scheme, kinds ...client.Object) (*watched, error) {
	w := &watched{waiting: map[string][]expectation{}}
	var err error
	if w.Cache, err = cache.New(config, cache.Options{Scheme: scheme, ByObject: map[client.Object]cache.ByObject{
		&argo.Application{}: {Namespaces: map[string]cache.Config{argoCD: {}}}}}); err != nil {
		return nil, fmt.Errorf("watching: %w", err)
	}
	go func() { _ = w.Start(ctx) }()
	for _, o := range kinds {
		informer, err := w.GetInformer(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("watching: %w", err)
		}
		if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: w.told, UpdateFunc: func(_, o any) { w.told(o) }}); err != nil {
			return nil, fmt.Errorf("watching: %w", err)
		}
	}
	return w, nil
}

func (w *watched) told(obj any) {
	now, o := time.Now(), obj.(client.Object)
	w.mu.Lock()
	key := keyOf(o, client.ObjectKeyFromObject(o))
	var left []expectation
	for _, e := range w.waiting[key] {
		if e.holds(o) {
			e.met <- now
		} else {
			left = append(left, e)
		}
	}
	if w.waiting[key] = left; len(left) == 0 {
		delete(w.waiting, key)
	}
	changed := w.changed
	app, ok := obj.(*argo.Application)
	if ok && w.first == nil && app.Labels[api.LabelRuntime] != "" {
		w.first = app
	}
	w.mu.Unlock()
	if ok && changed != nil {
		changed(app)
	}
}

// example returns an Application as the operator writes them.
func (w *watched) example() (*argo.Application, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first == nil {
		return nil, errors.New("no Application of a runtime was seen yet")
	}
	return w.first.DeepCopy(), nil
}

// expect returns a channel that gets the time at which something is first told to hold. What holds already does not
// count.
func (w *watched) expect(of client.Object, key client.ObjectKey, holds func(client.Object) bool) <-chan time.Time {
	met := make(chan time.Time, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	k := keyOf(of, key)
	w.waiting[k] = append(w.waiting[k], expectation{holds, met})
	return met
}

// tell lets a function know of every Application that is added or changed from now on.
func (w *watched) tell(changed func(*argo.Application)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = changed
}

func keyOf(o client.Object, key client.ObjectKey) string { return fmt.Sprintf("%T %s", o, key) }

// applications counts the Applications of runtimes that are there, and those of them that something holds for.
func (w *watched) applications(ctx context.Context, holds func(*argo.Application) bool) (all, those int, err error) {
	var list argo.ApplicationList
	if err := w.List(ctx, &list, client.UnsafeDisableDeepCopy, client.HasLabels{api.LabelRuntime}); err != nil {
		return 0, 0, err
	}
	for i := range list.Items {
		if holds(&list.Items[i]) {
			those++
		}
	}
	return len(list.Items), those, nil
}

func automated(app *argo.Application) bool {
	return app.Spec.SyncPolicy != nil && app.Spec.SyncPolicy.Automated != nil
}

// runtimes counts the runtimes whose condition is true.
func (w *watched) runtimes(ctx context.Context, condition string) (n int, err error) {
	var list api.DeploymentRuntimeList
	if err := w.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return 0, err
	}
	for i := range list.Items {
		if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, condition) {
			n++
		}
	}
	return n, nil
}

// without tells of the first runtime whose condition is not true, for an error that says what was waited for.
func (w *watched) without(ctx context.Context, condition string) string {
	var list api.DeploymentRuntimeList
	if err := w.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return err.Error()
	}
	for i := range list.Items {
		dr := &list.Items[i]
		if !meta.IsStatusConditionTrue(dr.Status.Conditions, condition) {
			return fmt.Sprintf("%s/%s has the conditions %+v", dr.Namespace, dr.Name, dr.Status.Conditions)
		}
	}
	return "every runtime has " + condition
}
