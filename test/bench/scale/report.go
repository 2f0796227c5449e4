package main

import (
	"fmt"
	"math"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
)

// Aims: how many times the yardstick a start may take, and how much steeper than linear the growth may be.
const (
	yardstickAim = 1.5
	slopeAim     = 1.15
)

func (r result) print() {
	each := func(n int) float64 { return float64(n) / float64(r.runtimes) }
	fmt.Printf("%d runtimes of %d products, created while the operator was down\n", r.runtimes, r.products)
	fmt.Printf("  all Applications there: %s; all automated: %s; all Applied: %s\n", seconds(r.recorded),
		seconds(r.automated), seconds(r.applied))
	fmt.Printf("  a runtime: %.1f writes, %.1f reads\n", each(r.requests.Writes), each(r.requests.Reads))
	r.served.print(r.runtimes)
	fmt.Printf("  CPU %s, peak memory %d MiB\n", seconds(r.cpu), r.peak>>20)
	ratio := figures.Ratio(r.applied, r.yardstick)
	fmt.Printf("  yardstick, as many writes by %d workers: %s\n", writers, seconds(r.yardstick))
	aim(ratio <= yardstickAim, "%.2f times the yardstick, wanted at most %.1f", ratio, yardstickAim)
	aim(r.restarted.Writes == 0, "a restart with all in place writes %d times, wanted 0; it reads %d times",
		r.restarted.Writes, r.restarted.Reads)
}

// printGrowth compares neighbouring sizes: 1 is linear, 2 is quadratic.
func printGrowth(all []result) {
	for i := 1; i < len(all); i++ {
		small, large := all[i-1], all[i]
		factor := math.Log(float64(large.runtimes) / float64(small.runtimes))
		slope := func(a, b float64) float64 { return math.Log(b/a) / factor }
		elapsed := slope(small.applied.Seconds(), large.applied.Seconds())
		cpu := slope(small.cpu.Seconds(), large.cpu.Seconds())
		fmt.Printf("from %d to %d runtimes\n", small.runtimes, large.runtimes)
		aim(elapsed <= slopeAim, "time grows with slope %.2f, wanted at most %.2f", elapsed, slopeAim)
		aim(cpu <= slopeAim, "CPU grows with slope %.2f, wanted at most %.2f", cpu, slopeAim)
	}
}

func aim(met bool, format string, args ...any) {
	verdict := "missed"
	if met {
		verdict = "met"
	}
	fmt.Printf("  aim %s: %s\n", verdict, fmt.Sprintf(format, args...))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
