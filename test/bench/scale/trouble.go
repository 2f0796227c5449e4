package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

const (
	// troubleAim is how many times longer a change may take while other clusters are in trouble.
	troubleAim = 1.5
	// flap is how long a cluster that flaps is up, and then down.
	flap = 3 * time.Second
)

// trouble: of three clusters one hangs and one comes and goes. Changes of runtimes on the third are timed, without and
// with that. Runtimes are created on all three meanwhile, so that there is work for those in trouble.
func (b *bench) trouble(ctx context.Context) error {
	s := b.shapeOf(b.troubleSize)
	s.clusters, s.products = 3, max(s.products, 3)
	w := &world{shape: s, servers: []string{"calm", "frozen"}, binary: b.binary}
	return w.during(ctx, func(ctx context.Context) error {
		if err := w.inhabit(ctx); err != nil {
			return err
		}
		if err := w.createRuntimes(ctx, 0, w.runtimes); err != nil {
			return err
		}
		return w.running(ctx, func(o *operator.Process) error {
			if err := w.synced(ctx); err != nil {
				return err
			}
			if _, err := o.Settle(ctx, calm, patience); err != nil {
				return err
			}
			without, err := b.sampleCalm(ctx, w, w.runtimes)
			if err != nil {
				return err
			}
			with, err := b.inTrouble(ctx, w)
			if err != nil {
				return err
			}
			b.reportTrouble(w.runtimes, without, with)
			return nil
		})
	})
}

// inTrouble freezes the second cluster and lets the third one flap, while changes are timed.
func (b *bench) inTrouble(ctx context.Context, w *world) (t timed, err error) {
	frozen := w.env.Cluster("frozen")
	if err := frozen.FreezeAPIServer(); err != nil {
		return t, err
	}
	flapping, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { w.fronts.byName[cluster(2)].flap(flapping) })
	t, err = b.sampleCalm(ctx, w, w.runtimes+b.others)
	stop()
	done.Wait()
	if e := frozen.ThawAPIServer(); err == nil {
		err = e
	}
	return t, err
}

// flap breaks and mends the front until it is told to end; then it is up.
func (c *front) flap(ctx context.Context) {
	ticker := time.NewTicker(flap)
	defer ticker.Stop()
	for down := false; ; down = !down {
		if down {
			c.up()
		} else {
			c.down()
		}
		select {
		case <-ctx.Done():
			c.up()
			return
		case <-ticker.C:
		}
	}
}

// sampleCalm times changes of runtimes on the first cluster, while others are created on all of them.
func (b *bench) sampleCalm(ctx context.Context, w *world, from int) (timed, error) {
	var others error
	var done sync.WaitGroup
	done.Go(func() { others = w.createRuntimes(ctx, from, from+b.others) })
	perProduct := w.runtimes / w.products
	calmProducts := (w.products + 2) / 3
	t, err := w.sample(ctx, b.samples, b.troubleFor, func(ctx context.Context, _, k int) (time.Duration, error) {
		p, round := k%calmProducts*3, k/calmProducts%perProduct // product p is on cluster p%3
		return w.changePath(ctx, round*w.products+p, k)
	})
	done.Wait()
	if err == nil {
		err = others
	}
	return t, err
}

func (b *bench) reportTrouble(n int, without, with timed) {
	b.report.Begin("trouble", n)
	b.report.Keep("path -> Application, all clusters well", without.reactions.All())
	b.report.Keep("path -> Application, two clusters in trouble", with.reactions.All())
	for _, percent := range []int{50, 99} {
		r, y := with.reactions.At(percent), without.reactions.At(percent)
		f := results.Figure{Scenario: "trouble", Runtimes: n, Value: figures.Ratio(r, y),
			What: fmt.Sprintf("path -> Application beside clusters in trouble, p%d, times without", percent),
			Note: fmt.Sprintf("%s and %s, bare patches %s and %s", figures.Round(r), figures.Round(y),
				figures.Round(with.bare.At(percent)), figures.Round(without.bare.At(percent)))}
		if percent == 99 {
			f.AtMost = aimOf(troubleAim)
		}
		b.report.Add(f)
	}
}
