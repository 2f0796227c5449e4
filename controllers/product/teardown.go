package product

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// releaseTornDown lets Applications go whose workloads Argo CD has removed, once their namespaces are gone, or marked
// to be kept. What the cache says is confirmed by the API server itself.
func (r *Reconciler) releaseTornDown(ctx context.Context, s *scope) error {
	return each(s.records, func(rec *record.Record) error {
		if !rec.TornDown() || !s.tenancy.settledFor(rec, r.unregistered(ctx, rec)) {
			return nil
		}
		var live observed.Application
		absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKeyFromObject(rec.App), &live)
		if err != nil || absent || live.UID != rec.App.UID ||
			!slices.Equal(live.Finalizers, []string{api.Finalizer}) {
			return err
		}
		return record.Release(ctx, r.Client, &live)
	})
}

// unregistered says whether the record's cluster is certainly not registered any more.
func (r *Reconciler) unregistered(ctx context.Context, rec *record.Record) bool {
	cluster, err := resolve.Get[api.Cluster](ctx, r.Lookup, "", rec.Placement.Destination.Cluster)
	return err == nil && cluster == nil
}

// settledFor says whether nothing remains to be done for a record on its cluster. Under the policy Orphan a cluster
// that is not registered any more is nothing to wait for.
func (t *tenancy) settledFor(rec *record.Record, unregistered bool) bool {
	p := rec.Placement
	if p.DeletionPolicy == api.DeletionPolicyOrphan && unregistered {
		return true
	}
	if len(rec.Holds()) > 0 {
		return false // the departure of a namespace is held
	}
	on := t.on(p.Destination.Cluster)
	for _, ns := range slices.Concat(p.Namespaces, p.Leaving) {
		_, toRemove := slices.BinarySearch(on.plan.remove, ns)
		_, toRetain := slices.BinarySearch(on.plan.retain, ns)
		if toRemove && !on.gone[ns] || toRetain && !on.retained[ns] {
			return false
		}
	}
	return true
}

// settle says which teardowns are held, and which Applications have lost their runtime.
func (r *Reconciler) settle(ctx context.Context, s *scope) error {
	if s.tenancy.busy() != "" {
		return nil // what keeps its namespaces is not known in this pass: what was said before stays
	}
	var held, orphaned []string
	var removing []*record.Record
	kept := s.tenancy.stays()
	for _, rec := range s.records {
		kept = append(kept, rec.HeldDepartures()...)
		t := rec.Teardown
		switch {
		case t != nil && rec.App.DeletionTimestamp.IsZero() && t.Hold != placement.HoldNone && !rec.Approved():
			held = append(held,
				fmt.Sprintf("%s (%s): kubectl -n %s annotate application %s %s=%s", rec.Placement.Runtime.Name, t.Why(),
					rec.App.Namespace, rec.App.Name, api.AnnotationApproveTeardown, t.RuntimeUID))
		case t != nil:
			removing = append(removing, rec)
		default:
			lost, err := r.lostRuntime(ctx, rec)
			if err != nil {
				return err
			}
			if lost {
				orphaned = append(orphaned, rec.App.Name)
			}
		}
	}
	for _, p := range s.damaged {
		orphaned = append(orphaned, p.Message)
	}
	if len(held)+len(kept)+len(orphaned) > 0 || len(removing) == 0 {
		s.settled = settledCondition(held, kept, orphaned, nil)
		return nil
	}
	steps, err := r.stepsOf(ctx, s, removing)
	s.settled = settledCondition(nil, nil, nil, steps)
	return err
}

// stepsOf says of the first removals how far they are, and counts the others.
func (r *Reconciler) stepsOf(ctx context.Context, s *scope, removing []*record.Record) ([]string, error) {
	steps := make([]string, len(removing))
	slices.SortFunc(removing, func(a, b *record.Record) int {
		return strings.Compare(a.Placement.Runtime.Name, b.Placement.Runtime.Name)
	})
	for i, rec := range removing {
		steps[i] = rec.Placement.Runtime.Name
		if i >= maxSettled {
			continue // nobody is told
		}
		step, err := r.stepOf(ctx, s, rec)
		if err != nil {
			return nil, err
		}
		steps[i] += step
	}
	return steps, nil
}

