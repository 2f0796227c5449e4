package metrics_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nautes-labs/deployment-runtime/controllers/metrics"
)

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Writes are counted by what they write, never by the name of an object: names would make a series each.
func TestWritesAreCountedByResource(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	counters, err := metrics.NewCounters(registry)
	if err != nil {
		t.Fatal(err)
	}
	through := counters.Counting(metrics.RoleRuntime)(answering(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "hangs") {
			return nil, errors.New("no answer")
		}
		return &http.Response{StatusCode: http.StatusOK}, nil
	}))
	for _, row := range []struct{ method, path string }{
		{http.MethodGet, "/api/v1/namespaces/a/configmaps/b"},
		{http.MethodPost, "/api/v1/namespaces"},
		{http.MethodDelete, "/api/v1/namespaces/a"},
		{http.MethodPut, "/api/v1/namespaces/a/finalize"},
		{http.MethodPatch, "/api/v1/namespaces/a/configmaps/b"},
		{http.MethodPatch, "/api/v1/namespaces/a/configmaps/c"},
		{http.MethodPatch, "/k8s/clusters/c-1/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/web/status"},
		{http.MethodDelete, "/apis/rbac.authorization.k8s.io/v1/clusterroles/hangs"},
		{http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews"},
		{http.MethodPost, "/healthz"},
	} {
		answer, _ := through.RoundTrip(httptest.NewRequest(row.method, "https://east.example.com"+row.path, http.NoBody))
		if answer != nil && answer.Body != nil {
			_ = answer.Body.Close()
		}
	}
	want := []string{
		"200 applications/status runtime patch 1",
		"200 configmaps runtime patch 2",
		"200 namespaces runtime create 1",
		"200 namespaces runtime delete 1",
		"200 namespaces/finalize runtime update 1",
		"none clusterroles runtime delete 1",
	}
	if got := counted(t, registry, "nautes_writes_total"); !slices.Equal(got, want) {
		t.Errorf("counted\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// counted returns the series of a counter: the values of its labels in the order of their names, and what was counted.
func counted(t *testing.T, registry prometheus.Gatherer, name string) []string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.Metric {
			line := ""
			for _, l := range m.Label {
				line += l.GetValue() + " "
			}
			out = append(out, fmt.Sprint(line, m.Counter.GetValue()))
		}
	}
	slices.Sort(out)
	return out
}

// Two operators in one process count together, as the two of a test do that follow each other.
func TestOperatorsOfOneProcessShareTheirCounters(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for range 2 {
		counters, err := metrics.NewCounters(registry)
		if err != nil {
			t.Fatal(err)
		}
		counters.Tripped("TooManyAtOnce")
	}
	want := []string{"TooManyAtOnce 2", "TooManyTogether 0"}
	if got := counted(t, registry, "nautes_brake_trips_total"); !slices.Equal(got, want) {
		t.Errorf("counted %s", got)
	}
}
