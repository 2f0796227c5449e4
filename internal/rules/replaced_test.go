package rules_test

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

// TestNothingIsDeployedFromAnotherProject: a project that took the path of one that was renamed is a stranger's, to its
// own product and to those that borrow the code repo, and no mistake keeps it deployed.
func TestNothingIsDeployedFromAnotherProject(t *testing.T) {
	found := func(status metav1.ConditionStatus, reason string) func(*api.CodeRepo) {
		return func(r *api.CodeRepo) {
			r.Status.Conditions = []metav1.Condition{{Type: api.ConditionRepositoryFound, Status: status,
				Reason: reason, Message: "project 9 is there"}}
		}
	}
	replaced := found(metav1.ConditionFalse, api.ReasonRepositoryReplaced)
	own := func(change func(*api.CodeRepo)) *rulestest.World {
		return usual().Add(rulestest.CodeRepo("product-7", "repo-3", "shop",
			func(r *api.CodeRepo) { r.Spec.Project = "shop" }, change))
	}
	deployed := func(w *rulestest.World) *rulestest.World {
		return w.Record(rulestest.Record("product-7", "dr", "dev", "c1",
			func(rec *rules.Record) { rec.CodeRepo, rec.RepoProduct = "repo-3", "product-7" }))
	}
	for sentence, c := range map[string]struct {
		world  *rulestest.World
		change runtimeChange
		stops  bool
	}{
		"the project is there": {own(found(metav1.ConditionTrue, api.ReasonRepositoryFound)),
			nil, false},
		"it was renamed, and its path is free": {own(found(metav1.ConditionFalse, api.ReasonRepositoryMoved)),
			nil, false},
		"another one has its path":               {own(replaced), nil, true},
		"deployed, and another one has its path": {deployed(own(replaced)), nil, true},
		"deployed, and a mistake besides": {deployed(own(replaced)),
			func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "repo-404" }, true},
		"lent": {usual().Remove(rulestest.CodeRepo("product-7", "repo-3", "shop")).
			Add(rulestest.CodeRepo("product-8", "repo-3", "shop", replaced),
				rulestest.Binding("product-8", "lent", "repo-3", "product-7")),
			func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "product-8/repo-3" }, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			r := usualRuntime(func(r *api.DeploymentRuntime) { r.UID = "uid-product-7-dr" })
			if c.change != nil {
				c.change(r)
			}
			violations := judge(t, c.world, r)
			i := slices.IndexFunc(violations,
				func(p *problem.Problem) bool { return p.Reason == api.ReasonRepositoryReplaced })
			if rules.StopsSync(violations) != c.stops || (i >= 0) != c.stops {
				t.Fatalf("got %v", violations)
			}
			if i >= 0 && (strings.Contains(violations[i].Message, "product-8") ||
				strings.Contains(violations[i].Message, "project 9")) {
				t.Errorf("the message tells of others: %s", violations[i].Message)
			}
		})
	}
	refused := problem.As(rules.CodeRepo(t.Context(), own(replaced),
		rulestest.CodeRepo("product-7", "repo-3", "shop", replaced)))
	if refused == nil || refused.Reason != api.ReasonRepositoryReplaced || refused.Class != problem.Forbidden ||
		!strings.Contains(refused.Message, "project 9") {
		t.Errorf("the code repo itself: got %v", refused)
	}
}
