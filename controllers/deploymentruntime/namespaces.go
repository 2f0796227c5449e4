package deploymentruntime

import (
	"context"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// leaveNamespaces moves namespaces that the runtime no longer names, and that hold nothing of it that Argo CD knows of,
// to those that are leaving, with an intent like that of a removed runtime; and forgets those that are gone.
func (r *Reconciler) leaveNamespaces(ctx context.Context, s *scope) error {
	p := s.record.Placement
	wanted := s.resolution.Placement.Namespaces
	if len(p.Namespaces) == len(wanted) && len(p.Leaving) == 0 && len(p.Departures) == 0 {
		return nil
	}
	facts := observed.FactsOf(s.record.App)
	settled := facts.Compared && facts.Current && !facts.Running && facts.Sync == "Synced"
	// The API server itself is asked: by an older AppProject a namespace would be forgotten that was prepared a moment
	// ago.
	var project observed.AppProject
	absent, err := catalog.IsAbsent(ctx, r.Live,
		client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: identity.AppProject(p.Product)}, &project)
	if err != nil || absent {
		return err
	}
	leaving := slices.DeleteFunc(slices.Clone(p.Leaving), func(ns string) bool {
		return !desired.Permits(&project, p.RepoURL,
			[]desired.Destination{{Cluster: p.Destination.Cluster, Namespace: ns}})
	})
	kept := slices.Clone(wanted)
	for _, ns := range p.Namespaces {
		switch {
		case slices.Contains(wanted, ns):
		case settled && !slices.Contains(facts.Namespaces, ns):
			leaving = append(leaving, ns)
		default:
			kept = append(kept, ns)
		}
	}
	p.Namespaces, p.Leaving = kept, leaving
	p = p.Departing(r.Clock.Now())
	return r.writeDepartures(ctx, s, p, wanted)
}

// writeDepartures takes each namespace that is leaving a step further, and writes that into the record.
func (r *Reconciler) writeDepartures(ctx context.Context, s *scope, p placement.Placement, wanted []string) error {
	p, held, err := r.clearDepartures(ctx, s, p)
	if err != nil {
		return err
	}
	after := desired.WithRecord(s.record.App, p.Encode())
	endApprovals(after, p, wanted)
	if err := r.write(ctx, s, after); err != nil {
		return err
	}
	for _, hold := range held {
		r.Brakes.Written(hold)
	}
	return nil
}

// endApprovals takes off the approvals of namespaces that the runtime has, or has nothing to do with: one that was
// given for an earlier departure, or before anything was said, must not count for the next.
func endApprovals(app *observed.Application, p placement.Placement, wanted []string) {
	maps.DeleteFunc(app.Annotations, func(key, _ string) bool {
		ns, approval := strings.CutPrefix(key, api.AnnotationApproveNamespace)
		return approval && (slices.Contains(wanted, ns) || !slices.Contains(slices.Concat(p.Leaving, p.Namespaces), ns))
	})
}

// clearDepartures takes each namespace that is leaving a step further: hold, grace, brake. The product.Reconciler
// deletes those that are cleared. It also returns the holds of the brake that are new.
func (r *Reconciler) clearDepartures(ctx context.Context, s *scope,
	p placement.Placement) (placement.Placement, []placement.Hold, error) {
	if p.DeletionPolicy == api.DeletionPolicyOrphan {
		return p, nil, nil // nothing is going to be deleted
	}
	var held []placement.Hold
	p.Departures = slices.Clone(p.Departures)
	for i := range p.Departures {
		d := &p.Departures[i]
		var err error
		switch left := d.RequestedAt.Add(r.Timing.Grace).Sub(r.Clock.Now()); {
		case d.Cleared:
		case s.record.Approves(d.Namespace):
			d.Cleared = true
		case d.Hold != placement.HoldNone:
		case p.Protect:
			d.Hold = placement.HoldProtected
		case left > 0:
			s.LookAgain(left)
			d.Hold, d.Because, err = r.Brakes.Look(ctx, placement.DepartureOf(p, *d))
			held = append(held, d.Hold)
		default:
			d.Hold, d.Because, err = r.Brakes.Pass(ctx, placement.DepartureOf(p, *d))
			d.Cleared = err == nil && d.Hold == placement.HoldNone
			held = append(held, d.Hold)
		}
		if err != nil {
			return p, nil, err
		}
	}
	return p, held, nil
}
