package deploymentruntime

import (
	"context"
	"regexp"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// askArgo asks Argo CD to try again what failed for a reason that may have passed.
func (r *Reconciler) askArgo(ctx context.Context, s *scope) error {
	facts := observed.FactsOf(s.record.App)
	switch {
	case facts.Refusal() != "":
		return r.askOfRefusal(ctx, s)
	case !s.record.Automated() || s.record.Searching(facts):
		return nil
	case facts.Outdated:
		return r.write(ctx, s, desired.WithOperationEnded(s.record.App))
	}
	if taken, err := r.becomeOwner(ctx, s, facts); taken || err != nil {
		return err
	}
	if facts.Failed && facts.Removable() {
		return nil // what failed is a removal: it is judged again
	}
	app, after := argocd.Retry(s.record.App, r.Clock.Now(), r.Timing)
	s.LookAgain(after)
	if app == nil {
		return nil
	}
	if p := s.record.Placement.LookAgain(); p.Ref != s.record.Placement.Ref {
		app = desired.WithTarget(app, p)
	}
	return r.write(ctx, s, app)
}

// askOfRefusal has Argo CD look again at an Application that it refuses, also where nothing is synced. As long as the
// AppProject permits the Application and Argo CD may not have seen that, nobody is told of a refusal.
func (r *Reconciler) askOfRefusal(ctx context.Context, s *scope) error {
	permitted, err := r.permitted(ctx, s.record.App.Name, s.record.Placement)
	if err != nil {
		return err
	}
	app, after := argocd.Retry(s.record.App, r.Clock.Now(), r.Timing)
	s.LookAgain(after)
	if app != nil {
		if err := r.write(ctx, s, app); err != nil {
			return err
		}
	}
	if permitted && argocd.RefusedEarly(s.record.App) {
		s.unsettled = phases.Waiting(api.ReasonSyncing, argocd.EarlyRefusal)
	}
	return nil
}

// becomeOwner makes an Application own what it deploys, where Argo CD does not by itself: objects that carry the mark
// of a runtime that is gone, and objects that look as wanted although they were never applied. It says whether there is
// such an object.
func (r *Reconciler) becomeOwner(ctx context.Context, s *scope, facts observed.Facts) (bool, error) {
	var change desired.SyncChange
	switch {
	case facts.Running || !facts.Compared:
		return false, nil
	case len(facts.Shared) > 0:
		inTheWay, err := r.inTheWay(ctx, s, facts.Shared)
		if err != nil {
			return true, err
		}
		if s.unsettled = inTheWay; inTheWay != nil {
			return false, nil //nolint:nilerr // the sync is tried again as any other: whose the object is may change
		}
		s.unsettled = phases.Waiting(api.ReasonSyncing,
			"objects that an earlier runtime of the product left are being taken over")
		change = desired.TakingOver()
	case facts.Sync == "Synced" && !facts.Own && !facts.Failed && facts.Resources > 0:
		s.unsettled = phases.Waiting(api.ReasonSyncing, "objects that were there before are being taken over")
		change = desired.RunningNoHooks()
	default:
		return false, nil
	}
	attempts := desired.AttemptsOf(s.record.App, "ownership-"+facts.Revision)
	if left := r.notBefore(attempts); left > 0 {
		s.LookAgain(left)
		return true, nil
	}
	return true, r.write(ctx, s, desired.WithSync(s.record.App, attempts, r.Clock.Now(), change))
}

// inTheWay returns why the objects must not be taken over; nil when each of them is marked as that of a runtime of this
// product whose Application is gone. The name alone says whose it was: the names of a product's Applications begin with
// its own.
func (r *Reconciler) inTheWay(ctx context.Context, s *scope, shared []observed.Shared) (*problem.Problem, error) {
	product := s.record.Placement.Product
	own := regexp.MustCompile(`^` + regexp.QuoteMeta(product) + `-[-a-z0-9.]*-[0-9a-f]{10}$`)
	for _, o := range shared {
		if !own.MatchString(o.Other) {
			return problem.New(problem.Conflict, api.ReasonResourceShared,
				"%s belongs to something else than this product's runtimes, as its annotation "+
					"argocd.argoproj.io/tracking-id says, and is left alone: "+
					"give it another name here, or have its owner remove it", o.Object), nil
		}
		var other observed.Application
		absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: o.Other},
			&other)
		if err != nil {
			return nil, err
		}
		if !absent {
			return problem.New(problem.Conflict, api.ReasonResourceShared,
				"%s belongs to runtime %q of this product and is left to it: remove it from the manifests of "+
					"one of the two", o.Object, runtimeOf(&other, product)), nil
		}
	}
	return nil, nil
}

// runtimeOf returns the name of the runtime that an Application of the product deploys, or else the Application's.
func runtimeOf(app *observed.Application, product string) string {
	if rec, p := record.Read(app); p == nil && rec.Placement.Product == product {
		return rec.Placement.Runtime.Name
	}
	return strings.TrimPrefix(app.Name, product+"-")
}
