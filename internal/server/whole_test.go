package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// newWhole returns a server over the real service, a GitLab with real git, and a person's token. There is no management
// cluster.
func newWhole(t *testing.T) (*world, *fakegitlab.Server, string) {
	t.Helper()
	l := newLab(t)
	return l.replica(), l.Server, l.person("ada", "api")
}

// TestTheWholeWayOverHTTP walks a runtime through the real service: made, read, listed, refused, and deleted.
func TestTheWholeWayOverHTTP(t *testing.T) {
	w, _, token := newWhole(t)
	as := header("Authorization", "Bearer "+token)
	steps := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{http.MethodGet, runtimes, "", 404, `"reason":"PRODUCT_NOT_FOUND"`},
		{http.MethodPost, "/api/v1/products/nautes-labs", `{"git":{"gitlab":{"name":"Nautes","visibility":"private"}}}`,
			200, `"changed":true`},
		{http.MethodGet, "/api/v1/products", "", 200, `"name":"nautes-labs"`},
		{http.MethodGet, runtimes + "/", "", 200, `{"items":[],`},
		{http.MethodPost, "/api/v1/products/nautes-labs/environments/env-dev", `{"cluster":"c1","env_type":"dev"}`, 200,
			`"changed":true`},
		{http.MethodPost, "/api/v1/products/nautes-labs/projects/api-server", `{"language":"go"}`, 200,
			`"changed":true`},
		{http.MethodPost, "/api/v1/products/nautes-labs/coderepos/api-server",
			`{"project":"api-server","deployment_runtime":true}`, 200, `"changed":true`},
		{http.MethodPost, runtimes + "/dr-dev?dry_run=true", guideBody, 200, `"verdict":"save"`},
		{http.MethodPost, runtimes + "/dr-dev", guideBody, 200, `{"message":"Successfully saved dr-dev configuration"`},
		{http.MethodPost, runtimes + "/dr-dev", guideBody, 200, `"changed":false`},
		{http.MethodGet, runtimes + "/dr-dev", "", 200,
			`"manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"manifests/development"},"destination":"env-dev"`},
		{http.MethodGet, runtimes + "?field_selector=destination%3Dprod", "", 200, `{"items":[],`},
		{http.MethodPost, runtimes + "/dr-dev", `{"destination":1}`, 400, `"reason":"BAD_REQUEST"`},
		{http.MethodPost, runtimes + "/dr-dev", `{"destination":"a","destination":"b"}`, 400, `"reason":"BAD_REQUEST"`},
		{http.MethodPost, runtimes + "/dr-dev", strings.Replace(guideBody, "manifests/development", "../../x", 1), 422,
			`"reason":"INVALID"`},
		{http.MethodPost, runtimes + "/dr-dev", strings.Replace(guideBody, "env-dev", "env-nowhere", 1), 422,
			`"violations":[{"rule":`},
		{http.MethodPost, runtimes + "/Dr_Dev", guideBody, 422, `"reason":"INVALID"`},
		{http.MethodPost, runtimes + "/dr-many", `{"projects_ref":["` + strings.Repeat(`p","`, 10000) +
			`p"],"destination":"env-dev"}`, 422, `"reason":"INVALID"`},
		{http.MethodDelete, "/api/v1/products/nautes-labs/environments/env-dev", "", 409, `"reason":"IN_USE"`},
		{http.MethodDelete, runtimes + "/dr-dev", "", 200, `{"message":"Successfully deleted dr-dev configuration"`},
		{http.MethodGet, runtimes + "/dr-dev", "", 404, `"reason":"RESOURCE_NOT_FOUND"`},
		{http.MethodGet, "/api/v1/clusters", "", 503, `"reason":"MANAGEMENT_CLUSTER_UNAVAILABLE"`},
	}
	for i, s := range steps {
		got := w.do(t, s.method, s.path, s.body, as)
		if got.StatusCode != s.status || !strings.Contains(got.body, s.want) {
			t.Fatalf("step %d, %s %s: got %d %s", i, s.method, s.path, got.StatusCode, got.body)
		}
	}
	if got := w.do(t, http.MethodGet, runtimes, "",
		header("Authorization", "Bearer glpat-of-nobody-at-all")); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token of nobody: %d %s", got.StatusCode, got.body)
	}
	everything := w.log.String() + w.audited.String() + w.scrape(t)
	if strings.Contains(everything, token) {
		t.Error("the token is seen")
	}
	saves := w.audited.lines(t, "write")
	if last := saves[len(saves)-1]; last["user"] != "ada" || last["commit"] == "" || last["product_id"] == "" ||
		fmt.Sprint(last["objects"]) != "[delete DeploymentRuntime dr-dev]" {
		t.Errorf("audit log: %v", last)
	}
	if metrics := w.scrape(t); !strings.Contains(metrics,
		`nautes_apiserver_git_operation_duration_seconds_count{operation="push",outcome="ok"}`) {
		t.Error("pushes are not counted")
	}
}
