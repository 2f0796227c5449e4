package rules_test

import (
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func TestProviders(t *testing.T) {
	ctx := t.Context()
	world := rulestest.New(rulestest.Provider("gitlab"))
	products := &api.ProductProvider{Spec: api.ProductProviderSpec{Type: "coderepo", Name: "gitlab"}}

	expectation{}.check(t, rules.CodeRepoProvider(ctx, world, rulestest.Provider("gitlab")))
	expectation{problem.Invalid, api.ReasonInvalid, []string{"sshAddress"}}.check(t, rules.CodeRepoProvider(ctx, world,
		rulestest.Provider("gitlab", func(p *api.CodeRepoProvider) { p.Spec.SSHAddress = "gitlab.example.com" })))
	expectation{}.check(t, rules.ProductProvider(ctx, world, products))
	expectation{problem.Missing, api.ReasonCodeRepoProviderNotFound, []string{"gitlab"}}.check(t,
		rules.ProductProvider(ctx, rulestest.New(), products))
}
