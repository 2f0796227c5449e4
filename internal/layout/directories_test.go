package layout

import (
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

func TestTheDirectoriesAreThoseOfTheKinds(t *testing.T) {
	known := map[string]bool{}
	for _, k := range kinds.OfScope(kinds.Product) {
		known[k.Directory] = true
		if !inDirectories(k.Directory + "/x.yaml") {
			t.Errorf("%s, where a %s lies, is not read", k.Directory, k.Name)
		}
	}
	if len(known) != 4 {
		t.Errorf("the kinds have %d directories: inDirectories spells out four", len(known))
	}
	for _, path := range []string{"runtimes", "other/x.yaml", "Runtimes/x.yaml", "production/runtimes/x.yaml"} {
		if inDirectories(path) {
			t.Errorf("%s is read", path)
		}
	}
}
