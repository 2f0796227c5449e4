package wake

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestEventsThatComeTogetherShareAPass(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Now())
	passes, takes, fails := 0, time.Duration(0), error(nil)
	paced := &Paced{Clock: clock, Least: 250 * time.Millisecond, Most: 2 * time.Second,
		Reconciler: reconcile.Func(func(context.Context, ctrl.Request) (ctrl.Result, error) {
			passes++
			clock.Step(takes)
			return ctrl.Result{}, fails
		})}
	wakes := func(product string) time.Duration {
		result, err := paced.Reconcile(t.Context(), request(product, 0))
		if !errors.Is(err, fails) {
			t.Fatalf("got error %v", err)
		}
		return result.RequeueAfter
	}
	expect := func(sentence string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", sentence, got, want)
		}
	}
	expect("the first event is served at once", wakes("a"), time.Duration(0))
	for range 50 {
		clock.Step(time.Millisecond)
		expect("another one waits for the rest of the pause", wakes("a") <= 249*time.Millisecond, true)
	}
	expect("passes meanwhile", passes, 1)
	expect("another product is not held up", wakes("b"), time.Duration(0))
	clock.Step(wakes("a"))
	takes = time.Second
	expect("then they are served together", wakes("a"), time.Duration(0))
	expect("passes", passes, 3)
	expect("a long pass has a long pause", wakes("a"), time.Second)
	clock.Step(time.Second)
	takes = time.Minute
	wakes("a")
	expect("but not longer than the bound", wakes("a"), 2*time.Second)
	clock.Step(time.Hour)
	takes, fails = 0, errors.New("no")
	before := passes
	wakes("a")
	wakes("a")
	expect("a retry is not paced", passes-before, 2)
	clock.Step(time.Hour)
	fails = nil
	for _, product := range []string{"a", "b"} {
		paced.left(request(product, 0), clock.Now())
	}
	expect("objects that nobody waits for are forgotten", len(paced.until), 0)
	for n := range 100 { // products that come and go
		wakes(fmt.Sprint("gone-", n))
		clock.Step(time.Hour)
	}
	expect("objects that nobody asks for any more are forgotten", len(paced.until), 1)
}
