package fakegitlab_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// world is an instance, driven as its users drive it.
type world struct {
	*testing.T
	server *fakegitlab.Server
	url    string
	root   *gitlab.Client
	clock  *atomic.Int64 // moved by tests, in nanoseconds
	people int
}

func newWorld(t *testing.T, options ...func(*fakegitlab.Options)) *world {
	t.Helper()
	w := &world{T: t, clock: &atomic.Int64{}}
	o := fakegitlab.Options{Dir: t.TempDir(),
		Now: func() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) }}
	for _, change := range options {
		change(&o)
	}
	var err error
	if w.server, err = fakegitlab.New(o); err != nil {
		t.Fatal(err)
	}
	if w.url, err = w.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
		for _, v := range w.server.Violations() {
			t.Errorf("against the description of GitLab's API: %s", v)
		}
	})
	w.root = w.client(w.server.RootToken())
	return w
}

func (w *world) pass(d time.Duration) { w.clock.Add(int64(d)) }

func (w *world) client(token string) *gitlab.Client {
	w.Helper()
	c, err := gitlab.NewClient(token, gitlab.WithBaseURL(w.url), gitlab.WithoutRetries(),
		gitlab.WithHTTPClient(&http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true}, // a lost answer is lost
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}))
	if err != nil {
		w.Fatal(err)
	}
	return c
}

type person struct {
	*gitlab.User
	api   *gitlab.Client
	token string
}

func (w *world) person(scopes ...string) person {
	w.Helper()
	if len(scopes) == 0 {
		scopes = []string{"api"}
	}
	w.people++
	name := fmt.Sprintf("person%d", w.people)
	u, _, err := w.root.Users.CreateUser(&gitlab.CreateUserOptions{
		Username: &name, Name: gitlab.Ptr("Person " + name), Email: gitlab.Ptr(name + "@example.com"),
		ForceRandomPassword: gitlab.Ptr(true),
	})
	must(w, err)
	return person{User: u, api: nil, token: ""}.with(w, scopes...)
}

// with is the same person with a token of other scopes.
func (p person) with(w *world, scopes ...string) person {
	w.Helper()
	t, _, err := w.root.Users.CreatePersonalAccessToken(p.ID,
		&gitlab.CreatePersonalAccessTokenOptions{Name: gitlab.Ptr("test"), Scopes: &scopes})
	must(w, err)
	p.token, p.api = t.Token, w.client(t.Token)
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) group(path string, members map[int64]gitlab.AccessLevelValue) *gitlab.Group {
	w.Helper()
	var parent *int64
	if at := strings.LastIndex(path, "/"); at >= 0 {
		g, _, err := w.root.Groups.GetGroup(path[:at], nil)
		must(w, err)
		parent, path = &g.ID, path[at+1:]
	}
	g, _, err := w.root.Groups.CreateGroup(&gitlab.CreateGroupOptions{Name: &path, Path: &path, ParentID: parent})
	must(w, err)
	for user, level := range members {
		_, _, err := w.root.GroupMembers.AddGroupMember(g.ID,
			&gitlab.AddGroupMemberOptions{UserID: &user, AccessLevel: &level})
		must(w, err)
	}
	return g
}

func (w *world) project(g *gitlab.Group, path string) *gitlab.Project {
	w.Helper()
	p, _, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: &path, NamespaceID: &g.ID})
	must(w, err)
	return p
}

// started is a project that has a first commit on its default branch.
func (w *world) started(g *gitlab.Group, path string) *gitlab.Project {
	w.Helper()
	p, _, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: &path, NamespaceID: &g.ID,
		InitializeWithReadme: gitlab.Ptr(true)})
	must(w, err)
	return p
}

func (w *world) addMember(p *gitlab.Project, u person, level gitlab.AccessLevelValue) {
	w.Helper()
	_, _, err := w.root.ProjectMembers.AddProjectMember(p.ID,
		&gitlab.AddProjectMemberOptions{UserID: u.ID, AccessLevel: &level})
	must(w, err)
}

// git runs a command, without the settings of whoever runs the tests.
func (w *world) git(dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=Test",
		"GIT_COMMITTER_EMAIL=test@example.com")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (w *world) mustGit(dir string, args ...string) string {
	w.Helper()
	out, err := w.git(dir, args...)
	if err != nil {
		w.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return out
}

// remote is the address of a repository with credentials in it.
func (w *world) remote(path, name, token string) string {
	w.Helper()
	u, err := url.Parse(w.url + "/" + path + ".git")
	must(w, err)
	u.User = url.UserPassword(name, token)
	return u.String()
}

// commit makes a repository with one commit on a branch and returns its directory.
func (w *world) commit(branch, message string) string {
	w.Helper()
	dir := w.TempDir()
	w.mustGit(dir, "init", "--quiet", "--initial-branch="+branch)
	w.change(dir, message)
	return dir
}

func (w *world) change(dir, message string) {
	w.Helper()
	must(w, os.WriteFile(filepath.Join(dir, "file"), []byte(message), 0o600))
	w.mustGit(dir, "add", "file")
	w.mustGit(dir, "commit", "--quiet", "--allow-empty", "-m", message)
}

// status is the status of an answer also when the client made an error of it.
func status(r *gitlab.Response) int {
	if r == nil {
		return 0
	}
	return r.StatusCode
}
