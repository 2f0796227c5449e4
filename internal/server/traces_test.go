package server_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/tracing/tracingtest"
)

// A save asks GitLab, judges, and pushes: the trace says in which order, and what came of it.
func TestASaveIsATrace(t *testing.T) {
	l := newLab(t)
	ada := l.person("ada", "api")
	l.product(l.replica(), ada, "nautes-labs")

	collector := tracingtest.New(t)
	tracer := collector.Tracer()
	w := l.replica(func(_ *change.Options, o *server.Options) { o.Tracer = tracer })
	const path, body = "/api/v1/products/nautes-labs/environments/env-test", `{"cluster":"c2","env_type":"test"}`
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	saved := w.do(t, http.MethodPost, path+"?dry_run=false", body, as(ada),
		header("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01"), header("X-Request-Id", "my-request"))
	refused := w.do(t, http.MethodPost, path, `{"cluster":"c1","env_type":"test"}`, as(ada))
	stranger := w.do(t, http.MethodGet, path, "", as("glpat-nobody-knows-this"))
	for _, unseen := range []string{"/healthz", "/openapi.json", "/.git/config"} {
		w.do(t, http.MethodGet, unseen, "")
	}
	if saved.StatusCode != http.StatusOK || refused.StatusCode != http.StatusUnprocessableEntity ||
		stranger.StatusCode != http.StatusUnauthorized {
		t.Fatalf("got %d, %d and %d: %s", saved.StatusCode, refused.StatusCode, stranger.StatusCode, refused.body)
	}
	tracer.Shutdown(t.Context())

	const route = "/api/v1/products/{product}/environments/{name}"
	asked := []string{"  gitlab GetBranch OK", "  gitlab GetCurrentUser OK", "  gitlab GetProject OK"} // at the same time
	want := slices.Concat(
		[]string{"POST " + route + " OK"}, asked, []string{"  git fetch OK", "  judge OK", "  git push OK"},
		[]string{"POST " + route + " INVALID"}, asked, []string{"  judge Refused"}, // the commit is known already
		[]string{"GET " + route + " UNAUTHENTICATED"})
	got := collector.Tree()
	if len(got) < len(want) {
		t.Fatalf("got %q", got)
	}
	slices.Sort(got[1:4])
	slices.Sort(got[8:11])
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" { // who is a stranger is seen by one of the questions
		t.Error(diff)
	}
	root := collector.Spans()[0]
	if got := fmt.Sprintf("%x", root.GetTraceId()); got != trace {
		t.Errorf("the save is not in the caller's trace, but in %s", got)
	}
	for attribute, value := range map[string]string{"http.route": route, "http.request.method": http.MethodPost,
		"http.response.status_code": "200", "operation": "Environment_SaveEnvironment", "request_id": "my-request",
		"product": "nautes-labs"} {
		if got := tracingtest.Attribute(root, attribute); got != value {
			t.Errorf("%s is %q, want %q", attribute, got, value)
		}
	}
	for _, token := range []string{ada, "glpat-nobody-knows-this", "Bearer", "env_type", "dry_run"} {
		if strings.Contains(collector.Sent(), token) {
			t.Errorf("%q was sent to the collector", token)
		}
	}
}

// The collector hangs, and saves go on.
func TestASaveDoesNotWaitForTheCollector(t *testing.T) {
	l := newLab(t)
	ada := l.person("ada", "api")
	collector, held, letGo := tracingtest.NewHanging(t)
	tracer := collector.Tracer()
	w := l.replica(func(_ *change.Options, o *server.Options) { o.Tracer = tracer })
	l.product(w, ada, "nautes-labs")
	<-held
	const path = "/api/v1/products/nautes-labs/environments/env-test"
	if got := w.do(t, http.MethodPost, path, `{"cluster":"c2","env_type":"test"}`, as(ada)); got.StatusCode !=
		http.StatusOK || len(collector.Spans()) > 0 {
		t.Errorf("%d %s, and the collector has %d spans", got.StatusCode, got.body, len(collector.Spans()))
	}
	letGo()
	tracer.Shutdown(t.Context())
	if len(collector.Spans()) == 0 {
		t.Error("nothing arrived afterwards")
	}
}

// A handler that panics is one of the spans that people look for.
func TestAPanicIsInItsTrace(t *testing.T) {
	collector := tracingtest.New(t)
	tracer := collector.Tracer()
	w := newWorld(t, func(o *server.Options) { o.Tracer = tracer })
	w.during = func(context.Context) { panic("secret") }
	got := w.do(t, http.MethodGet, "/api/v1/products/nautes-labs/environments/env-test", "", as(canary))
	tracer.Shutdown(t.Context())
	if got.StatusCode != http.StatusInternalServerError || len(collector.Spans()) != 1 ||
		tracingtest.Attribute(collector.Spans()[0], "result") != "Panic" {
		t.Errorf("%d, %q", got.StatusCode, collector.Tree())
	}
	if sent := collector.Sent(); strings.Contains(sent, "secret") || strings.Contains(sent, canary) {
		t.Error("a secret was sent to the collector")
	}
}
