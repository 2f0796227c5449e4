package rules_test

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func bornAt(hour int) func(*api.Environment) {
	return func(e *api.Environment) {
		e.CreationTimestamp = metav1.NewTime(rulestest.Epoch().Add(time.Duration(hour) * time.Hour))
	}
}

func TestEnvironment(t *testing.T) {
	world := func() *rulestest.World {
		return rulestest.New(
			rulestest.Product("product-7", "nautes-labs"),
			rulestest.Cluster("c1"),
			rulestest.Cluster("c2"),
		)
	}
	env := rulestest.Environment("product-7", "env-dev", "c1", bornAt(1))
	for sentence, tc := range map[string]struct {
		world *rulestest.World
		env   *api.Environment
		want  expectation
	}{
		"an environment on a cluster that takes deployments is fine": {world: world(), env: env},
		"an environment of another product than its namespace's is refused": {
			world: world(),
			env: rulestest.Environment("product-7", "env-dev", "c1",
				func(e *api.Environment) { e.Spec.Product = "product-8" }),
			want: expectation{problem.Invalid, api.ReasonProductMismatch, []string{"product-8", "product-7"}},
		},
		"a namespace without a product has no environments": {
			world: world().Remove(rulestest.Product("product-7", "")),
			env:   env,
			want:  expectation{problem.Missing, api.ReasonProductNotFound, nil},
		},
		"metadata that steers Argo CD is refused": {
			world: world(),
			env: rulestest.Environment("product-7", "env-dev", "c1", func(e *api.Environment) {
				e.Annotations = map[string]string{"argocd.argoproj.io/hook": "PostDelete"}
			}),
			want: expectation{problem.Invalid, api.ReasonForbiddenMetadata, []string{"argocd.argoproj.io/hook"}},
		},
		"a cluster that is not registered is missing": {
			world: world(),
			env:   rulestest.Environment("product-7", "env-dev", "c9"),
			want:  expectation{problem.Missing, api.ReasonClusterNotFound, []string{"c9"}},
		},
		"a cluster for pipelines is refused": {
			world: world().
				Add(rulestest.Cluster("c1", func(c *api.Cluster) { c.Spec.WorkerType = api.WorkerTypePipeline })),
			env:  env,
			want: expectation{problem.Forbidden, api.ReasonClusterNotAllowed, []string{"c1"}},
		},
		"a cluster that is being removed takes no environment that has nothing there": {
			world: world().Add(rulestest.Cluster("c1", beingRemoved)).Record(rulestest.Record("product-8", "web",
				"env-dev", "c1")),
			env:  env,
			want: expectation{problem.Conflict, api.ReasonClusterNotAllowed, []string{"c1", "being removed"}},
		},
		"a cluster that is being removed serves an environment that runtimes are deployed through": {
			world: world().Add(rulestest.Cluster("c1", beingRemoved)).Record(rulestest.Record("product-7", "web",
				"env-dev", "c1")),
			env: env,
		},
		"an environment that runtimes are deployed through cannot move": {
			world: world().Record(
				rulestest.Record("product-7", "web", "env-dev", "c2"),
				rulestest.Record("product-7", "api", "env-dev", "c2"),
				rulestest.Record("product-7", "other", "env-test", "c1"),
			),
			env:  env,
			want: expectation{problem.Invalid, api.ReasonClusterImmutable, []string{"api, web", `"c2"`, "delete"}},
		},
		"a move is refused as such also when the new cluster does not exist": {
			world: world().Record(rulestest.Record("product-7", "web", "env-dev", "c2")),
			env:   rulestest.Environment("product-7", "env-dev", "c9"),
			want:  expectation{problem.Invalid, api.ReasonClusterImmutable, []string{`runtime "web" is`}},
		},
		"runtimes of another product with an environment of that name do not matter": {
			world: world().Record(rulestest.Record("product-8", "web", "env-dev", "c2")),
			env:   env,
		},
		"the older of two environments on a cluster is fine": {
			world: world().Add(env, rulestest.Environment("product-7", "env-a", "c1", bornAt(2))),
			env:   env,
		},
		"the younger of two environments on a cluster is refused": {
			world: world().Add(env, rulestest.Environment("product-7", "env-a", "c1", bornAt(0))),
			env:   env,
			want:  expectation{problem.Conflict, api.ReasonEnvironmentOnSameCluster, []string{"env-a", "c1"}},
		},
		"of two of the same age the first by name is fine": {
			world: world().Add(env, rulestest.Environment("product-7", "env-a", "c1", bornAt(1))),
			env:   env,
			want:  expectation{problem.Conflict, api.ReasonEnvironmentOnSameCluster, []string{"env-a"}},
		},
		"one that is not created yet is younger than any other": {
			world: world().Add(rulestest.Environment("product-7", "env-z", "c1", bornAt(1))),
			env: rulestest.Environment("product-7", "env-a", "c1",
				func(e *api.Environment) { e.CreationTimestamp = metav1.Time{} }),
			want: expectation{problem.Conflict, api.ReasonEnvironmentOnSameCluster, []string{"env-z"}},
		},
		"a recorded environment wins against an older one": {
			world: world().
				Add(env, rulestest.Environment("product-7", "env-a", "c1", bornAt(0))).
				Record(rulestest.Record("product-7", "web", "env-dev", "c1")),
			env: env,
		},
		"an environment of another product on the cluster does not matter": {
			world: world().Add(rulestest.Environment("product-8", "env-a", "c1", bornAt(0))),
			env:   env,
		},
		"an environment keeps its recorded cluster against others though its spec names another": {
			world: world().
				Add(rulestest.Environment("product-7", "env-a", "c2", bornAt(2))).
				Record(rulestest.Record("product-7", "web", "env-a", "c1")),
			env:  env,
			want: expectation{problem.Conflict, api.ReasonEnvironmentOnSameCluster, []string{"env-a"}},
		},
		"an environment that is recorded elsewhere has no claim on the cluster that its spec names": {
			world: world().
				Add(rulestest.Environment("product-7", "env-a", "c1", bornAt(0))).
				Record(rulestest.Record("product-7", "web", "env-a", "c2")),
			env: env,
		},
		"a deleted environment holds its cluster while runtimes are deployed through it": {
			world: world().Record(rulestest.Record("product-7", "web", "env-old", "c1")),
			env:   env,
			want: expectation{problem.Conflict, api.ReasonEnvironmentOnSameCluster,
				[]string{"env-old", "deleted", `"web"`}},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			tc.want.check(t, rules.Environment(t.Context(), tc.world, tc.env))
		})
	}
}

