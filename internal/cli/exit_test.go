package cli

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestExitCodes(t *testing.T) {
	get := []string{"get", "dr", "dr-dev"}
	answering := func(a answer) func(*testing.T) *apiServer {
		return func(t *testing.T) *apiServer {
			t.Helper()
			return newServer(t).on("GET products/nautes-labs/deploymentruntimes/dr-dev", a)
		}
	}
	unreachable := func(s *Surroundings) { s.Defaults.APIServer = "http://127.0.0.1:1" }
	tests := map[string]struct {
		server   func(*testing.T) *apiServer
		args     []string
		settings []setting
		code     int
		says     string
	}{
		"done":                      {server: product, args: get, code: 0},
		"no command shows help":     {code: 0},
		"an unknown command":        {args: []string{"frobnicate"}, code: 1, says: "frobnicate"},
		"an unknown flag":           {args: []string{"get", "dr", "--frobnicate"}, code: 1, says: "--frobnicate"},
		"an unknown kind":           {args: []string{"get", "pods"}, code: 1, says: `kind "pods" is not known`},
		"an unknown format":         {args: []string{"get", "dr", "-o", "xml"}, code: 1, says: `"xml" is not known`},
		"no kind":                   {args: []string{"get"}, code: 1, says: "name a kind"},
		"no product":                {args: get, settings: []setting{noProduct()}, code: 1, says: "--product"},
		"no server":                 {args: get, code: 1, says: "--api-server"},
		"an address without scheme": {args: append(get, "-s", "nautes:8080"), code: 1, says: "https://"},
		"a negative time": {server: product, args: append(get, "--timeout=-5s"), code: 1,
			says: "--timeout -5s is negative"},
		"a negative time to wait": {server: product, args: []string{"status", "dr", "--wait", "--timeout=-5s"},
			code: 1, says: "--timeout -5s is negative"},
		"a CA file without certificate": {server: product, args: append(get, "--ca-file", "testdata/guide.yaml"),
			code: 2, says: "--ca-file testdata/guide.yaml"},
		"two tokens": {args: append(get, "-t", "a", "--token-file", "b"), code: 1, says: "token"},
		"a file that is not there": {args: []string{"apply", "-f", "no-such-file.yaml"}, code: 1,
			says: "no-such-file.yaml"},
		"no file":               {args: []string{"apply"}, code: 1, says: "-f"},
		"a name that is a path": {args: []string{"get", "dr", ".."}, code: 1, says: "no name"},
		"delete without anybody to ask": {server: product, args: []string{"delete", "dr", "dr-dev"},
			code: 1, says: "-y"},
		"a violated rule": {server: answering(refuse(http.StatusUnprocessableEntity, "INVALID", "2 rules are violated",
			wire.Violation{Rule: "EnvironmentNotFound", Field: "destination",
				Message: `environment "env-x" does not exist: create it`,
				Params:  map[string]string{"kind": "DeploymentRuntime", "name": "dr-dev"}})),
			args: get, code: 2,
			says: `  - DeploymentRuntime dr-dev: destination: environment "env-x" does not exist: create it [EnvironmentNotFound]`},
		"a request that cannot be read": {server: answering(refuse(http.StatusBadRequest, "BAD_REQUEST", "malformed")),
			args: get, code: 2, says: "BAD_REQUEST"},
		"input that cannot be read": {server: newServer, args: []string{"apply", "-f", "-"},
			settings: []setting{stdin("a: [")}, code: 2, says: "stdin"},
		"no token": {server: newServer, args: get, settings: []setting{
			func(s *Surroundings) { s.Defaults.Token = secret.Token{} }}, code: 3, says: "nautes login"},
		"a bad token": {server: answering(refuse(http.StatusUnauthorized, "UNAUTHENTICATED",
			"the token is not valid")), args: get, code: 3, says: "nautes login"},
		"not allowed": {server: answering(refuse(http.StatusForbidden, "FORBIDDEN",
			"the scope api is missing")), args: get, code: 3, says: "the scope api is missing"},
		"not found": {server: newServer, args: get, code: 4, says: "request id req-1"},
		"in use": {server: answering(refuse(http.StatusConflict, "IN_USE", "still referenced")),
			args: get, code: 5, says: "still referenced"},
		"a failed precondition": {server: answering(refuse(http.StatusPreconditionFailed, "PRECONDITION_FAILED",
			"changed meanwhile")), args: get, code: 5},
		"rate limited for long": {server: answering(later(refuse(http.StatusTooManyRequests, "RATE_LIMITED",
			"slow down"), "90")), args: get, code: 6, says: "Try again in 1m30s"},
		"git host is down for long": {server: answering(later(refuse(http.StatusServiceUnavailable,
			"GITLAB_UNAVAILABLE", "GitLab is down"), "60")), args: get, code: 6, says: "GitLab is down"},
		"a bug of the server": {server: answering(refuse(http.StatusInternalServerError, "INTERNAL",
			"a bug")), args: get, code: 6, says: "a bug"},
		"a proxy answers": {server: answering(answer{status: http.StatusForbidden,
			body: "<html>" + canary}), args: get, code: 3, says: "not like the REST API"},
		"not our API": {server: answering(answer{status: http.StatusOK, body: "<html>"}), args: get,
			code: 6, says: "does not answer like the REST API"},
		"a redirect": {server: answering(answer{status: http.StatusFound,
			header: http.Header{"Location": {"http://127.0.0.1:1/"}}}), args: get, code: 6, says: "another address"},
		"nobody there": {args: []string{"apply", "-f", "testdata/guide.yaml"},
			settings: []setting{unreachable}, code: 6, says: "connection refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var server *apiServer
			if test.server != nil {
				server = test.server(t)
			}
			r := nautes(t, server, test.args, test.settings...)
			expect(t, r, test.code)
			if !strings.Contains(r.stderr, test.says) {
				t.Errorf("stderr does not say %q:\n%s", test.says, r.stderr)
			}
			if test.code != 0 && r.stdout != "" {
				t.Errorf("stdout: %s", r.stdout)
			}
		})
	}
}

