package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

// Aims of growth.
const (
	loopAim   = 1.5  // times a bare loop that makes as many writes
	setAim    = 1.0  // times ApplicationSet, which makes bare Applications only
	cpuAim    = 3.0  // times the CPU of ApplicationSet
	slopeAim  = 1.15 // 1 is linear, 2 is quadratic
	writesAim = 3.0  // a runtime in a mass start, on the management cluster
	peakAim   = 200  // MiB
	peakFor   = 5000 // runtimes
)

// growth: a cold start, with products and clusters that grow along, beside its yardsticks.
func (b *bench) growth(ctx context.Context) error {
	var all []cost
	for i, n := range b.sizes {
		s := b.shapeOf(n)
		var c cost
		err := b.inWorld(ctx, s, func(ctx context.Context, w *world) (err error) {
			if c, err = w.coldStart(ctx, b.profileOf(i)); err != nil {
				return err
			}
			if c.loop, err = w.bareLoop(ctx, n, c.onHub, c.onClusters); err != nil {
				return err
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("measuring %d runtimes: %w", n, err)
		}
		set, err := b.applicationSet(ctx, n, false)
		if err != nil {
			return fmt.Errorf("measuring ApplicationSet: %w", err)
		}
		unlimited, err := b.applicationSet(ctx, n, true)
		if err != nil {
			return fmt.Errorf("measuring ApplicationSet: %w", err)
		}
		b.report.Begin("growth", n)
		b.reportCost("growth", s, c)
		b.reportSets(n, c, set, unlimited)
		all = append(all, c)
		b.reportSlope("growth", all)
	}
	return nil
}

// oneProduct: all runtimes are of one product.
func (b *bench) oneProduct(ctx context.Context) error {
	n := b.oneProductSize
	return b.compare(ctx, "one-product", shape{n / 2, 1, 1}, shape{n, 1, 1})
}

// oneCluster: all namespaces are on one cluster.
func (b *bench) oneCluster(ctx context.Context) error {
	small, large := b.shapeOf(b.oneClusterSize/2), b.shapeOf(b.oneClusterSize)
	small.clusters, large.clusters = 1, 1
	return b.compare(ctx, "one-cluster", small, large)
}

// compare starts two sizes cold, and tells how the operator grows between them.
func (b *bench) compare(ctx context.Context, scenario string, shapes ...shape) error {
	var all []cost
	for _, s := range shapes {
		var c cost
		err := b.inWorld(ctx, s, func(ctx context.Context, w *world) (err error) {
			c, err = w.coldStart(ctx, "")
			return err
		})
		if err != nil {
			return fmt.Errorf("measuring %d runtimes: %w", s.runtimes, err)
		}
		b.report.Begin(scenario, s.runtimes)
		b.reportCost(scenario, s, c)
		all = append(all, c)
		b.reportSlope(scenario, all)
	}
	return nil
}

func (b *bench) profileOf(size int) string {
	if size == len(b.sizes)-1 {
		return b.profile
	}
	return ""
}

// cost is what a cold start takes.
type cost struct {
	runtimes int
	// recorded is when all Applications were there, automated when all of them synced by themselves, applied when all
	// statuses said so.
	recorded, automated, applied time.Duration
	reads, onHub, onClusters     int
	cpu                          time.Duration
	peak                         int
	// loop is how long a bare loop takes for as many writes.
	loop time.Duration
	// restarted is what a second start writes.
	restarted operator.Requests
}

func (b *bench) reportCost(scenario string, s shape, c cost) {
	add := func(what string, value float64, unit string, atMost *float64) {
		b.report.Add(results.Figure{Scenario: scenario, Runtimes: c.runtimes, What: what, Value: value, Unit: unit,
			AtMost: atMost})
	}
	each := func(n int) float64 { return float64(n) / float64(c.runtimes) }
	add("products", float64(s.products), "", nil)
	add("clusters", float64(s.clusters), "", nil)
	add("all Applications there", c.recorded.Seconds(), "s", nil)
	add("all automated", c.automated.Seconds(), "s", nil)
	add("all Applied", c.applied.Seconds(), "s", nil)
	add("CPU", c.cpu.Seconds(), "s", nil)
	add("peak memory", mebibytes(c.peak), "MiB", aimIf(c.runtimes == peakFor, peakAim))
	add("writes to the management cluster, of a runtime", each(c.onHub), "", aimOf(writesAim))
	add("writes to runtime clusters, of a runtime", each(c.onClusters), "", nil)
	add("reads, of a runtime", each(c.reads), "", nil)
	add("writes of a restart with all in place", float64(c.restarted.Writes), "", aimOf(0))
	if c.loop > 0 {
		add("bare loop of as many writes", c.loop.Seconds(), "s", nil)
		add("all Applied, times the bare loop", figures.Ratio(c.applied, c.loop), "", aimOf(loopAim))
	}
}

// reportSets compares with ApplicationSet.
func (b *bench) reportSets(n int, c cost, set, unlimited setCost) {
	add := func(what string, value float64, unit string, atMost *float64) {
		b.report.Add(results.Figure{Scenario: "growth", Runtimes: n, What: what, Value: value, Unit: unit,
			AtMost: atMost})
	}
	add("ApplicationSet, bare Applications", set.took.Seconds(), "s", nil)
	add("ApplicationSet, CPU", set.cpu.Seconds(), "s", nil)
	add("ApplicationSet without its rate limit", unlimited.took.Seconds(), "s", nil)
	add("ApplicationSet without its rate limit, CPU", unlimited.cpu.Seconds(), "s", nil)
	add("all Applied, times ApplicationSet", figures.Ratio(c.applied, set.took), "", aimOf(setAim))
	add("CPU, times ApplicationSet's", figures.Ratio(c.cpu, set.cpu), "", aimOf(cpuAim))
}

// reportSlope compares the last size with the one before.
func (b *bench) reportSlope(scenario string, all []cost) {
	if len(all) < 2 {
		return
	}
	small, large := all[len(all)-2], all[len(all)-1]
	factor := math.Log(float64(large.runtimes) / float64(small.runtimes))
	for _, s := range []struct {
		what string
		a, b float64
	}{
		{"slope of time", small.applied.Seconds(), large.applied.Seconds()},
		{"slope of CPU", small.cpu.Seconds(), large.cpu.Seconds()},
		{"slope of memory", float64(small.peak), float64(large.peak)},
		{"slope of reads", float64(small.reads), float64(large.reads)},
	} {
		b.report.Add(results.Figure{Scenario: scenario, Runtimes: large.runtimes, What: s.what,
			Value: math.Log(s.b/s.a) / factor, AtMost: aimOf(slopeAim), Note: fmt.Sprintf("from %d", small.runtimes)})
	}
}

func aimOf(v float64) *float64 { return &v }

func aimIf(has bool, v float64) *float64 {
	if has {
		return &v
	}
	return nil
}

func mebibytes(bytes int) float64 { return float64(bytes) / (1 << 20) }
