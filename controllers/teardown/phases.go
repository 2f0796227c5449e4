package teardown

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// letGoByHand releases an Application that somebody deleted although no runtime was: it runs no delete hooks, and when
// only our finalizer is left, it may go. No namespace is touched, and the runtime's reconciler writes it again.
func (r *Reconciler) letGoByHand(ctx context.Context, s *scope) error {
	app := s.record.App
	if app.DeletionTimestamp.IsZero() || s.record.Teardown != nil {
		return nil
	}
	quiet := desired.WithoutHooks(app)
	if _, err := apply.Patch(ctx, r.Client, app, quiet); err != nil {
		return client.IgnoreNotFound(err)
	}
	if len(quiet.Finalizers) != 1 || quiet.Finalizers[0] != api.Finalizer {
		return phases.Waiting(api.ReasonApplicationDeleted, "other finalizers have to go first")
	}
	if err := record.Release(ctx, r.Client, quiet); err != nil {
		return err
	}
	return phases.ErrDone
}

// askAgain has Argo CD try again to remove what it could not remove, as soon as the cluster is there: by itself it does
// so at its next look, which is minutes later.
func (r *Reconciler) askAgain(ctx context.Context, s *scope) error {
	app := s.record.App
	if s.record.Teardown == nil || app.DeletionTimestamp.IsZero() ||
		observed.FactsOf(app).Errors[observed.ErrorDeletion] == "" {
		return nil
	}
	cluster, err := resolve.Get[api.Cluster](ctx, r.Lookup, "", s.record.Placement.Destination.Cluster)
	if err != nil || cluster == nil {
		return err
	}
	request, left := removalRetryOf(app, cluster, r.Clock.Now(), r.Timing)
	if request == nil {
		return phases.Waiting(api.ReasonTearingDown, "Argo CD is asked again to remove what it deployed").
			RetryAfter(left)
	}
	if _, err := apply.Patch(ctx, r.Client, app, request); err != nil {
		return err
	}
	return phases.Waiting(api.ReasonTearingDown, "Argo CD was asked to remove what it deployed").
		RetryAfter(r.Timing.RetryFirst)
}

// onlyIfAsked ends the pass for everything that lives, and for removals that run already.
func (r *Reconciler) onlyIfAsked(_ context.Context, s *scope) error {
	if s.record.Teardown == nil || !s.record.App.DeletionTimestamp.IsZero() {
		return phases.ErrDone
	}
	return nil
}

// onlyWhileAway leaves the record to a runtime that came back to the same environment: it is adopted.
func (r *Reconciler) onlyWhileAway(ctx context.Context, s *scope) error {
	ref := s.record.Placement.Runtime
	var back api.DeploymentRuntime
	absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}, &back)
	if err != nil {
		return err
	}
	if !absent && back.DeletionTimestamp.IsZero() &&
		back.Spec.Destination == s.record.Placement.Destination.Environment {
		return phases.ErrDone
	}
	return nil
}

// hold stops a removal that may be a mistake, until a person approves it or the runtime comes back. A hold stays: that
// many others were approved meanwhile does not free it.
func (r *Reconciler) hold(ctx context.Context, s *scope) error {
	return r.brake(ctx, s, r.Brakes.Look)
}

// pass is the last chance of the brake: what it lets through counts from here, whatever becomes of the Application.
func (r *Reconciler) pass(ctx context.Context, s *scope) error {
	return r.brake(ctx, s, r.Brakes.Pass)
}

func (r *Reconciler) brake(ctx context.Context, s *scope,
	ask func(context.Context, placement.Removal) (placement.Hold, string, error)) error {
	t := *s.record.Teardown
	if s.record.Approved() {
		return nil
	}
	trips := t.Hold == placement.HoldNone
	if trips {
		var err error
		if t.Hold, t.Because, err = ask(ctx, placement.RemovalOf(s.record.Placement, t)); err != nil ||
			t.Hold == placement.HoldNone {
			return err
		}
	}
	held := desired.WithoutAutomation(s.record.App)
	metav1.SetMetaDataAnnotation(&held.ObjectMeta, api.AnnotationTeardown, t.Encode())
	if _, err := apply.Patch(ctx, r.Client, s.record.App, held); err != nil {
		return err
	}
	if trips {
		r.Brakes.Written(t.Hold)
	}
	return phases.Waiting(api.ReasonTeardownHeld, "held because %s", t.Why())
}

// grace waits, in case the runtime comes back.
func (r *Reconciler) grace(_ context.Context, s *scope) error {
	if left := s.record.Teardown.RequestedAt.Add(r.Timing.Grace).Sub(r.Clock.Now()); left > 0 {
		return phases.Waiting(api.ReasonTearingDown, "in grace").RetryAfter(left)
	}
	return nil
}

// endOperation ends a running operation: a hook that hangs would block the deletion for ever. Automated sync goes too,
// so that no other one starts.
func (r *Reconciler) endOperation(ctx context.Context, s *scope) error {
	if !s.record.Automated() && !observed.FactsOf(s.record.App).Running {
		return nil
	}
	quiet := desired.WithOperationEnded(desired.WithoutAutomation(s.record.App))
	changed, err := apply.Patch(ctx, r.Client, s.record.App, quiet)
	if err != nil {
		return err
	}
	if observed.FactsOf(quiet).Running {
		return phases.Waiting(api.ReasonTearingDown,
			"a sync that runs is being ended").RetryAfter(argocd.TerminationPoll)
	}
	if changed {
		s.record.App = quiet
	}
	return nil
}

// remove deletes the Application, exactly as it was judged, with exactly the finalizers that are wanted: ours, and for
// the policy Delete Argo CD's cascade. Setting them also disarms the delete hooks of tenants.
func (r *Reconciler) remove(ctx context.Context, s *scope) error {
	armed := s.record.App.DeepCopy()
	armed.Finalizers = []string{api.Finalizer}
	if s.record.Placement.DeletionPolicy == api.DeletionPolicyDelete {
		armed.Finalizers = append(armed.Finalizers, desired.CascadeFinalizer)
	}
	if _, err := apply.Patch(ctx, r.Client, s.record.App, armed); err != nil {
		return err
	}
	return client.IgnoreNotFound(apply.Delete(ctx, r.Client, armed))
}

// removalRetryOf decides whether Argo CD is to be asked again to remove what it deployed. It returns the Application
// with the request, or nil and when to look again (0: when the cluster is ready). A cluster that came back since the
// last request makes it due at once.
func removalRetryOf(app *observed.Application, cluster *api.Cluster, now time.Time,
	t phases.Timing) (*observed.Application, time.Duration) {
	since, yes := clusters.Serves(cluster)
	if !yes {
		return nil, 0
	}
	attempts := desired.AttemptsOf(app, "removal")
	if attempts.Last.Before(since.Time) {
		attempts.Count = 0
	}
	return argocd.LookAgain(app, attempts, now, t)
}

// arm makes sure that the removal is safe before it begins.
func (r *Reconciler) arm(ctx context.Context, s *scope) error {
	return record.Arming{Lookup: r.Lookup, Live: r.Live, ArgoNamespace: r.ArgoCDNamespace}.Check(ctx,
		s.record.Placement)
}
