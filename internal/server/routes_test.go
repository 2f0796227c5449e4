package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/change"
)

func TestTheRefIsWhatThePathNames(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		want change.Ref
	}{
		"a product and a name": {"/api/v1/products/p/deploymentruntimes/x",
			change.Ref{Product: "p", Kind: "DeploymentRuntime", Name: "x"}},
		"an escaped sub-group": {"/api/v1/products/a%2Fb/deploymentruntimes/x",
			change.Ref{Product: "a/b", Kind: "DeploymentRuntime", Name: "x"}},
		"an escaped sub-group in small letters": {"/api/v1/products/a%2fb/environments/x",
			change.Ref{Product: "a/b", Kind: "Environment", Name: "x"}},
		"raw slashes": {"/api/v1/products/a/b/c/projects/x",
			change.Ref{Product: "a/b/c", Kind: "Project", Name: "x"}},
		"raw and escaped slashes": {"/api/v1/products/a%2Fb/c/coderepos/x",
			change.Ref{Product: "a/b/c", Kind: "CodeRepo", Name: "x"}},
		"a group called like a collection": {"/api/v1/products/projects/projects/x",
			change.Ref{Product: "projects", Kind: "Project", Name: "x"}},
		"an escaped group called like one": {"/api/v1/products/a%2Fprojects/coderepobindings/x",
			change.Ref{Product: "a/projects", Kind: "CodeRepoBinding", Name: "x"}},
		"a product by its id": {"/api/v1/products/product-7/deploymentruntimes/x",
			change.Ref{Product: "product-7", Kind: "DeploymentRuntime", Name: "x"}},
		"a trailing slash": {"/api/v1/products/p/deploymentruntimes/x/",
			change.Ref{Product: "p", Kind: "DeploymentRuntime", Name: "x"}},
		"a history": {"/api/v1/products/a/b/deploymentruntimes/x/history",
			change.Ref{Product: "a/b", Kind: "DeploymentRuntime", Name: "x"}},
		"the history of one that is called history": {"/api/v1/products/p/deploymentruntimes/history/history",
			change.Ref{Product: "p", Kind: "DeploymentRuntime", Name: "history"}},
		"a product": {"/api/v1/products/a%2Fb",
			change.Ref{Product: "a/b", Kind: "Product", Name: "a/b"}},
		"a cluster": {"/api/v1/clusters/c", change.Ref{Kind: "Cluster", Name: "c"}},
		"a name that was escaped twice is literal": {"/api/v1/products/p/projects/a%252Fb",
			change.Ref{Product: "p", Kind: "Project", Name: "a%2Fb"}},
		"dots inside of names": {"/api/v1/products/a.b/coderepos/c..d",
			change.Ref{Product: "a.b", Kind: "CodeRepo", Name: "c..d"}},
		"letters of other languages": {"/api/v1/products/p/projects/%E9%A1%B9%E7%9B%AE",
			change.Ref{Product: "p", Kind: "Project", Name: "项目"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if got := w.do(t, http.MethodGet, c.path, ""); got.StatusCode != http.StatusOK {
				t.Fatalf("got %d %s", got.StatusCode, got.body)
			}
			if diff := cmp.Diff([]change.Ref{c.want}, w.refs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// unclean are paths that mean something else once somebody cleans them, or nothing at all.
func unclean() []string {
	return []string{
		"/api/v1/products/nautes-labs/dr-dev", // the collection word was forgotten: it is no product nautes-labs/dr-dev
		"/api/v1/products/p/deploymentruntimes/..", "/api/v1/products/p/deploymentruntimes/../../q",
		"/api/v1/products/p/deploymentruntimes/.",
		"/api/v1/products/p/deploymentruntimes/%2e%2e", "/api/v1/products/p/deploymentruntimes/%2E",
		"/api/v1/products/p/./deploymentruntimes/x",
		"/api/v1/products//deploymentruntimes/x", "/api/v1//products/p/deploymentruntimes/x",
		"//api/v1/products/p/deploymentruntimes/x",
		"/api/v1/products/p/deploymentruntimes/x//", "/api/v1/products/p/deploymentruntimes//x",
		"/api/v1/products/p/deploymentruntimes/a%2Fb", "/api/v1/products/p/deploymentruntimes/..%2F..%2Fx",
		"/api/v1/products/p/deploymentruntimes/%2F",
		"/api/v1/products/a%2F..%2Fb/deploymentruntimes/x", "/api/v1/products/%2Fa/deploymentruntimes/x",
		"/api/v1/products/a%2F%2Fb/deploymentruntimes/x",
		"/api/v1/products/p/deploymentruntimes/x%00", "/api/v1/products/p/deploymentruntimes/%0a",
		"/api/v1/products/p%00/deploymentruntimes/x",
		"/api/v1/products/p/deploymentruntimes/%7f", "/api/v1/products/p/deploymentruntimes/%c3%28",
		"/api/v1/products/p/deploymentruntimes/%E2%80%AEx",
		"/api/v1/products/p/deploymentruntimes/a%5Cb", "/api/v1/products/p/deploymentruntimes/x/y",
		"/api/v1/products/p/deploymentruntimes/x/environments/y",
		"/api/v1/products/..", "/api/v1/products/p/..", "/api/v1/..", "/api/v2/products", "/api/v1/unknown",
		"/nowhere", "/",
		"/api/v1/products/p/deploymentruntimes/" + strings.Repeat("a", 4000),
	}
}

func TestAnUncleanOrUnknownPathReachesNobody(t *testing.T) {
	for _, path := range unclean() {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			w := newWorld(t)
			got := w.do(t, method, path, "")
			if got.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: got %d %s", method, path, got.StatusCode, got.body)
				continue
			}
			if p := got.problem(t); p.Reason != "NO_ROUTE" {
				t.Errorf("%s %s: got %s", method, path, p.Reason)
			}
			if w.calls() != 0 {
				t.Errorf("%s %s reached the service", method, path)
			}
			if location := got.Header.Get("Location"); location != "" {
				t.Errorf("%s %s was redirected to %s", method, path, location)
			}
		}
	}
}

func TestATrailingSlashIsForReadingOnly(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{http.MethodDelete, http.MethodPost} {
		if got := w.do(t, method, runtimes+"/x/", guideBody); got.StatusCode != http.StatusNotFound ||
			got.problem(t).Reason != "NO_ROUTE" {
			t.Errorf("%s: got %d %s", method, got.StatusCode, got.body)
		}
	}
	if w.calls() != 0 {
		t.Error("it reached the service")
	}
	if got := w.do(t, http.MethodGet, runtimes+"/", ""); got.StatusCode != http.StatusOK || len(w.lists) != 1 {
		t.Errorf("a list with a trailing slash: %d %s", got.StatusCode, got.body)
	}
}

func TestAVerbWithoutMeaningIsRefusedWithThoseThatHaveOne(t *testing.T) {
	for path, want := range map[string]string{
		runtimes + "/x":               "DELETE, GET, HEAD, POST",
		runtimes:                      "GET, HEAD",
		"/api/v1/clusters/c":          "GET, HEAD",
		"/api/v1/products/p/changes":  "POST",
		"/openapi.json":               "GET, HEAD",
		"/api/v1/products/a/projects": "GET, HEAD",
	} {
		w := newWorld(t)
		got := w.do(t, http.MethodPatch, path, "{}")
		if got.StatusCode != http.StatusMethodNotAllowed || got.problem(t).Reason != "METHOD_NOT_ALLOWED" ||
			got.Header.Get("Allow") != want {
			t.Errorf("%s: got %d, Allow %q, %s", path, got.StatusCode, got.Header.Get("Allow"), got.body)
		}
		if w.calls() != 0 {
			t.Errorf("%s reached the service", path)
		}
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	got := newWorld(t).do(t, http.MethodHead, runtimes+"/x", "")
	if got.StatusCode != http.StatusOK || got.body != "" || got.Header.Get("ETag") != `"blob"` {
		t.Errorf("got %d, ETag %s, body %q", got.StatusCode, got.Header.Get("ETag"), got.body)
	}
}

func TestABodyOnGetIsTolerated(t *testing.T) {
	got := newWorld(t).do(t, http.MethodGet, runtimes+"/x", "not even JSON", header("Content-Type", "text/plain"))
	if got.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
}
