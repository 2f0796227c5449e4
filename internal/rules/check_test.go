package rules_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// places returns "Reason at field" of each problem.
func places(problems []*problem.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.Reason+" at "+p.Field)
	}
	return out
}

func TestCheckReturnsEveryViolationWithItsField(t *testing.T) {
	hooked := metav1.ObjectMeta{
		Annotations:     map[string]string{"argocd.argoproj.io/sync-wave": "1", "argocd.argoproj.io/hook": "Sync"},
		Finalizers:      []string{metav1.FinalizerOrphanDependents, "example.com/never"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ConfigMap", Name: "x"}},
	}
	steers := []string{
		"ForbiddenMetadata at metadata.annotations[argocd.argoproj.io/hook]",
		"ForbiddenMetadata at metadata.annotations[argocd.argoproj.io/sync-wave]",
		"ForbiddenMetadata at metadata.finalizers[1]", "ForbiddenMetadata at metadata.ownerReferences",
	}
	steer := func(obj client.Object) {
		obj.SetAnnotations(hooked.Annotations)
		obj.SetFinalizers(hooked.Finalizers)
		obj.SetOwnerReferences(hooked.OwnerReferences)
	}
	theirs := rulestest.Record("product-8", "x", "dev", "c1",
		func(r *rules.Record) { r.Namespaces = []string{"web", "dr"} })
	for sentence, c := range map[string]struct {
		world *rulestest.World
		obj   client.Object
		want  []string
	}{
		"a runtime that is fine": {usual(), usualRuntime(), nil},
		"a runtime of another product: nothing else can be judged": {usual(),
			usualRuntime(func(r *api.DeploymentRuntime) {
				r.Spec.Product, r.Spec.Destination = "product-8", "nowhere"
			}), []string{"ProductMismatch at spec.product"}},
		"a runtime with everything wrong": {
			usual().Record(theirs).Add(rulestest.Cluster("c1",
				func(c *api.Cluster) { c.Spec.ReservedNamespaces = []string{"monitoring"} })),
			usualRuntime(func(r *api.DeploymentRuntime) {
				steer(r)
				r.Spec.ProjectsRef = []string{"none", "shop", "nor"}
				r.Spec.Namespaces = []string{"a", "kube-system", "monitoring", "web"}
			}),
			append(steers, "ProjectNotFound at spec.projectsRef[0]", "ProjectNotFound at spec.projectsRef[2]",
				"NamespaceReserved at spec.namespaces[1]", "NamespaceReserved at spec.namespaces[2]",
				"NamespaceInUse at spec.namespaces[3]"),
		},
		"a runtime that refers to nothing that exists": {
			usual(), usualRuntime(func(r *api.DeploymentRuntime) {
				r.Spec.Destination, r.Spec.ManifestSource.CodeRepo, r.Spec.Namespaces = "nowhere", "none",
					[]string{"default"}
			}),
			[]string{"EnvironmentNotFound at spec.destination", "CodeRepoNotFound at spec.manifestSource.codeRepo",
				"NamespaceReserved at spec.namespaces[0]"},
		},
		"a runtime on a cluster that is not registered": {
			usual().Remove(rulestest.Cluster("c1")), usualRuntime(), []string{"ClusterNotFound at spec.destination"}},
		"a runtime on a cluster that was never reached": {
			usual().Add(rulestest.Cluster("c1", func(c *api.Cluster) { c.Status.UID = "" })), usualRuntime(),
			[]string{"ClusterNotReady at spec.destination"}},
		"a runtime whose code repo has no provider": {
			usual().Remove(rulestest.Provider("gitlab")), usualRuntime(),
			[]string{"CodeRepoProviderNotFound at spec.manifestSource.codeRepo"}},
		"a runtime whose default namespace is in use": {
			usual().Record(theirs), usualRuntime(), []string{"NamespaceInUse at metadata.name"}},
		"a runtime of the product as a whole that may not use the repo": {
			usual().Add(rulestest.CodeRepo("product-8", "repo-9", "lib"), rulestest.Binding("product-8", "b", "repo-9",
				"product-7", func(b *api.CodeRepoBinding) { b.Spec.Projects = []string{"shop"} })),
			usualRuntime(func(r *api.DeploymentRuntime) {
				r.Spec.ProjectsRef, r.Spec.ManifestSource.CodeRepo = nil, "product-8/repo-9"
			}),
			[]string{"PermissionDenied at spec.manifestSource.codeRepo"}},
		"an environment with everything wrong": {
			usual().Record(rulestest.Record("product-7", "web", "new", "c2")),
			rulestest.Environment("product-7", "new", "c9",
				func(e *api.Environment) { e.Spec.Product = "x"; steer(e) }),
			append(append([]string{"ProductMismatch at spec.product"}, steers...), "ClusterImmutable at spec.cluster",
				"ClusterNotFound at spec.cluster"),
		},
		"an environment on a taken cluster for pipelines": {
			usual().Add(rulestest.Cluster("c1", func(c *api.Cluster) { c.Spec.WorkerType = api.WorkerTypePipeline })),
			rulestest.Environment("product-7", "new", "c1"),
			[]string{"ClusterNotAllowed at spec.cluster", "EnvironmentOnSameCluster at spec.cluster"},
		},
		"a project with everything wrong": {
			rulestest.New(),
			rulestest.Project("product-7", "p", func(p *api.Project) { p.Spec.Product = "x"; steer(p) }),
			append([]string{"ProductMismatch at spec.product", "ProductNotFound at metadata.namespace"}, steers...),
		},
		"a code repo with everything wrong": {
			usual(), rulestest.CodeRepo("product-7", "repo-4", "r", func(r *api.CodeRepo) {
				steer(r)
				r.Spec.Product, r.Spec.Project, r.Spec.URL = "x", "none", "https://gitlab.example.com/others/r.git"
			}),
			append(append([]string{"ProductMismatch at spec.product"}, steers...), "ProjectNotFound at spec.project",
				"RepoOutsideProduct at spec.url"),
		},
		"a code repo without its provider: its URL cannot be judged": {
			usual(), rulestest.CodeRepo("product-7", "repo-4", "r",
				func(r *api.CodeRepo) { r.Spec.CodeRepoProvider = "none" }),
			[]string{"CodeRepoProviderNotFound at spec.codeRepoProvider"}},
		"a code repo whose name cannot be part of a URL": {
			usual(), rulestest.CodeRepo("product-7", "repo-4", "a/../b"),
			[]string{"RepoOutsideProduct at spec.repoName"}},
		"a code repo whose provider cannot be used": {
			usual().
				Add(rulestest.Provider("gitlab", func(p *api.CodeRepoProvider) { p.Spec.HTTPAddress = "https://X" })),
			rulestest.CodeRepo("product-7", "repo-4", "r"), []string{"Invalid at spec.codeRepoProvider"}},
		"a binding with everything wrong": {
			usual(), rulestest.Binding("product-7", "b", "none", "product-7",
				func(b *api.CodeRepoBinding) { b.Spec.Projects = []string{"a", "shop", "b"}; steer(b) }),
			append(steers, "CodeRepoNotFound at spec.codeRepo", "ProjectNotFound at spec.projects[0]",
				"ProjectNotFound at spec.projects[2]"),
		},
		"a code repo provider with everything wrong": {
			usual(), rulestest.Provider("x", func(p *api.CodeRepoProvider) {
				p.Spec.HTTPAddress, p.Spec.SSHAddress,
					p.Spec.APIServer = "a", "b", "c"
			}),
			[]string{"Invalid at spec.httpAddress", "Invalid at spec.sshAddress", "Invalid at spec.apiServer"},
		},
		"a product provider without its code repo provider": {
			usual(), &api.ProductProvider{Spec: api.ProductProviderSpec{Name: "none"}},
			[]string{"CodeRepoProviderNotFound at spec.name"}},
		"a product has no rules but its schema's": {usual(), rulestest.Product("product-7", "x"), nil},
		"nor has a cluster":                       {usual(), rulestest.Cluster("c1"), nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			for range 3 { // the order is always the same
				v, err := rules.Check(t.Context(), c.world, c.obj, rules.SystemNamespaces{"nautes"})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, places(v.Violations)); diff != "" {
					t.Fatal(diff)
				}
				if len(v.Unchecked) > 0 {
					t.Errorf("unchecked: %v", v.Unchecked)
				}
			}
		})
	}
}

