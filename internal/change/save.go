package change

import (
	"context"
	"fmt"
	"slices"
)

// running is a change under way.
type running struct {
	*access
	request    Request
	ops        []*operation
	conditions preconditions
	lookups    lookups
	unknown    []string
	// waited says that others came first, before the operations were read.
	waited bool
	// judged is the head that is looked at.
	judged string
	// sent are pushes whose answers were lost, as long as they may take effect; unanswered counts all of them.
	sent       []sent
	unanswered int
}

// Change saves and deletes objects of one product, also the Product itself. The Outcome is never nil: with an error it says who called, and what
// the change was judged against, as far as that is known.
func (s *Service) Change(ctx context.Context, c Caller, r Request) (*Outcome, error) {
	if len(r.Operations) == 0 {
		return &Outcome{Warnings: []string{}}, badRequest("nothing to change: send at least one document")
	}
	a, out, err := s.admitted(ctx, c, r, kindOf(r.Operations[0]))
	if err != nil {
		return out, err
	}
	ch, err := s.begin(ctx, a, r)
	if err != nil {
		return out, err
	}
	out.Warnings = ch.unknown
	if ch.ops[0].kind == "Product" {
		return out, s.changeProduct(ctx, c, r, ch.ops[0], out)
	}
	if ch.waited { // what the git host said before is as old as the queue was long
		err = s.askAgain(ctx, ch)
	} else {
		err = s.admit(ctx, a, purposeOf(ch.ops))
	}
	if err != nil {
		return out, err
	}
	if r.DryRun {
		return out, s.preview(ctx, ch, out)
	}
	leave, waited, err := s.enterLane(ctx, a.project.ID)
	if err != nil {
		return out, fmt.Errorf("waiting for other changes of the product: %w", err)
	}
	defer leave()
	return out, s.commit(ctx, ch, waited, out)
}

// begin reads the operations, once it is known who calls.
func (s *Service) begin(ctx context.Context, a *access, r Request) (*running, error) {
	conditions, err := parsePreconditions(r)
	if err != nil {
		return nil, err
	}
	leave, waited, err := s.enterWork(ctx, a)
	if err != nil {
		return nil, err
	}
	defer leave()
	ops, unknown, err := s.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	ch := &running{access: a, request: r, ops: ops, conditions: conditions, waited: waited, unknown: []string{}}
	for _, member := range unknown {
		ch.unknown = append(ch.unknown, "UNKNOWN_MEMBER: "+member+" is not known and was ignored")
	}
	ch.lookups = lookups{service: s, access: a, hosted: map[string]string{}}
	return ch, nil
}

func purposeOf(ops []*operation) purpose {
	if slices.ContainsFunc(ops, func(o *operation) bool { return o.kind == "CodeRepoBinding" }) {
		return toGrant
	}
	return toWrite
}

// changeProduct saves or deletes a product: its group and its default.project.
func (s *Service) changeProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) error {
	if r.IfMatch != "" || r.IfNoneMatch != "" {
		return badRequest("products have no ETag: leave If-Match and If-None-Match out")
	}
	if op.remove {
		return s.deleteProduct(ctx, c, r, op, out)
	}
	return s.saveProduct(ctx, c, r, op, out)
}
