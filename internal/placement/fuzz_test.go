package placement_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// FuzzRecords: whatever stands in an annotation, a record that is accepted names what it is about, and is written and
// read again as it is.
func FuzzRecords(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := placement.Decode(text); err == nil {
			if p.Runtime.Namespace == "" || p.Runtime.Name == "" || p.Destination.Cluster == "" || p.Product == "" {
				t.Errorf("a record without a name was accepted: %+v", p)
			}
			again, err := placement.Decode(p.Encode())
			if err != nil || again.Encode() != p.Encode() {
				t.Errorf("%v: %s became %s", err, p.Encode(), again.Encode())
			}
			wide := p.Widen(p.Leaving)
			for _, n := range slices.Concat(p.Namespaces, p.Leaving) {
				if !p.Holds(n) || !wide.Holds(n) {
					t.Errorf("%q is not held by %+v", n, p)
				}
			}
		}
		if d, err := placement.DecodeTeardown(text); err == nil {
			again, err := placement.DecodeTeardown(d.Encode())
			if d.RuntimeUID == "" || d.RequestedAt.IsZero() || err != nil || again.Encode() != d.Encode() {
				t.Errorf("%v: %+v became %+v", err, d, again)
			}
		}
		if passed, err := placement.DecodePassed(text); err == nil {
			again, err := placement.DecodePassed(placement.EncodePassed(passed))
			if err != nil || placement.EncodePassed(again) != placement.EncodePassed(passed) {
				t.Errorf("%v: %+v became %+v", err, passed, again)
			}
		}
	})
}

// FuzzFollow: whatever Argo CD reports, it is never asked for a short name, a revision that was found stays, and
// following twice is following once.
func FuzzFollow(f *testing.F) {
	f.Fuzz(func(t *testing.T, revision, before, ref string, found bool, target, commit string, absent bool) {
		was := placement.Placement{Revision: before, Ref: ref, RefFound: found}
		seen := placement.Sight{Target: target, Commit: commit, Absent: absent}
		next := placement.Placement{Revision: revision}.Follow(was, seen)
		if next.Revision != revision {
			t.Errorf("%q became %q", revision, next.Revision)
		}
		if !placement.IsShort(revision) && next.Target() != revision {
			t.Errorf("%q is asked for as %q", revision, next.Target())
		}
		// records of ours hold no short name, apart from the abbreviated commits of earlier versions
		if !placement.IsShort(ref) && !placement.IsShort(commit) && next.Target() != before &&
			placement.IsShort(next.Target()) {
			t.Errorf("Argo CD is asked for the short name %q", next.Target())
		}
		if found && before == revision && placement.IsShort(revision) && ref != "" &&
			(next.Ref != ref || !next.RefFound) {
			t.Errorf("%q was found and became %q", ref, next.Ref)
		}
		if next.RefFound {
			if again := (placement.Placement{Revision: revision}).Follow(next, seen); !reflect.DeepEqual(again, next) {
				t.Errorf("%+v became %+v", next, again)
			}
		}
		if short := placement.ShortRevision("refs/heads/" + revision); short != revision ||
			strings.HasPrefix(placement.FullRevision(revision), "refs/heads/refs/") {
			t.Errorf("%q: short %q, full %q", revision, short, placement.FullRevision(revision))
		}
	})
}
