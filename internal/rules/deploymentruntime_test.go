package rules_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

type runtimeChange = func(*api.DeploymentRuntime)

// usual is a world in which the usual runtime is fine: product-7 with project shop, which owns repo-3, and environment
// dev on c1.
func usual() *rulestest.World {
	return rulestest.New(
		rulestest.Product("product-7", "nautes-labs"), rulestest.Product("product-8", "others"),
		rulestest.Cluster("c1"), rulestest.Cluster("c2"), rulestest.Provider("gitlab"),
		rulestest.Environment("product-7", "dev", "c1"), rulestest.Environment("product-7", "prod", "c2"),
		rulestest.Project("product-7", "shop"),
		rulestest.CodeRepo("product-7", "repo-3", "shop", func(r *api.CodeRepo) { r.Spec.Project = "shop" }),
	)
}

func usualRuntime(changes ...runtimeChange) *api.DeploymentRuntime {
	changes = append([]runtimeChange{func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"shop"} }},
		changes...)
	return rulestest.Runtime("product-7", "dr", "repo-3", "dev", changes...)
}

func judge(t *testing.T, w *rulestest.World, r *api.DeploymentRuntime) []*problem.Problem {
	t.Helper()
	res, err := resolve.DeploymentRuntime(t.Context(), w, r, "instance")
	if err != nil {
		t.Fatal(err)
	}
	violations, err := rules.DeploymentRuntime(t.Context(), w, r, res, rules.SystemNamespaces{"nautes", "argocd"})
	if err != nil {
		t.Fatal(err)
	}
	return violations
}

func reasons(violations []*problem.Problem) []string {
	var out []string
	for _, v := range violations {
		out = append(out, v.Reason)
	}
	return out
}

func TestARuntimeOfAGroupThatWasReplacedGetsNothingNew(t *testing.T) {
	w := usual()
	w.Add(rulestest.Product("product-7", "nautes-labs",
		func(p *api.Product) { p.Annotations = map[string]string{api.AnnotationGroupReplaced: "42"} }))
	violations := judge(t, w, usualRuntime())
	if got := reasons(violations); len(got) != 1 || got[0] != api.ReasonGroupReplaced || !rules.StopsSync(violations) {
		t.Errorf("got %v", got)
	}
}

func TestACodeRepoOfAGroupThatWasReplacedGivesNothingNew(t *testing.T) {
	replaced := rulestest.Product("product-8", "others",
		func(p *api.Product) { p.Annotations = map[string]string{api.AnnotationGroupReplaced: "42"} })
	repo := rulestest.CodeRepo("product-8", "repo-9", "lib")
	w := usual().Add(replaced, repo, rulestest.Binding("product-8", "b", "repo-9", "product-7"))
	violations := judge(t, w,
		usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "product-8/repo-9" }))
	if got := reasons(violations); len(got) != 1 || got[0] != api.ReasonGroupReplaced || !rules.StopsSync(violations) ||
		strings.Contains(violations[0].Message, "others") {
		t.Errorf("got %v", violations)
	}
	if got := problem.As(rules.CodeRepo(t.Context(), w, repo)); got == nil || got.Reason != api.ReasonGroupReplaced {
		t.Errorf("the code repo itself: %v", got)
	}
}

