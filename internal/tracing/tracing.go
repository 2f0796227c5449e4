// Package tracing sends traces to an OpenTelemetry collector, where the platform team named one: a tree of spans for each
// reconcile and for each request of the REST API. A span is one step, with its beginning, its end and its result.
//
// Invariants that a change must keep:
//
//   - Without a collector nothing is recorded, and nothing is wrapped. A nil *Tracer is that.
//   - A collector that is slow or away holds up nobody: spans wait in a bounded queue, and what does not fit is lost.
//   - A span tells names and results. It holds no header, no query, no body, and no text of an error: those may hold
//     secrets. The log has the errors.
//
// It is the only package that knows OpenTelemetry. Which tracer is asked travels in the context, so that several servers
// can run in one process.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name under which spans say which code made them.
const scope = "github.com/nautes-labs/deployment-runtime"

// flushTimeout bounds how long the end of the program waits for the collector.
const flushTimeout = 5 * time.Second

// Options say where traces are sent, and how many.
type Options struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP, such as http://collector.observability:4318. Spans
	// are posted to v1/traces below it. Empty means that nothing is traced.
	Endpoint string
	// Ratio is the part of the traces that is recorded, from 0 (only what callers of the REST API ask for) to 1 (all).
	Ratio float64
	// Service names the program in each trace, such as nautes-operator, and Version its build.
	Service, Version string
	// Log gets a warning when spans are lost, at most one a minute. Needed with an endpoint.
	Log *slog.Logger
	// Now is the clock of these warnings. Needed with an endpoint.
	Now func() time.Time
}

// Validate says which option is wrong, by the flag that both servers have for it. The error does not repeat the
// endpoint, because it may contain a password.
func (o Options) Validate() error {
	if !(o.Ratio >= 0 && o.Ratio <= 1) { // also false for what is no number
		return errors.New("--trace-ratio must be between 0 and 1: 0.1 records one of ten traces")
	}
	if o.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" {
		return errors.New("--otlp-endpoint must be a URL like http://collector.observability:4318, without user, query " +
			"or fragment: what the collector wants to see as headers comes from OTEL_EXPORTER_OTLP_HEADERS in the " +
			"environment")
	}
	return nil
}

// Tracer makes traces. It is safe for concurrent use. A nil Tracer makes none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	log      *slog.Logger
}

// New returns a tracer that sends to the endpoint, or nil where there is none. It does not connect yet: whether the
// collector answers is seen with the first spans. What it does not say is taken from the usual variables OTEL_* of the
// environment: headers, certificates, sizes of queues. Failures to send go to the log of the last tracer that was made,
// because the library has one place for them. The error says which option or variable is wrong.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Endpoint == "" {
		return nil, nil //nolint:nilnil // nil makes no traces
	}
	to, err := url.JoinPath(o.Endpoint, "v1/traces")
	if err != nil {
		return nil, fmt.Errorf("reading the address of the collector: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to))
	if err != nil {
		return nil, fmt.Errorf("preparing to send traces: %w", err)
	}
	otel.SetErrorHandler(&seldom{log: o.Log, now: o.Now})
	return &Tracer{log: o.Log, provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sampler(o.Ratio)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", o.Service), attribute.String("service.version", o.Version))),
	)}, nil
}

// Shutdown sends what is still to be sent, for at most five seconds, and ends the tracer. What cannot be sent is lost, and
// logged.
func (t *Tracer) Shutdown(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "the last spans were not sent to the collector of --otlp-endpoint",
			slog.String("error", err.Error()))
	}
}

type key struct{}

// Context returns a context in which Root asks this tracer.
func (t *Tracer) Context(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, t)
}

func (t *Tracer) tracer() trace.Tracer { return t.provider.Tracer(scope) }
