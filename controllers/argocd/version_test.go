package argocd_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	clocktesting "k8s.io/utils/clock/testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
)

// TestTheVersionOfArgoCDIsReadEveryMinute: an answer counts for a while, and after that nothing is known.
func TestTheVersionOfArgoCDIsReadEveryMinute(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	type answer struct {
		told string
		err  error
	}
	// Each question waits for the test, which looks at what is known before it answers.
	asked, answers := make(chan struct{}), make(chan answer)
	v := &argocd.Version{Clock: clock, Log: logr.Discard(), Ask: func(ctx context.Context) (string, error) {
		select {
		case asked <- struct{}{}:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		a := <-answers
		return a.told, a.err
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Start(ctx) }()
	for _, step := range []struct {
		// after is the time since the last question.
		after  time.Duration
		known  string
		reason string
		answer answer
	}{
		{0, "", "", answer{"v3.5.7+f1a9a7d\xff", nil}},
		{time.Minute, "v3.5.7+f1a9a7d", api.ReasonInTestedRange, answer{"", errors.New("away")}},
		{9 * time.Minute, "v3.5.7+f1a9a7d", api.ReasonInTestedRange, answer{"", errors.New("away")}},
		{time.Minute, "", api.ReasonVersionUnknown, answer{"v4.0.0", nil}},
		{time.Minute, "v4.0.0", api.ReasonOutsideTestedRange, answer{"v4.0.0", nil}},
	} {
		if step.after > 0 {
			if err := waitForWaiter(t.Context(), clock); err != nil {
				t.Fatal(err)
			}
			clock.Step(step.after)
		}
		<-asked
		if v.Told() != step.known || v.Condition().Reason != step.reason {
			t.Errorf("%q is known, %s; want %q, %s", v.Told(), v.Condition().Reason, step.known, step.reason)
		}
		answers <- step.answer
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// waitForWaiter waits until somebody waits for the clock.
func waitForWaiter(ctx context.Context, clock *clocktesting.FakeClock) error {
	return wait.PollUntilContextTimeout(ctx, time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return clock.HasWaiters(), nil
	})
}
