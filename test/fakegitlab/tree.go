package fakegitlab

import (
	"net/http"
	"path"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// listTree is a directory of a revision. GitLab tells apart whether the revision or the path is missing.
func listTree(c *call) *reply {
	p, out := c.codeOf()
	if out != nil {
		return out
	}
	if c.in.truth("recursive") {
		return refusal(http.StatusNotImplemented, "not played: recursive")
	}
	name := c.in.text("ref")
	if name == "" {
		name = "refs/heads/" + c.defaultBranch(p)
	}
	r, err := git.PlainOpen(c.repositoryDir(p))
	if err != nil {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	tree, err := treeAt(r, name)
	if err != nil {
		return notFound("Tree")
	}
	at := c.in.text("path")
	if at != "" {
		if tree, err = tree.Tree(path.Clean(at)); err != nil {
			return notFound("invalid revision or path")
		}
	}
	return page(c, tree.Entries, func(e object.TreeEntry) any {
		kind := "blob"
		if e.Mode == filemode.Dir {
			kind = "tree"
		}
		return map[string]any{"id": e.Hash.String(), "name": e.Name, "type": kind, "path": path.Join(at, e.Name),
			"mode": e.Mode.String()[1:]}
	})
}

func treeAt(r *git.Repository, revision string) (*object.Tree, error) {
	id, err := r.ResolveRevision(plumbing.Revision(revision))
	if err != nil {
		return nil, err
	}
	commit, err := r.CommitObject(*id)
	if err != nil {
		return nil, err
	}
	return commit.Tree()
}
