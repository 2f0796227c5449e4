package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
)

// savings times one caller's saves, and takes turns with the yardstick so that both see the same machine. The products
// are different ones: a push by somebody else would make the API read main again.
func (w *world) savings(ctx context.Context) error {
	var yardstick, slowYardstick, save, slowSave, own figures.Timings
	var asked trips
	n := w.commits
	for range w.rounds {
		for _, step := range []struct {
			latency         time.Duration
			yardstick, save *figures.Timings
		}{{0, &yardstick, &save}, {w.latency, &slowYardstick, &slowSave}} {
			n++
			i := n % w.runtimes
			if err := w.gitlab.wait(ctx, step.latency); err != nil {
				return err
			}
			if err := w.yardstick(ctx, i, n, step.yardstick); err != nil {
				return err
			}
			if _, err := w.gitlab.trips(ctx); err != nil {
				return err
			}
			took, err := w.api.save(ctx, w.tokens[0], w.api.runtime(w.served, i), w.content.runtimeBody(i, n))
			if err != nil {
				return err
			}
			step.save.Add(took)
			if asked, err = w.gitlab.trips(ctx); err != nil {
				return err
			}
			own.Add(took - asked.Busy)
		}
	}
	fmt.Println(yardstick.Line("yardstick without latency", nil))
	fmt.Println(slowYardstick.Line("yardstick with latency", nil))
	fmt.Println(save.Line("save without latency", &yardstick))
	fmt.Println(slowSave.Line("save with latency", &slowYardstick))
	fmt.Println(own.Line("  of which the API takes", nil))
	fmt.Printf("  %s\n", asked)
	want := yardstick.At(50)/5 + 2*w.latency
	aim(slowSave.At(50) <= want,
		"p50 with latency %s, wanted at most %s: a fifth of the yardstick without latency, and two latencies",
		figures.Round(slowSave.At(50)), figures.Round(want))
	return nil
}

// yardstick is clone, commit and push of the same change with the git command.
func (w *world) yardstick(ctx context.Context, i, n int, into *figures.Timings) error {
	began := time.Now()
	c, err := w.makeClone(ctx, w.cloned, w.tokens[0])
	defer c.remove()
	if err != nil {
		return err
	}
	if err := c.commit(ctx, runtimeFile(i), w.content.runtimeText(w.cloned, i, n)); err != nil {
		return err
	}
	if err := c.push(ctx); err != nil {
		return err
	}
	into.Add(time.Since(began))
	return nil
}

// writing lets many people save at once, each a runtime of his own, first with the git command and then through the
// API.
func (w *world) writing(ctx context.Context) error {
	for round, latency := range []time.Duration{0, w.latency} {
		if err := w.gitlab.wait(ctx, latency); err != nil {
			return err
		}
		first := (w.commits + 1_000_000) * (round + 1) // no path was there before
		withGit, tries, err := w.writeWithGit(ctx, first)
		if err != nil {
			return err
		}
		withAPI, took, err := w.writeWithAPI(ctx, first)
		if err != nil {
			return err
		}
		fmt.Printf("%d writers at once, latency %s\n", w.writers, latency)
		fmt.Printf("  git command, again after each lost race: %.2f saves/s (%d saves, %d pushes)\n", withGit,
			w.writers, tries)
		fmt.Printf("  API: %.2f saves/s (%d saves, none failed), %s\n", withAPI, w.writers*w.saves,
			took.Line("each waited", nil))
		ratio := figures.Ratio(withAPI, withGit)
		aim(ratio >= 10, "%.1f times the git command, wanted 10", ratio)
	}
	return nil
}

// writeWithGit returns saves per second, and how many pushes that took.
func (w *world) writeWithGit(ctx context.Context, n int) (rate float64, pushes int, err error) {
	tries := make([]int, w.writers)
	began := time.Now()
	all, ctx := errgroup.WithContext(ctx)
	for i := range w.writers {
		all.Go(func() (err error) {
			tries[i], err = w.pushUntilItLands(ctx, i, n)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return 0, 0, err
	}
	for _, t := range tries {
		pushes += t
	}
	return figures.Rate(w.writers, time.Since(began)), pushes, nil
}

func (w *world) pushUntilItLands(ctx context.Context, i, n int) (tries int, err error) {
	c, err := w.makeClone(ctx, w.cloned, w.tokens[i])
	defer c.remove()
	for err == nil {
		if err := c.commit(ctx, runtimeFile(i), w.content.runtimeText(w.cloned, i, n)); err != nil {
			return tries, err
		}
		tries++
		pushed := c.push(ctx)
		if !isRace(pushed) {
			return tries, pushed
		}
		err = c.restart(ctx)
	}
	return tries, err
}

// writeWithAPI returns saves per second, and how long each took. Every save must have landed.
func (w *world) writeWithAPI(ctx context.Context, n int) (rate float64, took *figures.Timings, err error) {
	each := make([][]time.Duration, w.writers)
	began := time.Now()
	all, group := errgroup.WithContext(ctx)
	for i := range w.writers {
		all.Go(func() error {
			for j := range w.saves {
				t, err := w.api.save(group, w.tokens[i], w.api.runtime(w.served, i), w.content.runtimeBody(i, n+j))
				if err != nil {
					return err
				}
				each[i] = append(each[i], t)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return 0, nil, err
	}
	rate = figures.Rate(w.writers*w.saves, time.Since(began))
	took = &figures.Timings{}
	for i := range each {
		for _, t := range each[i] {
			took.Add(t)
		}
	}
	return rate, took, w.landed(ctx, n+w.saves-1)
}

// landed looks with the git command whether main holds everybody's last save.
func (w *world) landed(ctx context.Context, n int) error {
	c, err := w.makeClone(ctx, w.served, w.gitlab.RootToken)
	defer c.remove()
	if err != nil {
		return err
	}
	for i := range w.writers {
		if err := c.holds(runtimeFile(i), "path: "+manifests(i, n)+"\n"); err != nil {
			return err
		}
	}
	return nil
}