func TestRulesOfARuntime(t *testing.T) {
	namespaces := func(names ...string) runtimeChange {
		return func(r *api.DeploymentRuntime) { r.Spec.Namespaces = names }
	}
	whole := func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = nil }
	older := func(r *api.DeploymentRuntime) {
		r.CreationTimestamp.Time = r.CreationTimestamp.Add(-time.Hour)
	}
	unborn := func(r *api.DeploymentRuntime) { r.CreationTimestamp = metav1.Time{} }
	own := rulestest.Record("product-7", "dr", "dev", "c1",
		func(r *rules.Record) { r.Runtime.UID = string(usualRuntime().UID) })
	theirs := func(ns string) rules.Record {
		return rulestest.Record("product-8", "x", "dev", "c1", func(r *rules.Record) { r.Namespaces = []string{ns} })
	}
	twin := rulestest.Runtime("product-7", "other", "repo-3", "dev")
	for sentence, c := range map[string]struct {
		world   *rulestest.World
		runtime *api.DeploymentRuntime
		want    []string
	}{
		"the usual runtime is fine": {usual(), usualRuntime(), nil},
		"a product that is not the namespace": {usual(), usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.Product = "product-8"
		}), []string{api.ReasonProductMismatch}},
		"a namespace that belongs to no product": {usual().Remove(rulestest.Product("product-7", "")), usualRuntime(),
			[]string{api.ReasonProductNotFound}},
		"an annotation that steers Argo CD": {usual(), usualRuntime(func(r *api.DeploymentRuntime) {
			r.Annotations = map[string]string{"argocd.argoproj.io/hook": "PreSync"}
		}), []string{api.ReasonForbiddenMetadata}},
		"a deployed runtime on a cluster that is being removed": {usual().Add(rulestest.Cluster("c1", beingRemoved)).
			Record(own), usualRuntime(), nil},
		"another life of one that is deployed there": {usual().Add(rulestest.Cluster("c1", beingRemoved)).Record(
			rulestest.Record("product-7", "dr", "dev", "c1")), usualRuntime(), nil},
		"a new runtime on a cluster that is being removed, where others of " +
			"the product are": {usual().Add(rulestest.Cluster("c1", beingRemoved)).Record(
			rulestest.Record("product-7", "other", "dev", "c1")), usualRuntime(),
			[]string{api.ReasonClusterNotAllowed}},
		"a project that does not exist": {usual(),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"shop", "none"} }),
			[]string{api.ReasonProjectNotFound}},
		"a project that does not exist keeps no permission of what is deployed": {usual().Record(own),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"shop", "none"} }),
			[]string{api.ReasonProjectNotFound, api.ReasonPermissionRevoked}},
		"a project that does not own the repo": {usual().Add(rulestest.Project("product-7", "cart")),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"cart"} }),
			[]string{api.ReasonPermissionDenied}},
		"a project that the repo is bound to": {usual().Add(rulestest.Project("product-7", "cart"),
			rulestest.Binding("product-7",
				"b", "repo-3", "product-7", func(b *api.CodeRepoBinding) { b.Spec.Projects = []string{"cart"} })),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"cart"} }), nil},
		"another project than the repo is bound to": {usual().Add(rulestest.Project("product-7", "cart"),
			rulestest.Binding("product-7", "b", "repo-3", "product-7", func(b *api.CodeRepoBinding) {
				b.Spec.Projects = []string{"till"}
			})), usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.ProjectsRef = []string{"cart"}
		}), []string{api.ReasonPermissionDenied}},
		"the product as a whole, of its own repo": {usual(), usualRuntime(whole), nil},
		"a repo of another product, bound to this one": {usual().Add(rulestest.CodeRepo("product-8",
			"repo-9", "lib"), rulestest.Binding("product-8", "b", "repo-9", "product-7")), usualRuntime(whole,
			func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "product-8/repo-9" }), nil},
		"a repo of another product, bound to some projects": {usual().Add(rulestest.CodeRepo("product-8",
			"repo-9", "lib"), rulestest.Binding("product-8", "b", "repo-9", "product-7", func(b *api.CodeRepoBinding) {
			b.Spec.Projects = []string{"shop"}
		})), usualRuntime(whole, func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo = "product-8/repo-9"
		}), []string{api.ReasonPermissionDenied}},
		"a deployed runtime whose permission was revoked": {usual().Add(rulestest.CodeRepo("product-7", "repo-3",
			"shop")).Record(own), usualRuntime(), []string{api.ReasonPermissionRevoked}},
		"a deployed runtime with another destination": {usual().Record(own),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" }),
			[]string{api.ReasonDestinationImmutable}},
		"a deployed runtime with a destination of no name": {usual().Record(own),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.Destination = "nowhere" }),
			[]string{api.ReasonDestinationImmutable}},
		"an environment that was moved under a runtime": {usual().Add(rulestest.Environment("product-7",
			"dev", "c2")).Remove(rulestest.Environment("product-7", "prod", "c2")).Record(own), usualRuntime(),
			[]string{api.ReasonClusterImmutable}},
		"a record that was written again without its owner": {usual().Record(rulestest.Record("product-7", "dr",
			"dev", "c1", func(r *rules.Record) { r.Runtime.UID, r.CodeRepo = string(usualRuntime().UID), "repo-3" })),
			usualRuntime(), nil},
		"a cluster that does not take the product": {usual().Add(rulestest.Cluster("c1", func(c *api.Cluster) {
			c.Spec.AllowedProducts = []string{"product-8"}
		})), usualRuntime(), []string{api.ReasonClusterNotAllowed}},
		"a twin that is as old and has the later name": {usual().Add(twin), usualRuntime(), nil},
		"a twin that is older": {usual().Add(rulestest.Runtime("product-7", "other",
			"repo-3", "dev", older)), usualRuntime(), []string{api.ReasonTwinRuntime}},
		"a twin that is younger but recorded": {usual().Add(twin).Record(rulestest.Record("product-7",
			"other", "dev", "c1", func(r *rules.Record) { r.Runtime.UID = string(twin.UID) })), usualRuntime(older),
			[]string{api.ReasonTwinRuntime}},
		"a twin that exists while this one does not yet": {usual().Add(twin), usualRuntime(unborn),
			[]string{api.ReasonTwinRuntime}},
		"a twin that does not exist yet": {usual().Add(rulestest.Runtime("product-7", "another",
			"repo-3", "dev", unborn)), usualRuntime(), nil},
		"a twin elsewhere is none": {usual().Add(rulestest.Runtime("product-7", "other",
			"repo-3", "prod", older)), usualRuntime(), nil},
		"the namespace default": {usual(), usualRuntime(namespaces("default")),
			[]string{api.ReasonNamespaceReserved}},
		"a namespace of Kubernetes": {usual(), usualRuntime(namespaces("a", "kube-system")),
			[]string{api.ReasonNamespaceReserved}},
		"a namespace of products on the management cluster": {usual(), usualRuntime(namespaces("product-8")),
			[]string{api.ReasonNamespaceReserved}},
		"the namespace of Argo CD": {usual(), usualRuntime(namespaces("argocd")),
			[]string{api.ReasonNamespaceReserved}},
		"a reserved namespace": {usual().
			Add(rulestest.Cluster("c1", func(c *api.Cluster) { c.Spec.ReservedNamespaces = []string{"monitoring"} })),
			usualRuntime(namespaces("monitoring")), []string{api.ReasonNamespaceReserved}},
		"a reserved namespace that is granted": {usual().Add(rulestest.Cluster("c1",
			granted("monitoring", "product-7"))), usualRuntime(namespaces("monitoring")), nil},
		"a reserved namespace that others have too": {usual().Add(rulestest.Cluster("c1", granted("monitoring",
			"product-7"))).Record(theirs("monitoring")), usualRuntime(namespaces("monitoring")), nil},
		"a namespace that another product has recorded": {usual().Record(theirs("web")),
			usualRuntime(namespaces("web")), []string{api.ReasonNamespaceInUse}},
		"a default namespace that another product has": {usual().Record(theirs("dr")), usualRuntime(),
			[]string{api.ReasonNamespaceInUse}},
		"a namespace that another has on another cluster": {usual().Record(rulestest.Record("product-8", "dr", "dev",
			"c2")), usualRuntime(), nil},
		"a namespace that another recorded after us": {usual().Record(own, rulestest.Record("product-8", "dr",
			"dev", "c1", func(r *rules.Record) { r.Since = r.Since.Add(time.Hour) })), usualRuntime(), nil},
		"a missing environment is no violation, but missing": {usual().Remove(rulestest.Environment("product-7", "dev",
			"")), usualRuntime(), nil},
		"several at once": {usual().Record(theirs("web")),
			usualRuntime(namespaces("kube-x", "web"), func(r *api.DeploymentRuntime) {
				r.Spec.ProjectsRef = []string{"none"}
			}), []string{api.ReasonProjectNotFound, api.ReasonNamespaceReserved,
				api.ReasonNamespaceInUse}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := judge(t, c.world, c.runtime)
			if diff := cmp.Diff(c.want, reasons(got)); diff != "" {
				t.Error(diff)
			}
			for _, v := range got {
				if v.Reason == api.ReasonNamespaceInUse && strings.Contains(v.Message, "product-8") {
					t.Errorf("the message names another product: %s", v.Message)
				}
			}
		})
	}
}

