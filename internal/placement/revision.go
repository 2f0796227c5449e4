package placement

import (
	"cmp"
	"regexp"
	"strings"
)

// The two places of a repository where a revision may lie. What else is below refs/, such as the commits of merge requests, holds what anybody may
// have pushed.
const (
	branches = "refs/heads/"
	tags     = "refs/tags/"
)

// head is the default branch of a repository.
const head = "HEAD"

var (
	commitID = regexp.MustCompile(`^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)
	// abbreviated is what Argo CD takes for the beginning of a commit id.
	abbreviated = regexp.MustCompile(`^[0-9a-fA-F]{7,}$`)
)

// IsCommit says whether a revision is a commit id. An abbreviated one is none: it is a name like any other.
func IsCommit(revision string) bool { return commitID.MatchString(revision) }

// IsOtherRef says whether a revision is a full name that is neither a branch's nor a tag's.
func IsOtherRef(revision string) bool {
	return strings.HasPrefix(revision, "refs/") && !strings.HasPrefix(revision, branches) && !strings.HasPrefix(revision, tags)
}

// IsShort says whether a revision is a short name: a branch's, or else a tag's.
func IsShort(revision string) bool {
	return revision != head && !IsCommit(revision) && !strings.HasPrefix(revision, "refs/")
}

// FullRevision returns what a revision means as long as nobody looked into the repository: of a short name the branch.
func FullRevision(revision string) string {
	if IsShort(revision) {
		return branches + revision
	}
	return revision
}

// ShortRevision returns a full name of a branch or a tag without its beginning, as people say it, and anything else as it is.
func ShortRevision(revision string) string {
	for _, place := range []string{branches, tags} {
		if name, is := strings.CutPrefix(revision, place); is {
			return name
		}
	}
	return revision
}

// Target is what Argo CD is asked for: never a short name, which it would take for whichever of a branch, a tag and a range of versions it
// meets first.
func (p Placement) Target() string { return cmp.Or(p.Ref, FullRevision(p.Revision)) }

// Sight is what Argo CD says of the revision that it was asked for.
type Sight struct {
	// Target is what it was asked for.
	Target string
	// Commit is what it found; Absent says that the repository has no such revision. Neither: it has not looked, or could not.
	Commit string
	Absent bool
}

// Follow returns p with what Revision means, going on from an earlier record and from what Argo CD says since. A short name is the branch of that
// name, or else the tag. Once it was found it stays what it is while the user says the same: a branch or a tag that comes or goes later changes
// nothing that runs.
func (p Placement) Follow(was Placement, seen Sight) Placement {
	p.Ref, p.RefFound = "", false
	if !IsShort(p.Revision) {
		return p
	}
	p.Ref = branches + p.Revision
	if was.Revision != p.Revision || was.CodeRepo != p.CodeRepo || was.RepoProduct != p.RepoProduct {
		return p
	}
	if ref, found := ofBefore(was, seen); ref != "" {
		p.Ref, p.RefFound = ref, found
		return p
	}
	p.Ref, p.RefFound = cmp.Or(was.Ref, p.Ref), was.RefFound
	switch {
	case p.RefFound:
	case seen.Target != p.Ref:
	case seen.Commit != "":
		p.RefFound = true
	case seen.Absent:
		p.Ref = tags + p.Revision
	}
	return p
}

// LookAgain returns p with the branch tried again, where neither that nor a tag was found.
func (p Placement) LookAgain() Placement {
	if p.Ref != "" && !p.RefFound {
		p.Ref = branches + p.Revision
	}
	return p
}

// ofBefore returns the commit of a runtime that was deployed from an abbreviated commit id before short names had a meaning; as long as Argo CD does
// not say which commit that is, the id as it stands.
func ofBefore(was Placement, seen Sight) (ref string, found bool) {
	asked := was.Ref == "" || was.Ref == was.Revision
	switch {
	case !asked || was.RefFound || seen.Target != was.Revision || !abbreviated.MatchString(was.Revision) || seen.Absent:
		return "", false
	case seen.Commit == "":
		return was.Revision, false
	case strings.HasPrefix(seen.Commit, strings.ToLower(was.Revision)):
		return seen.Commit, true
	}
	return "", false
}
