package rules

import (
	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const revisionField = "spec.manifestSource.targetRevision"

// revisionIsABranchOrATag: other references, such as the commits of merge requests, are written by anybody who may open
// a merge request.
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

// recordedRevisionIsABranchOrATag is the same rule for the deployed revision. What is deployed keeps running.
func (c *runtimeCase) recordedRevisionIsABranchOrATag() []*problem.Problem {
	if !placement.IsOtherRef(c.deployed.Revision) {
		return nil
	}
	return only(problem.New(problem.Forbidden, api.ReasonInvalid,
		"revision %q, which the runtime is deployed from, is neither a branch nor a tag: what runs keeps running, but "+
			"new commits are not deployed; name a branch or a tag in %s",
		c.deployed.Revision, revisionField).At(revisionField))
}

// commitOfOthersIsNotNamed: a commit id also finds commits that anybody pushed for a merge request. In a code repo of
// another product, this product does not decide who may open merge requests. A commit that is already deployed stays.
func (c *runtimeCase) commitOfOthersIsNotNamed() []*problem.Problem {
	if !c.namesCommitOfOthers() || c.named.err != nil {
		return nil
	}
	revision, repo := c.runtime.Spec.ManifestSource.TargetRevision, c.resolution.CodeRepo
	for i := range c.named.value {
		rec := &c.named.value[i]
		if rec.CodeRepo == repo.Name && rec.RepoProduct == repo.Namespace && rec.Revision == revision {
			return nil
		}
	}
	return only(problem.New(problem.Invalid, api.ReasonInvalid,
		"code repo %q belongs to another product, where a commit id may also name what somebody proposed in "+
			"a merge request: "+
			"name a branch or a tag in %s, or ask the owner of the code repo for a tag",
		repo.Name, revisionField).At(revisionField))
}

func (c *runtimeCase) namesCommitOfOthers() bool {
	repo := c.resolution.CodeRepo
	return repo != nil && repo.Namespace != c.runtime.Namespace &&
		placement.IsCommit(c.runtime.Spec.ManifestSource.TargetRevision)
}

// commitUnknown says why commitOfOthersIsNotNamed cannot be checked. It needs the records only if the runtime names a
// commit of another product's code repo.
func (c *runtimeCase) commitUnknown() error {
	if c.namesCommitOfOthers() {
		return c.named.err
	}
	return nil
}

// isTwin says whether another runtime has the same revision. HEAD and the default branch count as one revision for a
// runtime that is not deployed from there yet: what is deployed must not be refused because the default branch of a repository
// changed.
func (c *runtimeCase) isTwin(other *api.DeploymentRuntime) bool {
	mine, his := c.targetOf(c.runtime), c.targetOf(other)
	deployed := c.own != nil && c.own.Revision == c.runtime.Spec.ManifestSource.TargetRevision
	if mine == his || deployed || c.resolution.CodeRepo == nil {
		return mine == his
	}
	meaning := func(target string) string {
		if branch := c.resolution.CodeRepo.Status.DefaultBranch; target == placement.Head && branch != "" {
			return placement.BranchOf(branch)
		}
		return target
	}
	return meaning(mine) == meaning(his)
}

// targetOf returns the full revision of a runtime. It comes from the record if that holds the same revision.
func (c *runtimeCase) targetOf(r *api.DeploymentRuntime) string {
	revision := r.Spec.ManifestSource.TargetRevision
	if rec := c.records[r.Name]; rec != nil && rec.Revision == revision {
		return rec.Target()
	}
	return placement.FullRevision(revision)
}
