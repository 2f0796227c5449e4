package change

import (
	"context"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// saved is the success of a change that a commit holds.
func (s *Service) saved(ctx context.Context, ch *running, w *whatIf, out *Outcome, commit string) {
	out.Verdict, out.Violations, out.Changed, out.Commit = wire.VerdictSave, nil, true, commit
	out.Warnings = collected(ch.unknown, w.warnings)
	s.afterwards(ctx, ch, w, out)
}
