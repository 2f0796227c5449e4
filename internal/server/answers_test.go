package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	gitlabclient "gitlab.com/gitlab-org/api/client-go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// described holds an answer against what the OpenAPI document says of its operation: status, media type, headers, and
// every member of the body.
func (w *world) described(t *testing.T, got reply) {
	t.Helper()
	lines := w.log.lines(t, "request")
	id, _ := lines[len(lines)-1]["operation"].(string)
	var op *huma.Operation
	for _, item := range w.OpenAPI().Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if o != nil && o.OperationID == id {
				op = o
			}
		}
	}
	if op == nil {
		t.Fatalf("operation %q is not in the document", id)
	}
	response := op.Responses[fmt.Sprint(got.StatusCode)]
	if response == nil {
		if response = op.Responses["default"]; got.StatusCode < 400 {
			t.Fatalf("%s: status %d is not described", id, got.StatusCode)
		}
	}
	if name, isRef := strings.CutPrefix(response.Ref, "#/components/responses/"); isRef {
		response = w.OpenAPI().Components.Responses[name]
	}
	for _, name := range []string{"ETag", "Warning", "Retry-After", "WWW-Authenticate", "X-Request-Id"} {
		if got.Header.Get(name) != "" && response.Headers[name] == nil {
			t.Errorf("%s: header %s of status %d is not described", id, name, got.StatusCode)
		}
	}
	content := response.Content[got.Header.Get("Content-Type")]
	if content == nil {
		t.Fatalf("%s: media type %s of status %d is not described", id, got.Header.Get("Content-Type"), got.StatusCode)
	}
	var body any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("%s: %v: %s", id, err, got.body)
	}
	registry := w.OpenAPI().Components.Schemas
	if wrong := against(registry, content.Schema, body); len(wrong) > 0 {
		t.Errorf("%s: status %d is not what is described: %v: %s", id, got.StatusCode, wrong, got.body)
	}
}

// against says what of a value its schema does not describe, members that it does not name included.
func against(registry huma.Registry, s *huma.Schema, value any) []string {
	if s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	if choices := slices.Concat(s.AnyOf, s.OneOf); len(choices) > 0 {
		var wrong []string
		for _, choice := range choices {
			one := against(registry, choice, value)
			if len(one) == 0 {
				return nil
			}
			wrong = append(wrong, one...)
		}
		return wrong
	}
	if s.Type == "null" && value != nil {
		return []string{"it is not null"}
	}
	var wrong []string
	result := huma.ValidateResult{}
	huma.Validate(registry, s, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, value, &result)
	for _, err := range result.Errors {
		var detail *huma.ErrorDetail // its Error repeats the value
		if errors.As(err, &detail) {
			wrong = append(wrong, detail.Location+": "+detail.Message)
		}
	}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			described := s.Properties[name]
			if described == nil {
				if values, ok := s.AdditionalProperties.(*huma.Schema); ok && len(s.Properties) == 0 {
					described = values
				} else {
					wrong = append(wrong, "member "+name+" is not described")
					continue
				}
			}
			wrong = append(wrong, against(registry, described, member)...)
		}
	case []any:
		for _, item := range v {
			wrong = append(wrong, against(registry, s.Items, item)...)
		}
	}
	return wrong
}

