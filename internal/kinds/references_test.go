package kinds_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

func TestReferences(t *testing.T) {
	in := metav1.ObjectMeta{Namespace: "product-7", Name: "x"}
	product := kinds.Reference{Kind: "Product", Name: "product-7", Field: "spec.product"}
	for sentence, c := range map[string]struct {
		obj  client.Object
		want []kinds.Reference
	}{
		"a runtime": {&api.DeploymentRuntime{ObjectMeta: in, Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", ProjectsRef: []string{"a", "b"},
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3"}, Destination: "dev",
		}}, []kinds.Reference{
			product,
			{Kind: "Project", Namespace: "product-7", Name: "a", Field: "spec.projectsRef[0]"},
			{Kind: "Project", Namespace: "product-7", Name: "b", Field: "spec.projectsRef[1]"},
			{Kind: "CodeRepo", Namespace: "product-7", Name: "repo-3", Field: "spec.manifestSource.codeRepo"},
			{Kind: "Environment", Namespace: "product-7", Name: "dev", Field: "spec.destination"},
		}},
		"an environment": {&api.Environment{ObjectMeta: in,
			Spec: api.EnvironmentSpec{Product: "product-7", Cluster: "c1"}}, []kinds.Reference{
			product, {Kind: "Cluster", Name: "c1", Field: "spec.cluster"},
		}},
		"a project": {&api.Project{ObjectMeta: in, Spec: api.ProjectSpec{Product: "product-7"}},
			[]kinds.Reference{product}},
		"a code repo": {&api.CodeRepo{ObjectMeta: in,
			Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7", Project: "a"}}, []kinds.Reference{
			{Kind: "CodeRepoProvider", Name: "gitlab", Field: "spec.codeRepoProvider"}, product,
			{Kind: "Project", Namespace: "product-7", Name: "a", Field: "spec.project"},
		}},
		"a code repo of no project": {&api.CodeRepo{ObjectMeta: in,
			Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: "product-7"}}, []kinds.Reference{
			{Kind: "CodeRepoProvider", Name: "gitlab", Field: "spec.codeRepoProvider"}, product,
		}},
		"a binding for another product: its projects lie there": {&api.CodeRepoBinding{ObjectMeta: in,
			Spec: api.CodeRepoBindingSpec{
				CodeRepo: "repo-3", Product: "product-8", Projects: []string{"p"},
			}}, []kinds.Reference{
			{Kind: "CodeRepo", Namespace: "product-7", Name: "repo-3", Field: "spec.codeRepo"},
			{Kind: "Product", Name: "product-8", Field: "spec.product"},
			{Kind: "Project", Namespace: "product-8", Name: "p", Field: "spec.projects[0]"},
		}},
		"a product provider": {&api.ProductProvider{Spec: api.ProductProviderSpec{Name: "gitlab"}}, []kinds.Reference{
			{Kind: "CodeRepoProvider", Name: "gitlab", Field: "spec.name"},
		}},
		"a virtual cluster": {&api.Cluster{Spec: api.ClusterSpec{HostCluster: "host"}},
			[]kinds.Reference{{Kind: "Cluster", Name: "host", Field: "spec.hostCluster"}}},
		"a product": {&api.Product{ObjectMeta: in}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, slices.Collect(kinds.References(c.obj))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsReferredToIsAKindOfTheTable(t *testing.T) {
	table := map[string]kinds.Kind{}
	for _, k := range kinds.All() {
		table[k.Name] = k
		if got := kinds.NameOf(k.New()); got != k.Name {
			t.Errorf("%s is called %q", k.Name, got)
		}
	}
	for _, obj := range []client.Object{
		&api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: "n"}, Spec: api.DeploymentRuntimeSpec{
			Product: "n", ProjectsRef: []string{"a"}, ManifestSource: api.ManifestSource{CodeRepo: "r"},
			Destination: "d"}},
		&api.Environment{Spec: api.EnvironmentSpec{Product: "n", Cluster: "c"}},
		&api.CodeRepoBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "n"},
			Spec: api.CodeRepoBindingSpec{CodeRepo: "r", Product: "p", Projects: []string{"a"}}},
	} {
		for ref := range kinds.References(obj) {
			if k, known := table[ref.Kind]; !known || (k.Scope == kinds.Product) != (ref.Namespace != "") {
				t.Errorf("%T refers to %+v", obj, ref)
			}
		}
	}
	if got := kinds.NameOf(&metav1.PartialObjectMetadata{}); got != "" {
		t.Errorf("an object of another kind is called %q", got)
	}
}

func TestReferencesEndWhereNobodyWantsMore(t *testing.T) {
	for ref := range kinds.References(&api.Environment{Spec: api.EnvironmentSpec{Product: "n", Cluster: "c"}}) {
		if ref.Kind == "Cluster" {
			t.Error("the second came, although nobody wanted more than the first")
		}
		break
	}
}
