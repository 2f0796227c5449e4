package cli

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// canary is the token of every test: it must never be printed.
const canary = "glpat-CANARY-do-not-print"

// request is what the server was asked.
type request struct {
	Method, Path, Query, Body, Authorization, Agent string
}

func (r request) String() string {
	line := r.Method + " " + r.Path
	if r.Query != "" {
		line += "?" + r.Query
	}
	return line
}

// apiServer behaves like the REST API, as far as a test scripts it. Whatever is not scripted is 404 RESOURCE_NOT_FOUND.
type apiServer struct {
	t        *testing.T
	url      string
	mu       sync.Mutex
	scripted map[string][]answer
	requests []request
}

type answer struct {
	status int
	header http.Header
	body   any
}

func newServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{t: t, scripted: map[string][]answer{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// on scripts the answers to a request, one after the other; the last one stays. The key is the method and the escaped
// path below /api/v1/, with the query where it matters.
func (s *apiServer) on(key string, answers ...any) *apiServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range answers {
		switch a := a.(type) {
		case answer:
			s.scripted[key] = append(s.scripted[key], a)
		default:
			s.scripted[key] = append(s.scripted[key], answer{status: http.StatusOK, body: a})
		}
	}
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1/")
	s.mu.Lock()
	s.requests = append(s.requests, request{
		Method: r.Method, Path: path, Query: r.URL.RawQuery, Body: string(body),
		Authorization: r.Header.Get("Authorization"), Agent: r.Header.Get("User-Agent"),
	})
	a := refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND", "there is no such resource: look at the name")
	for _, key := range []string{r.Method + " " + path + "?" + r.URL.RawQuery, r.Method + " " + path} {
		if script := s.scripted[key]; len(script) > 0 {
			a = script[0]
			if len(script) > 1 {
				s.scripted[key] = script[1:]
			}
			break
		}
	}
	s.mu.Unlock()
	maps.Copy(w.Header(), a.header)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	if text, ok := a.body.(string); ok {
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(a.body)
}

// asked returns the requests so far, a line each.
func (s *apiServer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := []string{}
	for _, r := range s.requests {
		lines = append(lines, r.String())
	}
	return lines
}

// bodies returns the bodies of the requests whose line begins so.
func (s *apiServer) bodies(begin string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.requests {
		if strings.HasPrefix(r.String(), begin) {
			out = append(out, strings.TrimSpace(r.Body))
		}
	}
	return out
}

func refuse(status int, reason, detail string, violations ...wire.Violation) answer {
	return answer{
		status: status,
		header: http.Header{"Content-Type": {"application/problem+json"}},
		body: wire.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail,
			Reason: reason, RequestID: "req-1",
			Violations: violations},
	}
}

func later(a answer, seconds string) answer {
	a.header = maps.Clone(a.header)
	a.header.Set("Retry-After", seconds)
	return a
}

func items(all ...any) map[string]any {
	return map[string]any{"items": slices.Concat([]any{}, all), "warnings": []string{}}
}

func runtimeItem(name string, change ...func(*wire.DeploymentRuntime)) wire.DeploymentRuntime {
	r := wire.DeploymentRuntime{
		Product: "nautes-labs", Name: name, ProjectsRef: []string{"api-server"},
		ManifestSource: wire.ManifestSource{CodeRepo: "api-server", TargetRevision: "HEAD",
			Path: "manifests/development"},
		Destination: "env-dev", Namespaces: []string{}, DeletionPolicy: "Delete",
		Status: &wire.Status{Ready: true, Reason: "Ready", Message: "revision 0123456789abcdef runs and is healthy",
			Cluster: "worker-1", Sync: "Synced", Health: "Healthy",
			Revision: "0123456789abcdef0123456789abcdef01234567"},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}
