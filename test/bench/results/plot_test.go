package results_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

func TestPlotDrawsWhatTheReportHas(t *testing.T) {
	var r results.Report
	for _, n := range []int{1000, 500} {
		r.Add(results.Figure{Scenario: "growth", Runtimes: n, What: "all Applied", Value: float64(n) / 50, Unit: "s"})
	}
	r.Keep("path -> Application", []time.Duration{3 * time.Millisecond, 80 * time.Millisecond, 9 * time.Millisecond})
	dir := t.TempDir()
	if err := results.Plot(&r, dir); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"growth-time.svg": "operator: all Applied",
		"reactions.svg": "path -&gt; Application"} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), want) {
			t.Errorf("%s does not show %q", file, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "growth-memory.svg")); !os.IsNotExist(err) {
		t.Errorf("growth-memory.svg was drawn from nothing (%v)", err)
	}
}
