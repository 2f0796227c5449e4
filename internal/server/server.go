// Package server is the REST API: HTTP for change.Service. It reads requests, calls the service, and writes the result.
// It decides nothing about products, files or permissions.
//
// Invariants that a change must keep: | - A path is matched escaped and never cleaned or redirected: a DELETE must not
// reach another object than the named one. | - The caller's token lives as long as the request. Only the service gets
// it. Log lines, answers and metrics contain | neither the token nor anything of a body. | - GitLab is asked who the
// caller is before a body is read. A place is held until the answer is written. | - A write that has begun runs to its
// end, even if the caller hangs up or the server is told to stop. | - Every failure goes through failure.go.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// Names, in logs and metrics, of requests that are no operation of the API.
const (
	opNone  = "none"
	opProbe = "probe"
	opDocs  = "docs"
	opHook  = "webhook"
)

// Options of the server. Service, Log, Audit, Metrics and Now are needed.
type Options struct {
	Service Service
	// Log gets a line per request. Audit gets a line per write, even for a refused one. Both contain no secrets.
	Log, Audit *slog.Logger
	Metrics    *Metrics
	Now        func() time.Time
	// Tracer makes a trace of each request to an operation of the API; nil makes none.
	Tracer *tracing.Tracer
	// PublicURL is the address for callers in the OpenAPI document. If it is empty, it is the address of the document.
	PublicURL string
	Version   string
	// HookSecrets are the secrets with which a git host authenticates at the webhook: secret tokens, and signing
	// tokens, which begin with whsec_. Without any there is no webhook.
	HookSecrets []secret.Token
	// Pushed is called with each push that the webhook reported. It must not block.
	Pushed func(Push)
	// MaxConcurrent is how many API requests are answered at a time. Others are refused and told when to retry.
	MaxConcurrent int
	// ReadTimeout and WriteTimeout bound how long a whole read and a whole write may take.
	ReadTimeout, WriteTimeout time.Duration
}

// Defaults of the options.
const (
	DefaultMaxConcurrent = 256
	DefaultReadTimeout   = 30 * time.Second
	DefaultWriteTimeout  = time.Minute
)

// Server answers the REST API. It is safe for concurrent use.
type Server struct {
	o        Options
	service  Service
	log      *slog.Logger
	metrics  *Metrics
	now      func() time.Time
	router   *router
	api      huma.API
	handler  http.Handler
	places   *places
	saves    *memory
	batches  *memory
	answers  *memory
	hooks    *hookCheck
	stopping atomic.Bool
}

// New returns a server that is ready to answer requests.
func New(o Options) (*Server, error) {
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = DefaultMaxConcurrent
	}
	if o.ReadTimeout <= 0 {
		o.ReadTimeout = DefaultReadTimeout
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = DefaultWriteTimeout
	}
	s := &Server{
		o: o, service: o.Service, log: o.Log, metrics: o.Metrics, now: o.Now,
		router: &router{}, saves: newMemory(maxBodies), batches: newMemory(maxBodies), answers: newMemory(maxAnswers),
	}
	var err error
	if s.places, err = newPlaces(o.MaxConcurrent); err != nil {
		return nil, err
	}
	s.api = huma.NewAPI(s.description(), s.router)
	s.addOperations()
	s.describeErrors()
	if err := s.addHook(); err != nil {
		return nil, err
	}
	if err := s.addPages(); err != nil {
		return nil, err
	}
	s.handler = s.observed(http.HandlerFunc(s.dispatch))
	return s, nil
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// OpenAPI returns the description of the API.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

// dispatch finds the handler of a request. A request without a route is refused first.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	m, ok := s.router.find(r.URL)
	if !ok || m.slash && verb(r) != http.MethodGet {
		s.fail(w, r, problem.New(problem.Missing, problem.ReasonNoRoute,
			"there is nothing at this path: see /docs for what there is"))
		return
	}
	h, ok := m.route.handlers[verb(r)]
	if !ok {
		w.Header().Set("Allow", m.route.allowed())
		s.fail(w, r, problem.New(problem.Invalid, problem.ReasonMethodNotAllowed,
			"this path answers %s only", m.route.allowed()))
		return
	}
	s.traced(w, r, h.op)
}

// fail answers with a failure.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r.Context())
	f := failureOf(err).clean(c)
	c.failure = f
	if f.Reason == string(problem.CodeInternal) {
		s.log.ErrorContext(r.Context(), "internal error", slog.String("request_id", c.id),
			slog.String("error", c.redact(errorText(err))))
	}
	if err := s.write(w, r, encoded{f.Status, problemType, f.headers, encode(f.Problem)}); err != nil {
		s.fail(w, r, err) // this failure is short
	}
}

// errorText returns an error with its cause, for the log.
func errorText(err error) string {
	if p := problem.As(err); p != nil && p.Cause != nil {
		return fmt.Sprintf("%v: %v", err, p.Cause)
	}
	return err.Error()
}

// contextFor bounds the time of a request. A write continues when the caller hangs up, because the audit log must
// report what it has pushed.
func (s *Server) contextFor(r *http.Request, write bool) (context.Context, context.CancelFunc) {
	if write {
		return context.WithTimeout(context.WithoutCancel(r.Context()), s.o.WriteTimeout)
	}
	return context.WithTimeout(r.Context(), s.o.ReadTimeout)
}
