package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// recorder records the status and the size of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader records the first status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *recorder) Write(data []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(data)
	w.bytes += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController access to the wrapped writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// observed is the outermost handler. It gives the request its id, recovers from a panic, and writes the access log.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.now()
		c := newCall(r)
		w.Header().Set(requestIDHeader, c.id)
		for name, value := range securityHeaders() {
			w.Header().Set(name, value)
		}
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(withCall(r.Context(), c))
		s.metrics.inFlight.Inc()
		defer s.finish(rec, r, start)
		next.ServeHTTP(rec, r)
	})
}

// finish recovers from a panic and logs the answer. It must be deferred directly.
func (s *Server) finish(w *recorder, r *http.Request, start time.Time) {
	s.metrics.inFlight.Dec()
	if v := recover(); v != nil {
		s.survive(w, r, v)
	}
	c, took := callOf(r.Context()), s.now().Sub(start)
	s.metrics.requests.WithLabelValues(c.operation, strconv.Itoa(w.status)).Observe(took.Seconds())
	s.log.LogAttrs(r.Context(), levelOf(c, w.status), "request",
		slog.String("request_id", c.id), slog.String("method", bounded(r.Method, 16)), slog.String("path", c.path),
		slog.String("operation", c.operation), slog.Int("status", w.status), slog.String("reason", c.reason()),
		slog.Int64("bytes", w.bytes), slog.Int64("microseconds", took.Microseconds()),
		slog.String("address", c.address), slog.String("forwarded_for", c.forwarded), slog.String("agent", c.agent))
}

// securityHeaders are sent with every answer. They forbid caching, guessing the type, and showing it in another page.
func securityHeaders() map[string]string {
	return map[string]string{
		"Cache-Control":           "no-store",
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
	}
}

// survive turns a panic into a 500, if nothing was answered yet, and logs its stack.
func (s *Server) survive(w *recorder, r *http.Request, v any) {
	err, _ := v.(error)
	if errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	c := callOf(r.Context())
	s.log.ErrorContext(r.Context(), "panic", slog.String("request_id", c.id),
		slog.String("panic", c.redact(fmt.Sprint(v))), slog.String("stack", c.redact(string(debug.Stack()))))
	if w.status == 0 {
		s.fail(w, r, internal(nil))
	}
}

// levelOf logs probes only at debug level, and our own bugs as errors.
func levelOf(c *call, status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError && c.reason() == string(problem.CodeInternal):
		return slog.LevelError
	case c.operation == opProbe:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (c *call) reason() string {
	if c.failure == nil {
		return ""
	}
	return c.failure.Reason
}
