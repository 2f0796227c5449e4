package server

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// traced answers a request to an operation of the API in a trace, where the server makes traces. Probes and pages make
// none, and neither does what has no route: scanners ask for that.
func (s *Server) traced(w http.ResponseWriter, r *http.Request, op *huma.Operation) {
	if s.o.Tracer == nil || op.OperationID == "" {
		s.router.ServeHTTP(w, r)
		return
	}
	ctx, span := s.o.Tracer.Serve(r.Context(), r.Header, op.Method+" "+op.Path)
	defer span.End()
	c := callOf(ctx)
	span.Set("http.request.method", verb(r))
	span.Set("http.route", op.Path)
	span.Set("operation", op.OperationID)
	span.Set("request_id", c.id)
	rec := &recorder{ResponseWriter: w}
	defer func() { // a panic goes on from here to the outermost handler, which answers it
		span.Result(tracing.ResultOK)
		if reason := c.reason(); reason != "" {
			span.Result(reason)
		} else if c.product != "" { // it exists, so it is no text of the caller
			span.Set("product", c.product)
		}
		if rec.status == 0 {
			rec.status = http.StatusInternalServerError
			span.Result("Panic")
		}
		span.Number("http.response.status_code", rec.status)
		if rec.status >= http.StatusInternalServerError {
			span.Fail()
		}
	}()
	s.router.ServeHTTP(rec, r.WithContext(ctx))
}
