package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

const (
	system = api.SystemNamespaceDefault
	argoCD = "argocd"
)

// scheme knows Argo CD's types, as the operator's does.
func scheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(api.AddToScheme(s), argo.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	return s
}

// application returns an Application that is the record of a runtime of the product on the cluster.
func application(namespace, name, product, cluster string) *observed.Application {
	record := rulestest.Record(product, name, "dev", cluster)
	return &observed.Application{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name,
		Annotations:       map[string]string{api.AnnotationPlacement: record.Placement.Encode()},
		CreationTimestamp: metav1.NewTime(rulestest.Epoch()),
	}}
}

func lookedUp(t *testing.T) func(client.Object, error) string {
	t.Helper()
	return func(obj client.Object, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if obj == nil {
			return ""
		}
		return obj.GetNamespace() + "/" + obj.GetName()
	}
}

func TestObjectsCountInTheirNamespaceOnly(t *testing.T) {
	ctx := t.Context()
	stray := func(o client.Object) client.Object { o.SetNamespace("product-7"); return o }
	c := catalog.New(fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(
		rulestest.Product("product-7", "g"), rulestest.Cluster("c1"), rulestest.Provider("gitlab"),
		stray(rulestest.Product("product-8", "g")), stray(rulestest.Cluster("c2")), stray(rulestest.Provider("evil")),
		rulestest.Environment("product-7", "dev", "c1"), rulestest.Project("product-7", "shop"),
		rulestest.CodeRepo("product-7", "repo-3", "shop"),
		rulestest.Environment("product-8", "prod", "c1"), rulestest.Project("product-8", "cart"),
		rulestest.CodeRepo("product-8", "repo-4", "cart"),
		rulestest.Runtime("product-7", "dr", "repo-3", "dev"),
		rulestest.Runtime("product-8", "other", "repo-4", "prod"),
		rulestest.Binding("product-7", "own", "repo-4", "product-7"),
		rulestest.Binding("product-8", "lent", "repo-4", "product-7"),
		rulestest.Binding("product-8", "kept", "repo-4", "product-8"),
		rulestest.Binding("product-8", "another", "repo-5", "product-7"),
	).Build(), system, argoCD)

	for want, got := range map[string]string{
		system + "/product-7": lookedUp(t)(c.Get(ctx, "Product", "", "product-7")),
		system + "/c1":        lookedUp(t)(c.Get(ctx, "Cluster", "", "c1")),
		system + "/gitlab":    lookedUp(t)(c.Get(ctx, "CodeRepoProvider", "", "gitlab")),
		"product-7/dev":       lookedUp(t)(c.Get(ctx, "Environment", "product-7", "dev")),
		"product-7/shop":      lookedUp(t)(c.Get(ctx, "Project", "product-7", "shop")),
		"product-7/repo-3":    lookedUp(t)(c.Get(ctx, "CodeRepo", "product-7", "repo-3")),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for what, got := range map[string]string{
		"a product in another namespace":      lookedUp(t)(c.Get(ctx, "Product", "", "product-8")),
		"a cluster in another namespace":      lookedUp(t)(c.Get(ctx, "Cluster", "", "c2")),
		"a provider in another namespace":     lookedUp(t)(c.Get(ctx, "CodeRepoProvider", "", "evil")),
		"an environment of another product":   lookedUp(t)(c.Get(ctx, "Environment", "product-7", "prod")),
		"a project of another product":        lookedUp(t)(c.Get(ctx, "Project", "product-7", "cart")),
		"a code repo of another product":      lookedUp(t)(c.Get(ctx, "CodeRepo", "product-7", "repo-4")),
		"a name that is empty":                lookedUp(t)(c.Get(ctx, "Project", "product-7", "")),
		"a cluster that nobody has heard of ": lookedUp(t)(c.Get(ctx, "Cluster", "", "c9")),
	} {
		if got != "" {
			t.Errorf("%s: got %q", what, got)
		}
	}
	for kind, c := range map[string]struct {
		got  []string
		want string
	}{
		"Clusters":     {listed(t)(c.List(ctx, "Cluster", "")), "c1"},
		"Environments": {listed(t)(c.List(ctx, "Environment", "product-7")), "dev"},
		"Projects":     {listed(t)(c.List(ctx, "Project", "product-7")), "shop"},
		"CodeRepos":    {listed(t)(c.List(ctx, "CodeRepo", "product-7")), "repo-3"},
		"Runtimes":     {listed(t)(c.List(ctx, "DeploymentRuntime", "product-7")), "dr"},
		"Bindings":     {listed(t)(c.List(ctx, "CodeRepoBinding", "product-7")), "own"},
	} {
		if diff := cmp.Diff([]string{c.want}, c.got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

func listed(t *testing.T) func([]client.Object, error) []string {
	t.Helper()
	return func(objects []client.Object, err error) []string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, o := range objects {
			names = append(names, o.GetName())
		}
		return names
	}
}

func TestRecords(t *testing.T) {
	damaged := application(argoCD, "damaged", "product-7", "c1")
	damaged.Annotations[api.AnnotationPlacement] = `{"product":"product-7","cluster":"c1"`
	incomplete := application(argoCD, "incomplete", "product-7", "c1")
	incomplete.Annotations[api.AnnotationPlacement] = `{"product":"product-7","destination":{"cluster":"c1"}}`
	// The hint of the product and of the cluster is there, but not where it counts.
	decoy := application(argoCD, "decoy", "product-9", "c9")
	p, err := placement.Decode(decoy.Annotations[api.AnnotationPlacement])
	if err != nil {
		t.Fatal(err)
	}
	decoy.Annotations[api.AnnotationPlacement] = p.Encode()[:len(p.Encode())-1] +
		`,"x":{"product":"product-7","cluster":"c1"}}`
	unmarked := application(argoCD, "unmarked", "product-7", "c1")
	unmarked.Annotations, unmarked.Labels = nil, map[string]string{api.LabelProduct: "product-7"}
	apps := []client.Object{
		application(argoCD, "a", "product-7", "c1"), application(argoCD, "b", "product-7", "c2"),
		application(argoCD, "c", "product-8", "c1"),
		application("elsewhere", "stray", "product-7", "c1"), application(argoCD, "longer", "product-77", "c11"),
		damaged, incomplete, decoy, unmarked,
	}
	full := fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(apps...).Build()
	for kind, reader := range map[string]client.Reader{
		"the type of an Application": full,
		"its metadata alone":         metadataOnly{full},
	} {
		t.Run(kind, func(t *testing.T) {
			c := catalog.New(reader, system, argoCD)
			ofProduct, err := c.RecordsOf(t.Context(), "product-7")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a", "b"}, runtimesOf(ofProduct)); diff != "" {
				t.Error(diff)
			}
			for _, r := range ofProduct {
				if !r.Since.Equal(rulestest.Epoch()) {
					t.Errorf("%s is recorded since %v", r.Runtime.Name, r.Since)
				}
			}
		})
	}
}

func runtimesOf(records []rules.Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.Runtime.Name)
	}
	return out
}