// stepOf says how far a removal is, or what it waits for: " (Argo CD removes what it deployed)".
func (r *Reconciler) stepOf(ctx context.Context, s *scope, rec *record.Record) (string, error) {
	step := func(format string, args ...any) (string, error) {
		return " (" + fmt.Sprintf(format, args...) + ")", nil
	}
	switch {
	case rec.TornDown() && len(s.damaged) > 0:
		return step("its namespaces stay until the damaged records of the product are repaired: %s",
			s.damaged[0].Message)
	case rec.TornDown():
		if p := s.tenancy.on(rec.Placement.Destination.Cluster).failed; p != nil {
			return step("its namespaces wait: %s", p.Message)
		}
		if s.waitsForApproval(rec) {
			return step("its namespaces wait for an approval")
		}
		return step("its namespaces are being deleted")
	case !rec.App.DeletionTimestamp.IsZero():
		if why := observed.FactsOf(rec.App).Errors[observed.ErrorDeletion]; why != "" {
			return step("Argo CD cannot remove what it deployed: %s", why)
		}
		if waits := observed.AwaitsDeletion(rec.App); len(waits) > 0 {
			names := make([]string, len(waits))
			for i, o := range waits {
				names[i] = observed.NameOf(o)
			}
			return step("Argo CD waits, because sync-options hold Delete=confirm: %s: confirm that it goes: %s",
				text.Few(names, 2), observed.Confirmation(rec.App))
		}
		return step("Argo CD removes what it deployed")
	}
	// The cache is good enough to tell with. Whoever arms the removal asks the API server itself.
	err := record.Arming{Lookup: r.Lookup, Live: r.Client, ArgoNamespace: r.ArgoCDNamespace}.Check(ctx, rec.Placement)
	if p := problem.As(err); p != nil {
		return step("%s", p.Message)
	}
	return "", err
}

// waitsForApproval says whether a namespace that the record gives up is kept until a person decides.
func (s *scope) waitsForApproval(rec *record.Record) bool {
	on := s.tenancy.on(rec.Placement.Destination.Cluster)
	return len(rec.Holds()) > 0 ||
		slices.ContainsFunc(rec.GivesUp(), func(ns string) bool { return on.stays[ns] != "" })
}

// lostRuntime says whether no runtime of the record's name exists although nobody asked for a teardown.
func (r *Reconciler) lostRuntime(ctx context.Context, rec *record.Record) (bool, error) {
	key := client.ObjectKey{Namespace: rec.Placement.Runtime.Namespace, Name: rec.Placement.Runtime.Name}
	if err := r.Client.Get(ctx, key, &api.DeploymentRuntime{}); client.IgnoreNotFound(err) != nil || err == nil {
		return false, err
	}
	if !rec.App.DeletionTimestamp.IsZero() {
		return false, nil
	}
	return catalog.IsAbsent(ctx, r.Live, key, &api.DeploymentRuntime{})
}

// maxSettled bounds how many of a kind the condition names: the API server takes no message of more than 32 KiB.
const maxSettled = 25

// settledBytes bounds the entries of a list in the condition: a message is cut at 2 KiB, and a command that is cut in the
// middle is of no use.
const settledBytes = 1400

// wholeOnes joins as many entries as there is room for, at least the first, and says how many there are and where the
// others stand.
func wholeOnes(what []string, room int) string {
	shown := 0
	for shown < len(what) && (shown == 0 || len(what[shown]) <= room) {
		room -= len(what[shown])
		shown++
	}
	out := strings.Join(what[:shown], "; ")
	if left := len(what) - shown; left > 0 {
		out += fmt.Sprintf("; and %d more, %d in all: see docs/howto/held-teardowns.md", left, len(what))
	}
	return out
}

func settledCondition(held, kept, orphaned, removing []string) metav1.Condition {
	list := func(intro string, what []string) string {
		sort.Strings(what)
		room := settledBytes
		if len(held) > 0 && len(kept) > 0 {
			room = settledBytes / 3
		}
		return intro + wholeOnes(what, room)
	}
	no := func(reason string, sentences ...string) metav1.Condition {
		return metav1.Condition{Type: api.ConditionRuntimesSettled, Status: metav1.ConditionFalse, Reason: reason,
			Message: strings.Join(sentences, "; ")}
	}
	const runtimesHeld = "deleted runtimes keep running until they come back or their removal is approved: "
	switch {
	case len(held) > 0 && len(kept) > 0:
		return no(api.ReasonTeardownHeld, list(runtimesHeld, held), list("and namespaces are kept: ", kept))
	case len(held) > 0:
		return no(api.ReasonTeardownHeld, list(runtimesHeld, held))
	case len(kept) > 0:
		return no(api.ReasonTeardownHeld, list("namespaces are kept: ", kept))
	case len(orphaned) > 0:
		return no(api.ReasonOrphaned, list("Applications have lost their runtime and keep running; create the runtime "+
			"again to take them over, or delete it then: ", orphaned))
	case len(removing) > 0:
		return no(api.ReasonTearingDown, list("being removed: ", removing))
	}
	return metav1.Condition{Type: api.ConditionRuntimesSettled, Status: metav1.ConditionTrue, Reason: api.ReasonSettled,
		Message: "no removal is held and every Application has its runtime"}
}
