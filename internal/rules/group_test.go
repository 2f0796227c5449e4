package rules_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func TestAllowedGroupsCoverWhatLiesBelow(t *testing.T) {
	allowed := []string{"shop", "company/teams"}
	for path, want := range map[string]bool{
		"shop": true, "Shop": true, "shop/a": true, "shop/a/b": true, "company/teams": true, "company/TEAMS/x": true,
		"": false, "sho": false, "shops": false, "shop-a": false, "company": false, "company/team": false,
		"company/teams2": false, "x/shop": false,
	} {
		if got := rules.GroupAllowed(allowed, path); got != want {
			t.Errorf("%q: %t", path, got)
		}
	}
	if rules.GroupAllowed(nil, "shop") {
		t.Error("without a path nothing is allowed")
	}
}

// Whatever detaches a product from the path of its group stops what would come from there, and says which of both it
// is.
func TestNothingComesFromAPathThatTheGroupHasLeft(t *testing.T) {
	for annotation, reason := range map[string]string{api.AnnotationGroupReplaced: api.ReasonGroupReplaced,
		api.AnnotationGroupMoved: api.ReasonGroupMoved} {
		product := rulestest.Product("product-7", "nautes-labs",
			func(p *api.Product) { p.Annotations = map[string]string{annotation: "x"} })
		why := rules.Detached(product)
		if why == nil || why.Reason != reason {
			t.Fatalf("got %v", why)
		}
		w := rulestest.New(rulestest.Provider("gitlab"), product)
		got := problem.As(rules.CodeRepo(t.Context(), w, rulestest.CodeRepo("product-7", "repo-1", "app")))
		if got == nil || got.Reason != reason || !rules.StopsSync([]*problem.Problem{got}) {
			t.Errorf("%s: the code repo says %v", annotation, got)
		}
	}
	if why := rules.Detached(rulestest.Product("product-7", "nautes-labs")); why != nil {
		t.Errorf("got %v", why)
	}
}

// A path belongs to others at another git host: whatever a tenant names there is not the product's.
func TestCodeReposLieAtTheGitHostThatTheProductComesFrom(t *testing.T) {
	const other = "https://other.example.com"
	at := func(address string) func(*api.CodeRepoProvider) {
		return func(p *api.CodeRepoProvider) {
			p.Spec.HTTPAddress, p.Spec.SSHAddress, p.Spec.APIServer = address, "", ""
		}
	}
	from := func(provider string) func(*api.Product) {
		return func(p *api.Product) { p.Labels = map[string]string{api.LabelProvider: provider} }
	}
	elsewhere := func(r *api.CodeRepo) { r.Spec.CodeRepoProvider = "elsewhere" }
	alias := func(r *api.CodeRepo) { r.Spec.CodeRepoProvider = "alias" }
	for sentence, c := range map[string]struct {
		product *api.Product
		repo    *api.CodeRepo
		refused bool
	}{
		"its own": {rulestest.Product("product-7", "acme", from("groups")),
			rulestest.CodeRepo("product-7", "repo-1", "app"), false},
		"another one": {rulestest.Product("product-7", "acme", from("groups")),
			rulestest.CodeRepo("product-7", "repo-1", "app", elsewhere), true},
		"its own by another name": {rulestest.Product("product-7", "acme", from("groups")),
			rulestest.CodeRepo("product-7", "repo-1", "app", alias), false},
		"of a product by hand": {rulestest.Product("product-7", "acme"),
			rulestest.CodeRepo("product-7", "repo-1", "app", elsewhere), false},
		"of a product whose provider is gone": {rulestest.Product("product-7", "acme", from("gone")),
			rulestest.CodeRepo("product-7", "repo-1", "app", elsewhere), false},
	} {
		gitlab := rulestest.Provider("gitlab")
		w := rulestest.New(gitlab, rulestest.Provider("elsewhere", at(other)),
			rulestest.Provider("alias", at(gitlab.Spec.HTTPAddress+"/")), c.product, c.repo,
			&api.ProductProvider{ObjectMeta: metav1.ObjectMeta{Name: "groups"},
				Spec: api.ProductProviderSpec{Type: "coderepo", Name: "gitlab"}})
		got := problem.As(rules.CodeRepo(t.Context(), w, c.repo))
		if refused := got != nil; refused != c.refused || refused && (got.Class != problem.Forbidden ||
			got.Reason != api.ReasonRepoOutsideProduct || got.Field != "spec.codeRepoProvider") {
			t.Errorf("%s: the code repo says %v", sentence, got)
		}
		url, err := rules.CodeRepoURL(t.Context(), w, c.repo)
		if (err != nil) != c.refused {
			t.Errorf("%s: its credentials would go to %q, %v", sentence, url, err)
		}
		runtime := rulestest.Runtime("product-7", "web", "repo-1", "dev")
		res, err := resolve.DeploymentRuntime(t.Context(), w, runtime, "")
		if err != nil {
			t.Fatal(err)
		}
		outside := 0
		for _, p := range res.Problems {
			if p.Class == problem.Forbidden && p.Reason == api.ReasonRepoOutsideProduct {
				outside++
			}
		}
		if (outside == 1) != c.refused || (res.Placement.RepoURL == "") != c.refused {
			t.Errorf("%s: the runtime would be deployed from %q: %v", sentence, res.Placement.RepoURL, res.Problems)
		}
	}
}
