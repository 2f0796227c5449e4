package controllers

import (
	"slices"
	"sort"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// clusterPlan says what is to be done with the namespaces of one product on one cluster. Only what a record names is ever made, and
// only what a record gives up is ever deleted: that no record names a namespace is no reason.
type clusterPlan struct {
	cluster string
	// prepare are the namespaces that living runtimes use.
	prepare []string
	// remove are the namespaces that runtimes gave up and that no other one uses.
	remove []string
	// retain are the namespaces of runtimes that went with the policy Orphan.
	retain []string
}

// planTenancy plans from the records of one product.
func planTenancy(records []*appRecord) []clusterPlan {
	plans := map[string]*clusterPlan{}
	used := map[desired.Destination]bool{}
	plan := func(cluster string) *clusterPlan {
		if plans[cluster] == nil {
			plans[cluster] = &clusterPlan{cluster: cluster}
		}
		return plans[cluster]
	}
	for _, r := range records {
		p := plan(r.placement.Destination.Cluster)
		for _, ns := range r.holds() {
			used[desired.Destination{Cluster: p.cluster, Namespace: ns}] = true
		}
		if r.teardown == nil && r.app.DeletionTimestamp.IsZero() {
			p.prepare = append(p.prepare, r.placement.Namespaces...)
		}
	}
	for _, r := range records {
		p := plan(r.placement.Destination.Cluster)
		for _, ns := range r.givesUp() {
			switch {
			case used[desired.Destination{Cluster: p.cluster, Namespace: ns}]:
			case r.placement.DeletionPolicy == api.DeletionPolicyOrphan:
				p.retain = append(p.retain, ns)
			default:
				p.remove = append(p.remove, ns)
			}
		}
	}
	var out []clusterPlan
	for _, p := range plans {
		p.prepare, p.remove, p.retain = inOrder(p.prepare), inOrder(p.remove), inOrder(p.retain)
		p.remove = slices.DeleteFunc(p.remove, func(ns string) bool { return slices.Contains(p.retain, ns) })
		out = append(out, *p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].cluster < out[j].cluster })
	return out
}

// applications returns, for each namespace, the Applications that have it in their record and may still write there. Where a record cannot
// be read nobody knows them all, and what was noted before stays.
func (s *productScope) applications() map[desired.Destination][]string {
	if len(s.damaged) > 0 {
		return nil
	}
	out := map[desired.Destination][]string{}
	for _, r := range s.records {
		if r.tornDown() {
			continue
		}
		for _, ns := range slices.Concat(r.placement.Namespaces, r.placement.Leaving) {
			d := desired.Destination{Cluster: r.placement.Destination.Cluster, Namespace: ns}
			out[d] = append(out[d], r.app.Name)
		}
	}
	return out
}

// tornDown says whether Argo CD has removed what the Application deployed: the removal was asked for and only our finalizer is left.
func (r *appRecord) tornDown() bool {
	return r.teardown != nil && !r.app.DeletionTimestamp.IsZero() && slices.Equal(r.app.Finalizers, []string{api.Finalizer})
}

// givesUp returns the namespaces that the record does not need any more: all of a runtime that was torn down, and of a living one those that
// it left and whose departure is cleared. A departure that is held stays so when the runtime goes: the approval of its removal was not for that.
func (r *appRecord) givesUp() []string {
	var out []string
	for _, ns := range r.placement.Leaving {
		if !r.holdsDeparture(ns) {
			out = append(out, ns)
		}
	}
	if r.tornDown() {
		out = append(out, r.placement.Namespaces...)
	}
	return out
}

// holds returns the namespaces that the record still needs.
func (r *appRecord) holds() []string {
	given := r.givesUp()
	return slices.DeleteFunc(slices.Concat(r.placement.Namespaces, r.placement.Leaving), func(ns string) bool { return slices.Contains(given, ns) })
}

// holdsDeparture says whether a namespace that the runtime left may not be deleted yet.
func (r *appRecord) holdsDeparture(namespace string) bool {
	d := r.placement.Departure(namespace)
	switch {
	case r.placement.DeletionPolicy == api.DeletionPolicyOrphan: // it is going to be kept
		return false
	case d != nil && d.Cleared:
		return false
	case r.tornDown():
		return d != nil && d.Hold != placement.HoldNone && !r.approves(namespace)
	}
	return true
}

func inOrder(s []string) []string {
	sort.Strings(s)
	return slices.Compact(s)
}
