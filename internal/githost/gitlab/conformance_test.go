package gitlab_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/hosttest"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
	"github.com/nautes-labs/deployment-runtime/test/gitlabseed"
)

func TestGitLabIsAHost(t *testing.T) {
	for name, change := range map[string]func(*fakegitlab.Options){
		"of today":                      func(*fakegitlab.Options) {},
		"before 18, without a licence":  func(o *fakegitlab.Options) { o.DeleteAtOnce, o.KeepNames = true, true },
		"before 18, names stay taken":   func(o *fakegitlab.Options) { o.KeepNames = true },
		"with Admin Mode":               func(o *fakegitlab.Options) { o.AdminMode = true },
		"with another external address": func(o *fakegitlab.Options) { o.ExternalURL = "https://gitlab.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			_, seed := newGitLab(t, change)
			hosttest.Run(t, &hosttest.World{Host: connect(t, seed.URL), Root: secret.New(seed.Root), Seed: seed,
				Now: seed.Now})
		})
	}
}

func newGitLab(t *testing.T, change func(*fakegitlab.Options)) (*fakegitlab.Server, *gitlabseed.Seeder) {
	t.Helper()
	clock := &clock{}
	o := fakegitlab.Options{Dir: t.TempDir(), RequestsPerMinute: -1, Now: clock.now}
	change(&o)
	server, err := fakegitlab.New(o)
	check(t, err)
	url, err := server.Start(t.Context())
	check(t, err)
	t.Cleanup(func() {
		check(t, server.Close())
		for _, v := range server.Violations() {
			t.Errorf("against the description of GitLab's API: %s", v)
		}
	})
	seed := gitlabseed.New(t, url, server.RootToken(), clock.now)
	seed.Move = clock.move
	return server, seed
}

// clock is the fake's; tokens expire when it is moved.
type clock struct {
	mu    sync.Mutex
	moved time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.moved)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += d
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What the fake can break: the same faults that httptest shows, on whole answers of a GitLab.
func TestAListOfGitLabThatIsCutIsWholeOrAnError(t *testing.T) {
	server, seed := newGitLab(t, func(*fakegitlab.Options) {})
	host, root := connect(t, seed.URL), secret.New(seed.Root)
	group, err := host.CreateGroup(t.Context(), root, githost.NewGroup{Path: "team"})
	check(t, err)
	for _, name := range []string{"base1", "base2", "base3", "base"} {
		_, err := host.CreateProject(t.Context(), root, githost.NewProject{NamespaceID: group.ID, Path: name})
		check(t, err)
	}
	t.Run("by pages", func(t *testing.T) {
		defer server.Trouble().Add(fakegitlab.Fault{Partial: true})()
		if got, err := host.ProjectsOfGroup(t.Context(), root, group.ID); err == nil {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("by id", func(t *testing.T) {
		defer server.Trouble().Add(fakegitlab.Fault{Partial: true, Times: 1})()
		got, err := host.ProjectsNamed(t.Context(), root, "base")
		if err != nil || len(got) != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// A member of a group may come before GitLab has worked out that the group's new project is the member's too.
func TestWhoComesTooEarlyIsToldToTryAgain(t *testing.T) {
	_, seed := newGitLab(t, func(o *fakegitlab.Options) { o.LateRights = 2 })
	host, root := connect(t, seed.URL), secret.New(seed.Root)
	group, err := host.CreateGroup(t.Context(), root, githost.NewGroup{Path: "team", Visibility: githost.Private})
	check(t, err)
	member := seed.Person(t, "member")
	seed.JoinGroup(t, group.ID, member.ID, githost.Developer)
	_, err = host.CreateProject(t.Context(), root, githost.NewProject{NamespaceID: group.ID, Path: "app"})
	check(t, err)
	_, err = host.RepositoryAt(t.Context(), member.Token, "team/app", "main")
	if p := problem.As(err); p == nil || p.Class != problem.Missing || !strings.Contains(p.Message, "some seconds") {
		t.Fatalf("got %v", err)
	}
	for range 3 { // one question is two requests
		_, err = host.RepositoryAt(t.Context(), member.Token, "team/app", "main")
		if err == nil {
			return
		}
	}
	t.Errorf("a moment later: %v", err)
}

// GitLab gives up on a hook that fails again and again, and a change does not bring it back.
func TestAHookThatGitLabGaveUpOnIsReplacedThere(t *testing.T) {
	server, seed := newGitLab(t, func(*fakegitlab.Options) {})
	host, root := connect(t, seed.URL), secret.New(seed.Root)
	group, err := host.CreateGroup(t.Context(), root, githost.NewGroup{Path: "team"})
	check(t, err)
	project, err := host.CreateProject(t.Context(), root, githost.NewProject{NamespaceID: group.ID, Path: "app"})
	check(t, err)
	hook := githost.Hook{URL: "https://nautes.example.com/hook", Secret: secret.New("s"), Events: []string{"push_events"}}
	check(t, host.EnsureHook(t.Context(), root, project.ID, hook))
	server.DisableHooks(project.ID)
	api, err := client.NewClient(seed.Root, client.WithBaseURL(seed.URL))
	check(t, err)
	hooks := func() (seen []string) {
		found, _, err := api.Projects.ListProjectHooks(project.ID, nil)
		check(t, err)
		for _, h := range found {
			seen = append(seen, h.AlertStatus)
		}
		return seen
	}
	if got := hooks(); !slices.Equal(got, []string{"disabled"}) {
		t.Fatalf("before: %v", got)
	}
	for range 2 {
		check(t, host.EnsureHook(t.Context(), root, project.ID, hook))
		if got := hooks(); !slices.Equal(got, []string{"executable"}) {
			t.Errorf("after it was set up again: %v", got)
		}
	}
}