func TestOfSeveralTwinsTheSameIsNamedAlways(t *testing.T) {
	w := usual()
	for _, name := range []string{"c", "a", "b"} {
		w.Add(rulestest.Runtime("product-7", name, "repo-3", "dev"))
	}
	got := judge(t, w, usualRuntime())
	if len(got) != 1 || !strings.Contains(got[0].Message, `"a"`) {
		t.Errorf("got %v", got)
	}
}

func granted(namespace, product string) func(*api.Cluster) {
	return func(c *api.Cluster) {
		c.Spec.ReservedNamespaces = []string{namespace}
		c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{namespace: {product}}
	}
}

func TestARepoOfTheSameNameDoesNotTakeOverADeployedRuntime(t *testing.T) {
	recorded := func(owner string) rules.Record {
		return rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
			r.Runtime.UID, r.CodeRepo, r.RepoProduct = string(usualRuntime().UID), "repo-3", owner
		})
	}
	lent := []client.Object{rulestest.CodeRepo("product-8", "repo-3", "lib"),
		rulestest.Binding("product-8", "b", "repo-3", "product-7")}
	for sentence, c := range map[string]struct {
		world *rulestest.World
		name  string
		want  []string
	}{
		"the product's own one is made where a lender of old is recorded": {usual().Add(lent...).
			Record(recorded("product-8")), "repo-3", []string{api.ReasonCodeRepoOwnerChanged}},
		"the same, and the lender is named": {usual().Add(lent...).
			Record(recorded("product-8")), "product-8/repo-3", nil},
		"the same, and the product itself is named: that is " +
			"a move on purpose": {usual().Add(lent...).Record(recorded("product-8")), "product-7/repo-3", nil},
		"a lender is named where the product's own one is recorded": {usual().Add(lent...).
			Record(recorded("product-7")), "product-8/repo-3", nil},
		"the same, without the permission for the new one": {usual().Add(lent[0],
			rulestest.Binding("product-8", "b", "repo-3", "product-7",
				func(b *api.CodeRepoBinding) { b.Spec.Projects = []string{"cart"} })).Record(recorded("product-7")),
			"product-8/repo-3", []string{api.ReasonPermissionRevoked}},
		"one of two names lost its permission while the other cannot be used": {
			usual().Add(lent[0]).Add(rulestest.Project("product-7", "shop")).Record(recorded("product-8")),
			"product-7/none", []string{api.ReasonPermissionRevoked}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := judge(t, c.world,
				usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = c.name }))
			if diff := cmp.Diff(c.want, reasons(got)); diff != "" {
				t.Error(diff)
			}
			if rules.StopsSync(got) != (c.want != nil) {
				t.Error("automated sync would go on with somebody else's repository, or stop for nothing")
			}
		})
	}
}

