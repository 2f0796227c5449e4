package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestADeletionNeverReachesAnotherObject deletes by every unclean path there is, on a real product that holds what the
// paths would mean to somebody who cleans them.
func TestADeletionNeverReachesAnotherObject(t *testing.T) {
	l := newLab(t)
	w := l.replica()
	ada := l.person("ada", "api")
	for _, product := range []string{"p", "q"} {
		l.product(w, ada, product)
		for _, name := range []string{"x", "dr-dev"} {
			body := strings.Replace(guideBody, "development", name, 1)
			if got := w.do(t, http.MethodPost, "/api/v1/products/"+product+"/deploymentruntimes/"+name, body,
				as(ada)); got.StatusCode != http.StatusOK {
				t.Fatal(got.body)
			}
		}
	}
	_, p := l.main("p")
	_, q := l.main("q")
	paths := append(unclean(),
		"/api/v1/products/p/deploymentruntimes/x%2F", "/api/v1/products/p/deploymentruntimes/%2e",
		"/api/v1/products/p/deploymentruntimes/x%20",
		"/api/v1/products/p/deploymentruntimes/X", "/api/v1/products/p/deploymentruntimes/x%252F..%252Fdr-dev",
		"/api/v1/products/p/deploymentruntimes/x.yaml",
		"/api/v1/products/p/deploymentruntimes/%EF%BD%98", "/api/v1/products/p/deploymentruntimes/x%CC%88",
		"/api/v1/products/p/deploymentruntimes/*",
		"/api/v1/products/p/deploymentruntimes/x;y", "/api/v1/products/p%2Fx/deploymentruntimes/dr-dev",
		"/api/v1/products/p%20/deploymentruntimes/x",
		"/api/v1/products/q%2F..%2Fp/deploymentruntimes/x", "/api/v1/products/p/deploymentruntimes/x/",
		"/api/v1/products/p/",
	)
	for _, path := range paths {
		for _, query := range []string{"", "?insecure_skip_check=true"} {
			if got := w.do(t, http.MethodDelete, path+query, "", as(ada)); got.StatusCode != http.StatusNotFound &&
				got.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
			}
		}
	}
	// A save by such a name makes nothing either, outside of default.project's own folders least of all.
	for _, name := range []string{"..", "%2E%2E%2Fx", "a%2Fb", "x%00", "%E9%A1%B9", "A", "x.yaml", "-x",
		strings.Repeat("a", 64)} {
		path := "/api/v1/products/p/deploymentruntimes/" + name + "?insecure_skip_check=true"
		if got := w.do(t, http.MethodPost, path, guideBody, as(ada)); got.StatusCode != http.StatusNotFound &&
			got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	for _, manifests := range []string{"../../x", "/etc", "a/../../b", `a\\..\\b`, "a//b", "a\\u0000b", "a/./b"} {
		body := strings.Replace(guideBody, "manifests/development", manifests, 1)
		got := w.do(t, http.MethodPost, "/api/v1/products/p/deploymentruntimes/dr-path?insecure_skip_check=true",
			body, as(ada))
		if got.StatusCode != http.StatusUnprocessableEntity || got.problem(t).Reason != "INVALID" {
			t.Errorf("manifests in %s: %d %s", manifests, got.StatusCode, got.body)
		}
	}
	if _, now := l.main("p"); len(now) != len(p) {
		t.Errorf("p has %d commits, before %d", len(now), len(p))
	}
	if _, now := l.main("q"); len(now) != len(q) {
		t.Errorf("q has %d commits, before %d", len(now), len(q))
	}
}
