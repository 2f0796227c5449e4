package gitlab_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
	client "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/hosttest"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

func TestGitLabIsAHost(t *testing.T) {
	for name, change := range map[string]func(*fakegitlab.Options){
		"of today":                      func(*fakegitlab.Options) {},
		"before 18, without a licence":  func(o *fakegitlab.Options) { o.DeleteAtOnce, o.KeepNames = true, true },
		"before 18, names stay taken":   func(o *fakegitlab.Options) { o.KeepNames = true },
		"with another external address": func(o *fakegitlab.Options) { o.ExternalURL = "https://gitlab.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			_, seed := newGitLab(t, change)
			hosttest.Run(t, &hosttest.World{Host: connect(t, seed.url), Root: secret.New(seed.root), Seed: seed,
				Now: seed.clock.now})
		})
	}
}

func newGitLab(t *testing.T, change func(*fakegitlab.Options)) (*fakegitlab.Server, *seeder) {
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
	api, err := client.NewClient(server.RootToken(), client.WithBaseURL(url))
	check(t, err)
	return server, &seeder{url: url, root: server.RootToken(), api: api, clock: clock}
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

// seeder is hosttest.Seeder over GitLab's API and git.
type seeder struct {
	url, root string
	api       *client.Client
	clock     *clock
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *seeder) Person(t testing.TB, username string) hosttest.Person {
	t.Helper()
	email := username + "@example.com"
	u, _, err := s.api.Users.CreateUser(&client.CreateUserOptions{
		Username: &username, Name: client.Ptr("The " + username), Email: &email, ForceRandomPassword: client.Ptr(true),
		SkipConfirmation: client.Ptr(true),
	})
	check(t, err)
	return hosttest.Person{ID: u.ID, Username: username, Email: email, Token: s.Token(t, u.ID, "api")}
}

func (s *seeder) token(t testing.TB, person int64, expires time.Time, scopes ...string) *client.PersonalAccessToken {
	t.Helper()
	token, _, err := s.api.Users.CreatePersonalAccessToken(person, &client.CreatePersonalAccessTokenOptions{
		Name: client.Ptr("test"), Scopes: &scopes, ExpiresAt: client.Ptr(client.ISOTime(expires)),
	})
	check(t, err)
	return token
}

func (s *seeder) Token(t testing.TB, person int64, scopes ...string) secret.Token {
	t.Helper()
	return secret.New(s.token(t, person, s.clock.now().AddDate(0, 6, 0), scopes...).Token)
}

func (s *seeder) RevokedToken(t testing.TB, person int64) secret.Token {
	t.Helper()
	token := s.token(t, person, s.clock.now().AddDate(0, 6, 0), "api")
	_, err := s.api.PersonalAccessTokens.RevokePersonalAccessTokenByID(token.ID)
	check(t, err)
	return secret.New(token.Token)
}

func (s *seeder) ExpiredToken(t testing.TB, person int64) secret.Token {
	t.Helper()
	token := s.token(t, person, s.clock.now().AddDate(0, 0, 2), "api")
	s.clock.move(3 * 24 * time.Hour)
	return secret.New(token.Token)
}

func (s *seeder) ProjectToken(t testing.TB, project int64, level githost.AccessLevel, scopes ...string) secret.Token {
	t.Helper()
	token, _, err := s.api.ProjectAccessTokens.CreateProjectAccessToken(project,
		&client.CreateProjectAccessTokenOptions{
			Name: client.Ptr("bot"), Scopes: &scopes, AccessLevel: client.Ptr(client.AccessLevelValue(level)),
			ExpiresAt: client.Ptr(client.ISOTime(s.clock.now().AddDate(0, 6, 0))),
		})
	check(t, err)
	return secret.New(token.Token)
}

func (s *seeder) JoinGroup(t testing.TB, group, person int64, level githost.AccessLevel) {
	t.Helper()
	_, _, err := s.api.GroupMembers.AddGroupMember(group,
		&client.AddGroupMemberOptions{UserID: &person, AccessLevel: client.Ptr(client.AccessLevelValue(level))})
	check(t, err)
}

func (s *seeder) JoinProject(t testing.TB, project, person int64, level githost.AccessLevel) {
	t.Helper()
	_, _, err := s.api.ProjectMembers.AddProjectMember(project,
		&client.AddProjectMemberOptions{UserID: person, AccessLevel: client.Ptr(client.AccessLevelValue(level))})
	check(t, err)
}

func (s *seeder) RequestAccess(t testing.TB, group int64, token secret.Token) {
	t.Helper()
	asking, err := client.NewClient(token.Reveal(), client.WithBaseURL(s.url), client.WithoutRetries())
	check(t, err)
	_, _, err = asking.AccessRequests.RequestGroupAccess(group)
	check(t, err)
}

func (s *seeder) Invite(t testing.TB, project, group int64, level githost.AccessLevel) {
	t.Helper()
	_, err := s.api.Projects.ShareProjectWithGroup(project,
		&client.ShareWithGroupOptions{GroupID: &group, GroupAccess: client.Ptr(client.AccessLevelValue(level))})
	check(t, err)
}

// Commit pushes a commit without parents or files, over what was there. It goes through the clone URL that the Host
// gave.
func (s *seeder) Commit(t testing.TB, project githost.Project, branch string) string {
	t.Helper()
	return s.push(t, project, plumbing.NewBranchReferenceName(branch))
}

func (s *seeder) Tag(t testing.TB, project githost.Project, tag string) string {
	t.Helper()
	return s.push(t, project, plumbing.NewTagReferenceName(tag))
}

func (s *seeder) push(t testing.TB, project githost.Project, reference plumbing.ReferenceName) string {
	t.Helper()
	local := plumbing.NewBranchReferenceName(reference.Short())
	storage := memory.NewStorage()
	repository, err := git.InitWithOptions(storage, memfs.New(), git.InitOptions{DefaultBranch: local})
	check(t, err)
	tree, err := repository.Worktree()
	check(t, err)
	_, err = repository.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{project.HTTPURL}})
	check(t, err)
	auth := &githttp.BasicAuth{Username: "oauth2", Password: s.root}
	if pull := tree.Pull(&git.PullOptions{ReferenceName: reference, Auth: auth}); pull != nil {
		t.Logf("beginning %s: %v", reference, pull)
	}
	head, err := tree.Commit("Change "+project.Path, &git.CommitOptions{
		AllowEmptyCommits: true, Author: &object.Signature{Name: "Root", Email: "admin@example.com", When: time.Now()},
	})
	check(t, err)
	check(t, repository.Push(&git.PushOptions{Auth: auth,
		RefSpecs: []config.RefSpec{config.RefSpec(local + ":" + reference)}}))
	return head.String()
}