func TestABorrowedRepoIsNotUsedAnyMoreWhenItsBindingIsGone(t *testing.T) {
	lent := rulestest.Binding("product-8", "b", "repo-9", "product-7")
	borrowed := rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
		r.Runtime.UID, r.CodeRepo, r.RepoProduct = string(usualRuntime().UID), "repo-9", "product-8"
	})
	world := func(objects ...client.Object) *rulestest.World {
		return usual().Add(objects...).Record(borrowed)
	}
	from := func(repo string) *api.DeploymentRuntime {
		return usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = repo })
	}
	repo := rulestest.CodeRepo("product-8", "repo-9", "lib")
	for sentence, c := range map[string]struct {
		world   *rulestest.World
		runtime *api.DeploymentRuntime
		want    []string
	}{
		"while it is bound":        {world(repo, lent), from("repo-9"), nil},
		"when the binding is gone": {world(repo), from("repo-9"), []string{api.ReasonPermissionRevoked}},
		"when the binding is gone and the runtime names no repo": {world(repo), from("none"),
			[]string{api.ReasonPermissionRevoked}},
		"when the binding is gone and the runtime names another": {world(repo), from("repo-3"), nil},
		"when the repo is gone, which takes nobody's permission": {world(lent), from("repo-9"), nil},
		"when both are gone, and a third product binds its own": {world(rulestest.Binding("product-6", "b", "repo-9",
			"product-7")), from("repo-9"), []string{api.ReasonPermissionRevoked}},
		"while it is bound, and its owner is named": {world(repo, lent), from("product-8/repo-9"), nil},
		"when the binding is gone, and its owner is named": {world(repo), from("product-8/repo-9"),
			[]string{api.ReasonPermissionRevoked}},
		"when the binding is gone, and a third product is named": {world(repo, rulestest.CodeRepo("product-6", "repo-9",
			"x")), from("product-6/repo-9"), []string{api.ReasonPermissionRevoked}},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, reasons(judge(t, c.world, c.runtime))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A runtime that does not move, because something about it is wrong, goes on being deployed from the recorded code
// repo.
func TestNoMistakeKeepsARevokedPermission(t *testing.T) {
	cart := rulestest.Project("product-7", "cart")
	from := func(repo string, changes ...runtimeChange) *api.DeploymentRuntime {
		return usualRuntime(append(changes,
			func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = repo })...)
	}
	projects := func(names ...string) runtimeChange {
		return func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = names }
	}
	recorded := func(repo, owner string) rules.Record {
		return rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
			r.Runtime.UID, r.CodeRepo, r.RepoProduct = string(usualRuntime().UID), repo, owner
		})
	}
	ofCart := rulestest.CodeRepo("product-7", "repo-3", "shop", func(r *api.CodeRepo) { r.Spec.Project = "cart" })
	lentTo := func(projects ...string) *api.CodeRepoBinding {
		return rulestest.Binding("product-8", "b", "repo-9", "product-7",
			func(b *api.CodeRepoBinding) { b.Spec.Projects = projects })
	}
	lib := rulestest.CodeRepo("product-8", "repo-9", "lib")
	open := rulestest.CodeRepo("product-7", "repo-5", "open", func(r *api.CodeRepo) { r.Spec.Project = "gone" })
	for sentence, c := range map[string]struct {
		world   *rulestest.World
		runtime *api.DeploymentRuntime
		want    []string
	}{
		"its own repo was given to another project, and it names none": {
			usual().Add(ofCart, cart).Record(recorded("repo-3", "product-7")), from("none"),
			[]string{api.ReasonPermissionRevoked}},
		"the same, and the record does not know the owner": {
			usual().Add(ofCart, cart).Record(recorded("repo-3", "")), from("none"),
			[]string{api.ReasonPermissionRevoked}},
		"its own repo is still permitted, and it names none": {
			usual().Record(recorded("repo-3", "product-7")), from("none"), nil},
		"the same, and the record does not know the owner but the name": {
			usual().Record(recorded("repo-3", "")), from("none"), nil},
		"its own repo is gone, which takes nobody's permission": {
			usual().Remove(ofCart).Record(recorded("repo-3", "product-7")), from("none"), nil},
		"its own repo was given away, and it moves to another that it may use": {
			usual().Add(ofCart, cart,
				rulestest.CodeRepo("product-7", "repo-4", "other", func(r *api.CodeRepo) { r.Spec.Project = "shop" })).
				Record(recorded("repo-3", "product-7")), from("repo-4"), nil},
		"the borrowed repo is lent to another project only, and it names none": {
			usual().Add(lib, lentTo("cart")).Record(recorded("repo-9", "product-8")), from("none"),
			[]string{api.ReasonPermissionRevoked}},
		"the borrowed repo is lent to this project, and it names none": {
			usual().Add(lib, lentTo("shop")).Record(recorded("repo-9", "product-8")), from("none"), nil},
		"the borrowed repo is not lent any more, and it names an own repo and a project that does not exist": {
			usual().Add(lib, open).Record(recorded("repo-9", "product-8")), from("repo-5", projects("gone")),
			[]string{api.ReasonProjectNotFound, api.ReasonPermissionRevoked}},
		"the borrowed repo is not lent any more, and it names an own repo and another destination": {
			usual().Add(lib).Record(recorded("repo-9", "product-8")),
			from("repo-3", func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" }),
			[]string{api.ReasonDestinationImmutable, api.ReasonPermissionRevoked}},
		"the borrowed repo is not lent any more, and it names an own repo and an environment that does not exist": {
			usual().Add(lib).Remove(rulestest.Environment("product-7", "dev", "")).
				Record(recorded("repo-9", "product-8")), from("repo-3"),
			[]string{api.ReasonPermissionRevoked}},
		"the borrowed repo is still lent, and it names an own repo and another destination": {
			usual().Add(lib, lentTo()).Record(recorded("repo-9", "product-8")),
			from("repo-3", func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" }),
			[]string{api.ReasonDestinationImmutable}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := judge(t, c.world, c.runtime)
			if diff := cmp.Diff(c.want, reasons(got)); diff != "" {
				t.Error(diff)
			}
			revoked := slices.Contains(c.want, api.ReasonPermissionRevoked)
			if rules.StopsSync(got) != revoked {
				t.Errorf("automated sync stops: %v, want %v", !revoked, revoked)
			}
		})
	}
}

