package apis

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// clusters returns a physical worker for deployments per change.
func clusters(changes ...func(*api.ClusterSpec)) []client.Object {
	out := make([]client.Object, 0, len(changes))
	for _, change := range changes {
		c := &api.Cluster{
			ObjectMeta: metav1.ObjectMeta{Name: "worker-1"},
			Spec: api.ClusterSpec{
				APIServer: "https://10.0.0.1:6443", ClusterType: api.ClusterTypePhysical,
				Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment,
			},
		}
		change(&c.Spec)
		out = append(out, c)
	}
	return out
}

func clusterRules() []rule {
	asItIs := func(*api.ClusterSpec) {}
	host := func(s *api.ClusterSpec) { s.Usage, s.WorkerType = api.ClusterUsageHost, "" }
	virtual := func(s *api.ClusterSpec) { s.ClusterType, s.HostCluster = api.ClusterTypeVirtual, "host-1" }
	return append(clusterGrantRules(),
		rule{
			message: "a worker cluster needs workerType: deployment or pipeline",
			accepted: clusters(asItIs, host, func(s *api.ClusterSpec) {
				s.WorkerType = api.WorkerTypePipeline
			}),
			refused: clusters(func(s *api.ClusterSpec) { s.WorkerType = "" }),
		},
		rule{
			message:  "a host cluster must be physical and has no workerType",
			accepted: clusters(host),
			refused: clusters(
				func(s *api.ClusterSpec) { host(s); virtual(s) },
				func(s *api.ClusterSpec) { s.Usage = api.ClusterUsageHost },
			),
		},
		rule{
			message:  "a virtual cluster needs hostCluster",
			accepted: clusters(virtual),
			refused:  clusters(func(s *api.ClusterSpec) { s.ClusterType = api.ClusterTypeVirtual }),
		},
		rule{
			message:  "a physical cluster has no hostCluster",
			accepted: clusters(asItIs),
			refused:  clusters(func(s *api.ClusterSpec) { s.HostCluster = "host-1" }),
		},
		rule{
			message:  "the name must be a DNS label of at most 54 characters: lower-case letters, digits and -",
			accepted: named(clusters(asItIs)[0], "a", "worker-1", strings.Repeat("a", 54)),
			refused:  named(clusters(asItIs)[0], "a.b", strings.Repeat("a", 55)),
		},
	)
}

func clusterGrantRules() []rule {
	namespaceGrant := func(namespace string, products int) func(*api.ClusterSpec) {
		return func(s *api.ClusterSpec) {
			s.ReservedNamespacesAllowedProducts = map[string][]string{namespace: words(products)}
		}
	}
	kindGrant := func(product string, kinds int) func(*api.ClusterSpec) {
		return func(s *api.ClusterSpec) {
			granted := make(api.GroupKinds, 0, kinds)
			for _, word := range words(kinds) {
				granted = append(granted, api.GroupKind{Kind: word})
			}
			s.ProductAllowedClusterResources = map[string]api.GroupKinds{product: granted}
		}
	}
	override := func(product string) func(*api.ClusterSpec) {
		return func(s *api.ClusterSpec) {
			s.ProductLimits = &api.ProductLimits{Overrides: map[string]api.ProductLimit{product: {Namespaces: 1}}}
		}
	}
	grant := func(group, kind string) func(*api.ClusterSpec) {
		return func(s *api.ClusterSpec) {
			s.ProductAllowedClusterResources = map[string]api.GroupKinds{"product-7": {{Group: group, Kind: kind}}}
		}
	}
	label := func(key, value string) func(*api.ClusterSpec) {
		return func(s *api.ClusterSpec) {
			s.NamespaceTemplate = &api.NamespaceTemplate{Labels: map[string]string{key: value}}
		}
	}
	annotation := func(length int) func(*api.ClusterSpec) {
		return func(s *api.ClusterSpec) {
			s.NamespaceTemplate = &api.NamespaceTemplate{Annotations: map[string]string{
				"a": strings.Repeat("a", length)}}
		}
	}
	return []rule{
		{
			message:  "a grant names a namespace of at most 63 characters and at most 500 products",
			accepted: clusters(namespaceGrant("istio-system", 500), namespaceGrant(strings.Repeat("a", 63), 0)),
			refused: clusters(namespaceGrant("istio-system", 501), namespaceGrant(strings.Repeat("a", 64), 1),
				namespaceGrant("", 1)),
		},
		{
			message:  "a grant names a product of at most 255 characters",
			accepted: clusters(kindGrant("labs/shop", 100), kindGrant(strings.Repeat("a", 255), 0)),
			refused:  clusters(kindGrant(strings.Repeat("a", 256), 1), kindGrant("", 1)),
		},
		{
			message:  "an override names a product of at most 255 characters",
			accepted: clusters(override("labs/shop"), override(strings.Repeat("a", 255))),
			refused:  clusters(override(strings.Repeat("a", 256)), override("")),
		},
		{
			message: "no product is granted Namespace or a kind of rbac.authorization.k8s.io, " +
				"admissionregistration.k8s.io or apiregistration.k8s.io, " +
				"because it would reach what others have: apply such objects yourself",
			accepted: clusters(grant("", "Node"), grant("scheduling.k8s.io", "PriorityClass"),
				grant("example.com", "Namespace")),
			refused: clusters(grant("", "Namespace"), grant("rbac.authorization.k8s.io", "ClusterRole"),
				grant("rbac.authorization.k8s.io", "ClusterRoleBinding"),
				grant("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
				grant("apiregistration.k8s.io", "APIService")),
		},
		{
			message:  "labels of nautes.resource.nautes.io are set by the operator alone",
			accepted: clusters(label("team", "a"), label("pod-security.kubernetes.io/enforce", "restricted")),
			refused:  clusters(label(api.LabelProduct, "product-8")),
		},
		{
			message:  "a label has at most 63 characters",
			accepted: clusters(label("team", strings.Repeat("a", 63))),
			refused:  clusters(label("team", strings.Repeat("a", 64))),
		},
		{
			message:  "an annotation has at most 4096 characters",
			accepted: clusters(annotation(4096)),
			refused:  clusters(annotation(4097)),
		},
	}
}

func words(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("a%d", i)
	}
	return out
}
