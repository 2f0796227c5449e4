package rules

import (
	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const revisionField = "spec.manifestSource.targetRevision"

// revisionIsABranchOrATag: what lies elsewhere below refs/, such as the commits of merge requests, comes from whoever
// may open one.
func (c *runtimeCase) revisionIsABranchOrATag() []*problem.Problem {
	revision := c.runtime.Spec.ManifestSource.TargetRevision
	if !placement.IsOtherRef(revision) {
		return nil
	}
	return only(problem.New(problem.Invalid, api.ReasonInvalid,
		"revision %q is neither a branch nor a tag, and people who may not push there may have made it: "+
			"name a branch, refs/heads/<branch>, refs/tags/<tag>, a whole commit id or HEAD in %s",
		revision, revisionField).At(revisionField))
}

// recordedRevisionIsABranchOrATag is the same of what is deployed: it keeps running as it is.
func (c *runtimeCase) recordedRevisionIsABranchOrATag() []*problem.Problem {
	if !placement.IsOtherRef(c.deployed.Revision) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonInvalid,
		"revision %q, which the runtime is deployed from, is neither a branch nor a tag: what runs keeps running, but new commits are not deployed; name a branch or a tag in %s",
		c.deployed.Revision, revisionField).At(revisionField))
}

// commitOfOthersIsNotNamed: a commit id finds what anybody pushed for a merge request, too, and in a repository of
// others the product does not decide who may. What is deployed already stays, under its name.
func (c *runtimeCase) commitOfOthersIsNotNamed() []*problem.Problem {
	if !c.namesCommitOfOthers() || c.records.err != nil {
		return nil
	}
	revision, repo := c.runtime.Spec.ManifestSource.TargetRevision, c.resolution.CodeRepo
	for i := range c.records.value {
		rec := &c.records.value[i]
		same := rec.CodeRepo == repo.Name && rec.RepoProduct == repo.Namespace && rec.Revision == revision
		if same && rec.Runtime.Name == c.runtime.Name {
			return nil
		}
	}
	return only(problem.New(problem.Invalid, api.ReasonInvalid,
		"code repo %q belongs to another product, where a commit id may also name what somebody proposed in a merge request: "+
			"name a branch or a tag in %s, or ask the owner of the code repo for a tag",
		repo.Name, revisionField).At(revisionField))
}

func (c *runtimeCase) namesCommitOfOthers() bool {
	repo := c.resolution.CodeRepo
	return repo != nil && repo.Namespace != c.runtime.Namespace &&
		placement.IsCommit(c.runtime.Spec.ManifestSource.TargetRevision)
}

// commitUnknown: the records count only where a commit of another product's is named.
func (c *runtimeCase) commitUnknown() error {
	if c.namesCommitOfOthers() {
		return c.records.err
	}
	return nil
}

// targetOf returns what a runtime's revision means: by its record where that is of the same name.
func (c *runtimeCase) targetOf(r *api.DeploymentRuntime) string {
	revision := r.Spec.ManifestSource.TargetRevision
	if rec := c.recordOf(r); rec != nil && rec.Revision == revision {
		return rec.Target()
	}
	return placement.FullRevision(revision)
}
