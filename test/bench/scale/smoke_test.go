package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/nautes-labs/deployment-runtime/internal/command"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// growthAim is how many times more one runtime may cost beside many than beside few. If a pass looked at all runtimes,
// which makes the whole quadratic, that part of the cost would be four times as large.
const growthAim = 1.2

// TestMain lets the test's own program be the operator: it is a process of its own, whose requests and allocations are
// its own, and nothing has to be built.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "operator" {
		os.Exit(command.Execute(ctrl.SetupSignalHandler(), os.Args[1:], os.Stdout, os.Stderr))
	}
	log.SetLogger(logr.Discard())
	if err := devenv.Prepare(context.Background(), devenv.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// spent is what the operator has sent and allocated.
type spent struct{ requests, bytes float64 }

// TestOneMoreRuntimeCostsTheSameBesideManyAsBesideFew creates 20 runtimes one at a time beside 50 others, and beside
// 200, and compares what one of them costs: requests and allocated bytes, which do not depend on how fast the machine
// is. Products grow along, as they do in a real installation.
func TestOneMoreRuntimeCostsTheSameBesideManyAsBesideFew(t *testing.T) {
	const few, many, more = 50, 200, 20
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{shape: shape{runtimes: many + more, products: 18, clusters: 4}, servers: []string{"east"}, binary: self,
		inBlocks: true}
	err = w.during(t.Context(), func(ctx context.Context) error {
		return w.running(ctx, func(o *operator.Process) error {
			if err := inParallel(w.products, func(i int) error { return w.furnish(ctx, i) }); err != nil {
				return err
			}
			besideFew, err := w.costOfMore(ctx, o, 0, few, more)
			if err != nil {
				return err
			}
			besideMany, err := w.costOfMore(ctx, o, few+more, many, more)
			if err != nil {
				return err
			}
			compareCosts(t, besideFew, besideMany)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// costOfMore creates runtimes all at once, and then some more one at a time; it returns what each of these costs.
func (w *world) costOfMore(ctx context.Context, o *operator.Process, from, to, more int) (s spent, err error) {
	if err := w.createRuntimes(ctx, from, to); err != nil {
		return s, err
	}
	before, err := w.spentFor(ctx, o, to)
	if err != nil {
		return s, err
	}
	for i := to; i < to+more; i++ {
		if err := w.create(ctx, w.newRuntime(i)); err != nil {
			return s, err
		}
		if err := w.untilApplied(ctx, i+1); err != nil {
			return s, err
		}
	}
	after, err := w.spentFor(ctx, o, to+more)
	return before.until(after, float64(more)), err
}

// until is what one of n runtimes cost.
func (s spent) until(later spent, n float64) spent {
	return spent{(later.requests - s.requests) / n, (later.bytes - s.bytes) / n}
}

func compareCosts(t *testing.T, few, many spent) {
	t.Helper()
	for what, c := range map[string]struct{ few, many float64 }{
		"requests": {few.requests, many.requests}, "bytes allocated": {few.bytes, many.bytes},
	} {
		t.Logf("%s for one more beside few: %.1f, beside many: %.1f, which is %.2f times", what, c.few, c.many,
			c.many/c.few)
		if c.many > growthAim*c.few {
			t.Errorf("one more runtime beside many takes %.2f times the %s of one beside few, wanted at most %.2f: does a "+
				"pass look at all of them?", c.many/c.few, what, growthAim)
		}
	}
}

// spentFor waits until so many runtimes are applied and the operator is calm, and returns what it has spent by then.
func (w *world) spentFor(ctx context.Context, o *operator.Process, runtimes int) (s spent, err error) {
	if err := w.untilApplied(ctx, runtimes); err != nil {
		return s, err
	}
	requests, err := o.Settle(ctx, time.Second, patience)
	if err != nil {
		return s, err
	}
	s.requests = float64(requests.Reads + requests.Writes)
	s.bytes, err = o.Allocated(ctx)
	return s, err
}