func TestCheckOfAKindWithoutRules(t *testing.T) {
	if _, err := rules.Check(t.Context(), usual(), &metav1.PartialObjectMetadata{}, nil); err == nil {
		t.Error("an object of an unknown kind has a verdict")
	}
}

func TestCheckWithoutFactsHasNoVerdict(t *testing.T) {
	down := errors.New("down")
	for _, obj := range []client.Object{
		usualRuntime(), rulestest.Environment("product-7", "dev", "c1"), rulestest.Project("product-7", "p"),
		rulestest.CodeRepo("product-7", "r", "r"),
		rulestest.Binding("product-7", "b", "r", "product-7"), &api.ProductProvider{},
	} {
		if v, err := rules.Check(t.Context(), usual().Broken(down), obj, nil); !errors.Is(err, down) ||
			len(v.Violations) > 0 {
			t.Errorf("%T: got %v, %v", obj, v, err)
		}
	}
}

// unrecorded is a world in which nobody can be asked for records.
type unrecorded struct{ *rulestest.World }

func nobody(fact string) error { return fmt.Errorf("%s: %w", fact, rules.ErrUnchecked) }

func (unrecorded) Recorded(context.Context, string, string) ([]rules.Record, error) {
	return nil, nobody("records")
}

func (unrecorded) Holders(context.Context, string, string) ([]rules.Holder, error) {
	return nil, nobody("records")
}

