package placement_test

import (
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

func TestWhatARevisionMeans(t *testing.T) {
	commit, long := strings.Repeat("0a", 20), strings.Repeat("0a", 32)
	for word, want := range map[string]string{
		"HEAD": "HEAD", commit: commit, strings.ToUpper(commit): strings.ToUpper(commit), long: long,
		"refs/heads/main": "refs/heads/main", "refs/tags/v1": "refs/tags/v1",
		"main": "refs/heads/main", "feature/a": "refs/heads/feature/a", "heads/main": "refs/heads/heads/main",
		"tags/v1": "refs/heads/tags/v1",
		// What Argo CD takes for a range of versions, or for an abbreviated commit id, is a name.
		"1.x": "refs/heads/1.x", "v2.x": "refs/heads/v2.x", "x": "refs/heads/x", ">=1.0": "refs/heads/>=1.0",
		"1.2,1.3": "refs/heads/1.2,1.3", "1.2||2.x": "refs/heads/1.2||2.x",
		"abc1234": "refs/heads/abc1234", commit[:39]: "refs/heads/" + commit[:39],
		commit + "0":            "refs/heads/" + commit + "0",
		"merge-requests/5/head": "refs/heads/merge-requests/5/head", "pull/5/head": "refs/heads/pull/5/head",
	} {
		if got := placement.FullRevision(word); got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
	for word, want := range map[string]bool{
		"refs/merge-requests/5/head": true, "refs/pull/5/merge": true, "refs/keep-around/x": true, "refs/heads": true,
		"refs/headsx/main": true, "refs/environments/x": true,
		"refs/heads/main": false, "refs/tags/v1": false, "refs": false, "main": false, "HEAD": false,
	} {
		if got := placement.IsOtherRef(word); got != want {
			t.Errorf("%s is neither a branch nor a tag: got %v", word, got)
		}
	}
	for full, want := range map[string]string{"refs/heads/a/b": "a/b", "refs/tags/v1": "v1", "v1": "v1", "HEAD": "HEAD",
		"refs/heads/refs/tags/v1": "refs/tags/v1"} {
		if got := placement.ShortRevision(full); got != want {
			t.Errorf("%s: got %s, want %s", full, got, want)
		}
	}
}

// TestAShortNameStaysWhatItIs: Argo CD is asked for the branch, for the tag only where there is no branch and never was
// one, and nothing that comes or goes in the repository changes what runs.
func TestAShortNameStaysWhatItIs(t *testing.T) {
	const branch, tag, commit = "refs/heads/v1", "refs/tags/v1", "abc1234000000000000000000000000000000000"
	named := func(revision, ref string, found bool) placement.Placement {
		return placement.Placement{CodeRepo: "repo-3", Revision: revision, Ref: ref, RefFound: found}
	}
	for sentence, c := range map[string]struct {
		was    placement.Placement
		seen   placement.Sight
		word   string
		target string
		found  bool
	}{
		"a new runtime asks for the branch": {placement.Placement{}, placement.Sight{},
			"v1", branch, false},
		"nobody looked yet": {named("v1", branch, false),
			placement.Sight{Target: branch}, "v1", branch, false},
		"the branch is there": {named("v1", branch, false),
			placement.Sight{Target: branch, Commit: commit}, "v1", branch, true},
		"there is no branch: the tag": {named("v1", branch, false),
			placement.Sight{Target: branch, Absent: true}, "v1", tag, false},
		"what is said of the branch says nothing of the tag": {named("v1", tag, false),
			placement.Sight{Target: branch, Absent: true}, "v1", tag, false},
		"the tag is there": {named("v1", tag, false),
			placement.Sight{Target: tag, Commit: commit}, "v1", tag, true},
		"neither is there": {named("v1", tag, false),
			placement.Sight{Target: tag, Absent: true}, "v1", tag, false},
		"the branch is gone, perhaps for a tag of its name": {named("v1", branch, true),
			placement.Sight{Target: branch, Absent: true}, "v1", branch, true},
		"the tag is gone": {named("v1", tag, true),
			placement.Sight{Target: tag, Absent: true}, "v1", tag, true},
		"somebody tampered with what Argo CD is asked for": {named("v1", tag, true),
			placement.Sight{Target: branch, Commit: commit}, "v1", tag, true},
		"the code repo of that name is another product's now": {
			func() placement.Placement { p := named("v1", tag, true); p.RepoProduct = "product-9"; return p }(),
			placement.Sight{Target: tag, Commit: commit}, "v1", branch, false},
		"another name begins anew": {named("v0", tag, true),
			placement.Sight{Target: tag, Commit: commit}, "v1", branch, false},
		"a full name is not looked for": {named("v1", branch, true),
			placement.Sight{Target: branch, Commit: commit}, tag, tag, false},
		"a record of before, of a branch or a tag": {named("v1", "", false),
			placement.Sight{Target: "v1", Commit: commit}, "v1", branch, false},
		"a record of before, of an abbreviated commit id: that commit": {named("abc1234", "", false),
			placement.Sight{Target: "abc1234", Commit: commit}, "abc1234", commit, true},
		"the same, Argo CD has not compared yet: as it is": {named("abc1234", "", false),
			placement.Sight{Target: "abc1234"}, "abc1234", "abc1234", false},
		"and then that commit": {named("abc1234", "abc1234", false),
			placement.Sight{Target: "abc1234", Commit: commit}, "abc1234", commit, true},
		"a record of before, of a branch that looks like a commit id": {named("abc1235", "", false),
			placement.Sight{Target: "abc1235", Commit: commit}, "abc1235", "refs/heads/abc1235", false},
		"and it stays that commit": {named("abc1234", commit, true),
			placement.Sight{Target: commit, Absent: true}, "abc1234", commit, true},
		"a new runtime with an abbreviated commit id asks for a branch": {placement.Placement{}, placement.Sight{},
			"abc1234", "refs/heads/abc1234", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := placement.Placement{CodeRepo: "repo-3", Revision: c.word}.Follow(c.was, c.seen)
			if got.Target() != c.target || got.RefFound != c.found {
				t.Errorf("got %s, found %v", got.Target(), got.RefFound)
			}
			if again := got.Follow(got, placement.Sight{}); again.Target() != got.Target() ||
				again.RefFound != got.RefFound {
				t.Errorf("a second pass makes %s of %s", again.Target(), got.Target())
			}
		})
	}
	other := placement.Placement{CodeRepo: "repo-4", Revision: "v1"}.Follow(named("v1", tag, true),
		placement.Sight{Target: tag, Commit: commit})
	if other.Target() != branch || other.RefFound {
		t.Errorf("another code repo begins anew: got %s", other.Target())
	}
	if p := named("v1", tag, false).LookAgain(); p.Target() != branch {
		t.Errorf("where neither is there the branch is tried again: got %s", p.Target())
	}
	if p := named("v1", tag, true).LookAgain(); p.Target() != tag {
		t.Errorf("what was found is not looked for again: got %s", p.Target())
	}
}
