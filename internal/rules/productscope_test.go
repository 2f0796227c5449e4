package rules_test

import (
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func TestProject(t *testing.T) {
	for sentence, tc := range map[string]struct {
		world   *rulestest.World
		project *api.Project
		want    expectation
	}{
		"a project of its namespace's product is fine": {
			world:   rulestest.New(rulestest.Product("product-7", "nautes-labs")),
			project: rulestest.Project("product-7", "api"),
		},
		"a project of another product is refused": {
			world:   rulestest.New(rulestest.Product("product-7", "nautes-labs")),
			project: rulestest.Project("product-7", "api", func(p *api.Project) { p.Spec.Product = "product-8" }),
			want:    expectation{problem.Invalid, api.ReasonProductMismatch, nil},
		},
		"a project in a namespace without a product is refused": {
			world:   rulestest.New(),
			project: rulestest.Project("product-7", "api"),
			want:    expectation{problem.Missing, api.ReasonProductNotFound, nil},
		},
		"a project that holds up its own deletion is refused": {
			world: rulestest.New(rulestest.Product("product-7", "nautes-labs")),
			project: rulestest.Project("product-7", "api",
				func(p *api.Project) { p.Finalizers = []string{"example.com/never"} }),
			want: expectation{problem.Invalid, api.ReasonForbiddenMetadata, []string{"example.com/never"}},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			tc.want.check(t, rules.Project(t.Context(), tc.world, tc.project))
		})
	}
}

func TestCodeRepo(t *testing.T) {
	world := func() *rulestest.World {
		return rulestest.New(
			rulestest.Product("product-7", "nautes-labs"), rulestest.Provider("gitlab"),
			rulestest.Project("product-7", "api"))
	}
	repo := func(change func(*api.CodeRepo)) *api.CodeRepo {
		return rulestest.CodeRepo("product-7", "repo-3", "api-server", change)
	}
	for sentence, tc := range map[string]struct {
		world *rulestest.World
		repo  *api.CodeRepo
		want  expectation
	}{
		"a code repo below its product's group is fine": {
			world: world(),
			repo:  repo(func(r *api.CodeRepo) { r.Spec.Project = "api" }),
		},
		"a code repo of another product is refused": {
			world: world(),
			repo:  repo(func(r *api.CodeRepo) { r.Spec.Product = "product-8" }),
			want:  expectation{problem.Invalid, api.ReasonProductMismatch, nil},
		},
		"a code repo in a namespace without a product is refused": {
			world: world().Remove(rulestest.Product("product-7", "")),
			repo:  repo(func(*api.CodeRepo) {}),
			want:  expectation{problem.Missing, api.ReasonProductNotFound, nil},
		},
		"a provider that does not exist is missing": {
			world: world(),
			repo:  repo(func(r *api.CodeRepo) { r.Spec.CodeRepoProvider = "github" }),
			want:  expectation{problem.Missing, api.ReasonCodeRepoProviderNotFound, []string{"github"}},
		},
		"a project that does not exist is missing": {
			world: world(),
			repo:  repo(func(r *api.CodeRepo) { r.Spec.Project = "web" }),
			want:  expectation{problem.Missing, api.ReasonProjectNotFound, []string{"web", "spec.project"}},
		},
		"a URL outside the product is refused": {
			world: world(),
			repo:  repo(func(r *api.CodeRepo) { r.Spec.URL = "https://gitlab.example.com/nautes-labs-evil/api.git" }),
			want: expectation{problem.Forbidden, api.ReasonRepoOutsideProduct,
				[]string{"https://gitlab.example.com/nautes-labs/"}},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			tc.want.check(t, rules.CodeRepo(t.Context(), tc.world, tc.repo))
		})
	}
}

func TestCodeRepoBinding(t *testing.T) {
	world := func() *rulestest.World {
		return rulestest.New(
			rulestest.Product("product-7", "nautes-labs"),
			rulestest.CodeRepo("product-7", "repo-3", "api-server"),
			rulestest.Project("product-7", "api"),
		)
	}
	for sentence, tc := range map[string]struct {
		world   *rulestest.World
		binding *api.CodeRepoBinding
		want    expectation
	}{
		"a binding of an own code repo for an own project is fine": {
			world: world(),
			binding: rulestest.Binding("product-7", "b", "repo-3", "product-7", func(b *api.CodeRepoBinding) {
				b.Spec.Projects = []string{"api"}
			}),
		},
		"a binding for projects of another product is fine, whether they exist or not": {
			world: world(),
			binding: rulestest.Binding("product-7", "b", "repo-3", "product-8", func(b *api.CodeRepoBinding) {
				b.Spec.Projects = []string{"web"}
			}),
		},
		"a binding in a namespace without a product is refused": {
			world:   world().Remove(rulestest.Product("product-7", "")),
			binding: rulestest.Binding("product-7", "b", "repo-3", "product-7"),
			want:    expectation{problem.Missing, api.ReasonProductNotFound, nil},
		},
		"a code repo of another product cannot be bound from here": {
			world:   world().Add(rulestest.CodeRepo("product-8", "repo-4", "web")),
			binding: rulestest.Binding("product-7", "b", "repo-4", "product-7"),
			want:    expectation{problem.Missing, api.ReasonCodeRepoNotFound, []string{"repo-4"}},
		},
		"an own project that does not exist is missing": {
			world: world(),
			binding: rulestest.Binding("product-7", "b", "repo-3", "product-7", func(b *api.CodeRepoBinding) {
				b.Spec.Projects = []string{"api", "web"}
			}),
			want: expectation{problem.Missing, api.ReasonProjectNotFound, []string{"web"}},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			tc.want.check(t, rules.CodeRepoBinding(t.Context(), tc.world, tc.binding))
		})
	}
}