// TestEveryAnswerIsAsTheDocumentDescribesIt asks a real server for every kind of answer.
func TestEveryAnswerIsAsTheDocumentDescribesIt(t *testing.T) {
	l := newLab(t)
	mgmt := l.management()
	w, alone := l.replica(func(c *change.Options, _ *server.Options) { c.Management = mgmt }), l.replica()
	ada := l.person("ada", "api")
	const product = "/api/v1/products/nautes-labs"
	seen := map[string]bool{}
	step := func(method, path, body string, status int, adjust ...func(*http.Request)) {
		t.Helper()
		got := w.do(t, method, path, body, append([]func(*http.Request){as(ada)}, adjust...)...)
		if got.StatusCode != status {
			t.Errorf("%s %s: %d, want %d: %s", method, path, got.StatusCode, status, got.body)
		}
		w.described(t, got)
		lines := w.log.lines(t, "request")
		seen[fmt.Sprint(lines[len(lines)-1]["operation"])] = true
	}
	step(http.MethodPost, product+"?dry_run=true", `{"git":{"gitlab":{"name":"Nautes","visibility":"private"}}}`, 200)
	step(http.MethodPost, product, `{"git":{"gitlab":{"name":"Nautes","visibility":"private","description":"d"}}}`, 200)
	bodies := [][2]string{
		{"environments/env-dev", `{"cluster":"c1","env_type":"dev"}`},
		{"projects/api-server", `{"language":"go"}`},
		{"coderepos/api-server",
			`{"project":"api-server","deployment_runtime":true,"webhook":{"events":["push_events"]},"git":{"gitlab":{"description":"d"}}}`},
		{"coderepobindings/to-itself",
			`{"product":"nautes-labs","projects":["api-server"],"permissions":"readonly","coderepo":"api-server"}`},
		{"deploymentruntimes/dr-dev", strings.Replace(guideBody, `"destination"`,
			`"namespaces":["a","b"],"deletion_policy":"Orphan","suspend":true,"destination"`, 1)},
	}
	for _, b := range bodies {
		path := product + "/" + b[0]
		collection, _, _ := strings.Cut(b[0], "/")
		step(http.MethodGet, product+"/"+collection, "", 200)
		step(http.MethodPost, path+"?dry_run=true", b[1], 200)
		step(http.MethodPost, path+"?surplus=1", strings.Replace(b[1], "{", `{"surplus":1,`, 1), 200)
		step(http.MethodPost, path, b[1], 200)
		step(http.MethodGet, path+"?surplus=1", "", 200)
		step(http.MethodGet, product+"/"+collection+"?limit=1", "", 200)
		step(http.MethodGet, product+"/"+collection+"/nothing", "", 404)
		step(http.MethodPost, path+"?strict=true", `{"surplus":1}`, 400)
		step(http.MethodPost, path, `{`, 400)
		step(http.MethodDelete, path+"?dry_run=true", "", 200)
	}
	group, _, err := l.root.Groups.GetGroup("nautes-labs", nil)
	l.must(err)
	mgmt.Add(rulestest.Runtime(fmt.Sprintf("product-%d", group.ID), "dr-dev", "repo-2", "env-dev",
		func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource = api.ManifestSource{CodeRepo: "repo-2", TargetRevision: "HEAD",
				Path: "manifests/development"}
			r.Status.Sync, r.Status.Health, r.Status.Revision = "OutOfSync", "Degraded", "abc"
			r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionFalse,
				Reason: "SyncFailed", Message: "it fails"}}
		}))
	step(http.MethodGet, runtimes+"/dr-dev", "", 200)
	if !strings.Contains(w.do(t, http.MethodGet, runtimes+"/dr-dev", "", as(ada)).body, `"status":{`) {
		t.Error("the runtime has no status, which is to be looked at as well")
	}
	mgmt.Remove(rulestest.Runtime(fmt.Sprintf("product-%d", group.ID), "dr-dev", "repo-2", "env-dev"))
	step(http.MethodGet, product, "", 200)
	step(http.MethodGet, "/api/v1/products", "", 200)
	step(http.MethodGet, "/api/v1/clusters", "", 200)
	step(http.MethodGet, "/api/v1/clusters/c1", "", 200)
	step(http.MethodGet, "/api/v1/clusters/c9", "", 404)
	with := w
	w = alone
	step(http.MethodGet, "/api/v1/clusters", "", 503)
	step(http.MethodPost, runtimes+"/dr-dev?dry_run=true", guideBody, 200)
	w = with
	step(http.MethodPost, product+"/changes?dry_run=true",
		`[{"kind":"Project","name":"b","body":{"language":"go"}}]`, 200)
	step(http.MethodPost, product+"/changes", `[{"kind":"Project","name":"b","body":{"language":"go"}}]`, 200)
	// a verdict
	step(http.MethodPost, runtimes+"/dr-dev?dry_run=true", strings.Replace(guideBody, "env-dev", "nowhere", 1), 200)
	step(http.MethodPost, runtimes+"/dr-dev", strings.Replace(guideBody, "env-dev", "nowhere", 1), 422)
	step(http.MethodPost, runtimes+"/Dr_Dev", guideBody, 422)
	step(http.MethodPost, runtimes+"/dr-dev", guideBody, 412, header("If-None-Match", "*"))
	step(http.MethodGet, runtimes+"/dr-dev/history", "", 200)
	step(http.MethodPost, runtimes+"/dr-dev", guideBody, 415, header("Content-Type", "text/plain"))
	step(http.MethodPost, runtimes+"/dr-dev", strings.Repeat(" ", 1<<20), 413)
	step(http.MethodDelete, product+"/environments/env-dev", "", 409)
	step(http.MethodGet, runtimes, "", 401, header("Authorization", ""))
	step(http.MethodGet, runtimes, "", 404, as(l.person("eve", "api")))
	step(http.MethodGet, runtimes, "", 403,
		as(l.token("ada", &gitlabclient.CreatePersonalAccessTokenOptions{Scopes: &[]string{"read_user"}})))
	remove := l.Trouble().Add(fakegitlab.Fault{Path: "/api/v4/projects/", Status: 429, RetryAfter: time.Second})
	step(http.MethodGet, runtimes, "", 429)
	remove()
	slices.Reverse(bodies)
	for _, b := range bodies {
		step(http.MethodDelete, product+"/"+b[0], "", 200)
	}
	step(http.MethodDelete, product, "", 409)
	for _, operation := range contractOperations() {
		if id := strings.Fields(operation)[0]; !seen[id] {
			t.Errorf("%s was never asked", id)
		}
	}
}
