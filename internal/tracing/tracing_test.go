package tracing_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/tracing"
	"github.com/nautes-labs/deployment-runtime/internal/tracing/tracingtest"
)

// patience is for what ends by itself: a test that waits longer has failed.
const patience = time.Minute

func TestOptionsAreChecked(t *testing.T) {
	for endpoint, right := range map[string]bool{
		"": true, "http://collector.observability:4318": true, "https://otlp.example.com/prefix": true,
		"http://[fd00::1]:4318": true,
		"collector:4318":        false, "collector": false, "grpc://collector:4317": false, "http://": false,
		"http://:4318": false, "http://a:secret@collector:4318": false, "http://collector:4318?key=secret": false,
		"http://collector:4318#secret": false, "http://collector:port": false,
	} {
		err := tracing.Options{Endpoint: endpoint, Ratio: 1}.Validate()
		if (err == nil) != right {
			t.Errorf("%q: %v", endpoint, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "--otlp-endpoint") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: the error does not name the flag, or repeats a password: %v", endpoint, err)
		}
		if _, err := tracing.New(t.Context(), tracing.Options{Endpoint: endpoint, Ratio: 2}); err == nil {
			t.Errorf("%q: a tracer was made with a ratio that is none", endpoint)
		}
	}
	for ratio, right := range map[float64]bool{0: true, 0.1: true, 1: true, -0.1: false, 1.1: false,
		math.Inf(1): false} {
		err := tracing.Options{Ratio: ratio}.Validate()
		if (err == nil) != right {
			t.Errorf("%v: %v", ratio, err)
		}
	}
	if err := (tracing.Options{Ratio: math.NaN()}).Validate(); err == nil || !strings.Contains(err.Error(),
		"--trace-ratio") {
		t.Errorf("what is no number: %v", err)
	}
}

// What costs nothing when it is off can be left in all places.
func TestWithoutACollectorNothingIsWrapped(t *testing.T) {
	tracer, err := tracing.New(t.Context(), tracing.Options{Ratio: 1})
	if err != nil || tracer != nil {
		t.Fatalf("got %v, %v", tracer, err)
	}
	inner := &http.Transport{}
	if got := tracer.Transport(nil)(inner); got != http.RoundTripper(inner) {
		t.Errorf("the transport is wrapped: %T", got)
	}
	if got := tracer.Context(t.Context()); got != t.Context() {
		t.Error("the context is wrapped")
	}
	ctx, span := tracing.Root(t.Context(), "pass")
	_, _ = tracer.Serve(t.Context(), http.Header{}, "request")
	span.Set("name", "value")
	span.Name("other")
	span.Fail()
	span.End()
	if ctx != t.Context() || tracing.Recording(ctx) {
		t.Error("a span is recorded")
	}
	if n := testing.AllocsPerRun(100, func() {
		ctx, pass := tracing.Root(ctx, "pass")
		_, phase := tracing.Child(ctx, "phase")
		phase.Result(tracing.ResultOK)
		phase.End()
		pass.End()
	}); n > 0 {
		t.Errorf("a pass makes %v allocations for nothing", n)
	}
	tracer.Shutdown(t.Context())
}

func TestRequestsOfATraceAreItsSteps(t *testing.T) {
	const token = "secret-of-the-caller"
	collector := tracingtest.New(t)
	tracer := collector.Tracer(func(o *tracing.Options) { o.Service = "nautes-test" })
	seen := make(chan http.Header, 10)
	asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer asked.Close()
	web := &http.Client{Transport: tracer.Transport(func(r *http.Request) string { return r.Method + " thing" })(
		http.DefaultTransport)}
	get := func(ctx context.Context, url string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if answer, err := web.Do(r); err == nil {
			_ = answer.Body.Close()
		}
	}
	get(tracer.Context(t.Context()), asked.URL+"/outside")
	ctx, span := tracing.Root(tracer.Context(t.Context()), "pass")
	get(ctx, asked.URL+"/things?private_token="+token)
	get(ctx, asked.URL+"/refused")
	get(ctx, "http://127.0.0.1:1/away?"+token)
	span.End()
	get(ctx, asked.URL+"/afterwards")
	tracer.Shutdown(t.Context())

	want := []string{"pass", "  GET thing 200", "  GET thing 403", "  GET thing NoAnswer"}
	if diff := cmp.Diff(want, collector.Tree()); diff != "" {
		t.Error(diff)
	}
	if got := tracingtest.Attribute(collector.Spans()[1], "url.path"); got != "/things" {
		t.Errorf("the path is %q", got)
	}
	for range 4 {
		if h := <-seen; h.Get("Authorization") != "Bearer "+token || h.Get("Traceparent") != "" {
			t.Errorf("the request that was sent has %v", h)
		}
	}
	if sent := collector.Sent(); strings.Contains(sent, token) || !strings.Contains(sent, "nautes-test") {
		t.Error("a token was sent to the collector, or not the name of the program")
	}
}

