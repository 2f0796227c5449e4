package change

import (
	"context"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// running is a change under way.
type running struct {
	service *Service
	*access
	request    Request
	out        *Outcome
	ops        []*operation
	conditions preconditions
	lookups    lookups
	unknown    []string
	// waited says that the change waited for others before its operations were read.
	waited bool
	// sent are the pushes that may still take effect, because their answers were lost. unanswered counts all lost
	// answers.
	sent       []sent
	unanswered int
}

// purpose is what the operations need access for.
func (ch *running) purpose() purpose {
	if slices.ContainsFunc(ch.ops, func(o *operation) bool { return o.kind == "CodeRepoBinding" }) {
		return toGrant
	}
	return toWrite
}

// askAgain asks what the caller may do now. It refuses to continue on another project than the one where the change
// began: the lane, and everything that was looked up so far, belong to that project.
func (ch *running) askAgain(ctx context.Context) error {
	project, product, path := ch.project.ID, ch.product, ch.project.Path
	if err := ch.reopen(ctx, ch.request.Product, ch.purpose()); err != nil {
		return err
	}
	if ch.project.ID != project || ch.product != product {
		return conflict("another project stands at %s now than when the change began: "+
			"look whether it is the right one, and try again", path)
	}
	return nil
}

// explained asks the API of the git host why git does not find a repository that the caller could read a moment ago.
func (ch *running) explained(ctx context.Context, err error) error {
	if problem.Is(err, problem.Missing) {
		if why := ch.askAgain(ctx); why != nil {
			return why
		}
	}
	return err
}
