package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
)

// readMargin is what a read may take on top of GitLab's latency.
const readMargin = 10 * time.Millisecond

type item struct {
	Name           string
	ManifestSource struct{ Path string } `json:"manifest_source"`
}

// isFirst checks that the first runtime is answered.
func isFirst() func([]byte) error {
	return decoded(func(got item) error {
		if got.Name != runtimeName(0) {
			return fmt.Errorf("got %q", got.Name)
		}
		return nil
	})
}

// reads times GET of one runtime and of all, by one caller.
func (w *world) reads(ctx context.Context) error {
	isOne := isFirst()
	areAll := decoded(func(got struct{ Items []item }) error {
		if len(got.Items) != w.runtimes {
			return fmt.Errorf("got %d items", len(got.Items))
		}
		return nil
	})
	one := func() (time.Duration, error) {
		return w.api.read(ctx, w.tokens[0], w.api.runtime(w.served, 0), isOne)
	}
	all := func() (time.Duration, error) {
		return w.api.read(ctx, w.tokens[0], w.api.runtimes(w.served), areAll)
	}
	if _, err := one(); err != nil { // loads the snapshot
		return err
	}
	if err := w.gitlab.wait(ctx, w.latency); err != nil {
		return err
	}
	if err := w.timeReads(ctx, "GET one", one); err != nil {
		return err
	}
	return w.timeReads(ctx, fmt.Sprintf("GET all %d", w.runtimes), all)
}

// timeReads reports what the caller waits for, what of it GitLab takes (more than its latency, because the stand-in has
// work to do), and what is left; and beside it a request that asks nothing and nobody, which tells how much of that is
// the machine's.
func (w *world) timeReads(ctx context.Context, what string, get func() (time.Duration, error)) error {
	var took, gitLabTook, left, idle figures.Timings
	worst := trips{}
	for range w.samples {
		t, err := w.api.do(ctx, w.tokens[0], w.api.url+"/healthz", "", nil)
		if err != nil {
			return err
		}
		idle.Add(t)
		if _, err := w.gitlab.trips(ctx); err != nil {
			return err
		}
		if t, err = get(); err != nil {
			return err
		}
		asked, err := w.gitlab.trips(ctx)
		if err != nil {
			return err
		}
		took.Add(t)
		gitLabTook.Add(asked.Busy)
		left.Add(t - asked.Busy)
		if asked.InARow >= worst.InARow {
			worst = asked
		}
	}
	fmt.Println(took.Line(what, nil))
	fmt.Println(gitLabTook.Line("  of which GitLab takes", nil))
	fmt.Println(left.Line("  of which the API takes", nil))
	fmt.Println(idle.Line("  GET /healthz at the same time", nil))
	aim(worst.InARow == 1, "%s, wanted 1", worst)
	aim(left.At(99) < readMargin, "p99 is GitLab's answer and %s, wanted below %s",
		figures.Round(left.At(99)), readMargin)
	return nil
}
