package rules

import (
	"cmp"
	"maps"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// What a product may have on a cluster without limits in its spec: enough for every product, and finite.
const (
	defaultNamespaces = 500
	defaultRuntimes   = 1000
)

// LimitsOf returns the limits of the product on the cluster. Both numbers are set.
func LimitsOf(cluster *api.Cluster, product string) api.ProductLimit {
	limits := cluster.Spec.ProductLimits
	if limits == nil {
		limits = &api.ProductLimits{}
	}
	own, named := limits.Overrides[product]
	for _, entry := range slices.Sorted(maps.Keys(limits.Overrides)) {
		if !named && pinOf(cluster, entry) == product {
			own, named = limits.Overrides[entry], true
		}
	}
	return api.ProductLimit{
		Namespaces: cmp.Or(own.Namespaces, limits.Namespaces, defaultNamespaces),
		Runtimes:   cmp.Or(own.Runtimes, limits.Runtimes, defaultRuntimes),
	}
}

// productKeepsItsLimits refuses new runtimes and namespaces above the limits. Recorded ones stay, even if a limit was
// lowered.
func (c *runtimeCase) productKeepsItsLimits() []*problem.Problem {
	cluster := c.resolution.Cluster
	if cluster == nil || c.limitsUnknown() != nil {
		return nil
	}
	limit, granted := LimitsOf(cluster, c.runtime.Namespace), GrantedNamespaces(cluster, c.runtime.Namespace)
	recorded := slices.ContainsFunc(c.named.value, func(r Record) bool { // or an earlier life, whose place it takes
		return r.Destination.Cluster == cluster.Name
	})
	if !recorded && c.total.value.RuntimesOn(cluster.Name) >= int(limit.Runtimes) {
		return only(problem.New(problem.Conflict, api.ReasonProductLimitReached,
			"the product has as many runtimes on cluster %q as it may have, which is %d: delete one, or ask the "+
				"platform team to raise spec.productLimits of the cluster",
			cluster.Name, limit.Runtimes).At("spec.destination"))
	}
	more := 0
	for _, ns := range c.runtime.EffectiveNamespaces() {
		if !c.productHolds(ns) && !slices.Contains(granted, ns) {
			more++
		}
	}
	held := c.total.value.Namespaces[cluster.Name]
	for _, ns := range granted { // they do not count
		if c.productHolds(ns) {
			held--
		}
	}
	if more > 0 && held+more > int(limit.Namespaces) {
		return only(NamespaceLimitReached(cluster.Name, limit))
	}
	return nil
}

func (c *runtimeCase) limitsUnknown() error {
	if c.resolution.Cluster == nil {
		return c.clusterUnknown()
	}
	return cmp.Or(c.named.err, c.total.err, c.holders.err)
}

// NamespaceLimitReached reports that a product may not have more namespaces on a cluster.
func NamespaceLimitReached(cluster string, limit api.ProductLimit) *problem.Problem {
	return problem.New(problem.Conflict, api.ReasonProductLimitReached,
		"the product may have %d namespaces on cluster %q, and these would be more: use fewer in spec.namespaces, or "+
			"ask the platform team to raise "+
			"spec.productLimits of the cluster, or to remove namespaces that were kept there", limit.Namespaces,
		cluster).At("spec.namespaces")
}
