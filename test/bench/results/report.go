// Package results holds what the benchmark of growth measured: one file of JSON, from which the table and the plots of
// docs/benchmarks.md are made.
package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Figure is one number.
type Figure struct {
	Scenario string `json:"scenario"`
	// Runtimes is how many there were.
	Runtimes int     `json:"runtimes"`
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	// AtMost is the aim; nil for a number that only explains others.
	AtMost *float64 `json:"atMost,omitempty"`
	// Note says what the number was made from.
	Note string `json:"note,omitempty"`
}

// Met says whether the aim is met. A number without an aim is.
func (f Figure) Met() bool { return f.AtMost == nil || f.Value <= *f.AtMost }

func (f Figure) verdict() string {
	switch {
	case f.AtMost == nil:
		return ""
	case f.Met():
		return "met"
	}
	return "**missed**"
}

func (f Figure) aim() string {
	if f.AtMost == nil {
		return ""
	}
	return "at most " + amount(*f.AtMost, f.Unit)
}

// amount writes as many digits as a reader needs.
func amount(v float64, unit string) string {
	digits := 2
	switch {
	case v == float64(int64(v)):
		digits = 0
	case v >= 10:
		digits = 1
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, v, unit))
}

// Report is all of them, in the order in which they were measured.
type Report struct {
	Figures []Figure `json:"figures"`
	// Samples are durations in milliseconds, for the plot of their distribution.
	Samples map[string][]float64 `json:"samples,omitempty"`
}

// Load reads a report.
func Load(file string) (*Report, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading earlier results: %w", err)
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return r, nil
}

// LoadOrNew reads a report where there is one.
func LoadOrNew(file string) (*Report, error) {
	if file == "" {
		return &Report{}, nil
	}
	r, err := Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return &Report{}, nil
	}
	return r, err
}

// Save writes the report, where a file is named.
func (r *Report) Save(file string) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o600)
}

// Begin forgets what the scenario gave in an earlier run, for this number of runtimes.
func (r *Report) Begin(scenario string, runtimes int) {
	fmt.Printf("%s with %d runtimes\n", scenario, runtimes)
	r.Figures = slices.DeleteFunc(r.Figures,
		func(f Figure) bool { return f.Scenario == scenario && f.Runtimes == runtimes })
}

// Add keeps a figure and prints it.
func (r *Report) Add(f Figure) {
	line := fmt.Sprintf("  %s: %s", f.What, amount(f.Value, f.Unit))
	if f.AtMost != nil {
		line += fmt.Sprintf(", wanted %s: %s", f.aim(), f.verdict())
	}
	if f.Note != "" {
		line += " (" + f.Note + ")"
	}
	fmt.Println(line)
	r.Figures = append(r.Figures, f)
}

// Keep keeps durations for the plot of their distribution.
func (r *Report) Keep(name string, all []time.Duration) {
	if r.Samples == nil {
		r.Samples = map[string][]float64{}
	}
	r.Samples[name] = nil
	for _, d := range all {
		r.Samples[name] = append(r.Samples[name], float64(d.Microseconds())/1000)
	}
}

// Table returns the report as a table in Markdown: what has an aim first, then what explains it.
func (r *Report) Table() string {
	var b strings.Builder
	aims := slices.Collect(func(yield func(Figure) bool) {
		for _, f := range r.Figures {
			if f.AtMost != nil && !yield(f) {
				return
			}
		}
	})
	b.WriteString("| scenario | runtimes | figure | value | aim | |\n|---|---|---|---|---|---|\n")
	for _, f := range aims {
		value := amount(f.Value, f.Unit)
		if f.Note != "" {
			value += " (" + f.Note + ")"
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", f.Scenario, f.Runtimes, f.What, value, f.aim(), f.verdict())
	}
	b.WriteString("\n| scenario | runtimes | figure | value |\n|---|---|---|---|\n")
	for _, f := range r.Figures {
		if f.AtMost == nil {
			fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", f.Scenario, f.Runtimes, f.What, amount(f.Value, f.Unit))
		}
	}
	return b.String()
}

// Of returns a figure by number of runtimes, the smallest number first.
func (r *Report) Of(scenario, what string) []Figure {
	var out []Figure
	for _, f := range r.Figures {
		if f.Scenario == scenario && f.What == what {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Figure) int { return a.Runtimes - b.Runtimes })
	return out
}
