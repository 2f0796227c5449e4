package server

import (
	"context"
	"log/slog"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// maxAudited bounds how many objects of a batch the audit log names.
const maxAudited = 50

// audit logs a write, even a refused one: who, what, and the result. It shortens texts that the caller chose. It logs
// names of rules but no messages.
func (s *Server) audit(ctx context.Context, c *call, r change.Request, out *change.Outcome, err error) {
	c.audited = true
	if out == nil {
		out = &change.Outcome{}
	}
	verdict, rules := out.Verdict, rulesOf(out.Violations)
	if err != nil {
		f := failureOf(err)
		verdict, rules = f.Reason, rulesOf(f.Violations)
	}
	s.o.Audit.LogAttrs(ctx, slog.LevelInfo, "write",
		slog.String("request_id", c.id), slog.String("operation", c.operation),
		slog.Int64("user_id", out.User.ID), slog.String("user", out.User.Username),
		slog.String("product", c.shown(r.Product)), slog.String("product_id", out.Product),
		slog.Any("objects", c.objects(r.Operations)), slog.Int("count", len(r.Operations)),
		slog.String("verdict", verdict), slog.Any("rules", rules),
		slog.Bool("forced", r.SkipCheck), slog.Bool("dry_run", r.DryRun), slog.Bool("changed", out.Changed),
		slog.String("base", out.Base), slog.String("commit", out.Commit),
		slog.String("address", c.address), slog.String("forwarded_for", c.forwarded), slog.String("client", c.agent))
}

// shown returns a text that the caller sent, for the audit log.
func (c *call) shown(text string) string {
	const longest = 256
	return bounded(c.redact(text), longest)
}

func (c *call) objects(operations []change.Operation) []string {
	out := []string{}
	for _, o := range operations {
		if len(out) == maxAudited {
			break
		}
		verb := "save "
		if o.Delete {
			verb = "delete "
		}
		out = append(out, verb+c.shown(o.Kind)+" "+c.shown(o.Name))
	}
	return out
}

func rulesOf(violations []wire.Violation) []string {
	out := []string{}
	for _, v := range violations {
		if !slices.Contains(out, v.Rule) {
			out = append(out, v.Rule)
		}
	}
	return out
}
