package command

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/nautes-labs/deployment-runtime/internal/tracing"
	"github.com/nautes-labs/deployment-runtime/internal/version"
)

// traceFlags say where traces are sent. Both servers have the same.
type traceFlags struct{ tracing.Options }

func (f *traceFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.Endpoint, "otlp-endpoint", "",
		"URL of an OpenTelemetry collector that takes OTLP over HTTP, such as http://collector.observability:4318; "+
			"traces are posted to v1/traces below it (default: no traces)")
	fs.Float64Var(&f.Ratio, "trace-ratio", 1,
		"part of the traces that is recorded, from 0 to 1; what callers of the REST API ask for comes on top, about "+
			"one trace a second")
}

// start returns the tracer of a program; nil without --otlp-endpoint.
func (f *traceFlags) start(ctx context.Context, service string, log *slog.Logger) (*tracing.Tracer, error) {
	o := f.Options
	o.Service, o.Version, o.Log, o.Now = service, version.String(), log, time.Now
	return tracing.New(ctx, o)
}
