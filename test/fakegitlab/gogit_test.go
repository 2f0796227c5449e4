package fakegitlab_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
	gitlab "gitlab.com/gitlab-org/api/client-go"
)

func (w *world) shallow(path, token string) (*git.Repository, error) {
	return git.CloneContext(w.Context(), memory.NewStorage(), memfs.New(), &git.CloneOptions{
		URL: w.url + "/" + path + ".git", Auth: &githttp.BasicAuth{Username: "oauth2", Password: token}, Depth: 1,
		SingleBranch: true,
	})
}

func TestGoGitFetchesAndPushes(t *testing.T) {
	w := newWorld(t)
	m, d := w.person(), w.person()
	p := w.started(w.group("team", map[int64]gitlab.AccessLevelValue{m.ID: gitlab.MaintainerPermissions,
		d.ID: gitlab.DeveloperPermissions}), "app")
	push := func(who person) (said string, head string, err error) {
		t.Helper()
		r, err := w.shallow("team/app", who.token)
		must(t, err)
		tree, err := r.Worktree()
		must(t, err)
		file, err := tree.Filesystem.Create("new")
		must(t, err)
		must(t, file.Close())
		_, err = tree.Add("new")
		must(t, err)
		commit, err := tree.Commit("second",
			&git.CommitOptions{Author: &object.Signature{Name: "x", Email: "x@example.com", When: time.Now()}})
		must(t, err)
		var progress bytes.Buffer
		err = r.PushContext(t.Context(), &git.PushOptions{
			RefSpecs: []config.RefSpec{"refs/heads/main:refs/heads/main"}, Progress: &progress,
			Auth: &githttp.BasicAuth{Username: "oauth2", Password: who.token}})
		return progress.String(), commit.String(), err
	}
	said, _, err := push(d)
	if err == nil || !strings.Contains(err.Error(), "pre-receive hook declined") ||
		!strings.Contains(said, "GitLab: You are not allowed to push code to protected branches on this project.") {
		t.Errorf("a Developer's push says %q, %v", said, err)
	}
	_, head, err := push(m)
	must(t, err)
	if b, _, err := m.api.Branches.GetBranch(p.ID, "main"); err != nil || b.Commit.ID != head {
		t.Errorf("the branch is %+v, %v; want %s", b, err, head)
	}
	if _, err := w.shallow("team/app", "wrong"); !errors.Is(err, transport.ErrAuthenticationRequired) {
		t.Errorf("a wrong token gets %v", err)
	}
	if _, err := w.shallow("team/none", m.token); !errors.Is(err, transport.ErrRepositoryNotFound) {
		t.Errorf("a missing project gets %v", err)
	}
}

// Many at once: the race detector watches.
func TestConcurrency(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	w.started(g, "app")
	var all sync.WaitGroup
	for i := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			name := string(rune('a' + i))
			p, _, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: &name, NamespaceID: &g.ID,
				InitializeWithReadme: gitlab.Ptr(true)})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := w.shallow("team/"+name, w.server.RootToken()); err != nil {
				t.Error(err)
			}
			if _, _, err := w.root.Branches.CreateBranch(p.ID,
				&gitlab.CreateBranchOptions{Branch: gitlab.Ptr("feature"), Ref: gitlab.Ptr("main")}); err != nil {
				t.Error(err)
			}
			if _, _, err := w.root.Groups.ListGroupProjects(g.ID, nil); err != nil {
				t.Error(err)
			}
			w.server.Requests()
		}()
	}
	all.Wait()
	if list, _, err := w.root.Groups.ListGroupProjects(g.ID, nil); err != nil || len(list) != 9 {
		t.Errorf("%d projects, %v", len(list), err)
	}
}
