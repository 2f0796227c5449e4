package server

import "testing"

func TestADryRunIsNoSaveHoweverItIsSpelt(t *testing.T) {
	known := []string{"dry_run", "insecure_skip_check", "strict"}
	for _, name := range []string{"dry_run", "dryRun", "dryrun", "dry-run", "DryRun", "DRY_RUN"} {
		p, err := readParameters(name+"=true", known)
		if on, wrong := p.boolean("dry_run"); err != nil || wrong != nil || !on {
			t.Errorf("%s: %v, %v", name, on, err)
		}
	}
	for _, name := range []string{"dry", "dryruns", "dry.run"} {
		if _, err := readParameters(name+"=true", known); err == nil {
			t.Errorf("%s is ignored, and the change would be made", name)
		}
	}
	if _, err := readParameters("dryrun=true&dry_run=false", known); err == nil {
		t.Error("two spellings of one parameter are accepted")
	}
}
