package problem_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestAProblemIsFoundBelowWrappedErrors(t *testing.T) {
	cause := errors.New("connection refused")
	err := fmt.Errorf("reading cluster: %w",
		problem.New(problem.Unavailable, "Unreachable", "cluster %s does not answer",
			"c1").Because(cause).RetryAfter(time.Second))

	if !problem.Is(err, problem.Unavailable) || problem.Is(err, problem.Missing) {
		t.Errorf("class of %v not recognised", err)
	}
	p := problem.As(err)
	if p.Message != "cluster c1 does not answer" || p.After != time.Second {
		t.Errorf("got %+v", p)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}

func TestAnyOtherErrorIsNoProblem(t *testing.T) {
	if problem.As(errors.New("x")) != nil || problem.Is(nil, problem.Internal) {
		t.Error("an ordinary error was taken for a problem")
	}
}
