package change

import (
	"context"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// attempt judges the change on the head that the caller saw, and pushes it. again says that main is not what it was judged on, or may not be.
func (s *Service) attempt(ctx context.Context, ch *running, out *Outcome) (again bool, err error) {
	base, err := s.snapshot(ctx, ch.access, ch.head)
	if err != nil {
		return isReason(err, gitrepo.ReasonLostRace), ch.unsettled(s.explained(ctx, ch, err))
	}
	out.Base = headOf(base)
	w, err := s.permitted(ctx, ch, base, out)
	if err != nil {
		return false, ch.unsettled(err)
	}
	made, err := s.ensureRepos(ctx, ch)
	if err != nil {
		return false, ch.unsettled(err)
	}
	if made { // the ids of new projects are known now
		if w, err = s.permitted(ctx, ch, base, out); err != nil {
			return false, ch.unsettled(err)
		}
	}
	if len(w.edits) == 0 {
		out.Verdict, out.Commit = wire.VerdictUnchanged, out.Base
		s.afterwards(ctx, ch, w, out) // an earlier save may have failed there
		return false, nil
	}
	commit := gitrepo.Commit{Author: s.author(ch.access), Message: commitMessage(w.done, ch.path, ch.caller, ch.request.SkipCheck), Edits: w.edits}
	pushed, err := s.Repos.Push(ctx, ch.remote(), base, commit)
	if isReason(err, gitrepo.ReasonOutcomeUnknown) {
		ch.unanswered++
		ch.sent = append(ch.sent, sent{base: out.Base, commit: commit, whatIf: w, lost: err})
		return true, err
	}
	if err != nil {
		err = fmt.Errorf("pushing to %s: %w", ch.project.Path, err)
		return isReason(err, gitrepo.ReasonLostRace), ch.unsettled(s.explained(ctx, ch, err))
	}
	s.saved(ctx, ch, w, out, pushed.Head())
	return false, nil
}

// explained says what it means that git does not find the repository for this caller, who found it a moment ago: the API tells.
func (s *Service) explained(ctx context.Context, ch *running, err error) error {
	if problem.Is(err, problem.Missing) {
		if why := s.askAgain(ctx, ch); why != nil {
			return why
		}
	}
	return err
}
