package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// canary is a token that must never be seen again.
const canary = "glpat-canary-0123456789"

// service is a scripted change.Service that writes down what it is asked.
type service struct {
	mu      sync.Mutex
	refs    []change.Ref
	lists   []listed
	changes []change.Request
	callers []change.Caller

	admitted []string
	// stranger is what Admit answers.
	stranger error

	err     error
	answer  *change.Answer
	listing *change.Listing
	outcome *change.Outcome
	// during runs inside every call.
	during func(ctx context.Context)
}

type listed struct {
	Product, Kind string
	Options       change.ListOptions
}

func (s *service) note(ctx context.Context, c change.Caller, write func()) {
	s.mu.Lock()
	s.callers = append(s.callers, c)
	write()
	s.mu.Unlock()
	if s.during != nil {
		s.during(ctx)
	}
}

func (s *service) Get(ctx context.Context, c change.Caller, ref change.Ref) (*change.Answer, error) {
	s.note(ctx, c, func() { s.refs = append(s.refs, ref) })
	if s.err != nil {
		return nil, s.err
	}
	return s.answer, nil
}

func (s *service) List(ctx context.Context, c change.Caller, product, kind string,
	o change.ListOptions) (*change.Listing, error) {
	s.note(ctx, c, func() { s.lists = append(s.lists, listed{product, kind, o}) })
	if s.err != nil {
		return nil, s.err
	}
	return s.listing, nil
}

func (s *service) Admit(_ context.Context, _ change.Caller, r change.Request, kind string) (*change.Admission,
	*change.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admitted = append(s.admitted, kind+" "+r.Product)
	return nil, &change.Outcome{}, s.stranger
}

func (s *service) Change(ctx context.Context, c change.Caller, r change.Request) (*change.Outcome, error) {
	s.note(ctx, c, func() { s.changes = append(s.changes, r) })
	return s.outcome, s.err
}

// calls returns how often anything was asked.
func (s *service) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.callers)
}

// logs collects what is logged.
type logs struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.String()
}

// lines decodes the lines with a message.
func (l *logs) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("a line of the log is not JSON: %s", line)
		}
		if entry["msg"] == message {
			out = append(out, entry)
		}
	}
	return out
}

// world is a server over the scripted service.
type world struct {
	*service
	*server.Server
	options server.Options
	log     *logs
	audited *logs
	pushes  []server.Push
}

func newWorld(t *testing.T, adjust ...func(*server.Options)) *world {
	t.Helper()
	w := &world{
		service: &service{
			answer:  &change.Answer{Item: &wire.DeploymentRuntime{Name: "dr-dev"}, ETag: `"blob"`},
			listing: &change.Listing{ETag: `W/"head"`},
			outcome: &change.Outcome{Commit: "c1", Base: "b1", Changed: true, Verdict: wire.VerdictSave,
				Product: "product-7"},
		},
		log: &logs{}, audited: &logs{},
	}
	w.outcome.User.ID, w.outcome.User.Username = 5, "ada"
	w.options = server.Options{
		Service: w.service, Now: time.Now, Metrics: server.NewMetrics(), Version: "v0",
		Log:    slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Audit:  slog.New(slog.NewJSONHandler(w.audited, nil)),
		Pushed: func(p server.Push) { w.pushes = append(w.pushes, p) },
	}
	for _, f := range adjust {
		f(&w.options)
	}
	s, err := server.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = s
	return w
}

func withHook(secrets ...string) func(*server.Options) {
	return func(o *server.Options) {
		for _, s := range secrets {
			o.HookSecrets = append(o.HookSecrets, secret.New(s))
		}
	}
}

// reply is an answer that was read.
type reply struct {
	*http.Response
	body string
}

func (r reply) problem(t *testing.T) wire.Problem {
	t.Helper()
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q, body %s", got, r.body)
	}
	var p wire.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// do sends a request with the canary as token, unless it is adjusted.
func (w *world) do(t *testing.T, method, target, body string, adjust ...func(*http.Request)) reply {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, reader)
	r.Header.Set("Authorization", "Bearer "+canary)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range adjust {
		f(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	resp := rec.Result()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp, string(data)}
}

// scrape returns the metrics.
func (w *world) scrape(t *testing.T) string {
	t.Helper()
	rec := httptest.NewRecorder()
	w.options.Metrics.Handler().ServeHTTP(rec,
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	return rec.Body.String()
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// guideBody is the body of the guide.
const guideBody = `{"projects_ref":["api-server"],
 "manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"manifests/development"},
 "destination":"env-dev"}`

const runtimes = "/api/v1/products/nautes-labs/deploymentruntimes"
