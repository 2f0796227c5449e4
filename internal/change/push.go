package change

import (
	"context"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// push pushes the change as one commit on top of base. again says that main moved meanwhile, or that the answer was
// lost.
func (ch *running) push(ctx context.Context, base *gitrepo.Snapshot, w *whatIf) (again bool, err error) {
	commit := gitrepo.Commit{
		Author:  ch.author(ch.service.Now()),
		Message: commitMessage(w.done, ch.path, ch.caller, ch.request.SkipCheck),
		Edits:   w.edits,
	}
	pushed, err := ch.repos.Push(ctx, ch.remote(), base, commit)
	switch {
	case err == nil:
		ch.saved(ctx, w, pushed.Head())
		return false, nil
	case isReason(err, problem.ReasonOutcomeUnknown):
		ch.unanswered++
		ch.sent = append(ch.sent, sent{base: ch.out.Base, commit: commit, whatIf: w, lost: err})
		return true, err
	}
	err = fmt.Errorf("pushing to %s: %w", ch.project.Path, err)
	return isReason(err, problem.ReasonLostRace), ch.unsettled(ch.explained(ctx, err))
}
