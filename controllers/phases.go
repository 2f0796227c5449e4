package controllers

import (
	"context"
	"errors"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// errDone ends a list of phases early: everything is as it should be.
var errDone = errors.New("done")

// phase is one step of a reconcile: it reads facts from the scope, calls one pure function, performs one effect, and stores the
// fact that follows.
type phase[S any] func(ctx context.Context, scope *S) error

// runPhases runs the phases in order and stops at the first problem.
func runPhases[S any](ctx context.Context, scope *S, phases ...phase[S]) error {
	for _, run := range phases {
		if err := run(ctx, scope); err != nil {
			if errors.Is(err, errDone) {
				return nil
			}
			return err
		}
	}
	return nil
}

// waiting returns the problem of having to wait for an event.
func waiting(reason, format string, args ...any) *problem.Problem {
	return problem.New(problem.Waiting, reason, format, args...)
}
