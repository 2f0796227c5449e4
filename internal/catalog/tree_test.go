package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// treeOf returns the tree whose files hold the objects as people write them: nothing that an API server knows.
func treeOf(t *testing.T, objects ...client.Object) *layout.Tree {
	t.Helper()
	var files []layout.File
	for i, o := range objects {
		k, _ := kinds.ByName(kinds.NameOf(o))
		o, ok := o.DeepCopyObject().(client.Object)
		if !ok {
			t.Fatalf("%T is no object", o)
		}
		o.SetNamespace("")
		o.SetUID("")
		o.SetGeneration(0)
		o.SetCreationTimestamp(metav1.Time{})
		o.GetObjectKind().SetGroupVersionKind(api.GroupVersion.WithKind(k.Name))
		data, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files,
			layout.File{Path: fmt.Sprintf("%s/%d.yaml", k.Directory, i), Blob: fmt.Sprint(i), Data: data})
	}
	return layout.Read(files)
}

func ownProduct() *api.Product {
	return &api.Product{ObjectMeta: metav1.ObjectMeta{Name: "product-7"}, Spec: api.ProductSpec{Name: "nautes-labs"}}
}

// platform is a management cluster with clusters, a provider and two products.
func platform() *rulestest.World {
	return rulestest.New(rulestest.Product("product-7", "nautes-labs"), rulestest.Product("product-8", "others"),
		rulestest.Cluster("c1"), rulestest.Cluster("c2"), rulestest.Provider("gitlab"))
}

func basics() []client.Object {
	return []client.Object{
		rulestest.Environment("product-7", "dev", "c1"), rulestest.Project("product-7", "shop"),
		rulestest.CodeRepo("product-7", "repo-3", "shop", func(r *api.CodeRepo) { r.Spec.Project = "shop" }),
	}
}

func runtimeNamed(name string, changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
	return rulestest.Runtime("product-7", name, "repo-3", "dev",
		append([]func(*api.DeploymentRuntime){func(r *api.DeploymentRuntime) {
			r.Spec.ProjectsRef = []string{"shop"}
		}}, changes...)...)
}

