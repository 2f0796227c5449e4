package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestEveryWriteLeavesOneLineInTheAuditLog(t *testing.T) {
	keys := []string{"operation", "user_id", "user", "product", "product_id", "objects", "verdict", "rules", "forced",
		"dry_run", "changed", "base", "commit"}
	entry := func(values ...any) map[string]any {
		out := map[string]any{}
		for i, key := range keys {
			out[key] = values[i]
		}
		return out
	}
	save := []any{"save DeploymentRuntime x"}
	for name, c := range map[string]struct {
		method, path, body string
		adjust             []func(*http.Request)
		script             func(*service)
		want               map[string]any
	}{
		"a save": {method: http.MethodPost, path: runtimes + "/x", body: guideBody, want: entry(
			"Deploymentruntime_SaveDeploymentRuntime", 5.0, "ada", "nautes-labs", "product-7", save, "save", []any{},
			false, false, true, "b1", "c1")},
		"a forced deletion": {method: http.MethodDelete, path: runtimes + "/x?insecure_skip_check=true", want: entry(
			"Deploymentruntime_DeleteDeploymentRuntime", 5.0, "ada", "nautes-labs", "product-7",
			[]any{"delete DeploymentRuntime x"}, "save", []any{}, true, false, true, "b1", "c1")},
		"a refused save": {method: http.MethodPost, path: runtimes + "/x", body: guideBody, script: func(s *service) {
			s.err = refusal(problem.Invalid, problem.ReasonInvalid, wire.Violation{Rule: "B"},
				wire.Violation{Rule: "A"}, wire.Violation{Rule: "B"})
			s.outcome = &change.Outcome{Base: "b1", User: githost.User{ID: 5, Username: "ada"}, Product: "product-7"}
		}, want: entry("Deploymentruntime_SaveDeploymentRuntime", 5.0, "ada", "nautes-labs", "product-7", save,
			"INVALID", []any{"B", "A"}, false, false, false, "b1", "")},
		"a dry run": {method: http.MethodPost, path: runtimes + "/x?dry_run=true", body: guideBody,
			script: func(s *service) {
				s.outcome.Verdict, s.outcome.Changed, s.outcome.Commit = wire.VerdictRefused, false, ""
				s.outcome.Violations = []wire.Violation{{Rule: "A"}}
			}, want: entry("Deploymentruntime_SaveDeploymentRuntime", 5.0, "ada", "nautes-labs", "product-7", save,
				"refused", []any{"A"}, false, true, false, "b1", "")},
		"a save without a token": {method: http.MethodPost, path: runtimes + "/x", body: guideBody,
			adjust: []func(*http.Request){header("Authorization", "")}, want: entry(
				"Deploymentruntime_SaveDeploymentRuntime", 0.0, "", "nautes-labs", "", []any{}, "UNAUTHENTICATED",
				[]any{},
				false, false, false, "", "")},
		"a body that is too large": {method: http.MethodPost, path: runtimes + "/x", body: strings.Repeat(" ", 1<<20),
			want: entry(
				"Deploymentruntime_SaveDeploymentRuntime", 0.0, "", "nautes-labs", "", []any{}, "TOO_LARGE",
				[]any{}, false,
				false, false, "", "")},
		"a product": {method: http.MethodDelete, path: "/api/v1/products/a%2Fb", want: entry(
			"Product_DeleteProduct", 5.0, "ada", "a/b", "product-7", []any{"delete Product a/b"}, "save", []any{},
			false, false, true, "b1", "c1")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.script != nil {
				c.script(w.service)
			}
			got := w.do(t, c.method, c.path, c.body, c.adjust...)
			lines := w.audited.lines(t, "write")
			if len(lines) != 1 {
				t.Fatalf("got %d lines", len(lines))
			}
			if lines[0]["request_id"] != got.Header.Get("X-Request-Id") || lines[0]["address"] != "192.0.2.1" {
				t.Errorf("got %v", lines[0])
			}
			for key := range lines[0] {
				if _, wanted := c.want[key]; !wanted {
					delete(lines[0], key)
				}
			}
			if diff := cmp.Diff(c.want, lines[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAReadLeavesNoLineInTheAuditLog(t *testing.T) {
	w := newWorld(t)
	w.do(t, http.MethodGet, runtimes+"/x", "")
	if got := w.audited.String(); got != "" {
		t.Error(got)
	}
}

func TestTheAccessLogSaysWhatWasAnswered(t *testing.T) {
	w := newWorld(t)
	w.err = problem.New(problem.Missing, api.ReasonProductNotFound, "x")
	got := w.do(t, http.MethodGet, "/api/v1/products/a%2Fb/projects/x?limit=secret", "",
		header("X-Forwarded-For", "198.51.100.7"))
	lines := w.log.lines(t, "request")
	if len(lines) != 1 {
		t.Fatalf("got %v", lines)
	}
	want := map[string]any{
		"level": "INFO", "method": "GET", "path": "/api/v1/products/a%2Fb/projects/x",
		"operation": "Project_GetProject", "status": 404.0,
		"reason": "PRODUCT_NOT_FOUND", "address": "192.0.2.1", "forwarded_for": "198.51.100.7",
		"request_id": got.Header.Get("X-Request-Id"),
	}
	for key, value := range want {
		if lines[0][key] != value {
			t.Errorf("%s: got %v, want %v", key, lines[0][key], value)
		}
	}
	if strings.Contains(w.log.String(), "secret") {
		t.Error("the query is logged")
	}
}

// TestTheTokenIsSeenNowhere puts the token wherever a caller, GitLab or a bug could, and looks for it in everything
// that comes out.
func TestTheTokenIsSeenNowhere(t *testing.T) {
	leaks := func() error {
		return refusal(problem.Invalid, problem.ReasonInvalid,
			wire.Violation{Rule: "R", Message: "of " + canary, Params: map[string]string{"a": canary}})
	}
	for name, c := range map[string]struct {
		method, path, body string
		adjust             []func(*http.Request)
		script             func(*service)
	}{
		"a path":            {method: http.MethodGet, path: "/api/v1/products/" + canary + "/projects/" + canary},
		"a path to nowhere": {method: http.MethodGet, path: "/" + canary},
		"a query":           {method: http.MethodGet, path: runtimes + "?" + canary + "=" + canary},
		"a known parameter": {method: http.MethodGet, path: runtimes + "?page_token=" + canary + "&limit=" + canary},
		"a token parameter": {method: http.MethodDelete, path: runtimes + "/x?private_token=" + canary},
		"a user agent": {method: http.MethodGet, path: runtimes,
			adjust: []func(*http.Request){header("User-Agent", strings.Repeat("a", 110)+canary)}},
		"a forwarded address": {method: http.MethodGet, path: runtimes,
			adjust: []func(*http.Request){header("X-Forwarded-For", canary)}},
		"an id": {method: http.MethodGet, path: runtimes,
			adjust: []func(*http.Request){header("X-Request-Id", canary)}},
		"a body": {method: http.MethodPost, path: runtimes + "/x",
			body: `{"` + canary + `":"` + canary + `"}`},
		"a batch": {method: http.MethodPost, path: "/api/v1/products/p/changes",
			body: `[{"` + canary + `":"` + canary + `"}]`},
		"a name":  {method: http.MethodDelete, path: runtimes + "/" + canary},
		"a panic": {method: http.MethodGet, path: runtimes, script: func(s *service) { s.listing = nil }},
		"a violation": {method: http.MethodDelete, path: runtimes + "/x",
			script: func(s *service) { s.err = leaks() }},
		"a message of GitLab": {method: http.MethodGet, path: runtimes,
			script: func(s *service) { s.err = problem.New(problem.Forbidden, "PushRefused", "GitLab: %s", canary) }},
		"an internal error": {method: http.MethodGet, path: runtimes,
			script: func(s *service) { s.err = problem.New(problem.Internal, "x", "%s", canary) }},
		"a warning": {method: http.MethodGet, path: runtimes + "/x",
			script: func(s *service) { s.answer.Warnings = []string{canary} }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.script != nil {
				c.script(w.service)
			}
			got := w.do(t, c.method, c.path, c.body, c.adjust...)
			metrics := w.scrape(t)
			for where, text := range map[string]string{"the log": w.log.String(), "the audit log": w.audited.String(),
				"the metrics": metrics, "the headers": headers(got)} {
				if strings.Contains(text, "canary") {
					t.Errorf("the token is in %s: %s", where, text)
				}
			}
			if strings.Contains(got.body, "canary") {
				t.Errorf("the token is in the answer: %s", got.body)
			}
		})
	}
}

func headers(r reply) string {
	var b strings.Builder
	_ = r.Header.Write(&b)
	return b.String()
}