func (s *seeder) Archive(t testing.TB, project int64) {
	t.Helper()
	_, _, err := s.api.Projects.ArchiveProject(project)
	check(t, err)
}

func (s *seeder) Protect(t testing.TB, project int64, branch string, push githost.AccessLevel) {
	t.Helper()
	if response, err := s.api.ProtectedBranches.UnprotectRepositoryBranches(project, branch); err != nil &&
		(response == nil || response.StatusCode != http.StatusNotFound) {
		t.Fatal(err)
	}
	_, _, err := s.api.ProtectedBranches.ProtectRepositoryBranches(project, &client.ProtectRepositoryBranchesOptions{
		Name: &branch, PushAccessLevel: client.Ptr(client.AccessLevelValue(push)),
		MergeAccessLevel: client.Ptr(client.AccessLevelValue(push)),
	})
	check(t, err)
}

func (s *seeder) Hooks(t testing.TB, project int64) []hosttest.Hook {
	t.Helper()
	found, _, err := s.api.Projects.ListProjectHooks(project, nil)
	check(t, err)
	var hooks []hosttest.Hook
	for _, h := range found {
		events := map[string]bool{
			"push_events": h.PushEvents, "tag_push_events": h.TagPushEvents, "issues_events": h.IssuesEvents,
			"merge_requests_events": h.MergeRequestsEvents,
			"note_events":           h.NoteEvents, "job_events": h.JobEvents, "pipeline_events": h.PipelineEvents,
			"wiki_page_events":  h.WikiPageEvents,
			"deployment_events": h.DeploymentEvents, "releases_events": h.ReleasesEvents,
		}
		var on []string
		for event, is := range events {
			if is {
				on = append(on, event)
			}
		}
		slices.Sort(on)
		hooks = append(hooks, hosttest.Hook{URL: h.URL, Events: on})
	}
	return hooks
}

// What the fake can break: the same faults that httptest shows, on whole answers of a GitLab.
func TestAListOfGitLabThatIsCutIsWholeOrAnError(t *testing.T) {
	server, seed := newGitLab(t, func(*fakegitlab.Options) {})
	host, root := connect(t, seed.url), secret.New(seed.root)
	group, err := host.CreateGroup(t.Context(), root, githost.NewGroup{Path: "g"})
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
