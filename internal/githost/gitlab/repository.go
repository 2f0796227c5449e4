package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// GitLab's messages for the causes of a 404 for a branch or a directory.
const (
	treeNotFound       = "404 Tree Not Found"
	pathNotFound       = "404 invalid revision or path Not Found"
	branchNotFound     = "404 Branch Not Found"
	repositoryNotFound = "404 Repository Not Found"
)

// RepositoryAt implements githost.Host. The two requests run in parallel. An error of the project comes before one of
// the branch.
func (h *Host) RepositoryAt(ctx context.Context, token secret.Token, path, branch string) (githost.Repository, error) {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	type branchAnswer struct {
		branch *githost.Branch
		err    error
	}
	side := make(chan branchAnswer, 1)
	go func() {
		b, err := h.branch(both, token, path, branch)
		side <- branchAnswer{b, err}
	}()

	project, err := h.ProjectAt(both, token, path)
	if err != nil {
		cancel()
		<-side
		return githost.Repository{}, err
	}
	found := <-side
	r := githost.Repository{Project: project, Branch: found.branch, CodeReadable: true}
	if found.err != nil {
		r.CodeReadable, err = readableWithout(found.err, project)
	}
	if err != nil {
		return githost.Repository{}, err
	}
	return r, nil
}

func (h *Host) branch(ctx context.Context, token secret.Token, path, name string) (*githost.Branch, error) {
	t := task{token: token, operation: "GetBranch",
		doing: fmt.Sprintf("reading branch %s of project %s", shown(name), shown(path))}
	if !isProjectPath(path) || !isPath(name) {
		return nil, t.missing()
	}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Branch, *gitlab.Response, error) {
		return h.client.Branches.GetBranch(path, name, o...)
	})
	if err != nil {
		return nil, err
	}
	if found == nil || found.Name != name || found.Commit == nil || found.Commit.ID == "" {
		return nil, t.badAnswer("without a branch")
	}
	return &githost.Branch{Name: found.Name, Head: found.Commit.ID, CanPush: found.CanPush, Protected: found.Protected},
		nil
}

// NewestCommits implements githost.Host.
func (h *Host) NewestCommits(ctx context.Context, token secret.Token, project int64,
	branch string) ([]githost.Commit, error) {
	t := task{token: token, operation: "ListCommits",
		doing: fmt.Sprintf("reading the history of branch %s of project %d", shown(branch), project)}
	if !isPath(branch) {
		return nil, t.missing()
	}
	// GitLab would take a short name for the tag of that name, if there is one.
	options := gitlab.ListCommitsOptions{ListOptions: gitlab.ListOptions{PerPage: pageSize},
		RefName: gitlab.Ptr("refs/heads/" + branch)}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Commit, *gitlab.Response, error) {
		return h.client.Commits.ListCommits(project, &options, o...)
	})
	if err != nil {
		return nil, err
	}
	commits := make([]githost.Commit, 0, len(found))
	for _, c := range found {
		if c == nil || c.ID == "" || c.AuthoredDate == nil {
			return nil, t.badAnswer("without commits")
		}
		commits = append(commits, githost.Commit{
			ID: c.ID, Parents: c.ParentIDs, Message: c.Message, AuthorEmail: c.AuthorEmail,
			AuthoredAt: c.AuthoredDate.Truncate(time.Second),
		})
	}
	if len(commits) == 0 { // a branch has a commit; GitLab answers so for a branch that does not exist
		return nil, t.missing()
	}
	return commits, nil
}

// Directory implements githost.Host. GitLab before 15 answers with an empty list for a path that is not there; git has
// no empty directories.
func (h *Host) Directory(ctx context.Context, token secret.Token, project int64, revision, path string) (
	githost.Directory, error,
) {
	t := task{token: token, operation: "ListTree",
		doing: fmt.Sprintf("looking for %s of revision %s in project %d", shown(path), shown(revision), project)}
	options := gitlab.ListTreeOptions{ListOptions: gitlab.ListOptions{PerPage: 1}, Ref: &revision}
	if path != "." {
		options.Path = &path
	}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) ([]*gitlab.TreeNode, *gitlab.Response, error) {
		return h.client.Repositories.ListTree(project, &options, o...)
	})
	var said *refusedError
	switch {
	case err == nil:
		return githost.Directory{Revision: true, Path: len(found) > 0}, nil
	case errors.As(err, &said) && said.status == http.StatusNotFound && said.words == treeNotFound:
		return githost.Directory{}, nil
	case errors.As(err, &said) && said.status == http.StatusNotFound && said.words == pathNotFound:
		return githost.Directory{Revision: true}, nil
	}
	return githost.Directory{}, err
}

// readableWithout says whether the caller can read the code of a visible project for which GitLab refused the branch.
// Guests get 403. A repository that is disabled for the caller gives 404, and so does a missing branch. If GitLab's
// message does not tell them apart, the default branch does: GitLab shows it only to callers who may read the code.
func readableWithout(err error, p githost.Project) (bool, error) {
	refused := problem.As(err)
	if refused == nil {
		return false, err
	}
	switch {
	case refused.Class == problem.Forbidden && refused.Reason == problem.ReasonForbidden:
		return false, nil
	case refused.Class == problem.Missing && refused.Reason == problem.ReasonMissing:
		var said *refusedError
		if !errors.As(err, &said) || said.status != http.StatusNotFound {
			return false, err
		}
		return said.words == branchNotFound || said.words != repositoryNotFound && p.DefaultBranch != "", nil
	default:
		return false, err
	}
}
