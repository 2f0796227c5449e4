package rules

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// SystemNamespaces are namespaces that no product may ever use, on any cluster.
type SystemNamespaces []string

// reserves says whether the namespace belongs to Kubernetes, to Argo CD or to this system.
func (s SystemNamespaces) reserves(namespace string) bool {
	return namespace == "default" || strings.HasPrefix(namespace, "kube-") ||
		strings.HasPrefix(namespace, identity.ProductPrefix) ||
		slices.Contains(s, namespace)
}

// namespaceField returns the field of the i-th namespace of a runtime. Without spec.namespaces that is the name.
func namespaceField(r *api.DeploymentRuntime, i int) string {
	if len(r.Spec.Namespaces) == 0 {
		return "metadata.name"
	}
	return fmt.Sprintf("spec.namespaces[%d]", i)
}

// namespacesAreNotReserved checks system namespaces even if the cluster is not known.
func (c *runtimeCase) namespacesAreNotReserved() []*problem.Problem {
	cluster := c.resolution.Cluster
	var granted []string
	if cluster != nil {
		granted = GrantedNamespaces(cluster, c.runtime.Namespace)
	}
	var violations []*problem.Problem
	for i, ns := range c.runtime.EffectiveNamespaces() {
		field := namespaceField(c.runtime, i)
		switch {
		case c.system.reserves(ns):
			violations = append(violations, problem.New(problem.Forbidden, api.ReasonNamespaceReserved,
				"namespace %q is a system namespace: choose another in spec.namespaces", ns).At(field))
		case cluster == nil:
		case IsReserved(cluster, ns) && !slices.Contains(granted, ns):
			violations = append(violations, problem.New(problem.Forbidden, api.ReasonNamespaceReserved,
				"namespace %q is reserved on cluster %q: choose another in spec.namespaces, or ask the platform "+
					"team for a grant", ns, cluster.Name).At(field))
		case c.isOfPlatform(ns) && c.holders.err == nil && !c.productHolds(ns):
			violations = append(violations, problem.New(problem.Forbidden, api.ReasonNamespaceReserved,
				"namespace %q is where a well-known platform component is installed, and so reserved on "+
					"every cluster: "+
					"choose another in spec.namespaces, or ask the platform team for a grant", ns).At(field))
		}
	}
	return violations
}

// isOfPlatform says whether the namespace belongs to a well-known platform component. It is false when the cluster
// itself reserves the namespace.
func (c *runtimeCase) isOfPlatform(ns string) bool {
	cluster := c.resolution.Cluster
	return cluster != nil && !c.system.reserves(ns) && !IsReserved(cluster, ns) && ofPlatformComponent(ns)
}

// reservedUnknown says why namespacesAreNotReserved cannot be checked. It needs the holders for the namespace of a
// platform component, because the product may have used that namespace before it was reserved.
func (c *runtimeCase) reservedUnknown() error {
	if slices.ContainsFunc(c.runtime.EffectiveNamespaces(), c.isOfPlatform) {
		return c.holders.err
	}
	return c.clusterUnknown()
}

// ofPlatformComponent says whether the documentation of a well-known component installs it in this namespace. If a
// product deployed there first, a component that the platform installs later would run in the product's namespace, and
// the product's RoleBindings would apply to it.
func ofPlatformComponent(namespace string) bool {
	switch namespace {
	case "argo-events", "argo-rollouts", "argo-workflows", "argocd", "calico-apiserver", "calico-system", "capi-system",
		"cert-manager", "cilium",
		"cilium-secrets", "cnpg-system", "consul", "crossplane-system", "external-dns", "external-secrets", "falco",
		"fleet-default", "flux-system",
		"gatekeeper-system", "gmp-system", "gke-managed-system", "ingress-nginx", "istio-ingress", "istio-system",
		"kafka-operator",
		"karpenter", "keda", "knative-eventing", "knative-serving", "kubernetes-dashboard", "kubevirt", "kyverno",
		"linkerd", "linkerd-viz",
		"local-path-storage", "logging", "longhorn-system", "metallb-system", "minio-operator", "monitoring",
		"nginx-ingress", "observability",
		"olm", "operators", "projectcontour", "prometheus", "rook-ceph", "sealed-secrets", "secrets-store-csi-driver",
		"tekton-pipelines",
		"tigera-operator", "traefik", "trivy-system", "vault", "velero":
		return true
	}
	return strings.HasPrefix(namespace, "openshift-") || strings.HasPrefix(namespace, "cattle-")
}

// productHolds says whether a runtime of the product is recorded with the namespace on the cluster.
func (c *runtimeCase) productHolds(namespace string) bool {
	return slices.ContainsFunc(c.holders.value[namespace], func(h Holder) bool {
		return h.Product == c.runtime.Namespace
	})
}

// clusterUnknown returns ErrUnchecked when it is not known whether the cluster exists.
func (c *runtimeCase) clusterUnknown() error { return c.unresolved(api.ReasonClusterNotFound) }

// namespacesAreFree compares with the records of other products on the cluster. Two runtimes that are not recorded yet
// need not be compared, because records are written one at a time.
func (c *runtimeCase) namespacesAreFree() []*problem.Problem {
	cluster := c.resolution.Cluster
	if cluster == nil {
		return nil
	}
	shared := GrantedNamespaces(cluster, c.runtime.Namespace)
	var violations []*problem.Problem
	for i, ns := range c.runtime.EffectiveNamespaces() {
		inUse := func(h Holder) bool { return h.Product != c.runtime.Namespace && !c.recordedBefore(h) }
		if slices.Contains(shared, ns) || !slices.ContainsFunc(c.holders.value[ns], inUse) {
			continue
		}
		violations = append(violations, problem.New(problem.Conflict, api.ReasonNamespaceInUse,
			"namespace %q on cluster %q is in use by another product: choose other namespaces in spec.namespaces", ns,
			cluster.Name).At(namespaceField(c.runtime, i)))
	}
	return violations
}

func (c *runtimeCase) recordedBefore(other Holder) bool {
	if c.own == nil {
		return false
	}
	if !c.own.Since.Equal(other.Since) {
		return c.own.Since.Before(other.Since)
	}
	return c.own.Product < other.Product
}
