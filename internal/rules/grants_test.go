package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func pinned(path, product string) func(*api.Cluster) {
	return func(c *api.Cluster) {
		c.Status.PinnedProducts = append(c.Status.PinnedProducts, api.PinnedProduct{Path: path, Product: product})
	}
}

func allowing(entries ...string) func(*api.Cluster) {
	return func(c *api.Cluster) { c.Spec.AllowedProducts = entries }
}

func beingRemoved(c *api.Cluster) { c.DeletionTimestamp = &metav1.Time{Time: rulestest.Epoch()} }

func TestClusterRefuses(t *testing.T) {
	for sentence, tc := range map[string]struct {
		cluster *api.Cluster
		refused bool
	}{
		"a worker for deployments that lists no products is open to all": {cluster: rulestest.Cluster("c1")},
		"a host is refused": {
			cluster: rulestest.Cluster("c1",
				func(c *api.Cluster) { c.Spec.Usage, c.Spec.WorkerType = api.ClusterUsageHost, "" }),
			refused: true,
		},
		"a worker for pipelines is refused": {
			cluster: rulestest.Cluster("c1", func(c *api.Cluster) { c.Spec.WorkerType = api.WorkerTypePipeline }),
			refused: true,
		},
		"a cluster that is being removed is refused to nobody who is there": {cluster: rulestest.Cluster("c1",
			beingRemoved)},
		"a product that is listed by resource name may": {cluster: rulestest.Cluster("c1",
			allowing("product-1", "product-7"))},
		"a product that is not listed may not": {cluster: rulestest.Cluster("c1",
			allowing("product-1")), refused: true},
		"a product that is listed by a pinned path may": {cluster: rulestest.Cluster("c1",
			allowing("labs"), pinned("labs", "product-7"))},
		"a path that is not pinned counts for nobody": {cluster: rulestest.Cluster("c1",
			allowing("labs")), refused: true},
		"a path that is pinned to another product does not count": {
			cluster: rulestest.Cluster("c1", allowing("labs"), pinned("labs", "product-8")), refused: true,
		},
		"a pin whose path left the list does not count": {
			cluster: rulestest.Cluster("c1", allowing("product-1"), pinned("labs", "product-7")), refused: true,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			p := rules.ClusterRefuses(tc.cluster, "product-7")
			if (p != nil) != tc.refused {
				t.Fatalf("got %v", p)
			}
			if p != nil && p.Reason != api.ReasonClusterNotAllowed {
				t.Errorf("reason %s", p.Reason)
			}
		})
	}
}

func TestGrantsOfNamespacesAndKinds(t *testing.T) {
	cluster := rulestest.Cluster("c1", pinned("labs", "product-7"), func(c *api.Cluster) {
		c.Spec.ReservedNamespaces = []string{"monitoring"}
		c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{
			"istio": {"labs"}, "argocd": {"product-7", "product-8"}, "vault": {"product-8"},
		}
		c.Spec.ProductAllowedClusterResources = map[string]api.GroupKinds{
			"labs":      {{Group: "scheduling.k8s.io", Kind: "PriorityClass"}, {Kind: "PersistentVolume"}},
			"product-7": {{Group: "scheduling.k8s.io", Kind: "PriorityClass"}},
			"product-8": {{Kind: "Node"}},
		}
	})
	if diff := cmp.Diff([]string{"argocd", "istio"}, rules.GrantedNamespaces(cluster, "product-7")); diff != "" {
		t.Errorf("granted namespaces (-want +got):\n%s", diff)
	}
	kinds := []api.GroupKind{{Kind: "PersistentVolume"}, {Group: "scheduling.k8s.io", Kind: "PriorityClass"}}
	if diff := cmp.Diff(kinds, rules.GrantedClusterKinds(cluster, "product-7")); diff != "" {
		t.Errorf("granted kinds (-want +got):\n%s", diff)
	}
	if got := rules.GrantedNamespaces(cluster, "product-9"); len(got) > 0 {
		t.Errorf("a product without a grant was granted %v", got)
	}
	for namespace, want := range map[string]bool{"monitoring": true, "istio": true, "shop": false} {
		if got := rules.IsReserved(cluster, namespace); got != want {
			t.Errorf("reserved %s: got %v", namespace, got)
		}
	}
}

