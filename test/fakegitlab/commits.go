package fakegitlab

import (
	"errors"
	"net/http"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// listCommits is the history of a branch, newest first. GitLab knows no total here. Filters are not looked at.
func listCommits(c *call) *reply {
	p, out := c.codeOf()
	if out != nil {
		return out
	}
	name := c.in.text("ref_name")
	if name == "" {
		name = "refs/heads/" + c.defaultBranch(p)
	}
	r, err := git.PlainOpen(c.repositoryDir(p))
	if err != nil {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	// as git does: a short name is a tag's before it is a branch's
	head, err := r.ResolveRevision(plumbing.Revision(name))
	if err != nil {
		return answer(http.StatusOK, []any{}) // a name that nothing has is no error here
	}
	history, err := r.Log(&git.LogOptions{From: *head, Order: git.LogOrderCommitterTime})
	if err != nil {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	skip, left := (c.pageNumber()-1)*c.pageSize(), c.pageSize()
	shown := []any{}
	err = history.ForEach(func(commit *object.Commit) error {
		if skip > 0 {
			skip--
			return nil
		}
		if left == 0 {
			return storer.ErrStop
		}
		left--
		shown = append(shown, c.showCommit(p, commit))
		return nil
	})
	if err != nil && !errors.Is(err, storer.ErrStop) {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	return answer(http.StatusOK, shown)
}
