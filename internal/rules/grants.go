package rules

import (
	"cmp"
	"maps"
	"regexp"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// A grant names a product by its resource name or by the path of its group. A path counts only through its pin. The pin
// is the product that had the path when the grant was first seen. So nobody takes over a grant by renaming a group.

// resourceName matches what always counts as a resource name. A group whose path looks like one cannot be granted by
// path.
var resourceName = regexp.MustCompile(`^product-[0-9]+$`)

// ClusterRefuses says why the product may not deploy to the cluster, or nil when it may.
func ClusterRefuses(cluster *api.Cluster, product string) *problem.Problem {
	if cluster.Spec.Usage != api.ClusterUsageWorker || cluster.Spec.WorkerType != api.WorkerTypeDeployment {
		return problem.New(problem.Forbidden, api.ReasonClusterNotAllowed,
			"cluster %q does not take deployments: choose a worker cluster of type deployment", cluster.Name)
	}
	if len(cluster.Spec.AllowedProducts) > 0 && !grantedTo(cluster, cluster.Spec.AllowedProducts, product) {
		return problem.New(problem.Forbidden, api.ReasonClusterNotAllowed,
			"cluster %q is not open to this product: choose another cluster, or ask the platform team to add the "+
				"product to spec.allowedProducts", cluster.Name)
	}
	return nil
}

// TakesNothingNew reports that the cluster is being removed. It returns nil when it is not. Runtimes that are on the
// cluster are served until they are removed.
func TakesNothingNew(cluster *api.Cluster) *problem.Problem {
	if cluster.DeletionTimestamp.IsZero() {
		return nil
	}
	return problem.New(problem.Conflict, api.ReasonClusterNotAllowed,
		"cluster %q is being removed and takes nothing new; what runs there keeps running: choose another cluster, "+
			"or ask the platform team to keep this one", cluster.Name)
}

// GrantedNamespaces returns the reserved namespaces of the cluster that the product may use.
func GrantedNamespaces(cluster *api.Cluster, product string) []string {
	var granted []string
	for _, namespace := range slices.Sorted(maps.Keys(cluster.Spec.ReservedNamespacesAllowedProducts)) {
		if grantedTo(cluster, cluster.Spec.ReservedNamespacesAllowedProducts[namespace], product) {
			granted = append(granted, namespace)
		}
	}
	return granted
}

// GrantedClusterKinds returns the cluster-scoped kinds that the product may deploy to the cluster.
func GrantedClusterKinds(cluster *api.Cluster, product string) []api.GroupKind {
	var granted []api.GroupKind
	for entry, kinds := range cluster.Spec.ProductAllowedClusterResources {
		if grantedTo(cluster, []string{entry}, product) {
			granted = append(granted, kinds...)
		}
	}
	granted = slices.DeleteFunc(granted, reachesOthers)
	slices.SortFunc(granted, func(a, b api.GroupKind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.Compact(granted)
}

// reachesOthers says whether a product that deploys objects of this kind could affect more than its own namespaces: the
// namespaces of others, anybody's permissions, or the requests to the API server. The schema refuses such grants, but a
// Cluster may have been stored by an earlier version.
func reachesOthers(k api.GroupKind) bool {
	switch k.Group {
	case "":
		return k.Kind == "Namespace"
	case "rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apiregistration.k8s.io":
		return true
	}
	return false
}

// IsReserved says whether the namespace is reserved on the cluster. A namespace that is granted to some products is
// reserved for all others.
func IsReserved(cluster *api.Cluster, namespace string) bool {
	_, granted := cluster.Spec.ReservedNamespacesAllowedProducts[namespace]
	return granted || slices.Contains(cluster.Spec.ReservedNamespaces, namespace)
}

// PinProducts returns the pins for the cluster's grants. An existing pin stays as long as its path is in the spec. A
// new path is pinned to the product that has it now. A pin never moves: to give a grant to the new owner of a path,
// remove the path from the spec and add it again.
func PinProducts(cluster *api.Cluster, products []api.Product) []api.PinnedProduct {
	var pins []api.PinnedProduct
	for _, path := range grantedPaths(cluster) {
		product := pinOf(cluster, path)
		if product == "" {
			product = ownerOf(path, products)
		}
		if product != "" {
			pins = append(pins, api.PinnedProduct{Path: path, Product: product})
		}
	}
	return pins
}

// grantedPaths returns the entries of all grants that may be paths, sorted.
func grantedPaths(cluster *api.Cluster) []string {
	entries := slices.Clone(cluster.Spec.AllowedProducts)
	for _, products := range cluster.Spec.ReservedNamespacesAllowedProducts {
		entries = append(entries, products...)
	}
	entries = slices.AppendSeq(entries, maps.Keys(cluster.Spec.ProductAllowedClusterResources))
	if limits := cluster.Spec.ProductLimits; limits != nil {
		entries = slices.AppendSeq(entries, maps.Keys(limits.Overrides))
	}
	entries = slices.DeleteFunc(entries, resourceName.MatchString)
	slices.Sort(entries)
	return slices.Compact(entries)
}

// ownerOf returns the product that has the path. It returns nothing if several have it, or if a product has the path as
// its resource name.
func ownerOf(path string, products []api.Product) string {
	owner := ""
	for i := range products {
		p := &products[i]
		if p.Name == path || (p.Spec.Name == path && owner != "") {
			return ""
		}
		if p.Spec.Name == path && p.DeletionTimestamp.IsZero() {
			owner = p.Name
		}
	}
	return owner
}

func pinOf(cluster *api.Cluster, path string) string {
	for _, pin := range cluster.Status.PinnedProducts {
		if pin.Path == path {
			return pin.Product
		}
	}
	return ""
}

// grantedTo says whether one of the entries names the product.
func grantedTo(cluster *api.Cluster, entries []string, product string) bool {
	return slices.ContainsFunc(entries, func(entry string) bool {
		return entry == product || pinOf(cluster, entry) == product
	})
}
