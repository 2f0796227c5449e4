// Package figures is the arithmetic behind the reports of benchmarks: percentiles, ratios, aims.
package figures

import (
	"fmt"
	"slices"
	"time"
)

// Timings are durations of the same step.
type Timings struct{ all []time.Duration }

// Add adds one.
func (t *Timings) Add(d time.Duration) { t.all = append(t.all, d) }

// All returns them in the order in which they were added.
func (t *Timings) All() []time.Duration { return t.all }

// At returns the shortest duration that so many percent of all do not exceed (the nearest rank); 0 without any.
func (t *Timings) At(percent int) time.Duration {
	if len(t.all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.all))
	rank := (percent*len(sorted) + 99) / 100
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Line returns p50 and p99, and how many times the yardstick's p50 that is, where there is a yardstick.
func (t *Timings) Line(what string, yardstick *Timings) string {
	p50, p99 := t.At(50), t.At(99)
	line := fmt.Sprintf("%-32s p50 %8s  p99 %8s", what, Round(p50), Round(p99))
	if yardstick != nil {
		y := yardstick.At(50)
		line += fmt.Sprintf("   = %.1f and %.1f times the yardstick", Ratio(p50, y), Ratio(p99, y))
	}
	return line
}

// Round leaves as many digits as a reader needs.
func Round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// Ratio returns how many times b fits into a; 0 where b is 0.
func Ratio[T ~int64 | ~float64](a, b T) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Rate returns how many of something happened per second.
func Rate(n int, took time.Duration) float64 {
	if took <= 0 {
		return 0
	}
	return float64(n) / took.Seconds()
}

// Span is when something began and ended.
type Span struct{ Began, Ended time.Time }

// Busy returns for how long at least one of the spans was under way.
func Busy(spans []Span) time.Duration {
	byBegin := slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return a.Began.Compare(b.Began) })
	busy, until := time.Duration(0), time.Time{}
	for i, s := range byBegin {
		if i == 0 || s.Began.After(until) {
			until = s.Began
		}
		if s.Ended.After(until) {
			busy += s.Ended.Sub(until)
			until = s.Ended
		}
	}
	return busy
}

// InARow returns the length of the longest chain of spans of which each began after the one before had ended: what was
// waited for one after the other, as opposed to side by side.
func InARow(spans []Span) int {
	byEnd := slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return a.Ended.Compare(b.Ended) })
	n, last := 0, time.Time{}
	for _, s := range byEnd {
		if n == 0 || !s.Began.Before(last) {
			n, last = n+1, s.Ended
		}
	}
	return n
}