func TestAKindThatReachesOthersIsGrantedToNobody(t *testing.T) {
	for kind, want := range map[api.GroupKind]bool{
		{Kind: "Namespace"}: false, {Kind: "Node"}: true, {Group: "example.com", Kind: "Namespace"}: true,
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:                  false,
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}:           false,
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}: false,
		{Group: "apiregistration.k8s.io", Kind: "APIService"}:                      false,
		{Group: "storage.k8s.io", Kind: "StorageClass"}:                            true,
	} {
		cluster := rulestest.Cluster("c1", func(c *api.Cluster) {
			c.Spec.ProductAllowedClusterResources = map[string]api.GroupKinds{"product-7": {kind}}
		})
		if got := len(rules.GrantedClusterKinds(cluster, "product-7")) == 1; got != want {
			t.Errorf("%+v is granted: %v", kind, got)
		}
	}
}

func TestPinProducts(t *testing.T) {
	now := metav1.NewTime(rulestest.Epoch())
	labs := *rulestest.Product("product-7", "labs")
	for sentence, tc := range map[string]struct {
		cluster  *api.Cluster
		products []api.Product
		want     []api.PinnedProduct
	}{
		"a new path is pinned to the product that has it": {
			cluster:  rulestest.Cluster("c1", allowing("labs")),
			products: []api.Product{labs, *rulestest.Product("product-8", "other")},
			want:     []api.PinnedProduct{{Path: "labs", Product: "product-7"}},
		},
		"a path that nobody has is not pinned yet": {
			cluster: rulestest.Cluster("c1", allowing("labs")),
		},
		"a pin does not move to another group that takes the path": {
			cluster: rulestest.Cluster("c1", allowing("labs"), pinned("labs", "product-7")),
			products: []api.Product{*rulestest.Product("product-7", "renamed"),
				*rulestest.Product("product-8", "labs")},
			want: []api.PinnedProduct{{Path: "labs", Product: "product-7"}},
		},
		"a pin stays though its product is gone": {
			cluster:  rulestest.Cluster("c1", allowing("labs"), pinned("labs", "product-7")),
			products: []api.Product{*rulestest.Product("product-8", "labs")},
			want:     []api.PinnedProduct{{Path: "labs", Product: "product-7"}},
		},
		"a pin goes with its path": {
			cluster:  rulestest.Cluster("c1", allowing("product-7"), pinned("labs", "product-7")),
			products: []api.Product{labs},
		},
		"a path that two products have is pinned to neither": {
			cluster:  rulestest.Cluster("c1", allowing("labs")),
			products: []api.Product{labs, *rulestest.Product("product-8", "labs")},
		},
		"a product that is being deleted gets no grant": {
			cluster: rulestest.Cluster("c1", allowing("labs")),
			products: []api.Product{*rulestest.Product("product-7", "labs",
				func(p *api.Product) { p.DeletionTimestamp = &now })},
		},
		"a group cannot take a grant over by a path that looks like a resource name": {
			cluster:  rulestest.Cluster("c1", allowing("product-7")),
			products: []api.Product{*rulestest.Product("product-66", "product-7")},
		},
		"a path that is the resource name of another product is not pinned": {
			cluster: rulestest.Cluster("c1", allowing("product-x")),
			products: []api.Product{*rulestest.Product("product-66", "product-x"),
				*rulestest.Product("product-x", "labs")},
		},
		"paths of all grants are pinned, in order and once": {
			cluster: rulestest.Cluster("c1", allowing("labs"), func(c *api.Cluster) {
				c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{"istio": {"labs", "b"}}
				c.Spec.ProductAllowedClusterResources = map[string]api.GroupKinds{"a": {{Kind: "Node"}}}
			}),
			products: []api.Product{labs, *rulestest.Product("product-1", "a"), *rulestest.Product("product-2", "b")},
			want: []api.PinnedProduct{{Path: "a", Product: "product-1"}, {Path: "b", Product: "product-2"},
				{Path: "labs", Product: "product-7"}},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, rules.PinProducts(tc.cluster, tc.products)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
