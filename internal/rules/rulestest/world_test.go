package rulestest_test

import (
	"errors"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func TestAWorldAnswersWithWhatItWasGiven(t *testing.T) {
	ctx := t.Context()
	w := rulestest.New(
		rulestest.Environment("product-7", "env-b", "c1"),
		rulestest.Environment("product-7", "env-a", "c2"),
		rulestest.Environment("product-8", "env-c", "c1"),
		rulestest.Binding("product-8", "share", "repo-3", "product-7"),
		rulestest.Binding("product-7", "own", "repo-3", "product-7"),
	).Record(rulestest.Record("product-7", "dr", "env-a", "c2"))

	environments, err := resolve.List[api.Environment](ctx, w, "product-7")
	if err != nil || len(environments) != 2 || environments[0].Name != "env-a" || environments[1].Name != "env-b" {
		t.Errorf("environments of product-7: got %v, %v", environments, err)
	}
	missing, err := resolve.Get[api.Environment](ctx, w, "product-8", "env-a")
	if missing != nil || err != nil {
		t.Errorf("an environment of another product: got %v, %v", missing, err)
	}
	bindings, err := resolve.List[api.CodeRepoBinding](ctx, w, "product-8")
	if err != nil || len(bindings) != 1 || bindings[0].Name != "share" {
		t.Errorf("bindings of product-8: got %v, %v", bindings, err)
	}
	holders, err := w.Holders(ctx, "c2", "dr")
	if err != nil || len(holders) != 1 || holders[0].Product != "product-7" {
		t.Errorf("holders of namespace dr on c2: got %v, %v", holders, err)
	}
	total, err := w.Total(ctx, "product-7")
	if err != nil || total.RuntimesOn("c2") != 1 || total.Namespaces["c2"] != 1 || total.RuntimesOn("c1") != 0 {
		t.Errorf("total of product-7: got %v, %v", total, err)
	}
}

func TestABrokenWorldNeverSaysThatSomethingIsMissing(t *testing.T) {
	ctx := t.Context()
	broken := errors.New("connection refused")
	w := rulestest.New().Broken(broken)

	if _, err := resolve.Get[api.Product](ctx, w, "", "product-7"); !errors.Is(err, broken) {
		t.Errorf("a single object: got %v", err)
	}
	if _, err := resolve.List[api.Cluster](ctx, w, ""); !errors.Is(err, broken) {
		t.Errorf("a list: got %v", err)
	}
	if _, err := w.RecordsOf(ctx, "product-7"); !errors.Is(err, broken) {
		t.Errorf("records: got %v", err)
	}
}