// The trace goes on in that of the caller. What else the caller writes there is nobody's business.
func TestARequestIsPartOfItsCallersTrace(t *testing.T) {
	collector := tracingtest.New(t)
	tracer := collector.Tracer()
	serve := func(parent string) {
		ctx, span := tracer.Serve(t.Context(), http.Header{"Traceparent": {parent}, "Tracestate": {"vendor=free-text"}},
			"request "+parent)
		_, step := tracing.Child(ctx, "step")
		step.End()
		span.End()
	}
	const trace, from = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	serve("00-" + trace + "-" + from + "-01")
	serve("00-" + trace + "-" + from + "-00") // the caller wants none
	serve("no traceparent")
	tracer.Shutdown(t.Context())

	spans := collector.Spans()
	if len(spans) != 4 {
		t.Fatalf("got %s", collector.Tree())
	}
	if got := fmt.Sprintf("%x %x", spans[0].GetTraceId(), spans[0].GetParentSpanId()); got != trace+" "+from {
		t.Errorf("the first one belongs to %s", got)
	}
	if got := fmt.Sprintf("%x", spans[1].GetTraceId()); got != trace {
		t.Errorf("its step belongs to %s", got)
	}
	if spans[2].GetName() != "request no traceparent" || len(spans[2].GetParentSpanId()) != 0 {
		t.Errorf("after that came %v", spans[2])
	}
	if strings.Contains(collector.Sent(), "free-text") {
		t.Error("the free text of the caller was sent")
	}
}

// Anybody can ask that a request be recorded, and as often.
func TestCallersCannotHaveEverythingRecorded(t *testing.T) {
	const sampled = "00-0000000000000000000000000000000%x-00f067aa0ba902b7-01" // such numbers every ratio takes
	collector := tracingtest.New(t)
	tracer := collector.Tracer(func(o *tracing.Options) { o.Ratio = 0 })
	began := time.Now()
	const requests = 1000
	for i := range requests {
		_, span := tracer.Serve(t.Context(), http.Header{"Traceparent": {fmt.Sprintf(sampled, i%15+1)}}, "request")
		span.End()
		_, own := tracing.Root(tracer.Context(t.Context()), "own")
		own.End()
	}
	took := time.Since(began)
	tracer.Shutdown(t.Context())
	names := map[string]int{}
	for _, s := range collector.Spans() {
		names[s.GetName()]++
	}
	if most := 10 + int(took/time.Second) + 1; names["request"] < 10 || names["request"] > most || names["own"] > 0 {
		t.Errorf("of %d requests within %s were recorded: %v; want 10 to %d", requests, took, names, most)
	}
}

// The collector hangs, and all go on: spans wait in a queue with an end, and what does not fit is lost.
func TestACollectorThatHangsHoldsUpNobody(t *testing.T) {
	collector, held, letGo := tracingtest.NewHanging(t)
	tracer := collector.Tracer()
	pass := func() {
		ctx, span := tracing.Root(tracer.Context(t.Context()), "pass")
		_, step := tracing.Child(ctx, "step")
		step.End()
		span.End()
	}
	const passes = 20_000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 { // enough that the first ones are sent at once
			pass()
		}
		<-held // from here on the collector hangs
		for range passes {
			pass()
		}
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("passes wait for the collector")
	}
	if got := len(collector.Spans()); got > 0 {
		t.Fatalf("the collector did not hang: it has %d spans", got)
	}
	letGo()
	tracer.Shutdown(t.Context())
	if got := len(collector.Spans()); got == 0 || got >= 2*passes {
		t.Errorf("%d spans arrived: want some, and not those of all %d passes", got, passes)
	}
}

// What cannot be sent is nobody's error, and the end of the program does not wait for it without end.
func TestACollectorThatIsAwayIsNoError(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	collector := tracingtest.New(t)
	tracer := collector.Tracer(func(o *tracing.Options) { o.Endpoint = away.URL })
	away.Close()
	ctx, span := tracing.Root(tracer.Context(t.Context()), "pass")
	if !tracing.Recording(ctx) {
		t.Error("nothing is recorded")
	}
	span.End()
	ended := make(chan struct{})
	go func() { tracer.Shutdown(t.Context()); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the end waits for the collector")
	}
}

func TestNamesAndResultsAreTheLastOnes(t *testing.T) {
	collector := tracingtest.New(t)
	tracer := collector.Tracer()
	ctx, span := tracing.Root(tracer.Context(t.Context()), "first")
	tracing.Current(ctx).Name("last")
	span.Result(tracing.ResultOK)
	span.Result("Missing")
	span.Fail()
	span.End()
	tracer.Shutdown(t.Context())
	if got := collector.Tree(); !slices.Equal(got, []string{"last Missing"}) {
		t.Error(got)
	}
}
