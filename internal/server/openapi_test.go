package server_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// contractOperations are the operation ids that clients are generated from.
func contractOperations() []string {
	return []string{
		"Change_SaveChanges POST /api/v1/products/{product}/changes",
		"Cluster_GetCluster GET /api/v1/clusters/{name}",
		"Cluster_ListClusters GET /api/v1/clusters",
		"CodeRepoBinding_DeleteCodeRepoBinding DELETE /api/v1/products/{product}/coderepobindings/{name}",
		"CodeRepoBinding_GetCodeRepoBinding GET /api/v1/products/{product}/coderepobindings/{name}",
		"CodeRepoBinding_ListCodeRepoBindings GET /api/v1/products/{product}/coderepobindings",
		"CodeRepoBinding_SaveCodeRepoBinding POST /api/v1/products/{product}/coderepobindings/{name}",
		"CodeRepo_DeleteCodeRepo DELETE /api/v1/products/{product}/coderepos/{name}",
		"CodeRepo_GetCodeRepo GET /api/v1/products/{product}/coderepos/{name}",
		"CodeRepo_ListCodeRepos GET /api/v1/products/{product}/coderepos",
		"CodeRepo_SaveCodeRepo POST /api/v1/products/{product}/coderepos/{name}",
		"Deploymentruntime_DeleteDeploymentRuntime DELETE /api/v1/products/{product}/deploymentruntimes/{name}",
		"Deploymentruntime_GetDeploymentRuntime GET /api/v1/products/{product}/deploymentruntimes/{name}",
		"Deploymentruntime_GetDeploymentRuntimeHistory GET /api/v1/products/{product}/deploymentruntimes/{name}/history",
		"Deploymentruntime_ListDeploymentRuntimes GET /api/v1/products/{product}/deploymentruntimes",
		"Deploymentruntime_SaveDeploymentRuntime POST /api/v1/products/{product}/deploymentruntimes/{name}",
		"Environment_DeleteEnvironment DELETE /api/v1/products/{product}/environments/{name}",
		"Environment_GetEnvironment GET /api/v1/products/{product}/environments/{name}",
		"Environment_ListEnvironments GET /api/v1/products/{product}/environments",
		"Environment_SaveEnvironment POST /api/v1/products/{product}/environments/{name}",
		"Product_DeleteProduct DELETE /api/v1/products/{product}",
		"Product_GetProduct GET /api/v1/products/{product}",
		"Product_ListProducts GET /api/v1/products",
		"Product_SaveProduct POST /api/v1/products/{product}",
		"Project_DeleteProject DELETE /api/v1/products/{product}/projects/{name}",
		"Project_GetProject GET /api/v1/products/{product}/projects/{name}",
		"Project_ListProjects GET /api/v1/products/{product}/projects",
		"Project_SaveProject POST /api/v1/products/{product}/projects/{name}",
	}
}

type document struct {
	OpenAPI string                                `json:"openapi"`
	Paths   map[string]map[string]json.RawMessage `json:"paths"`
}

