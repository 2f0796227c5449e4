package rules_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// Whatever is wrong with the runtime itself: what it goes on being deployed from is judged, and what may not be used
// any more stops automated sync.
func TestWhatIsDeployedIsJudgedWhateverElseIsWrong(t *testing.T) {
	const url = "https://gitlab.example.com/nautes-labs/shop.git"
	record := func(change func(*rules.Record)) rules.Record {
		return rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
			r.Runtime.UID, r.CodeRepo, r.RepoProduct, r.RepoURL = string(usualRuntime().UID), "repo-3", "product-7", url
			change(r)
		})
	}
	own := record(func(*rules.Record) {})
	from := func(r rules.Record, objects ...client.Object) *rulestest.World {
		return usual().Add(objects...).Record(r)
	}
	borrowed := record(func(r *rules.Record) {
		r.CodeRepo, r.RepoProduct, r.RepoURL = "repo-9", "product-8", "https://gitlab.example.com/others/lib.git"
	})
	lent := []client.Object{rulestest.CodeRepo("product-8", "repo-9", "lib"),
		rulestest.Binding("product-8", "b", "repo-9", "product-7")}
	renamed := rulestest.Product("product-7", "renamed")
	replaced := rulestest.Product("product-8", "others",
		func(p *api.Product) { p.Annotations = map[string]string{api.AnnotationGroupReplaced: "42"} })
	at := func(url string) *api.CodeRepo {
		return rulestest.CodeRepo("product-7", "repo-3", "shop",
			func(r *api.CodeRepo) { r.Spec.Project, r.Spec.URL = "shop", url })
	}
	naming := func(codeRepo string) runtimeChange {
		return func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = codeRepo }
	}
	mismatch := func(r *api.DeploymentRuntime) { r.Spec.Product = "product-8" }
	elsewhere := func(r *api.DeploymentRuntime) { r.Spec.Destination = "nowhere" }
	for sentence, c := range map[string]struct {
		world   *rulestest.World
		runtime *api.DeploymentRuntime
		stopsBy string
	}{
		"it was recorded for another life of the runtime, which names another cluster now": {
			from(record(func(r *rules.Record) {
				r.Runtime.UID, r.Destination.Cluster = "another", "c9"
				r.CodeRepo, r.RepoProduct, r.RepoURL = "repo-9", "product-8",
					"https://gitlab.example.com/others/lib.git"
			}), rulestest.CodeRepo("product-8", "repo-9", "lib")), usualRuntime(elsewhere),
			api.ReasonPermissionRevoked},
		"its URL is still the product's": {from(own), usualRuntime(elsewhere), ""},
		"its group was renamed, and it says so itself": {from(own, renamed, at(url)), usualRuntime(),
			api.ReasonRepoOutsideProduct},
		"its group was renamed, and the runtime is wrong otherwise": {from(own, renamed), usualRuntime(elsewhere),
			api.ReasonRepoOutsideProduct},
		"its group was renamed, and the runtime names another product": {from(own, renamed), usualRuntime(mismatch),
			api.ReasonRepoOutsideProduct},
		"its group was renamed, and the runtime moves with it": {from(own, renamed), usualRuntime(), ""},
		"its group was renamed, and the code repo is gone": {from(own, renamed).Remove(at("")),
			usualRuntime(), api.ReasonRepoOutsideProduct},
		"its code repo is gone, which takes nothing away": {from(own).Remove(at("")), usualRuntime(), ""},
		"its code repo got a URL that is none, and what is deployed is": {from(own,
			at("https://gitlab.example.com/nautes-labs/*")), usualRuntime(), ""},
		"its group was renamed, and the code repo got a URL that is none": {
			from(own, renamed, at("https://gitlab.example.com/renamed/*")), usualRuntime(),
			api.ReasonRepoOutsideProduct},
		"its group has a path that can be part of no URL": {from(own,
			rulestest.Product("product-7", "nautes-labs/..")), usualRuntime(), api.ReasonRepoOutsideProduct},
		"its provider moved away": {from(own, rulestest.Provider("gitlab",
			func(p *api.CodeRepoProvider) { p.Spec.HTTPAddress = "https://elsewhere.example.com" })),
			usualRuntime(elsewhere), api.ReasonRepoOutsideProduct},
		"its provider has an address that cannot be read": {from(own, rulestest.Provider("gitlab",
			func(p *api.CodeRepoProvider) { p.Spec.HTTPAddress = "nonsense" })), usualRuntime(elsewhere), ""},
		"its permission is gone, and it names another product": {from(borrowed, lent[0]),
			usualRuntime(naming("product-8/repo-9"), mismatch), api.ReasonPermissionRevoked},
		"it is borrowed and fine, and it names another product": {from(borrowed, lent...),
			usualRuntime(naming("product-8/repo-9"), mismatch), ""},
		"its lender's group was replaced": {from(borrowed, append(lent, replaced)...),
			usualRuntime(naming("product-8/repo-9")), api.ReasonGroupReplaced},
		"its lender's group was replaced, and it names none": {from(borrowed, append(lent, replaced)...),
			usualRuntime(naming("none")), api.ReasonGroupReplaced},
		"its lender's group was renamed, and it names none": {from(borrowed, append(lent,
			rulestest.Product("product-8", "moved"))...), usualRuntime(naming("none")), api.ReasonRepoOutsideProduct},
		"its lender is gone, which nobody can judge": {from(borrowed,
			lent...).Remove(rulestest.Product("product-8", "")), usualRuntime(naming("none")), ""},
		"its record does not know the URL": {from(record(func(r *rules.Record) { r.RepoURL = "" }),
			renamed), usualRuntime(elsewhere), ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			var stops []string
			for _, p := range judge(t, c.world, c.runtime) {
				if rules.StopsSync([]*problem.Problem{p}) {
					stops = append(stops, p.Reason)
				}
			}
			if c.stopsBy == "" && len(stops) > 0 || c.stopsBy != "" && !slices.Contains(stops, c.stopsBy) {
				t.Error(cmp.Diff(c.stopsBy, stops))
			}
		})
	}
}
