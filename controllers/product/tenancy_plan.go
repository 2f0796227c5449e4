package product

import (
	"slices"
	"sort"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// clusterPlan says what is to be done with the namespaces of one product on one cluster. Only what a record names is
// ever made, and only what a record gives up is ever deleted: that no record names a namespace is no reason.
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
func planTenancy(records []*record.Record) []clusterPlan {
	plans := map[string]*clusterPlan{}
	used := map[desired.Destination]bool{}
	plan := func(cluster string) *clusterPlan {
		if plans[cluster] == nil {
			plans[cluster] = &clusterPlan{cluster: cluster}
		}
		return plans[cluster]
	}
	for _, r := range records {
		p := plan(r.Placement.Destination.Cluster)
		for _, ns := range r.Holds() {
			used[desired.Destination{Cluster: p.cluster, Namespace: ns}] = true
		}
		if r.Teardown == nil && r.App.DeletionTimestamp.IsZero() {
			p.prepare = append(p.prepare, r.Placement.Namespaces...)
		}
	}
	for _, r := range records {
		p := plan(r.Placement.Destination.Cluster)
		for _, ns := range r.GivesUp() {
			switch {
			case used[desired.Destination{Cluster: p.cluster, Namespace: ns}]:
			case r.Placement.DeletionPolicy == api.DeletionPolicyOrphan:
				p.retain = append(p.retain, ns)
			default:
				p.remove = append(p.remove, ns)
			}
		}
	}
	var out []clusterPlan
	for _, p := range plans {
		p.prepare, p.remove, p.retain = inOrder(p.prepare), inOrder(p.remove), inOrder(p.retain)
		p.remove = slices.DeleteFunc(p.remove, func(ns string) bool {
			_, retained := slices.BinarySearch(p.retain, ns)
			return retained
		})
		out = append(out, *p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].cluster < out[j].cluster })
	return out
}

// applications returns, for each namespace, the Applications that have it in their record and may still write there.
// Where a record cannot be read nobody knows them all, and what was noted before stays.
func (s *scope) applications() map[desired.Destination][]string {
	if len(s.damaged) > 0 {
		return nil
	}
	out := map[desired.Destination][]string{}
	for _, r := range s.records {
		if r.TornDown() {
			continue
		}
		for _, ns := range slices.Concat(r.Placement.Namespaces, r.Placement.Leaving) {
			d := desired.Destination{Cluster: r.Placement.Destination.Cluster, Namespace: ns}
			out[d] = append(out[d], r.App.Name)
		}
	}
	return out
}

// lacks says whether one of these Applications names something for the product that no record of the pass names. What
// the pass has read with the same words is not lacking, also where it is damaged.
func (s *scope) lacks(apps []metav1.PartialObjectMetadata) bool {
	read := map[string]string{}
	for i := range s.apps {
		read[s.apps[i].Name] = s.apps[i].Annotations[api.AnnotationPlacement]
	}
	return slices.ContainsFunc(apps, func(app metav1.PartialObjectMetadata) bool {
		text := app.Annotations[api.AnnotationPlacement]
		if before, known := read[app.Name]; known && before == text {
			return false
		}
		p, err := placement.Decode(text)
		return err == nil && p.Product == s.product.Name && !covers(s.records, app.Name, p)
	})
}

// covers says whether one of the records is of the same Application and names all that this placement does.
func covers(records []*record.Record, app string, p placement.Placement) bool {
	return slices.ContainsFunc(records, func(known *record.Record) bool {
		return known.App.Name == app && known.Placement.RepoURL == p.RepoURL &&
			known.Placement.Destination.Cluster == p.Destination.Cluster &&
			!slices.ContainsFunc(slices.Concat(p.Namespaces, p.Leaving), func(ns string) bool {
				return !slices.Contains(known.Placement.Namespaces, ns) && !slices.Contains(known.Placement.Leaving, ns)
			})
	})
}

func inOrder(s []string) []string {
	sort.Strings(s)
	return slices.Compact(s)
}