func TestObjectsOfTheProductComeFromTheTree(t *testing.T) {
	ctx := t.Context()
	w := platform().Add(
		rulestest.Environment("product-7", "only-in-the-cluster", "c1"),
		rulestest.Environment("product-8", "theirs", "c1"),
		rulestest.CodeRepo("product-8", "repo-9", "lib"), rulestest.Binding("product-8", "lent", "repo-9", "product-7"),
		rulestest.Project("product-8", "cart"), rulestest.Runtime("product-8", "their-dr", "repo-9", "theirs"),
	).Record(rulestest.Record("product-8", "their-dr", "theirs", "c1"))
	l := catalog.NewTree(ownProduct(), treeOf(t,
		append(basics(), runtimeNamed("dr"), rulestest.Binding("product-7", "b", "repo-3", "product-8"))...), w)

	for what, c := range map[string]struct {
		got  []string
		want []string
	}{
		"Environments": {listed(t)(l.List(ctx, "Environment", "product-7")), []string{"dev"}},
		"Projects":     {listed(t)(l.List(ctx, "Project", "product-7")), []string{"shop"}},
		"CodeRepos":    {listed(t)(l.List(ctx, "CodeRepo", "product-7")), []string{"repo-3"}},
		"Bindings":     {listed(t)(l.List(ctx, "CodeRepoBinding", "product-7")), []string{"b"}},
		"Runtimes":     {listed(t)(l.List(ctx, "DeploymentRuntime", "product-7")), []string{"dr"}},
		"theirs":       {listed(t)(l.List(ctx, "Environment", "product-8")), []string{"theirs"}},
		"their dr":     {listed(t)(l.List(ctx, "DeploymentRuntime", "product-8")), []string{"their-dr"}},
		"their own":    {listed(t)(l.List(ctx, "CodeRepoBinding", "product-8")), []string{"lent"}},
		"Clusters":     {listed(t)(l.List(ctx, "Cluster", "")), []string{"c1", "c2"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	for want, got := range map[string]string{
		"product-7/dev":    lookedUp(t)(l.Get(ctx, "Environment", "product-7", "dev")),
		"product-7/shop":   lookedUp(t)(l.Get(ctx, "Project", "product-7", "shop")),
		"product-7/repo-3": lookedUp(t)(l.Get(ctx, "CodeRepo", "product-7", "repo-3")),
		"product-8/theirs": lookedUp(t)(l.Get(ctx, "Environment", "product-8", "theirs")),
		"product-8/cart":   lookedUp(t)(l.Get(ctx, "Project", "product-8", "cart")),
		"product-8/repo-9": lookedUp(t)(l.Get(ctx, "CodeRepo", "product-8", "repo-9")),
		"nautes/c1":        lookedUp(t)(l.Get(ctx, "Cluster", "", "c1")),
		"nautes/gitlab":    lookedUp(t)(l.Get(ctx, "CodeRepoProvider", "", "gitlab")),
		"nautes/product-7": lookedUp(t)(l.Get(ctx, "Product", "", "product-7")),
		"":                 lookedUp(t)(l.Get(ctx, "Environment", "product-7", "only-in-the-cluster")),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	records, err := l.RecordsOf(ctx, "product-8")
	if err != nil || len(records) != 1 {
		t.Errorf("records: got %v, %v", records, err)
	}
}

func TestOnlyTheManagementClusterKnowsIdentityAndAge(t *testing.T) {
	epoch := rulestest.Epoch()
	forged := runtimeNamed("forged")
	forged.UID, forged.CreationTimestamp = "x", metav1.NewTime(epoch.Add(-time.Hour))
	going := runtimeNamed("going")
	going.DeletionTimestamp = &metav1.Time{Time: epoch}
	w := platform().Add(runtimeNamed("there"), going)
	committed := treeOf(t, runtimeNamed("there"), runtimeNamed("going"), runtimeNamed("committed"), forged)
	l := catalog.NewTree(ownProduct(), committed, w).With(treeOf(t, runtimeNamed("there"), runtimeNamed("going"),
		runtimeNamed("committed"), forged, runtimeNamed("added")))
	runtimes, err := resolve.List[api.DeploymentRuntime](t.Context(), l, "product-7")
	if err != nil {
		t.Fatal(err)
	}
	type life struct {
		UID       string
		Namespace string
		Age       string
	}
	got := map[string]life{}
	for _, r := range runtimes {
		age := "young"
		switch {
		case r.CreationTimestamp.Equal(&metav1.Time{Time: epoch}):
			age = "as in the cluster"
		case r.CreationTimestamp.IsZero():
			age = "the youngest"
		}
		got[r.Name] = life{string(r.UID), r.Namespace, age}
	}
	want := map[string]life{
		"there":     {"uid-product-7-there", "product-7", "as in the cluster"},
		"going":     {"", "product-7", "young"},
		"committed": {"", "product-7", "young"},
		"forged":    {"", "product-7", "young"},
		"added":     {"", "product-7", "the youngest"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRuntimesAreFoundByWhatTheyDeploy(t *testing.T) {
	revision := func(revision string) func(*api.DeploymentRuntime) {
		return func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = revision }
	}
	all := []client.Object{
		runtimeNamed("a", revision("main")), runtimeNamed("b", revision("refs/heads/main")),
		runtimeNamed("c", revision("other")),
		runtimeNamed("d", revision("main"),
			func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "elsewhere" }),
		runtimeNamed("e", revision("main"), func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" }),
		runtimeNamed("f", revision("main"), func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo = "product-7/repo-3"
		}),
		runtimeNamed("g", revision("main"), func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo = "product-8/repo-3"
		}),
	}
	theirs := rulestest.Runtime("product-8", "theirs", "product-7/repo-3", "dev", revision("main"))
	deployed := resolve.DeploymentOf(runtimeNamed("x", revision("main")))
	reader := fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(append(all, theirs)...).Build()
	before := catalog.NewTree(ownProduct(), treeOf(t, all[0]), platform().Add(theirs))
	for what, c := range map[string]struct {
		l       rules.Lookup
		product string
		want    []string
	}{
		"in the management cluster": {catalog.New(reader, system, argoCD), "product-7",
			[]string{"a", "b", "f"}},
		"in a tree":                          {before.With(treeOf(t, all...)), "product-7", []string{"a", "b", "f"}},
		"in the tree before the change":      {before, "product-7", []string{"a"}},
		"of another product, beside a tree":  {before, "product-8", []string{"theirs"}},
		"of a product that has none, beside": {before, "product-9", nil},
	} {
		for range 2 { // a tree remembers
			found, err := c.l.Deploying(t.Context(), c.product, deployed)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range found {
				got = append(got, r.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
	}
}

// Whoever wins in the management cluster wins here: what exists there, then what is committed, then what is added.
func TestRivalsAreJudgedAsTheOperatorWill(t *testing.T) {
	older := func(r *api.DeploymentRuntime) {
		r.CreationTimestamp = metav1.NewTime(r.CreationTimestamp.Add(-time.Hour))
	}
	for sentence, c := range map[string]struct {
		cluster, committed, after []client.Object
		records                   []rules.Record
		refused                   []string
	}{
		"the one that is there wins against one that is added": {objects("zz"), objects("zz"),
			objects("zz", "aa"), nil, []string{"aa"}},
		"the one that is committed wins against one that is added": {nil, objects("zz"), objects("zz", "aa"),
			nil, []string{"aa"}},
		"the one that is there wins against one that is committed": {objects("zz"), objects("zz", "aa"),
			objects("zz", "aa"), nil, []string{"aa"}},
		"of two that are added the first name wins": {nil, nil, objects("zz", "aa"),
			nil, []string{"zz"}},
		"of two that are there the older wins": {[]client.Object{runtimeNamed("zz", older),
			runtimeNamed("aa")}, objects("zz", "aa"), objects("zz", "aa"), nil, []string{"aa"}},
		"of two that are there the recorded one wins": {[]client.Object{runtimeNamed("zz"),
			runtimeNamed("aa", older)}, objects("zz", "aa"), objects("zz", "aa"),
			[]rules.Record{rulestest.Record("product-7", "zz", "dev", "c1")}, []string{"aa"}},
		"a record of an earlier life does not count": {nil, objects("zz"), objects("zz", "aa"),
			[]rules.Record{rulestest.Record("product-7", "aa", "dev", "c1")}, []string{"aa"}},
		"one that is in the cluster only is deleted: it is no rival": {objects("zz"), objects("aa"),
			objects("aa"), nil, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := catalog.NewTree(ownProduct(), treeOf(t, append(basics(), c.committed...)...),
				platform().Add(c.cluster...).Record(c.records...)).
				With(treeOf(t, append(basics(), c.after...)...))
			runtimes, err := resolve.List[api.DeploymentRuntime](t.Context(), l, "product-7")
			if err != nil {
				t.Fatal(err)
			}
			var refused []string
			for _, r := range runtimes {
				v, err := rules.Check(t.Context(), l, r, nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range v.Violations {
					if p.Reason != api.ReasonTwinRuntime {
						t.Errorf("%s: %s", r.Name, p.Message)
					}
					refused = append(refused, r.Name)
				}
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func objects(names ...string) []client.Object {
	var out []client.Object
	for _, name := range names {
		out = append(out, runtimeNamed(name))
	}
	return out
}

func TestADeployedRuntimeIsKnownByTheClusterAlone(t *testing.T) {
	w := platform().Add(runtimeNamed("dr")).Record(rulestest.Record("product-7", "dr", "dev", "c1"))
	before := catalog.NewTree(ownProduct(), treeOf(t, append(basics(), runtimeNamed("dr"))...), w)
	prod := rulestest.Environment("product-7", "prod", "c2")
	after := before.With(treeOf(t,
		append(basics(), prod, runtimeNamed("dr", func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" }))...))
	j, err := rules.CheckChange(t.Context(), rules.Change{Before: before, After: after,
		Saved: []rules.Subject{rules.SubjectOf(prod), rules.SubjectOf(runtimeNamed("dr"))}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(j.Violations) != 1 || j.Violations[0].Problem.Reason != api.ReasonDestinationImmutable ||
		j.Violations[0].Problem.Field != "spec.destination" {
		t.Errorf("got %+v", j.Violations)
	}
}

func TestWithoutAManagementCluster(t *testing.T) {
	ctx := t.Context()
	l := catalog.NewTree(ownProduct(), treeOf(t, append(basics(), runtimeNamed("dr"))...), nil)
	for what, err := range unanswered(ctx, l) {
		if !errors.Is(err, rules.ErrUnchecked) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	product, err := resolve.Get[api.Product](ctx, l, "", "product-7")
	if err != nil || product.Spec.Name != "nautes-labs" {
		t.Errorf("the tree's own product: got %v, %v", product, err)
	}
	runtimes, err := resolve.List[api.DeploymentRuntime](ctx, l, "product-7")
	if err != nil || len(runtimes) != 1 {
		t.Fatalf("got %v, %v", runtimes, err)
	}
	v, err := rules.Check(ctx, l, runtimes[0], nil)
	if err != nil || len(v.Violations) > 0 || len(v.Unchecked) == 0 {
		t.Errorf("got %+v, %v", v, err)
	}
}

func unanswered(ctx context.Context, l rules.Lookup) map[string]error {
	errs := map[string]error{}
	_, errs["another product"] = resolve.Get[api.Product](ctx, l, "", "product-8")
	_, errs["Cluster"] = resolve.Get[api.Cluster](ctx, l, "", "c1")
	_, errs["CodeRepoProvider"] = resolve.Get[api.CodeRepoProvider](ctx, l, "", "gitlab")
	_, errs["Environment"] = resolve.Get[api.Environment](ctx, l, "product-8", "dev")
	_, errs["Project"] = resolve.Get[api.Project](ctx, l, "product-8", "p")
	_, errs["CodeRepo"] = resolve.Get[api.CodeRepo](ctx, l, "product-8", "r")
	_, errs["Clusters"] = resolve.List[api.Cluster](ctx, l, "")
	_, errs["Environments"] = resolve.List[api.Environment](ctx, l, "product-8")
	_, errs["Projects"] = resolve.List[api.Project](ctx, l, "product-8")
	_, errs["CodeRepos"] = resolve.List[api.CodeRepo](ctx, l, "product-8")
	_, errs["Runtimes"] = resolve.List[api.DeploymentRuntime](ctx, l, "product-8")
	_, errs["Bindings"] = resolve.List[api.CodeRepoBinding](ctx, l, "product-8")
	_, errs["Deploying"] = l.Deploying(ctx, "product-8", resolve.Deployment{})
	_, errs["Recorded"] = l.Recorded(ctx, "product-7", "dr")
	_, errs["Holders"] = l.Holders(ctx, "c1", "dr")
	_, errs["Total"] = l.Total(ctx, "product-7")
	_, errs["RecordsOf"] = l.RecordsOf(ctx, "product-7")
	return errs
}

func TestAProductThatIsNotRegisteredYet(t *testing.T) {
	l := catalog.NewTree(ownProduct(), treeOf(t), rulestest.New())
	if product, err := resolve.Get[api.Product](t.Context(), l, "", "product-7"); err != nil || product == nil {
		t.Errorf("its own: got %v, %v", product, err)
	}
	if product, err := resolve.Get[api.Product](t.Context(), l, "", "product-8"); err != nil || product != nil {
		t.Errorf("another: got %v, %v", product, err)
	}
}

func TestAManagementClusterThatDoesNotAnswerIsNotNone(t *testing.T) {
	down := errors.New("down")
	l := catalog.NewTree(ownProduct(), treeOf(t, basics()...), platform().Broken(down))
	for what, err := range unanswered(t.Context(), l) {
		if !errors.Is(err, down) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if _, err := resolve.List[api.Environment](t.Context(), l, "product-7"); !errors.Is(err, down) {
		t.Errorf("identity and age: got %v", err)
	}
	if _, err := resolve.Get[api.Product](t.Context(), l, "", "product-7"); !errors.Is(err, down) {
		t.Errorf("the product: got %v", err)
	}
}

func TestObjectsAreJudgedAsTheyLieInTheProduct(t *testing.T) {
	l := catalog.NewTree(ownProduct(), treeOf(t, append(basics(), runtimeNamed("b"), runtimeNamed("a"),
		rulestest.Binding("product-7", "x", "repo-3", "product-7"))...), nil)
	all, err := rules.Objects(t.Context(), l, "product-7")
	if err != nil {
		t.Fatal(err)
	}
	var got, refused []string
	for _, o := range all {
		got = append(got, rules.SubjectOf(o).Kind+" "+o.GetNamespace()+"/"+o.GetName())
		v, err := rules.Check(t.Context(), l, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range v.Violations {
			refused = append(refused, o.GetName()+": "+p.Reason)
		}
	}
	want := []string{
		"Environment product-7/dev", "Project product-7/shop", "CodeRepo product-7/repo-3",
		"CodeRepoBinding product-7/x",
		"DeploymentRuntime product-7/a", "DeploymentRuntime product-7/b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b: " + api.ReasonTwinRuntime}, refused); diff != "" {
		t.Errorf("of twins only the later is refused: %s", diff)
	}
}

// counting counts how often records and runtimes are asked for.
type counting struct {
	*rulestest.World
	asked, listed, totals int
}

func (c *counting) Total(ctx context.Context, product string) (rules.Total, error) {
	c.totals++
	return c.World.Total(ctx, product)
}

func (c *counting) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	c.asked++
	return c.World.RecordsOf(ctx, product)
}

func (c *counting) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	if kind == "DeploymentRuntime" {
		c.listed++
	}
	return c.World.List(ctx, kind, product)
}

func TestTheManagementClusterIsAskedOnce(t *testing.T) {
	c := &counting{World: platform().Add(runtimeNamed("dr"))}
	tree := treeOf(t, runtimeNamed("dr"))
	before := catalog.NewTree(ownProduct(), tree, c)
	for _, l := range []*catalog.Tree{before, before.With(tree), before} {
		if _, err := l.RecordsOf(t.Context(), "product-7"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Total(t.Context(), "product-7"); err != nil {
			t.Fatal(err)
		}
		found, err := resolve.List[api.DeploymentRuntime](t.Context(), l, "product-7")
		if err != nil || len(found) != 1 || found[0].UID == "" {
			t.Fatalf("%v, %v", found, err)
		}
	}
	if c.asked != 1 || c.listed != 1 || c.totals != 1 {
		t.Errorf("asked %d times, listed %d times, added up %d times", c.asked, c.listed, c.totals)
	}
	if _, err := before.RecordsOf(t.Context(), "product-8"); err != nil || c.asked != 2 {
		t.Errorf("of another product: asked %d times, %v", c.asked, err)
	}
}

func TestOfSeveralFilesWithOneNameOneCounts(t *testing.T) {
	l := catalog.NewTree(ownProduct(), treeOf(t, rulestest.Environment("product-7", "dev", "c1"),
		rulestest.Environment("product-7", "dev", "c2")), platform())
	if diff := cmp.Diff([]string{"dev"}, listed(t)(l.List(t.Context(), "Environment", "product-7"))); diff != "" {
		t.Error(diff)
	}
}

func TestACodeRepoOfTheTreeHasTheDefaultBranchThatTheClusterKnows(t *testing.T) {
	tree := layout.Read([]layout.File{{Path: "code-repos/repo-3/repo-3.yaml", Data: []byte(
		"apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: CodeRepo\nmetadata: {name: repo-3}\n" +
			"spec: {product: product-7, repoName: shop, codeRepoProvider: gitlab}\nstatus: {defaultBranch: forged}\n")}})
	product := rulestest.Product("product-7", "nautes-labs")
	for want, world := range map[string]*rulestest.World{
		"main": rulestest.New(rulestest.CodeRepo("product-7", "repo-3", "shop",
			func(r *api.CodeRepo) { r.Status.DefaultBranch = "main" })),
		"": rulestest.New(),
	} {
		repo, err := resolve.Get[api.CodeRepo](t.Context(), catalog.NewTree(product, tree, world), "product-7", "repo-3")
		if err != nil || repo == nil || repo.Status.DefaultBranch != want {
			t.Errorf("got %v %+v, want %q", err, repo, want)
		}
	}
}
