package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Service is the part of change.Service that the server uses.
type Service interface {
	Get(ctx context.Context, c change.Caller, ref change.Ref) (*change.Answer, error)
	List(ctx context.Context, c change.Caller, product, kind string, o change.ListOptions) (*change.Listing, error)
	Admit(ctx context.Context, c change.Caller, r change.Request, kind string) (*change.Admission,
		*change.Outcome, error)
	Change(ctx context.Context, c change.Caller, r change.Request) (*change.Outcome, error)
}

var _ Service = (*change.Service)(nil)

// serve returns the handler of an endpoint. It checks the token, then the head of the request, then asks GitLab, then
// reads the body. GitLab is asked only about a request whose head is valid. A body is read only after GitLab has
// identified the caller.
func (s *Server) serve(e endpoint) func(huma.Context) {
	return func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		c := callOf(r.Context())
		c.operation = e.op.OperationID
		c.product, c.name = r.PathValue("product"), r.PathValue("name")
		if err := s.answered(w, r, e); err != nil && c.failure == nil {
			s.fail(w, r, err)
		}
	}
}

// answered makes sure that every write is in the audit log, even one that cannot be read and one that panics.
func (s *Server) answered(w http.ResponseWriter, r *http.Request, e endpoint) error {
	c := callOf(r.Context())
	c.err = internal(nil)
	defer s.auditRest(r, e)
	c.err = s.answer(w, r, e)
	return c.err
}

// auditRest logs a write that did not reach the service.
func (s *Server) auditRest(r *http.Request, e endpoint) {
	if c := callOf(r.Context()); e.write && !c.audited {
		s.audit(r.Context(), c, change.Request{Product: c.product}, c.met, c.err)
	}
}

// maxWarning bounds a warning in a header, in bytes, and maxWarnings the number of warnings.
const maxWarning, maxWarnings = 512, 100

func (s *Server) answer(w http.ResponseWriter, r *http.Request, e endpoint) error {
	c := callOf(r.Context())
	if _, err := bearer(r.Header); err != nil {
		return err
	}
	var err error
	if c.params, err = readParameters(r.URL.RawQuery, e.parameters); err != nil {
		return err
	}
	if e.maxBody > 0 {
		if err := checkBody(r, e.maxBody); err != nil {
			return err
		}
		if err := s.admit(r, e); err != nil {
			return err
		}
		var free func()
		if c.body, free, err = s.readBody(w, r, e.maxBody); err != nil {
			return err
		}
		defer free()
	}
	// not before the body is read: a slow body must not hold a place
	release, err := s.places.occupy(r.Context(), c.token)
	if err != nil {
		return err
	}
	defer release()
	err = s.perform(w, r, e)
	if err != nil {
		s.fail(w, r, err) // a failure can be long and be read slowly: the place is held until it is written
	}
	return err
}

// perform runs the operation and answers unless there is an error. The request holds a place.
func (s *Server) perform(w http.ResponseWriter, r *http.Request, e endpoint) error {
	c := callOf(r.Context())
	ctx, cancel := s.contextFor(r, e.write)
	defer cancel()
	answer, err := e.answer(ctx, c, r) //nolint:contextcheck // a write goes on when the caller hangs up
	if err != nil {
		return err
	}
	s.places.accepted(c.token)
	return s.reply(ctx, w, r, answer) //nolint:contextcheck // a write goes on when the caller hangs up
}

// admit asks GitLab who sends the body, and whether the caller sees the object.
func (s *Server) admit(r *http.Request, e endpoint) error {
	c := callOf(r.Context())
	release, err := s.places.occupy(r.Context(), c.token)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithTimeout(r.Context(), s.o.ReadTimeout)
	defer cancel()
	request, err := c.request(r, nil)
	if err != nil {
		return err
	}
	c.admission, c.met, err = s.service.Admit(ctx, c.caller(), request, e.kind)
	if err != nil {
		if e.kind != "" { // the body of a batch names the objects and is not read yet
			request.Operations = []change.Operation{{Kind: e.kind, Name: c.subject(e.kind)}}
		}
		s.audit(ctx, c, request, c.met, err)
		return err
	}
	s.places.accepted(c.token)
	return nil
}

// caller returns the caller for the service.
func (c *call) caller() change.Caller {
	return change.Caller{Token: c.token, RequestID: c.id, Client: c.agent}
}

func (s *Server) get(kind string) func(context.Context, *call, *http.Request) (*response, error) {
	return func(ctx context.Context, c *call, _ *http.Request) (*response, error) {
		a, err := s.service.Get(ctx, c.caller(), change.Ref{Product: c.product, Kind: kind, Name: c.subject(kind)})
		if err != nil {
			return nil, err
		}
		return &response{etag: a.ETag, warnings: c.warnings(a.Warnings), body: a.Item}, nil
	}
}

// history answers with the rollouts of a runtime.
func (s *Server) history(ctx context.Context, c *call, _ *http.Request) (*response, error) {
	a, err := s.service.Get(ctx, c.caller(), change.Ref{Product: c.product, Kind: kindRuntime, Name: c.name})
	if err != nil {
		return nil, err
	}
	return &response{long: true, body: wire.List[wire.Rollout]{Items: notNil(a.History),
		Warnings: c.warnings(a.Warnings)}}, nil
}

