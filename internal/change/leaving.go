package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// A runtime without a file is not gone as long as there is a record of it: its pods may run on. So it stays visible, with
// what the record says. Where the records cannot be read, nothing is said about it.

// leavingNamed returns the item of such a runtime, or nil.
func (v *view) leavingNamed(ctx context.Context, ref Ref) any {
	m := v.management.of(ctx, v.access)
	if ref.Kind != "DeploymentRuntime" || m == nil {
		return nil
	}
	records, err := m.Recorded(ctx, v.product, ref.Name)
	if err != nil || len(records) == 0 {
		return nil
	}
	v.items = wire.ItemsOf(ref.Kind, v.product, v.names)
	return v.items.OfLeaving(records[0].Placement, leavingStatus(ctx, m, &records[0]))
}

// leaving returns the items of all such runtimes that are selected, in the order of their names.
func (v *view) leaving(ctx context.Context, selector wire.Selector) (items []any) {
	m := v.management.of(ctx, v.access)
	if m == nil {
		return nil
	}
	records, err := m.RecordsOf(ctx, v.product)
	if err != nil {
		return nil
	}
	records = slices.DeleteFunc(slices.Clone(records), func(r rules.Record) bool {
		return v.tree.Has("DeploymentRuntime", r.Runtime.Name)
	})
	slices.SortFunc(records, func(a, b rules.Record) int { return cmp.Compare(a.Runtime.Name, b.Runtime.Name) })
	for i := range records {
		item := v.items.OfLeaving(records[i].Placement, leavingStatus(ctx, m, &records[i]))
		if selector.Matches(item) {
			items = append(items, item)
		}
	}
	return items
}

// leavingStatus says how far the removal of a runtime is that has no file.
func leavingStatus(ctx context.Context, m Management, r *rules.Record) wire.Status {
	removing := func(reason, format string, args ...any) wire.Status {
		return wire.Status{Phase: wire.PhaseRemoving, Reason: reason, Message: fmt.Sprintf(format, args...)}
	}
	held := func(reason, format string, args ...any) wire.Status {
		return wire.Status{Phase: wire.PhaseHeld, Reason: reason, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Begun:
		return removing(api.ReasonTearingDown, "what it deployed is being removed from cluster %s", r.Destination.Cluster)
	case r.Held():
		return held(api.ReasonTeardownHeld, "its removal is held because %s: its pods run on until the platform team "+
			"approves the removal; save it again to keep it", r.Teardown.Why())
	case r.Teardown != nil:
		return removing(api.ReasonTearingDown, "its removal begins when its grace is over and cluster %s is ready",
			r.Destination.Cluster)
	}
	live, err := resolve.Get[api.DeploymentRuntime](ctx, m, r.Runtime.Namespace, r.Runtime.Name)
	if err == nil && live == nil {
		return held(api.ReasonOrphaned, "it has no file and nobody asked for its removal: its pods run on; save it again "+
			"to take it over")
	}
	return removing(api.ReasonSyncing, "default.project holds no file of it that can be read; if it was deleted, Argo CD "+
		"has not applied that yet")
}

// nothingToDelete is the answer to the deletion of what has no file.
func (ch *running) nothingToDelete(ctx context.Context, op *operation) error {
	m := ch.service.management.of(ctx, ch.access)
	if op.kind == "DeploymentRuntime" && m != nil {
		if records, err := m.Recorded(ctx, ch.product, op.resource); err == nil && len(records) > 0 {
			return problem.New(problem.Missing, problem.ReasonResourceNotFound,
				"DeploymentRuntime %q has no file any more, so there is nothing to delete: %s", oneLine(op.name),
				leavingStatus(ctx, m, &records[0]).Message)
		}
	}
	return noResource(op.kind, op.name, ch.path)
}