func TestALongListOfRuntimesIsCut(t *testing.T) {
	w := rulestest.New(rulestest.Product("product-7", "nautes-labs"), rulestest.Cluster("c1"))
	for _, name := range []string{"g", "f", "e", "d", "c", "b", "a"} {
		w.Record(rulestest.Record("product-7", name, "env-dev", "c2"))
	}
	err := rules.Environment(t.Context(), w, rulestest.Environment("product-7", "env-dev", "c1"))
	expectation{problem.Invalid, api.ReasonClusterImmutable, []string{"a, b, c, d, e and 2 more are"}}.check(t, err)
}

func TestAFactThatCannotBeLookedUpIsNoVerdict(t *testing.T) {
	broken := errors.New("connection refused")
	w := rulestest.New().Broken(broken)
	for name, err := range map[string]error{
		"Environment": rules.Environment(t.Context(), w, rulestest.Environment("product-7", "env-dev", "c1")),
		"Project":     rules.Project(t.Context(), w, rulestest.Project("product-7", "api")),
		"CodeRepo":    rules.CodeRepo(t.Context(), w, rulestest.CodeRepo("product-7", "repo-3", "api")),
		"CodeRepoBinding": rules.CodeRepoBinding(t.Context(),
			w, rulestest.Binding("product-7", "b", "repo-3", "product-7")),
	} {
		if !errors.Is(err, broken) || problem.As(err) != nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
