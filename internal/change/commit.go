package change

import (
	"context"

	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// maxTries is how often a change is judged before it gives up on a main that keeps moving.
const maxTries = 8

// commit judges and pushes until main stood still for long enough.
//
// stale says that the caller waited for others. Then the git host is asked again, though the push would judge whether the caller may write: what
// is judged and answered tells of files that others pushed meanwhile, to a caller who may have lost the right to read them; and git knows
// projects by their path only, at which another project may stand by now. What the push needs is as old as one judgement, never as a queue.
func (s *Service) commit(ctx context.Context, ch *running, stale bool, out *Outcome) error {
	for range maxTries {
		if stale {
			if err := s.askAgain(ctx, ch); err != nil {
				return ch.unsettled(err)
			}
			if done, err := s.settle(ctx, ch, out); done || err != nil {
				return err
			}
		}
		stale = true
		again, err := s.attempt(ctx, ch, out)
		if !again {
			return err
		}
	}
	return ch.unsettled(problem.New(problem.Conflict, ReasonConflict, "branch %s of %s moved %d times while the change was judged: try again", identity.Branch, ch.project.Path, maxTries))
}

// askAgain asks what the caller may do now, and sees to it that the change goes nowhere else than where it began: its lane and what it found out
// so far are of that project.
func (s *Service) askAgain(ctx context.Context, ch *running) error {
	project, product, path := ch.project.ID, ch.product, ch.project.Path
	if err := s.reopen(ctx, ch.access, ch.request.Product, purposeOf(ch.ops)); err != nil {
		return err
	}
	if ch.project.ID != project || ch.product != product {
		return problem.New(problem.Conflict, ReasonConflict, "another project stands at %s now than when the change began: look whether it is the right one, and try again", path)
	}
	return nil
}
