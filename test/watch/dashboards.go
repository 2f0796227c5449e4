package watch

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Panel is a panel of a dashboard, with what it asks Prometheus.
type Panel struct {
	Dashboard, Title string
	Queries          []string
}

// Dashboards is the directory of the dashboards, below the root of the repository.
const Dashboards = "charts/deployment-runtime/files/dashboards"

// Panels returns the panels of all dashboards below the root of the repository. Variables in queries have values.
func Panels(root string) ([]Panel, error) {
	files, err := filepath.Glob(filepath.Join(root, Dashboards, "*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("listing the dashboards: found %d: %w", len(files), err)
	}
	var out []Panel
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a dashboard: %w", err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(text, &board); err != nil {
			return nil, fmt.Errorf("reading dashboard %s: %w", file, err)
		}
		for _, p := range board.Panels {
			panel := Panel{Dashboard: strings.TrimSuffix(filepath.Base(file), ".json"), Title: p.Title}
			for _, target := range p.Targets {
				panel.Queries = append(panel.Queries, withValues(target.Expr))
			}
			out = append(out, panel)
		}
	}
	return out, nil
}

// withValues gives the variables of a query the values that they have with all products, and an hour on the screen.
func withValues(query string) string {
	return strings.NewReplacer("$__rate_interval", "1h", "$__range", "1h", "$product", ".*").Replace(query)
}
