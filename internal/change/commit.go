package change

import (
	"context"

	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// commit judges the change and pushes it, until main did not move in between.
//
// stale says that the change waited for others. Then the git host is asked again before the change is judged. The push
// would check again whether the caller may write. But the answer of a judgement tells of files that others pushed
// meanwhile, and the caller may not be allowed to read them any more. And git knows projects by their path only, and
// another project may stand at that path by now. So permissions are never older than one judgement.
func (ch *running) commit(ctx context.Context, stale bool) error {
	for range maxTries {
		if stale {
			if err := ch.askAgain(ctx); err != nil {
				return ch.unsettled(err)
			}
			if done, err := ch.settle(ctx); done || err != nil {
				return err
			}
		}
		stale = true
		again, err := ch.attempt(ctx)
		if !again {
			return err
		}
	}
	return ch.unsettled(conflict("branch %s of %s moved %d times while the change was judged: try again",
		identity.Branch, ch.project.Path, maxTries))
}
