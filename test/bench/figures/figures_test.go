package figures_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
)

func timings(ms ...int) *figures.Timings {
	t := &figures.Timings{}
	for _, m := range ms {
		t.Add(time.Duration(m) * time.Millisecond)
	}
	return t
}

func upTo(n int) []int {
	var all []int
	for i := n; i >= 1; i-- { // the order of measuring is not that of size
		all = append(all, i)
	}
	return all
}

func TestAtIsTheNearestRank(t *testing.T) {
	cases := map[string]struct {
		of            []int
		percent, want int
	}{
		"nothing was measured":                  {nil, 50, 0},
		"one is every percentile":               {[]int{7}, 99, 7},
		"the lower of two is the median":        {[]int{9, 3}, 50, 3},
		"the middle of three":                   {[]int{9, 3, 5}, 50, 5},
		"p99 of a hundred is not the largest":   {upTo(100), 99, 99},
		"p99 of 101 is not the largest":         {upTo(101), 99, 100},
		"p99 of three hundred leaves out three": {upTo(300), 99, 297},
		"p99 of few is the largest":             {upTo(30), 99, 30},
		"p100":                                  {upTo(10), 100, 10},
		"p0 is the smallest":                    {upTo(10), 0, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := timings(c.of...).At(c.percent); got != time.Duration(c.want)*time.Millisecond {
				t.Errorf("got %s, want %dms", got, c.want)
			}
		})
	}
}

func TestLineComparesWithTheYardsticksMedian(t *testing.T) {
	line := timings(upTo(200)...).Line("saves", timings(10, 50, 400))
	for _, want := range []string{"saves ", "p50    100ms", "p99    198ms", "= 2.0 and 4.0 times the yardstick"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q lacks %q", line, want)
		}
	}
	if line := timings(1).Line("saves", nil); strings.Contains(line, "yardstick") {
		t.Errorf("%q compares with nothing", line)
	}
}

func TestRatiosAndRates(t *testing.T) {
	if got := figures.Ratio(300*time.Millisecond, 200*time.Millisecond); got != 1.5 {
		t.Errorf("ratio: %v", got)
	}
	if got := figures.Ratio(time.Second, 0); got != 0 {
		t.Errorf("ratio to nothing: %v", got)
	}
	if got := figures.Rate(50, 2500*time.Millisecond); got != 20 {
		t.Errorf("rate: %v", got)
	}
	if got := figures.Rate(50, 0); got != 0 {
		t.Errorf("rate in no time: %v", got)
	}
}

func TestInARowAndBusyTellWhatWasWaitedFor(t *testing.T) {
	epoch := time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)
	cases := map[string]struct {
		spans        [][2]int
		inARow, busy int
	}{
		"nothing":                               {nil, 0, 0},
		"one":                                   {[][2]int{{0, 50}}, 1, 50},
		"two side by side":                      {[][2]int{{0, 50}, {1, 52}}, 1, 52},
		"two side by side, then one":            {[][2]int{{0, 50}, {1, 52}, {53, 103}}, 2, 102},
		"one long one beside two short ones":    {[][2]int{{0, 100}, {1, 50}, {51, 99}}, 2, 100},
		"three in a row, told in another order": {[][2]int{{110, 160}, {0, 50}, {55, 105}}, 3, 150},
		"one begins when another ends":          {[][2]int{{0, 50}, {50, 100}}, 2, 100},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var spans []figures.Span
			for _, s := range c.spans {
				at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
				spans = append(spans, figures.Span{Began: at(s[0]), Ended: at(s[1])})
			}
			if got := figures.InARow(spans); got != c.inARow {
				t.Errorf("in a row: got %d, want %d", got, c.inARow)
			}
			if got := figures.Busy(spans); got != time.Duration(c.busy)*time.Millisecond {
				t.Errorf("busy: got %s, want %dms", got, c.busy)
			}
		})
	}
}
