package change

import (
	"context"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// attempt judges the change on the head that the caller saw, and pushes it. again says that main may have moved since.
func (ch *running) attempt(ctx context.Context) (again bool, err error) {
	base, err := ch.snapshot(ctx, ch.head)
	if err != nil {
		return isReason(err, problem.ReasonLostRace), ch.unsettled(ch.explained(ctx, err))
	}
	ch.out.Base = headOf(base)
	w, err := ch.judge(ctx, base)
	if err != nil {
		return false, ch.unsettled(err)
	}
	made, err := ch.ensureRepos(ctx)
	if err == nil && made { // the ids of new projects are known now
		w, err = ch.judge(ctx, base)
	}
	if err != nil {
		return false, ch.unsettled(err)
	}
	if len(w.edits) == 0 {
		ch.out.Verdict, ch.out.Commit = wire.VerdictUnchanged, ch.out.Base
		ch.afterwards(ctx, w) // an earlier save may have failed there
		return false, nil
	}
	return ch.push(ctx, base, w)
}
