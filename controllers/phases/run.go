// Package phases runs one pass of a reconciler: a list of phases, what stopped it, when to look again, and the
// conditions that tell. It is the only place that decides about retries.
package phases

import (
	"context"
	"errors"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// ErrDone ends a list of phases early: everything is as it should be.
var ErrDone = errors.New("done")

// Phase is one step of a reconcile: it reads facts from the scope, calls one pure function, performs one effect, and
// stores the fact that follows.
type Phase[S any] func(ctx context.Context, scope *S) error

// Run runs the phases in order and stops at the first problem.
func Run[S any](ctx context.Context, scope *S, phases ...Phase[S]) error {
	for _, run := range phases {
		if err := step(ctx, scope, run); err != nil {
			if errors.Is(err, ErrDone) {
				return nil
			}
			tracing.Current(ctx).Result(word(err))
			return err
		}
	}
	return nil
}

// About returns a phase that is about a condition: where the phase fails, ConditionOf the error is that condition.
func About[S any](condition string, run Phase[S]) Phase[S] {
	return func(ctx context.Context, scope *S) error {
		if tracing.Recording(ctx) { // the step of this pass is that of the phase inside
			tracing.Current(ctx).Name(nameOf(run))
			tracing.Current(ctx).Set("condition", condition)
		}
		err := run(ctx, scope)
		if err == nil || errors.Is(err, ErrDone) || ConditionOf(err) != "" {
			return err
		}
		return &conditionError{error: err, condition: condition}
	}
}

// ConditionOf returns the condition that an error of Run is about, or nothing.
func ConditionOf(err error) string {
	var of *conditionError
	if errors.As(err, &of) {
		return of.condition
	}
	return ""
}

// conditionError is the error of a phase that is about a condition.
type conditionError struct {
	error
	condition string
}

// Unwrap returns the error of the phase.
func (e *conditionError) Unwrap() error { return e.error }

// Waiting returns the problem of having to wait for an event.
func Waiting(reason, format string, args ...any) *problem.Problem {
	return problem.New(problem.Waiting, reason, format, args...)
}