// metadataOnly is a reader that does not know Argo CD's types and reads nothing of an Application but its metadata.
type metadataOnly struct{ reader client.Reader }

func (m metadataOnly) Get(ctx context.Context, key client.ObjectKey, obj client.Object,
	opts ...client.GetOption) error {
	return m.reader.Get(ctx, key, obj, opts...)
}

func (m metadataOnly) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*metav1.PartialObjectMetadataList); !ok {
		return fmt.Errorf("asked for a %T", list)
	}
	return m.reader.List(ctx, list, opts...)
}

// What the operator has seen itself write must be seen here: it has to be the same informer.
func TestTheOperatorIsAskedForTheTypeThatItWatches(t *testing.T) {
	var asked []string
	c := catalog.New(fake.NewClientBuilder().WithScheme(scheme(t)).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, inner client.WithWatch, list client.ObjectList,
			opts ...client.ListOption) error {
			asked = append(asked, fmt.Sprintf("%T", list))
			return inner.List(ctx, list, opts...)
		},
	}).Build(), system, argoCD)
	if _, err := c.RecordsOf(t.Context(), "product-7"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("%T", &observed.ApplicationList{})}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestAClusterThatDoesNotAnswerSaysNothing(t *testing.T) {
	down := errors.New("down")
	broken := catalog.New(fake.NewClientBuilder().WithScheme(scheme(t)).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return down
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return down },
	}).Build(), system, argoCD)
	ctx := t.Context()
	_, product := resolve.Get[api.Product](ctx, broken, "", "product-7")
	_, environments := resolve.List[api.Environment](ctx, broken, "product-7")
	_, bindings := resolve.List[api.CodeRepoBinding](ctx, broken, "product-7")
	_, records := broken.RecordsOf(ctx, "product-7")
	_, record := broken.Recorded(ctx, "product-7", "dr")
	_, holders := broken.Holders(ctx, "c1", "dr")
	_, total := broken.Total(ctx, "product-7")
	for what, err := range map[string]error{"Product": product, "Environments": environments, "Bindings": bindings,
		"Records": records, "Record": record, "Holders": holders, "Total": total} {
		if !errors.Is(err, down) || errors.Is(err, rules.ErrUnchecked) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}
