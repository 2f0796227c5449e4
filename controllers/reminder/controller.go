// Package reminder repeats requests that Argo CD lost. Argo CD puts what it has written into its own cache of
// Applications, see PatchAppWithWriteBack in its controller. That can replace a newer object that the watch brought a
// moment before, so that a request which came just then is seen by nobody until the next event of that Application,
// which can take minutes. Any write is such an event.
package reminder

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// Reconciler reminds Argo CD of what an Application of ours asks for.
type Reconciler struct {
	Client client.Client
	Clock  clock.Clock
	Timing phases.Timing
	// Instance is the UID of the management cluster's kube-system namespace.
	Instance string
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard

	mu       sync.Mutex
	requests map[types.NamespacedName]unheard
}

// unheard is a request that Argo CD has not begun to serve.
type unheard struct {
	what  string
	since time.Time
	// reminders is how often Argo CD was reminded.
	reminders int
}

// Reconcile reminds Argo CD of one Application, if that is due. After a restart of the operator the wait begins anew.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var app observed.Application
	if err := r.Client.Get(ctx, req.NamespacedName, &app); err != nil {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	what := r.asksFor(&app)
	if what == "" {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if left := r.left(req.NamespacedName, what); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	reminded := desired.WithReminder(&app, r.Clock.Now())
	if _, err := apply.Patch(ctx, r.Client, &app, reminded); err != nil {
		return ctrl.Result{}, fmt.Errorf("reminding Argo CD: %w", err)
	}
	return ctrl.Result{RequeueAfter: r.reminded(req.NamespacedName, r.asksFor(reminded))}, nil
}

// asksFor names what an Application of ours asks for and Argo CD has not begun to serve.
func (r *Reconciler) asksFor(app *observed.Application) string {
	if !r.isOurs(app) {
		return ""
	}
	return observed.Unheard(app)
}

// isOurs says whether the operator made the Application: it is the record of a runtime, or syncs a default.project.
func (r *Reconciler) isOurs(app *observed.Application) bool {
	_, recorded := app.Annotations[api.AnnotationPlacement]
	product := app.Labels[api.LabelProduct]
	return recorded && slices.Contains(app.Finalizers, api.Finalizer) ||
		product != "" && app.Annotations[api.AnnotationOwner] == desired.Owner(product, r.Instance)
}

// left returns how long Argo CD still has to begin.
func (r *Reconciler) left(key types.NamespacedName, what string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	request, known := r.requests[key]
	if !known || request.what != what {
		if r.requests == nil {
			r.requests = map[types.NamespacedName]unheard{}
		}
		request = unheard{what: what, since: r.Clock.Now()}
		r.requests[key] = request
	}
	return max(0, request.since.Add(r.pause(request)).Sub(r.Clock.Now()))
}

// pause returns how long Argo CD has until the next reminder: it doubles, as an Argo CD that is busy hears nothing
// sooner because it is asked more often.
func (r *Reconciler) pause(u unheard) time.Duration {
	return desired.Attempts{Count: u.reminders}.Backoff(r.Timing.Silence, r.Timing.RetryLimit)
}

// reminded notes a reminder, and what the Application asks for with it. It returns how long Argo CD has now.
func (r *Reconciler) reminded(key types.NamespacedName, what string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	request := unheard{what: what, since: r.Clock.Now(), reminders: r.requests[key].reminders + 1}
	r.requests[key] = request
	return r.pause(request)
}

func (r *Reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.requests, key)
}

// SetupWithManager watches the Applications that ask for something.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	asks := predicate.NewPredicateFuncs(func(o client.Object) bool {
		app, is := o.(*observed.Application)
		return is && r.asksFor(app) != ""
	})
	asks.DeleteFunc = func(e event.DeleteEvent) bool { // no pass comes to it where another shard serves its product
		r.forget(client.ObjectKeyFromObject(e.Object))
		return false
	}
	err := ctrl.NewControllerManagedBy(mgr).Named("reminder").
		For(&observed.Application{}, builder.WithPredicates(asks)).
		WithOptions(wake.Fairly(1, wake.ByApplication)).
		Complete(r.Shard.Only(phases.Traced("Application", "reminder", r), r.productOf))
	if err != nil {
		return fmt.Errorf("setting up the controller that reminds Argo CD: %w", err)
	}
	return nil
}

func (r *Reconciler) productOf(ctx context.Context, req ctrl.Request) string {
	var app observed.Application
	if err := r.Client.Get(ctx, req.NamespacedName, &app); err != nil {
		return "" // gone, and forgotten
	}
	return app.Labels[api.LabelProduct]
}