func TestTheDocumentHoldsTheOperationsOfTheContract(t *testing.T) {
	got := newWorld(t).do(t, http.MethodGet, "/openapi.json", "", header("Authorization", ""))
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("got %d %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
	var d document
	if err := json.Unmarshal([]byte(got.body), &d); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Errorf("version %s", d.OpenAPI)
	}
	var operations []string
	for path, item := range d.Paths {
		for verb, raw := range item {
			var o struct {
				ID        string                     `json:"operationId"`
				Responses map[string]json.RawMessage `json:"responses"`
				Security  []map[string][]string      `json:"security"`
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			operations = append(operations, o.ID+" "+strings.ToUpper(verb)+" "+path)
			if o.Responses["200"] == nil || o.Responses["default"] == nil || len(o.Security) == 0 {
				t.Errorf("%s is not complete: %s", o.ID, raw)
			}
		}
	}
	slices.Sort(operations)
	if diff := cmp.Diff(contractOperations(), operations); diff != "" {
		t.Error(diff)
	}
}

// TestEveryReferenceInTheDocumentIsThere finds what a generator of clients would stumble over.
func TestEveryReferenceInTheDocumentIsThere(t *testing.T) {
	body := newWorld(t).do(t, http.MethodGet, "/openapi.json", "").body
	var d map[string]any
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	references := regexp.MustCompile(`"\$ref":"#/([^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(references) == 0 {
		t.Fatal("there is no reference")
	}
	for _, r := range references {
		var at any = d
		for part := range strings.SplitSeq(r[1], "/") {
			m, _ := at.(map[string]any)
			at = m[part]
		}
		if at == nil {
			t.Errorf("%s is not there", r[1])
		}
	}
}

// TestTheBodiesInTheDocumentAreWhatIsRead saves what the document shows and looks for warnings of unknown members.
func TestTheBodiesInTheDocumentAreWhatIsRead(t *testing.T) {
	w := newWorld(t)
	for path, item := range w.OpenAPI().Paths {
		if item.Post == nil || item.Post.RequestBody == nil || strings.HasSuffix(path, "/changes") {
			continue
		}
		schema := item.Post.RequestBody.Content["application/json"].Schema
		kind := strings.Split(item.Post.OperationID, "_Save")[1]
		for _, unknown := range unknownMembers(t, kind, example(w.OpenAPI().Components.Schemas, schema)) {
			t.Errorf("%s: the member %s is documented and not read", kind, unknown)
		}
	}
}

func TestThePageForPeopleNeedsNothingFromElsewhere(t *testing.T) {
	w := newWorld(t)
	got := w.do(t, http.MethodGet, "/docs", "", header("Authorization", ""))
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %d %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
	if external := regexp.MustCompile(`(?i)<script|src=|href="(https?:|//)|url\(|@import`).
		FindString(got.body); external != "" {
		t.Errorf("the page loads something: %s", external)
	}
	if csp := got.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %s", csp)
	}
	for _, operation := range contractOperations() {
		if id := strings.Fields(operation)[0]; !strings.Contains(got.body, `id="`+id+`"`) {
			t.Errorf("%s is missing", id)
		}
	}
	for _, member := range []string{"manifest_source.code_repo", "destination.environment", "items[].status.ready",
		"changes[].object", "violations[].rule", "plan.source.url"} {
		if !strings.Contains(got.body, "<td><code>"+member+"</code></td>") {
			t.Errorf("the member %s is missing", member)
		}
	}
	if strings.Contains(got.body, "$ref") {
		t.Error("the page shows a reference instead of members")
	}
	for _, code := range []string{"INVALID", "NO_ROUTE", "IN_USE", "INTERNAL"} {
		if !strings.Contains(got.body, `id="`+code+`"`) {
			t.Errorf("what a problem's type leads to is missing: %s", code)
		}
	}
}

func TestProbesAndMetricsNeedNoToken(t *testing.T) {
	w := newWorld(t)
	w.do(t, http.MethodGet, runtimes+"/x", "")
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ok\n"} {
		if got := w.do(t, http.MethodGet, path, "", header("Authorization", "")); got.StatusCode != http.StatusOK ||
			got.body != want {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	w.options.Metrics.GitOperation("push", "ok", time.Second)
	w.options.Metrics.GitOperation("push", "LostRace", time.Second)
	w.options.Metrics.GitLabCall("GetProject", "OK", time.Second)
	w.options.Metrics.SnapshotBytes(func() int64 { return 42 })
	got := w.scrape(t)
	for _, want := range []string{
		`nautes_apiserver_request_duration_seconds_count{code="200",operation="Deploymentruntime_GetDeploymentRuntime"} 1`,
		`nautes_apiserver_git_operation_duration_seconds_count{operation="push",outcome="ok"} 1`,
		`nautes_apiserver_gitlab_call_duration_seconds_count{operation="GetProject",outcome="OK"} 1`,
		"nautes_apiserver_lost_races_total 1", "nautes_apiserver_snapshot_bytes 42",
		"nautes_apiserver_requests_in_flight 0",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, "nautes-labs") {
		t.Error("a product is named in the metrics")
	}
	w.Stop()
	if got := w.do(t, http.MethodGet, "/readyz", ""); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz while stopping: %d", got.StatusCode)
	}
	if got := w.do(t, http.MethodGet, "/healthz", ""); got.StatusCode != http.StatusOK {
		t.Errorf("healthz while stopping: %d", got.StatusCode)
	}
}
