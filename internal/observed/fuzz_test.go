package observed_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// FuzzFacts: whatever Argo CD writes into an Application, the facts do not contradict each other, and what the cache
// drops changes none of them that decide.
func FuzzFacts(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		app, again := &observed.Application{}, &observed.Application{}
		if json.Unmarshal(raw, app) != nil || json.Unmarshal(raw, again) != nil {
			return
		}
		for _, one := range []*observed.Application{app, again} { // of those of others the cache keeps less
			one.Labels = map[string]string{api.LabelProduct: "product-7"}
		}
		facts := observed.FactsOf(app)
		switch {
		case facts.Failed && facts.Applied:
			t.Error("a sync failed and succeeded")
		case facts.Applied && (facts.Deployed != facts.Revision || !facts.Own):
			t.Errorf("%q was applied and %q is deployed", facts.Revision, facts.Deployed)
		case facts.Sight.Absent && facts.Sight.Commit != "":
			t.Error("a revision is there and is not")
		}
		if strings.ContainsAny(facts.Failure, "\n\r") {
			t.Errorf("%q has several lines", facts.Failure)
		}
		if diff := cmp.Diff(facts, observed.FactsOf(again)); diff != "" {
			t.Errorf("read twice it says something else: %s", diff)
		}
		if !observed.SaysTheSame(app, again) {
			t.Error("an Application differs from itself")
		}
		stripped(t, again, facts)
	})
}

// stripped compares what decides before and after the cache dropped the rest.
func stripped(t *testing.T, app *observed.Application, before observed.Facts) {
	t.Helper()
	confirms := len(observed.AwaitsDeletion(app))
	if _, err := observed.Strip(app); err != nil {
		t.Fatal(err)
	}
	after := observed.FactsOf(app)
	type decides struct {
		Sync, Health, Revision, Deployed, Syncing   string
		Compared, Current, Running, Failed, Applied bool
		Outdated, Again, All, OthersDiffer, Removes bool
		Namespaces                                  []string
		Written                                     map[string]string
		Confirms                                    bool
	}
	of := func(f observed.Facts, confirms int) decides {
		return decides{f.Sync, f.Health, f.Revision, f.Deployed, f.Syncing, f.Compared, f.Current, f.Running, f.Failed,
			f.Applied, f.Outdated, f.Again, f.Prunes.All, f.Prunes.OthersDiffer, f.Removable(), f.Namespaces, f.Written,
			confirms > 0}
	}
	if diff := cmp.Diff(of(before, confirms), of(after, len(observed.AwaitsDeletion(app)))); diff != "" {
		t.Errorf("the cache drops what decides: %s", diff)
	}
	twice := app.DeepCopy()
	if _, err := observed.Strip(twice); err != nil || !reflect.DeepEqual(app, twice) {
		t.Errorf("stripped twice it is something else: %v", err)
	}
}
