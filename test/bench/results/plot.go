package results

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

const (
	width  = 18 * vg.Centimeter
	height = 11 * vg.Centimeter
)

// line is one line of a plot of growth: a figure of the scenario growth, over the number of runtimes.
type line struct{ label, what string }

// Plot draws growth-time.svg, growth-cpu.svg, growth-memory.svg and reactions.svg into a directory, each if the report
// has figures for it.
func Plot(r *Report, dir string) error {
	for _, p := range []struct {
		file, title, unit string
		lines             []line
	}{
		{"growth-time.svg", "A cold start of all runtimes", "seconds", []line{
			{"operator: all Applied", "all Applied"}, {"bare loop of as many writes", "bare loop of as many writes"},
			{"ApplicationSet: bare Applications", "ApplicationSet, bare Applications"},
			{"ApplicationSet without its rate limit", "ApplicationSet without its rate limit"}}},
		{"growth-cpu.svg", "CPU of a cold start", "seconds of a core", []line{{"operator", "CPU"},
			{"ApplicationSet", "ApplicationSet, CPU"}}},
		{"growth-memory.svg", "Peak memory of a cold start", "MiB", []line{{"operator", "peak memory"}}},
	} {
		if err := r.plotGrowth(filepath.Join(dir, p.file), p.title, p.unit, p.lines); err != nil {
			return fmt.Errorf("drawing %s: %w", p.file, err)
		}
	}
	if err := r.plotReactions(filepath.Join(dir, "reactions.svg")); err != nil {
		return fmt.Errorf("drawing reactions.svg: %w", err)
	}
	return nil
}

func (r *Report) plotGrowth(file, title, unit string, lines []line) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "runtimes", unit
	p.X.Min, p.Y.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	var series []any
	for _, l := range lines {
		var points plotter.XYs
		for _, f := range r.Of("growth", l.what) {
			points = append(points, plotter.XY{X: float64(f.Runtimes), Y: f.Value})
		}
		if len(points) > 0 {
			series = append(series, l.label, points)
		}
	}
	if len(series) == 0 {
		return nil
	}
	if err := plotutil.AddLinePoints(p, series...); err != nil {
		return err
	}
	return p.Save(width, height, file)
}

// plotReactions draws which part of the changes was served within a time.
func (r *Report) plotReactions(file string) error {
	if len(r.Samples) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Time until a change is served", "milliseconds", "part of the changes"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Min, p.Y.Max = 0, 1
	p.Legend.Left, p.Legend.Top = true, true
	p.Add(plotter.NewGrid())
	var series []any
	for _, name := range slices.Sorted(maps.Keys(r.Samples)) {
		series = append(series, name, distribution(r.Samples[name]))
	}
	if err := plotutil.AddLines(p, series...); err != nil {
		return err
	}
	return p.Save(width, height, file)
}

// distribution returns for each sample which part of all is at most as large.
func distribution(samples []float64) plotter.XYs {
	sorted := slices.Sorted(slices.Values(samples))
	points := make(plotter.XYs, 0, len(sorted))
	for i, ms := range sorted {
		points = append(points, plotter.XY{X: max(ms, 0.1), Y: float64(i+1) / float64(len(sorted))})
	}
	return points
}
