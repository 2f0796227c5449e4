package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// ResultOK is the result of a step that did what it should.
const ResultOK = "OK"

// Span is one step of a trace. The zero value is one that nobody records. Do not Set or End a span twice from different
// goroutines at the same time with different meanings: the last one counts.
type Span struct{ span trace.Span }

// Root begins a trace, whatever the context belongs to. Without a tracer in the context, the span is not recorded.
func Root(ctx context.Context, name string) (context.Context, Span) {
	t, _ := ctx.Value(key{}).(*Tracer)
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer().Start(ctx, name, trace.WithNewRoot())
	return ctx, Span{span}
}

// Serve begins the span of a request that somebody else sent. A caller that sends the header traceparent finds the span in
// its own trace. Whether it is recorded the caller does not decide alone: see sampler.
func (t *Tracer) Serve(ctx context.Context, request http.Header, name string) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	caller := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(request))
	// The tracestate is left out: it is free text of the caller.
	from := trace.SpanContextFromContext(caller).WithTraceState(trace.TraceState{})
	ctx, span := t.tracer().Start(trace.ContextWithRemoteSpanContext(t.Context(ctx), from), name,
		trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{span}
}

// Recording says whether the context belongs to a span that is recorded and has not ended.
func Recording(ctx context.Context) bool { return trace.SpanFromContext(ctx).IsRecording() }

// Child begins a step of the span that the context belongs to. Without one that is recorded, the step is not either.
func Child(ctx context.Context, name string) (context.Context, Span) {
	return child(ctx, name, trace.SpanKindInternal)
}

// Call begins a step in which another system is asked.
func Call(ctx context.Context, name string) (context.Context, Span) {
	return child(ctx, name, trace.SpanKindClient)
}

func child(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind))
	return ctx, Span{span}
}

// Current returns the span that the context belongs to, if that is recorded.
func Current(ctx context.Context) Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return Span{span}
	}
	return Span{}
}

// Name gives the span another name.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Set adds an attribute. The value must not be a secret, nor text that somebody else wrote.
func (s Span) Set(name, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// Number adds an attribute that is a number.
func (s Span) Number(name string, value int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(name, value))
	}
}

// Result says how the step went: ResultOK, or a word such as the reason of a problem. The last one counts.
func (s Span) Result(word string) { s.Set("result", word) }

// Fail marks the step as one that failed, as opposed to one that waits or refuses.
func (s Span) Fail() {
	if s.span != nil {
		s.span.SetStatus(codes.Error, "")
	}
}

// End ends the step. What is set afterwards is not recorded.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}
