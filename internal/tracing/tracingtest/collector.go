// Package tracingtest is a collector of traces for tests. It takes what real ones take: OTLP over HTTP.
package tracingtest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// Collector keeps the spans that it is sent. It is safe for concurrent use.
type Collector struct {
	*httptest.Server
	t testing.TB
	// held are told of requests that came while the collector hangs. They are answered once letGo is closed.
	held, letGo chan struct{}

	mu    sync.Mutex
	spans []*tracepb.Span
	sent  bytes.Buffer
}

// New starts a collector. It ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t}
	c.start()
	return c
}

// NewHanging starts a collector that takes requests and does not answer them until letGo is called. held receives
// something for each request.
func NewHanging(t testing.TB) (c *Collector, held <-chan struct{}, letGo func()) {
	t.Helper()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10") // milliseconds until spans are sent that are few
	c = &Collector{t: t, held: make(chan struct{}, 1000), letGo: make(chan struct{})}
	letGo = sync.OnceFunc(func() { close(c.letGo) })
	c.start()
	t.Cleanup(letGo) // before the server is closed, which waits for its requests
	return c, c.held, letGo
}

func (c *Collector) start() {
	c.Server = httptest.NewServer(c)
	c.t.Cleanup(c.Close)
}

// Tracer returns a tracer that sends to the collector, and records all.
func (c *Collector) Tracer(adjust ...func(*tracing.Options)) *tracing.Tracer {
	c.t.Helper()
	ctx := c.t.Context()
	o := tracing.Options{Endpoint: c.URL, Ratio: 1, Service: "test", Version: "v0", Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Time{} }}
	for _, f := range adjust {
		f(&o)
	}
	tracer, err := tracing.New(ctx, o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { tracer.Shutdown(ctx) })
	return tracer
}

// ServeHTTP takes spans.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if c.letGo != nil {
		c.held <- struct{}{}
		<-c.letGo
	}
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || err != nil {
		c.t.Errorf("the collector got %s %s: %v", r.Method, r.URL.Path, err)
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = r.Header.Write(&c.sent)
	c.sent.Write(body)
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Spans returns the spans that were sent, by their beginning.
func (c *Collector) Spans() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(c.spans), func(a, b *tracepb.Span) int {
		return cmp.Compare(a.GetStartTimeUnixNano(), b.GetStartTimeUnixNano())
	})
}

// Sent returns all that was sent, with the headers.
func (c *Collector) Sent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.String()
}

// Attribute returns an attribute of a span as text, or nothing.
func Attribute(s *tracepb.Span, name string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == name {
			return cmp.Or(a.GetValue().GetStringValue(), fmt.Sprint(a.GetValue().GetIntValue()))
		}
	}
	return ""
}

// Tree returns the traces: a line for each span, below its parent, with its result or the status of its answer.
func (c *Collector) Tree() []string {
	spans := c.Spans()
	known := map[string]bool{}
	for _, s := range spans {
		known[string(s.GetSpanId())] = true
	}
	var out []string
	var below func(parent string, depth int)
	below = func(parent string, depth int) {
		for _, s := range spans {
			up := string(s.GetParentSpanId())
			if !known[up] { // the parent is somebody else's
				up = ""
			}
			if up == parent {
				out = append(out, strings.TrimRight(strings.Repeat("  ", depth)+s.GetName()+" "+
					cmp.Or(Attribute(s, "result"), Attribute(s, "http.response.status_code")), " "))
				below(string(s.GetSpanId()), depth+1)
			}
		}
	}
	below("", 0)
	return out
}
