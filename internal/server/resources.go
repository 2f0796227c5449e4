package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Service is what the server asks of change.Service.
type Service interface {
	Get(ctx context.Context, c change.Caller, ref change.Ref) (*change.Answer, error)
	List(ctx context.Context, c change.Caller, product, kind string, o change.ListOptions) (*change.Listing, error)
	Admit(ctx context.Context, c change.Caller, r change.Request, kind string) (*change.Admission, *change.Outcome, error)
	Change(ctx context.Context, c change.Caller, r change.Request) (*change.Outcome, error)
}

var _ Service = (*change.Service)(nil)

// serve returns the handler of an endpoint: a token, then what the head of the request says, then GitLab, then the body. Nothing is asked of GitLab
// before the head is known to be readable, and no body is read before GitLab said who sends it.
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

// answered sees to it that no write goes by without a line in the audit log: not one that cannot be read, and not one that ends in a panic.
func (s *Server) answered(w http.ResponseWriter, r *http.Request, e endpoint) error {
	c := callOf(r.Context())
	c.err = internal(nil)
	defer s.auditRest(r, e)
	c.err = s.answer(w, r, e)
	return c.err
}

// auditRest writes the line of a write that did not come as far as the service.
func (s *Server) auditRest(r *http.Request, e endpoint) {
	if c := callOf(r.Context()); e.write && !c.audited {
		s.audit(r.Context(), c, change.Request{Product: c.product}, c.met, c.err)
	}
}

// maxWarning bounds a warning in a header, in bytes, and maxWarnings how many there are.
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
	release, err := s.places.occupy(r.Context(), c.token) // only now: a body that comes slowly takes nobody's place
	if err != nil {
		return err
	}
	defer release()
	err = s.perform(w, r, e)
	if err != nil {
		s.fail(w, r, err) // a failure can be long, and is read as slowly as a success: the place is held until it is written, too
	}
	return err
}

// perform does what is asked, for whoever holds a place, and answers unless there is an error.
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

// admit asks GitLab who sends a body, and what it is about.
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
		if e.kind != "" { // what a batch names was not read
			request.Operations = []change.Operation{{Kind: e.kind, Name: c.subject(e.kind)}}
		}
		s.audit(ctx, c, request, c.met, err)
		return err
	}
	s.places.accepted(c.token)
	return nil
}

// caller returns who asks, for the service.
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

func (s *Server) list(kind string) func(context.Context, *call, *http.Request) (*response, error) {
	return func(ctx context.Context, c *call, _ *http.Request) (*response, error) {
		limit, err := c.params.limit()
		if err != nil {
			return nil, err
		}
		o := change.ListOptions{Selector: c.params.values["field_selector"], Limit: limit, PageToken: c.params.values["page_token"]}
		if _, given := c.params.values["field_selector"]; given && o.Selector == "" {
			return nil, badRequest("the query parameter field_selector is empty: write <key>=<value>, or leave it out")
		}
		l, err := s.service.List(ctx, c.caller(), c.product, kind, o)
		if err != nil {
			return nil, err
		}
		return &response{etag: l.ETag, long: true, body: wire.List[any]{Items: notNil(l.Items), Warnings: c.warnings(l.Warnings), NextPageToken: l.NextPageToken}}, nil
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

// subject returns the name of what the path names: a product is named by its own path.
func (c *call) subject(kind string) string {
	if kind == kindProduct {
		return c.product
	}
	return c.name
}

// saveChanges is a batch.
func (s *Server) saveChanges(ctx context.Context, c *call, r *http.Request) (*response, error) {
	list, err := wire.ParseChanges(c.body)
	if err != nil {
		return nil, err
	}
	operations := make([]change.Operation, 0, len(list))
	for _, l := range list {
		o := change.Operation{Delete: l.Delete, Kind: l.Kind, Name: l.Name, Body: l.Body}
		if l.Object != nil {
			if o.Object, o.Unknown, err = wire.ParseObject(l.Object); err != nil {
				return nil, err
			}
			o.Absent = wire.Absent(l.Object)
			o.Kind, o.Name = o.Object.GetObjectKind().GroupVersionKind().Kind, o.Object.GetName()
		}
		operations = append(operations, o)
	}
	return s.change(ctx, c, r, operations)
}

// change asks for a change and writes down what came of it, whatever that is.
func (s *Server) change(ctx context.Context, c *call, r *http.Request, operations []change.Operation) (*response, error) {
	request, err := c.request(r, operations)
	if err != nil {
		return nil, err
	}
	out, err := s.service.Change(ctx, c.caller(), request)
	s.audit(ctx, c, request, out, err)
	if err != nil {
		return nil, err
	}
	warnings := c.warnings(out.Warnings)
	if request.DryRun {
		return &response{long: true, body: wire.DryRun{
			Verdict: out.Verdict, Base: out.Base, Diff: out.Diff, Violations: notNil(out.Violations), Warnings: warnings, Plan: planOf(c, out.Plan),
		}}, nil
	}
	if len(operations) == 1 && operations[0].Delete && c.operation != opBatch {
		return &response{body: wire.Deleted{Message: "Successfully deleted " + c.redact(operations[0].Name) + " configuration", Commit: out.Commit, Warnings: warnings}}, nil
	}
	saved := wire.Saved{Message: "Successfully saved " + c.redact(operations[0].Name) + " configuration", Commit: out.Commit, Changed: out.Changed, Warnings: warnings}
	if c.operation == opBatch {
		saved.Message = fmt.Sprintf("Successfully saved %d changes", len(operations))
	}
	return &response{body: saved}, nil
}

// request reads what a change depends on besides its operations.
func (c *call) request(r *http.Request, operations []change.Operation) (change.Request, error) {
	request := change.Request{
		Product: c.product, Operations: operations, Admission: c.admission,
		IfMatch: strings.Join(r.Header.Values("If-Match"), ", "), IfNoneMatch: strings.Join(r.Header.Values("If-None-Match"), ", "),
	}
	for name, into := range map[string]*bool{
		"dry_run": &request.DryRun, "insecure_skip_check": &request.SkipCheck, "strict": &request.Strict, "delete_repository": &request.DeleteRepository,
	} {
		value, err := c.params.boolean(name)
		if err != nil {
			return request, err
		}
		*into = value
	}
	return request, nil
}

// planOf returns the plan as the contract has it: one, or null, for one object; a list for a batch.
func planOf(c *call, plans []wire.Plan) any {
	switch {
	case c.operation == opBatch:
		return notNil(plans)
	case len(plans) == 0:
		return nil
	}
	return plans[0]
}

// warnings puts those of the server before those of the service. It is never nil.
func (c *call) warnings(more []string) []string {
	return append(append([]string{}, c.params.unknown...), more...)
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
