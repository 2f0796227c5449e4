package placement

import (
	"cmp"
	"regexp"
	"strings"
)

// The two places of a repository where a revision may lie. Other references, such as the commits of merge requests, may
// hold what anybody pushed.
const (
	branches = "refs/heads/"
	tags     = "refs/tags/"
)

// Head is the default branch of a repository.
const Head = "HEAD"

var (
	commitID = regexp.MustCompile(`^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)
	// abbreviated matches what Argo CD takes for an abbreviated commit id.
	abbreviated = regexp.MustCompile(`^[0-9a-fA-F]{7,}$`)
)

// IsCommit says whether a revision is a full commit id. An abbreviated one counts as a name.
func IsCommit(revision string) bool { return commitID.MatchString(revision) }

// IsOtherRef says whether a revision is a full name of neither a branch nor a tag.
func IsOtherRef(revision string) bool {
	return strings.HasPrefix(revision, "refs/") && !strings.HasPrefix(revision, branches) &&
		!strings.HasPrefix(revision, tags)
}

// IsShort says whether a revision is the short name of a branch or a tag.
func IsShort(revision string) bool {
	return revision != Head && !IsCommit(revision) && !strings.HasPrefix(revision, "refs/")
}

// FullRevision returns what a revision means before anybody looked into the repository: a short name is then a branch.
func FullRevision(revision string) string {
	if IsShort(revision) {
		return branches + revision
	}
	return revision
}

// BranchOf returns the full name of a branch.
func BranchOf(name string) string { return branches + name }

// ShortRevision returns the full name of a branch or a tag without its prefix, and any other revision as it is.
func ShortRevision(revision string) string {
	for _, place := range []string{branches, tags} {
		if name, is := strings.CutPrefix(revision, place); is {
			return name
		}
	}
	return revision
}

// Target is the revision that Argo CD is asked for. It is never a short name: Argo CD would take that for a branch, a
// tag or a range of versions, whichever it finds first.
func (p Placement) Target() string { return cmp.Or(p.Ref, FullRevision(p.Revision)) }

// Sight is what Argo CD reports about the revision that it was asked for.
type Sight struct {
	// Target is the revision that it was asked for.
	Target string
	// Commit is the commit that it found. Absent says that the repository has no such revision. With neither, Argo CD
	// has not looked yet, or could not.
	Commit string
	Absent bool
}

// Follow returns p with the Ref that Revision means, from the earlier record and what Argo CD has reported since. A
// short name is the branch of that name, or else the tag. Once the Ref was found it stays the same until the user
// changes Revision: a branch or a tag that is created or deleted later changes nothing that runs.
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

// LookAgain returns p with the branch as Ref again, if neither the branch nor the tag was found.
func (p Placement) LookAgain() Placement {
	if p.Ref != "" && !p.RefFound {
		p.Ref = branches + p.Revision
	}
	return p
}

// ofBefore returns the Ref of a runtime that was deployed from an abbreviated commit id by an earlier version, which
// passed short names to Argo CD as they are. The Ref is the commit, or the id itself while Argo CD has not reported the
// commit.
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