// Who lends a code repo is what the runtime says. A bare name never leads to another product, but for a runtime that is
// deployed from there since the time when it did.
func TestNobodyLendsACodeRepoUnasked(t *testing.T) {
	lent := func(product string) []client.Object {
		return []client.Object{rulestest.Product(product, "group-of-"+product),
			rulestest.CodeRepo(product, "repo-9", "lib"), rulestest.Binding(product, "b", "repo-9", "product-7")}
	}
	recorded := func(repo, owner string) rules.Record {
		return rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
			r.Runtime.UID, r.CodeRepo, r.RepoProduct = string(usualRuntime().UID), repo, owner
		})
	}
	one := func() *rulestest.World { return usual().Add(lent("product-8")...) }
	two := func() *rulestest.World { return one().Add(lent("product-9")...) }
	own := rulestest.CodeRepo("product-7", "repo-9", "own")
	unbound := rulestest.Binding("product-8", "b", "", "")
	for sentence, c := range map[string]struct {
		world   *rulestest.World
		name    string
		owner   string
		missing string
	}{
		"a bare name that one product lends": {one(), "repo-9", "", api.ReasonCodeRepoNotFound},
		"a bare name that several lend":      {two(), "repo-9", "", api.ReasonCodeRepoNotFound},
		"a bare name of a runtime that is deployed from another": {one().Record(recorded("repo-3", "product-7")),
			"repo-9", "", api.ReasonCodeRepoNotFound},
		"the same, and the other is lent too": {one().Record(recorded("repo-3", "product-8")),
			"repo-9", "", api.ReasonCodeRepoNotFound},
		"a bare name that another runtime is deployed from": {one().Record(rulestest.Record("product-7", "other",
			"dev", "c1", func(r *rules.Record) { r.CodeRepo, r.RepoProduct = "repo-9", "product-8" })), "repo-9", "",
			api.ReasonCodeRepoNotFound},
		"a bare name whose own code repo was deleted": {one().Record(recorded("repo-9", "product-7")),
			"repo-9", "", api.ReasonCodeRepoNotFound},
		"a bare name whose recorded owner is not known": {one().Record(recorded("repo-9", "")), "repo-9", "",
			api.ReasonCodeRepoNotFound},
		"a bare name that is deployed from a lender of old": {two().Record(recorded("repo-9", "product-8")),
			"repo-9", "product-8", ""},
		"the same, from the other one": {two().Record(recorded("repo-9", "product-9")),
			"repo-9", "product-9", ""},
		"the same, and that one lends it no more": {two().Remove(unbound).
			Record(recorded("repo-9", "product-8")), "repo-9", "", api.ReasonCodeRepoNotFound},
		"a bare name of the product's own": {two().Add(own), "repo-9", "product-7", ""},
		"a lender that is named":           {two(), "product-8/repo-9", "product-8", ""},
		"the other lender": {two().Record(recorded("repo-9", "product-8")),
			"product-9/repo-9", "product-9", ""},
		"a lender that is named beside an own one of that name": {two().Add(own), "product-8/repo-9", "product-8", ""},
		"a lender that is named and does not lend it": {two().Remove(unbound), "product-8/repo-9", "",
			api.ReasonCodeRepoNotFound},
		"a lender that is named and has no such code repo": {one(), "product-8/repo-4", "",
			api.ReasonCodeRepoNotFound},
		"a lender that lends it to somebody else": {one().Add(rulestest.Binding("product-8", "b",
			"repo-9", "product-6")), "product-8/repo-9", "", api.ReasonCodeRepoNotFound},
		"a product that would lend what is not its own": {one().Add(rulestest.Binding("product-6", "b",
			"repo-9", "product-7")), "product-6/repo-9", "", api.ReasonCodeRepoNotFound},
		"the product itself": {two().Add(own), "product-7/repo-9", "product-7", ""},
		"the product itself, deployed from a lender of old so far": {two().Add(own).
			Record(recorded("repo-9", "product-8")), "product-7/repo-9", "product-7", ""},
		"the product itself, which has none": {two(), "product-7/repo-9", "",
			api.ReasonCodeRepoNotFound},
	} {
		t.Run(sentence, func(t *testing.T) {
			res, err := resolve.DeploymentRuntime(t.Context(), c.world,
				usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = c.name }), "i")
			if err != nil {
				t.Fatal(err)
			}
			owner, missing := "", ""
			if res.CodeRepo != nil {
				owner = res.CodeRepo.Namespace
			}
			if res.Missing != nil {
				missing = res.Missing.Reason
			}
			if owner != c.owner || missing != c.missing {
				t.Errorf("got %q, %q; want %q, %q", owner, missing, c.owner, c.missing)
			}
		})
	}
}

func TestOnlyTheLossOfAPermissionStopsSync(t *testing.T) {
	for reason, c := range map[string]struct {
		class problem.Class
		stops bool
	}{
		api.ReasonPermissionRevoked:    {problem.Forbidden, true},
		api.ReasonDestinationImmutable: {problem.Invalid, false},
		api.ReasonProjectNotFound:      {problem.Missing, false},
		api.ReasonTwinRuntime:          {problem.Conflict, false},
	} {
		if got := rules.StopsSync([]*problem.Problem{problem.New(c.class, reason, "x")}); got != c.stops {
			t.Errorf("%s: got %v", reason, got)
		}
	}
	if rules.StopsSync(nil) {
		t.Error("no violation stopped sync")
	}
}

func TestALookupThatFailsIsNoVerdict(t *testing.T) {
	r := usualRuntime()
	res, err := resolve.DeploymentRuntime(t.Context(), usual(), r, "i")
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("down")
	if _, err := rules.DeploymentRuntime(t.Context(), usual().Broken(down), r, res, nil); !errors.Is(err, down) ||
		problem.As(err) != nil {
		t.Errorf("got %v", err)
	}
	if _, err := resolve.DeploymentRuntime(t.Context(), usual().Broken(down), r, "i"); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
