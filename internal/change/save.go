package change

import (
	"context"
	"fmt"
)

// Change saves and deletes objects of one product, also the Product itself. The Outcome is never nil: with an error it
// says who called, and what the change was judged against, as far as that is known.
func (s *Service) Change(ctx context.Context, c Caller, r Request) (*Outcome, error) {
	if len(r.Operations) == 0 {
		return &Outcome{Warnings: []string{}}, badRequest("nothing to change: send at least one document")
	}
	a, out, err := s.admitted(ctx, c, r, kindOf(r.Operations[0]))
	if err != nil {
		return out, err
	}
	ch := &running{service: s, access: a, request: r, out: out, unknown: []string{}}
	ch.lookups = lookups{access: a, management: s.management, hosted: map[string]string{}}
	if err := ch.begin(ctx); err != nil {
		return out, err
	}
	if ch.ops[0].kind == "Product" {
		return out, ch.changeProduct(ctx)
	}
	if ch.waited { // what the git host said before is as old as the queue was long
		err = ch.askAgain(ctx)
	} else {
		err = a.admit(ctx, ch.purpose())
	}
	if err != nil {
		return out, err
	}
	if r.DryRun {
		return out, ch.preview(ctx)
	}
	leave, waited, err := s.queues.enterLane(ctx, a.project.ID)
	if err != nil {
		return out, fmt.Errorf("waiting for other changes of the product: %w", err)
	}
	defer leave()
	return out, ch.commit(ctx, waited)
}

// begin reads the operations, once it is known who calls.
func (ch *running) begin(ctx context.Context) (err error) {
	if ch.conditions, err = parsePreconditions(ch.request); err != nil {
		return err
	}
	leave, waited, err := ch.service.queues.enterWork(ctx, ch.access)
	if err != nil {
		return err
	}
	defer leave()
	ops, unknown, err := ch.service.prepare(ctx, ch.request)
	for _, member := range unknown {
		ch.unknown = append(ch.unknown, "UNKNOWN_MEMBER: "+member+" is not known and was ignored")
	}
	ch.out.Warnings, ch.out.Ignored = ch.unknown, ch.unknown
	ch.ops, ch.waited = ops, waited
	return err
}

// changeProduct saves or deletes a product: its group and its default.project.
func (ch *running) changeProduct(ctx context.Context) error {
	if ch.request.IfMatch != "" || ch.request.IfNoneMatch != "" {
		return badRequest("products have no ETag: leave If-Match and If-None-Match out")
	}
	p := productChange{
		visitor: ch.visitor, service: ch.service, user: ch.user, request: ch.request, op: ch.ops[0], out: ch.out,
	}
	if p.op.remove {
		return (&productDeletion{productChange: p}).run(ctx)
	}
	return (&productSave{productChange: p, want: p.op.body.GitLab, path: p.op.name}).run(ctx)
}
