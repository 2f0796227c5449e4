package tracing

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// How many traces all callers together may have recorded, beyond those that the ratio grants: one a second on average,
// and so many at once.
const (
	wishInterval = time.Second
	wishBurst    = 10
)

// sampler decides which traces are recorded. A span is recorded as its parent is. A trace that begins here is recorded by
// the ratio. A caller who asks that its trace be recorded gets it by the ratio too, and beyond that within a small budget:
// else anybody could have every request recorded. A caller who asks that its trace not be recorded gets that.
func sampler(ratio float64) sdktrace.Sampler {
	return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio),
		sdktrace.WithRemoteParentSampled(&wish{ratio: ratio, coin: coin,
			budget: rate.NewLimiter(rate.Every(wishInterval), wishBurst)}))
}

// wish samples traces that a caller asks for.
type wish struct {
	ratio float64
	// coin returns a number of at least 0 and below 1. The trace's own number is the caller's choice, and decides nothing.
	coin   func() float64
	budget *rate.Limiter
}

// ShouldSample implements the sampler of OpenTelemetry.
func (w *wish) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	decision := sdktrace.Drop
	if w.coin() < w.ratio || w.budget.Allow() {
		decision = sdktrace.RecordAndSample
	}
	return sdktrace.SamplingResult{Decision: decision,
		Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
}

// Description names the sampler.
func (w *wish) Description() string { return "WishOfCaller" }

func coin() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}