func (s *Server) list(kind string) func(context.Context, *call, *http.Request) (*response, error) {
	return func(ctx context.Context, c *call, _ *http.Request) (*response, error) {
		limit, err := c.params.limit()
		if err != nil {
			return nil, err
		}
		o := change.ListOptions{Selector: c.params.values["field_selector"], Limit: limit,
			PageToken: c.params.values["page_token"]}
		if _, given := c.params.values["field_selector"]; given && o.Selector == "" {
			return nil, badRequest("the query parameter field_selector is empty: write <key>=<value>, or leave it out")
		}
		l, err := s.service.List(ctx, c.caller(), c.product, kind, o)
		if err != nil {
			return nil, err
		}
		return &response{etag: l.ETag, long: true, body: wire.List[any]{Items: notNil(l.Items),
			Warnings: c.warnings(l.Warnings), NextPageToken: l.NextPageToken}}, nil
	}
}

func (s *Server) save(kind string) func(context.Context, *call, *http.Request) (*response, error) {
	return func(ctx context.Context, c *call, r *http.Request) (*response, error) {
		return s.change(ctx, c, r, []change.Operation{{Kind: kind, Name: c.subject(kind), Body: c.body}})
	}
}

func (s *Server) remove(kind string) func(context.Context, *call, *http.Request) (*response, error) {
	return func(ctx context.Context, c *call, r *http.Request) (*response, error) {
		return s.change(ctx, c, r, []change.Operation{{Delete: true, Kind: kind, Name: c.subject(kind)}})
	}
}

// subject returns the name of the object in the path. A product is named by its path.
func (c *call) subject(kind string) string {
	if kind == kindProduct {
		return c.product
	}
	return c.name
}

// saveChanges handles a batch.
func (s *Server) saveChanges(ctx context.Context, c *call, r *http.Request) (*response, error) {
	list, err := wire.ParseChanges(c.body)
	if err != nil {
		return nil, err
	}
	operations := make([]change.Operation, 0, len(list))
	for i, l := range list {
		o := change.Operation{Delete: l.Delete, Kind: l.Kind, Name: l.Name, Body: l.Body}
		if l.Object != nil {
			if o.Object, o.Unknown, err = wire.ParseObject(l.Object); err != nil {
				return nil, inBatch(i, err)
			}
			o.Absent = wire.Absent(l.Object)
			o.Kind, o.Name = o.Object.GetObjectKind().GroupVersionKind().Kind, o.Object.GetName()
		}
		operations = append(operations, o)
	}
	return s.change(ctx, c, r, operations)
}

// inBatch says in which document of a batch something is wrong.
func inBatch(i int, err error) error {
	p := problem.As(err)
	if p == nil {
		return err
	}
	return problem.New(p.Class, p.Reason, "document %d of the batch: %s", i+1, p.Message).At(p.Field).Because(err)
}

// change makes a change and writes the audit log, whatever the result.
func (s *Server) change(ctx context.Context, c *call, r *http.Request,
	operations []change.Operation) (*response, error) {
	request, err := c.request(r, operations)
	if err != nil {
		return nil, err
	}
	out, err := s.service.Change(ctx, c.caller(), request)
	s.audit(ctx, c, request, out, err)
	if err != nil {
		if out != nil {
			c.ignored = out.Ignored
		}
		return nil, err
	}
	warnings := c.warnings(out.Warnings)
	if request.DryRun {
		return &response{long: true, body: wire.DryRun{
			Verdict: out.Verdict, Base: out.Base, Diff: out.Diff, Violations: notNil(out.Violations),
			Warnings: warnings, Plan: planOf(c, out.Plan),
		}}, nil
	}
	if len(operations) == 1 && operations[0].Delete && c.operation != opBatch {
		return &response{body: wire.Deleted{Message: "Successfully deleted " + c.redact(operations[0].Name) +
			" configuration", Commit: out.Commit, Warnings: warnings}}, nil
	}
	saved := wire.Saved{Message: "Successfully saved " + c.redact(operations[0].Name) + " configuration",
		Commit: out.Commit, Changed: out.Changed, Warnings: warnings}
	if c.operation == opBatch {
		saved.Message = fmt.Sprintf("Successfully saved %d changes: %s", len(operations), c.redact(named(operations)))
	}
	return &response{body: saved}, nil
}

// named says what became of the objects of a batch.
func named(operations []change.Operation) string {
	const most = 20
	names := make([]string, 0, len(operations))
	for _, o := range operations {
		done := "saved "
		if o.Delete {
			done = "deleted "
		}
		names = append(names, done+text.Cut(text.OneLine(o.Kind+" "+o.Name), maxNamed, "..."))
	}
	return text.Few(names, most)
}

// maxNamed bounds the name of an object in the answer to a batch, in bytes.
const maxNamed = 120

// request reads everything that a change depends on besides its operations.
func (c *call) request(r *http.Request, operations []change.Operation) (change.Request, error) {
	request := change.Request{
		Product: c.product, Operations: operations, Admission: c.admission,
		IfMatch:     strings.Join(r.Header.Values("If-Match"), ", "),
		IfNoneMatch: strings.Join(r.Header.Values("If-None-Match"), ", "),
	}
	for name, into := range map[string]*bool{
		"dry_run": &request.DryRun, "insecure_skip_check": &request.SkipCheck, "strict": &request.Strict,
		"delete_repository": &request.DeleteRepository,
	} {
		value, err := c.params.boolean(name)
		if err != nil {
			return request, err
		}
		*into = value
	}
	return request, nil
}

// planOf returns the plans in the form of the contract: for one object a plan or null, for a batch a list.
func planOf(c *call, plans []wire.Plan) any {
	switch {
	case c.operation == opBatch:
		return notNil(plans)
	case len(plans) == 0:
		return nil
	}
	return plans[0]
}

// warnings returns the server's warnings, then the service's. It is never nil.
func (c *call) warnings(more []string) []string {
	return append(append([]string{}, c.params.unknown...), more...)
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