func TestEachNameThatIsMissingIsTold(t *testing.T) {
	r := nautes(t, product(t), []string{"get", "dr", "x", "dr-dev", "y", "-o", "name"})
	expect(t, r, 4)
	same(t, "stdout", "deploymentruntime/dr-dev\n", r.stdout)
	line := "error: there is no such resource: look at the name\n  (reason RESOURCE_NOT_FOUND, request id req-1)\n"
	same(t, "stderr", line+line, r.stderr)
}

func TestAViolationIsToldOnce(t *testing.T) {
	message := `Environment "env-dev" is needed by DeploymentRuntime dr-dev`
	s := newServer(t).on("DELETE products/nautes-labs/environments/env-dev",
		refuse(http.StatusConflict, "IN_USE", message,
			wire.Violation{Rule: "InUse", Message: message,
				Params: map[string]string{"kind": "Environment", "name": "env-dev"}}))
	r := nautes(t, s, []string{"delete", "env", "env-dev", "-y"})
	expect(t, r, 5)
	same(t, "stderr", "error: deleting Environment env-dev: 1 violation:\n  - "+message+
		" [InUse]\n  (reason IN_USE, request id req-1)\n", r.stderr)
}

func TestEachStreamHasItsOwnColours(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes",
		wire.Saved{Commit: commit, Changed: true, Warnings: []string{"x"}})
	apply := []string{"apply", "-f", "testdata/guide.yaml"}
	r := nautes(t, s, apply, func(s *Surroundings) { s.Terminal = Terminal{Width: 80, Colour: true} })
	if !strings.Contains(r.stdout, "\x1b[") || strings.Contains(r.stderr, "\x1b[") {
		t.Errorf("stderr is a file: %q %q", r.stdout, r.stderr)
	}
	r = nautes(t, s, apply, func(s *Surroundings) { s.ColourErrors = true })
	if strings.Contains(r.stdout, "\x1b[") || !strings.Contains(r.stderr, "\x1b[") {
		t.Errorf("stdout is a file: %q %q", r.stdout, r.stderr)
	}
}

func TestTheTokenTravelsInItsHeaderAlone(t *testing.T) {
	s := product(t)
	expect(t, nautes(t, s, []string{"get", "dr", "-v"}), 0)
	for _, r := range s.requests {
		same(t, "Authorization", "Bearer "+canary, r.Authorization)
		same(t, "User-Agent", "nautes/v1.2.3", r.Agent)
		if strings.Contains(r.Path+r.Query+r.Body, canary) {
			t.Errorf("the token is in %s", r)
		}
	}
}

func TestPlainHTTPToAnotherMachineIsWarnedOf(t *testing.T) {
	r := nautes(t, nil, []string{"get", "dr", "-s", "HTTP://nautes.invalid:80", "--timeout", "1ns"})
	expect(t, r, 6)
	if !strings.Contains(r.stderr, "warning: the token travels unencrypted to nautes.invalid:80") {
		t.Errorf("stderr: %s", r.stderr)
	}
	if r := nautes(t, product(t), []string{"get", "dr"}); strings.Contains(r.stderr, "warning") {
		t.Errorf("a warning for the own machine: %s", r.stderr)
	}
}
