package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func limited(limits api.ProductLimits) *api.Cluster {
	return rulestest.Cluster("c1", func(c *api.Cluster) { c.Spec.ProductLimits = &limits })
}

func TestAProductKeepsItsLimitsOnACluster(t *testing.T) {
	namespaces := func(names ...string) runtimeChange {
		return func(r *api.DeploymentRuntime) { r.Spec.Namespaces = names }
	}
	other := func(name, cluster string, namespaces ...string) rules.Record {
		return rulestest.Record("product-7", name, "dev", cluster, func(r *rules.Record) { r.Namespaces = namespaces })
	}
	elsewhere := func(namespaces ...string) rules.Record {
		return rulestest.Record("product-7", "x", "prod", "c2", func(r *rules.Record) { r.Namespaces = namespaces })
	}
	own := rulestest.Record("product-7", "dr", "dev", "c1",
		func(r *rules.Record) { r.Namespaces = []string{"a", "b", "c"} })
	earlier := rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) { r.Runtime.UID = "another" })
	leaving := rulestest.Record("product-7", "x", "dev", "c1", func(r *rules.Record) { r.Leaving = []string{"old"} })
	two := api.ProductLimits{ProductLimit: api.ProductLimit{Namespaces: 2}}
	one := api.ProductLimits{ProductLimit: api.ProductLimit{Runtimes: 1}}
	many := usual()
	for i := range 1000 {
		many.Record(other(fmt.Sprint("r", i), "c1", "shared"))
	}
	reached := []string{api.ReasonProductLimitReached}
	for sentence, c := range map[string]struct {
		world   *rulestest.World
		runtime *api.DeploymentRuntime
		want    []string
	}{
		"as many namespaces as it may": {usual().Add(limited(two)),
			usualRuntime(namespaces("a", "b")), nil},
		"one more": {usual().Add(limited(two)),
			usualRuntime(namespaces("a", "b", "c")), reached},
		"one more than others of the product leave": {usual().Add(limited(two)).
			Record(other("x", "c1", "x", "y")), usualRuntime(), reached},
		"those of another runtime": {usual().Add(limited(two)).
			Record(other("x", "c1", "x", "y")), usualRuntime(namespaces("x")), nil},
		"a namespace that is being given up still counts": {usual().Add(limited(two)).Record(leaving),
			usualRuntime(), reached},
		"another cluster does not count": {usual().Add(limited(two)).Record(elsewhere("x", "y")),
			usualRuntime(), nil},
		"another product does not count": {usual().Add(limited(two)).
			Record(rulestest.Record("product-8", "x", "dev", "c1"), rulestest.Record("product-8", "y", "dev", "c1")),
			usualRuntime(), nil},
		"a namespace that is granted does not count": {usual().Add(rulestest.Cluster("c1",
			granted("infra", "product-7"), func(c *api.Cluster) { c.Spec.ProductLimits = &two })),
			usualRuntime(namespaces("a", "b", "infra")), nil},
		"what is recorded stays above the limit": {usual().Add(limited(two)).Record(own),
			usualRuntime(namespaces("a", "b", "c")), nil},
		"and may become less": {usual().Add(limited(two)).Record(own),
			usualRuntime(namespaces("a", "b")), nil},
		"but not another": {usual().Add(limited(two)).Record(own),
			usualRuntime(namespaces("a", "d")), reached},
		"one more runtime": {usual().Add(limited(one)).Record(other("x", "c1", "x")),
			usualRuntime(), reached},
		"one that is recorded": {usual().Add(limited(one)).Record(other("x", "c1", "x"),
			own), usualRuntime(), nil},
		"one that takes the place of its earlier life": {usual().Add(limited(one)).Record(other("x", "c1", "x"),
			earlier), usualRuntime(), nil},
		"an override by name": {usual().Add(limited(api.ProductLimits{
			ProductLimit: two.ProductLimit, Overrides: map[string]api.ProductLimit{"product-7": {Namespaces: 3}}})),
			usualRuntime(namespaces("a", "b", "c")), nil},
		"an override for another product": {usual().Add(limited(api.ProductLimits{
			ProductLimit: two.ProductLimit, Overrides: map[string]api.ProductLimit{"product-8": {Namespaces: 3}}})),
			usualRuntime(namespaces("a", "b", "c")), reached},
		"a cluster that says nothing is no cluster for all": {many, usualRuntime(), reached},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := judge(t, c.world, c.runtime)
			if diff := cmp.Diff(c.want, reasons(got)); diff != "" {
				t.Error(diff)
			}
			if rules.StopsSync(got) || len(got) > 0 && !strings.Contains(got[0].Message, "productLimits") {
				t.Errorf("a limit takes no permission away, and says whom to ask: %v", got)
			}
		})
	}
}

// The pin of a path keeps an override with the product that it was given to.
func TestAnOverrideIsPinned(t *testing.T) {
	c := limited(api.ProductLimits{Overrides: map[string]api.ProductLimit{"nautes-labs": {Runtimes: 7},
		"product-8": {Namespaces: 3}}})
	c.Status.PinnedProducts = rules.PinProducts(c, []api.Product{*rulestest.Product("product-7", "nautes-labs")})
	for product, want := range map[string]api.ProductLimit{
		"product-7": {Namespaces: 500, Runtimes: 7}, "product-8": {Namespaces: 3, Runtimes: 1000},
		"product-9": {Namespaces: 500, Runtimes: 1000},
	} {
		if got := rules.LimitsOf(c, product); got != want {
			t.Errorf("%s: got %+v, want %+v", product, got, want)
		}
	}
}

func TestNamespacesOfWellKnownComponentsCannotBeSquatted(t *testing.T) {
	in := func(namespace string) runtimeChange {
		return func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{"shop", namespace} }
	}
	holding := func(product, namespace string) rules.Record {
		return rulestest.Record(product, "other", "dev", "c1",
			func(r *rules.Record) { r.Namespaces = []string{namespace} })
	}
	reserved := []string{api.ReasonNamespaceReserved}
	for _, name := range []string{"cert-manager", "monitoring", "ingress-nginx", "istio-system", "vault",
		"openshift-ingress", "cattle-system"} {
		for sentence, c := range map[string]struct {
			world *rulestest.World
			want  []string
		}{
			"on any cluster":             {usual(), reserved},
			"granted":                    {usual().Add(rulestest.Cluster("c1", granted(name, "product-7"))), nil},
			"granted to another":         {usual().Add(rulestest.Cluster("c1", granted(name, "product-8"))), reserved},
			"used before by the product": {usual().Record(holding("product-7", name)), nil},
			"used before by another": {usual().Record(holding("product-8", name)),
				append(reserved, api.ReasonNamespaceInUse)},
			"used before elsewhere": {usual().Record(rulestest.Record("product-7", "other", "prod", "c2",
				func(r *rules.Record) { r.Namespaces = []string{name} })), reserved},
		} {
			if diff := cmp.Diff(c.want, reasons(judge(t, c.world, usualRuntime(in(name))))); diff != "" {
				t.Errorf("%s, %s: %s", name, sentence, diff)
			}
		}
	}
	for _, name := range []string{"shop-system", "vault-7", "my-monitoring", "openshift"} {
		if got := judge(t, usual(), usualRuntime(in(name))); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}
