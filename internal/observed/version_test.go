package observed_test

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

func TestVersionTested(t *testing.T) {
	const in, out, unknown = api.ReasonInTestedRange, api.ReasonOutsideTestedRange, api.ReasonVersionUnknown
	for told, want := range map[string]struct{ reason, says string }{
		"v3.5.7+f1a9a7d":              {in, "Argo CD is 3.5.7;"},
		"v3.5.7":                      {in, "Argo CD is 3.5.7;"},
		"v2.14.21+unknown":            {in, "Argo CD is 2.14.21;"},
		"v2.14.0":                     {in, "2.14.0"},
		"v3.4.1":                      {in, "3.4.1"},
		"v3.5.99-rc1+f1a9a7d.dirty":   {in, "3.5.99"},
		"v2.13.9":                     {out, "Argo CD is 2.13.9: it works on, but nobody has tried"},
		"v3.6.0-rc1":                  {out, "3.6.0"},
		"v4.0.0":                      {out, "4.0.0"},
		"v1.9.9":                      {out, "1.9.9"},
		"v99.99.99+unknown":           {out, "99.99.99"}, // what is built without a version says
		"":                            {unknown, "does not say its version"},
		"latest":                      {unknown, `"latest"`},
		strings.Repeat("latest", 999): {unknown, `"latestlatest`},
	} {
		got := observed.VersionTested(told)
		status := map[string]metav1.ConditionStatus{in: metav1.ConditionTrue, out: metav1.ConditionFalse,
			unknown: metav1.ConditionUnknown}[want.reason]
		if got.Type != api.ConditionArgoCDTested || got.Reason != want.reason || got.Status != status ||
			!strings.Contains(got.Message, want.says) || len(got.Message) > 300 {
			t.Errorf("%.40q: %+v, want %s and %q", told, got, want.reason, want.says)
		}
	}
}

// TestTheRangeIsTheOneThatIsTested keeps the range to the versions that the environments of the tests run.
func TestTheRangeIsTheOneThatIsTested(t *testing.T) {
	var tested []*version.Version
	for _, v := range toolchain.ArgoCDVersions() {
		tested = append(tested, version.MustParseGeneric(v))
	}
	slices.SortFunc(tested, func(a, b *version.Version) int {
		if a.LessThan(b) {
			return -1
		}
		return 1
	})
	oldest, newest := tested[0].String(), tested[len(tested)-1].String()
	if !strings.HasPrefix(oldest, observed.OldestTested+".") || !strings.HasPrefix(newest, observed.NewestTested+".") {
		t.Errorf("tested are %s to %s, and the range is %s to %s", oldest, newest, observed.OldestTested,
			observed.NewestTested)
	}
}
