package watch

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheMetricsOfTheDashboardsAreInTheDocs: whoever reads a panel can look up what it counts.
func TestTheMetricsOfTheDashboardsAreInTheDocs(t *testing.T) {
	panels, err := Panels(root)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range panels {
		where := p.Dashboard + ": " + p.Title
		if seen[where] || p.Title == "" || len(p.Queries) == 0 {
			t.Errorf("%q has no name of its own, or asks nothing", where)
		}
		seen[where] = true
		for _, query := range p.Queries {
			if missing := undocumented(t, query); len(missing) > 0 {
				t.Errorf("%q asks for %s, which docs/metrics.md does not list", where, missing)
			}
			if strings.Contains(query, "$") {
				t.Errorf("%q has a variable that is not known: %s", where, query)
			}
		}
	}
}

// TestTheDashboardsCanLieSideBySide: each has an id of its own, asks the Prometheus that is chosen, and no panel covers
// another one.
func TestTheDashboardsCanLieSideBySide(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, Dashboards, "*.json"))
	if err != nil || len(files) != 4 {
		t.Fatalf("there are %v, %v", files, err)
	}
	for _, file := range files {
		var board struct {
			UID    string
			Panels []struct {
				ID         int
				Title      string
				Datasource struct{ UID string }
				GridPos    struct{ X, Y, W, H int }
			}
		}
		if err := json.Unmarshal([]byte(read(t, file)), &board); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if board.UID != "nautes-"+name {
			t.Errorf("%s has the uid %s", name, board.UID)
		}
		taken := map[[2]int]string{}
		for i, p := range board.Panels {
			if p.ID != i+1 || p.Datasource.UID != "${datasource}" || p.GridPos.X+p.GridPos.W > 24 {
				t.Errorf("%s: panel %q: %+v", name, p.Title, p)
			}
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if taken[at] != "" {
						t.Fatalf("%s: %q covers %q", name, p.Title, taken[at])
					}
					taken[at] = p.Title
				}
			}
		}
	}
}