func (unrecorded) Total(context.Context, string) (rules.Total, error) {
	return rules.Total{}, nobody("records")
}

func (unrecorded) RecordsOf(context.Context, string) ([]rules.Record, error) {
	return nil, nobody("records")
}

// alone is a world without a management cluster: only what lies in product-7 is known.
type alone struct{ unrecorded }

func (a alone) Get(ctx context.Context, kind, product, name string) (client.Object, error) {
	if kind == "Cluster" || kind == "CodeRepoProvider" {
		return nil, nobody(kind)
	}
	return a.World.Get(ctx, kind, product, name)
}

func TestWithoutAManagementClusterTheOtherRulesAreChecked(t *testing.T) {
	ofRuntime := []string{
		api.ReasonClusterNotFound, api.ReasonClusterNotReady, api.ReasonCodeRepoProviderNotFound,
		api.ReasonRepoOutsideProduct,
		api.ReasonDestinationImmutable, api.ReasonClusterNotAllowed, api.ReasonClusterImmutable,
		api.ReasonEnvironmentOnSameCluster,
		api.ReasonNamespaceReserved, api.ReasonNamespaceInUse, api.ReasonProductLimitReached,
		api.ReasonCodeRepoOwnerChanged,
	}
	for sentence, c := range map[string]struct {
		obj       client.Object
		want      []string
		unchecked []string
	}{
		"a runtime that is fine": {usualRuntime(), nil, ofRuntime},
		"a runtime with what can be seen": {usualRuntime(func(r *api.DeploymentRuntime) {
			r.Name = "zz"
			r.Spec.ProjectsRef, r.Spec.Namespaces = []string{"none"}, []string{"kube-x"}
		}), []string{
			"ProjectNotFound at spec.projectsRef[0]", "TwinRuntime at spec.manifestSource",
			"NamespaceReserved at spec.namespaces[0]",
		}, ofRuntime},
		"a runtime whose code repo may be another product's": {usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo = "repo-9"
		}), nil, []string{
			api.ReasonClusterNotFound, api.ReasonClusterNotReady, api.ReasonCodeRepoNotFound,
			api.ReasonDestinationImmutable, api.ReasonClusterNotAllowed, api.ReasonClusterImmutable,
			api.ReasonEnvironmentOnSameCluster,
			api.ReasonNamespaceReserved, api.ReasonNamespaceInUse, api.ReasonProductLimitReached,
			api.ReasonPermissionDenied, api.ReasonPermissionRevoked, api.ReasonCodeRepoOwnerChanged,
		}},
		"a runtime without its environment": {usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.Destination = "nowhere"
		}), []string{"EnvironmentNotFound at spec.destination"},
			[]string{api.ReasonCodeRepoProviderNotFound, api.ReasonRepoOutsideProduct, api.ReasonDestinationImmutable,
				api.ReasonCodeRepoOwnerChanged}},
		"an environment beside another that names its cluster": {
			rulestest.Environment("product-7", "new", "c1", bornAt(1)),
			[]string{"EnvironmentOnSameCluster at spec.cluster"},
			[]string{api.ReasonClusterImmutable, api.ReasonClusterNotFound, api.ReasonClusterNotAllowed}},
		"an environment that is alone": {rulestest.Environment("product-7", "new", "c3"), nil,
			[]string{api.ReasonClusterImmutable, api.ReasonClusterNotFound, api.ReasonClusterNotAllowed,
				api.ReasonEnvironmentOnSameCluster}},
		"a project": {rulestest.Project("product-7", "p"), nil, nil},
		"a code repo of a project that does not exist": {rulestest.CodeRepo("product-7", "repo-4", "r",
			func(r *api.CodeRepo) { r.Spec.Project = "none" }),
			[]string{"ProjectNotFound at spec.project"},
			[]string{api.ReasonCodeRepoProviderNotFound, api.ReasonRepoOutsideProduct}},
		"a binding": {rulestest.Binding("product-7", "b", "repo-3", "product-7"), nil, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := alone{unrecorded{usual().Add(rulestest.Runtime("product-7", "web", "repo-3", "dev",
				func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "elsewhere" }))}}
			if c.obj.GetName() == "zz" {
				w.Add(rulestest.Runtime("product-7", "dr", "repo-3", "dev"))
			}
			v, err := rules.Check(t.Context(), w, c.obj, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, places(v.Violations)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.unchecked, v.Unchecked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Most rules need records only for some objects: of the others they say what they see.
func TestARuleIsUncheckedOnlyWhereItNeedsTheRecords(t *testing.T) {
	leaving := rulestest.Cluster("c1", func(c *api.Cluster) {
		c.DeletionTimestamp = &metav1.Time{Time: rulestest.Epoch()}
	})
	ofEnvironment := []string{api.ReasonClusterImmutable, api.ReasonEnvironmentOnSameCluster}
	ofRuntime := []string{
		api.ReasonDestinationImmutable, api.ReasonClusterNotAllowed, api.ReasonClusterImmutable,
		api.ReasonEnvironmentOnSameCluster, api.ReasonNamespaceInUse, api.ReasonProductLimitReached,
		api.ReasonCodeRepoOwnerChanged,
	}
	with := func(at int, reasons ...string) []string {
		return slices.Insert(slices.Clone(ofRuntime), at, reasons...)
	}
	lent := usual().Add(rulestest.CodeRepo("product-8", "repo-9", "lib"), rulestest.Product("product-8", "lender"),
		rulestest.Binding("product-8", "b", "repo-9", "product-7"))
	revision := func(revision string) *api.DeploymentRuntime {
		return usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo, r.Spec.ManifestSource.TargetRevision = "product-8/repo-9", revision
		})
	}
	namespaces := func(names ...string) *api.DeploymentRuntime {
		return usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.Namespaces = names })
	}
	for sentence, c := range map[string]struct {
		world           *rulestest.World
		obj             client.Object
		want, unchecked []string
	}{
		"an environment": {world: usual(), obj: rulestest.Environment("product-7", "new", "c2"),
			unchecked: ofEnvironment},
		"an environment whose cluster is being removed": {
			world: usual().Add(leaving), obj: rulestest.Environment("product-7", "dev", "c1"),
			unchecked: slices.Insert(slices.Clone(ofEnvironment), 1, api.ReasonClusterNotFound,
				api.ReasonClusterNotAllowed),
		},
		"an environment beside an older one on its cluster": {
			world: usual(), obj: rulestest.Environment("product-7", "new", "c1", bornAt(1)),
			want: []string{"EnvironmentOnSameCluster at spec.cluster"}, unchecked: ofEnvironment[:1],
		},
		"a runtime": {
			world: usual(), obj: usualRuntime(), unchecked: ofRuntime,
		},
		"a namespace of the system": {
			world: usual(), obj: namespaces("kube-system"),
			want: []string{"NamespaceReserved at spec.namespaces[0]"}, unchecked: ofRuntime,
		},
		"a namespace of a platform component": {
			world: usual(), obj: namespaces("a", "velero"), unchecked: with(4, api.ReasonNamespaceReserved),
		},
		"a branch of a code repo that is lent": {
			world: lent, obj: revision("main"), unchecked: ofRuntime,
		},
		"a commit of a code repo that is lent": {
			world: lent, obj: revision(strings.Repeat("ab", 20)), unchecked: with(4, api.ReasonInvalid),
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			v, err := rules.Check(t.Context(), unrecorded{c.world}, c.obj, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, places(v.Violations)) + cmp.Diff(c.unchecked, v.Unchecked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever a user of product-7 does: no message says anything about product-8 that he did not write himself.
func TestNoMessageNamesAnotherProduct(t *testing.T) {
	const canary = "canary"
	lib := rulestest.CodeRepo("product-8", "repo-9", canary+"-lib",
		func(r *api.CodeRepo) { r.Spec.Project = canary + "-project" })
	world := func() *rulestest.World {
		return usual().Add(
			rulestest.Product("product-8", canary+"-group"), lib,
			rulestest.Binding("product-8", canary+"-binding", "repo-9", "product-7"),
			rulestest.Project("product-8", canary+"-project"), rulestest.Environment("product-8", canary+"-env", "c1"),
			rulestest.Runtime("product-8", canary+"-runtime", "repo-9", canary+"-env"),
			rulestest.Cluster("c1", func(c *api.Cluster) {
				c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{"monitoring": {canary + "-group",
					"product-8"}}
				c.Status.PinnedProducts = []api.PinnedProduct{{Path: canary + "-group", Product: "product-8"}}
			}),
		).Record(rulestest.Record("product-8", canary+"-runtime", canary+"-env", "c1",
			func(r *rules.Record) { r.Namespaces = []string{"web"} }))
	}
	from9 := func(changes ...runtimeChange) *api.DeploymentRuntime {
		return usualRuntime(append(changes,
			func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "product-8/repo-9" })...)
	}
	spoilt := func(change func(*api.CodeRepo)) *rulestest.World {
		broken := lib.DeepCopy()
		change(broken)
		return world().Add(broken)
	}
	borrowed := rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
		r.Runtime.UID, r.CodeRepo, r.RepoProduct = string(usualRuntime().UID), "repo-9", "product-8"
	})
	unlent := func() *rulestest.World {
		return world().Remove(rulestest.Binding("product-8", canary+"-binding", "", "")).Record(borrowed)
	}
	for sentence, c := range map[string]struct {
		world *rulestest.World
		obj   client.Object
		want  string
	}{
		"a namespace that it has": {world(), usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.Namespaces = []string{"web"}
		}), api.ReasonNamespaceInUse},
		"a namespace that it was granted": {world(), usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.Namespaces = []string{"monitoring"}
		}), api.ReasonNamespaceReserved},
		"a cluster that is open only to it": {world().Add(rulestest.Cluster("c1", func(c *api.Cluster) {
			c.Spec.AllowedProducts = []string{canary + "-group"}
		})), usualRuntime(), api.ReasonClusterNotAllowed},
		"the same, of an environment": {world().
			Add(rulestest.Cluster("c1", func(c *api.Cluster) { c.Spec.AllowedProducts = []string{canary + "-group"} })),
			rulestest.Environment("product-7", "dev", "c1"), api.ReasonClusterNotAllowed},
		"its repo has a URL outside": {spoilt(func(r *api.CodeRepo) {
			r.Spec.URL = "https://gitlab.example.com/" + canary + "/x.git"
		}), from9(), api.ReasonRepoOutsideProduct},
		"its repo has a provider of no name": {spoilt(func(r *api.CodeRepo) {
			r.Spec.CodeRepoProvider = canary +
				"-provider"
		}), from9(), api.ReasonCodeRepoProviderNotFound},
		"it is gone": {world().Remove(rulestest.Product("product-8", "")), from9(),
			api.ReasonProductNotFound},
		"its path cannot be part of a URL": {world().Add(rulestest.Product("product-8", canary+"/..")), from9(),
			api.ReasonRepoOutsideProduct},
		"its repo is not lent any more": {unlent(), from9(), api.ReasonPermissionRevoked},
		"its repo is lent to no project here": {world().Add(rulestest.Binding("product-8", canary+"-binding",
			"repo-9", "product-7", func(b *api.CodeRepoBinding) { b.Spec.Projects = []string{"cart"} })), from9(),
			api.ReasonPermissionDenied},
		"an own repo gets the name of its one": {world().Add(rulestest.CodeRepo("product-7", "repo-9", "own")).
			Record(borrowed),
			usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "repo-9" }),
			api.ReasonCodeRepoOwnerChanged},
		"it lends a repo to who does not name it": {world(), usualRuntime(func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo = "repo-9"
		}), api.ReasonCodeRepoNotFound},
	} {
		t.Run(sentence, func(t *testing.T) {
			v, err := rules.Check(t.Context(), c.world, c.obj, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(reasons(v.Violations), " "), c.want) {
				t.Errorf("got %v, want %s", reasons(v.Violations), c.want)
			}
			for _, p := range v.Violations {
				p.Message = strings.ReplaceAll(p.Message, "product-8/repo-9", "what the user wrote")
				if strings.Contains(p.Message, canary) || strings.Contains(p.Message, "product-8") ||
					strings.Contains(p.Message, "product-9") {
					t.Errorf("%s: %s", p.Reason, p.Message)
				}
			}
		})
	}
}
