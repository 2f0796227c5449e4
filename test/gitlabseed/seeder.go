// Package gitlabseed prepares a GitLab for the suite of git hosts, through GitLab's API and git, and removes what it
// made. The GitLab is the stand-in or a real one.
package gitlabseed

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
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
)

// Seeder is hosttest.Seeder over GitLab's API and git, as an administrator.
type Seeder struct {
	// URL of the GitLab, and the token of an administrator.
	URL, Root string
	// Now is the clock of the GitLab. Move moves it; nil where that is not possible.
	Now  func() time.Time
	Move func(time.Duration)

	api    *client.Client
	mu     sync.Mutex
	people []int64
}

// New returns a Seeder.
func New(t testing.TB, url, root string, now func() time.Time) *Seeder {
	t.Helper()
	api, err := client.NewClient(root, client.WithBaseURL(url))
	must(t, err)
	return &Seeder{URL: url, Root: root, Now: now, api: api}
}

func (s *Seeder) made(person int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people = append(s.people, person)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Person makes an account.
func (s *Seeder) Person(t testing.TB, username string) hosttest.Person {
	t.Helper()
	email := username + "@example.com"
	u, _, err := s.api.Users.CreateUser(&client.CreateUserOptions{
		Username: &username, Name: client.Ptr("The " + username), Email: &email, ForceRandomPassword: client.Ptr(true),
		SkipConfirmation: client.Ptr(true),
	})
	must(t, err)
	s.made(u.ID)
	return hosttest.Person{ID: u.ID, Username: username, Email: email, Token: s.Token(t, u.ID, "api")}
}

func (s *Seeder) token(t testing.TB, person int64, expires time.Time, scopes ...string) *client.PersonalAccessToken {
	t.Helper()
	token, _, err := s.api.Users.CreatePersonalAccessToken(person, &client.CreatePersonalAccessTokenOptions{
		Name: client.Ptr("test"), Scopes: &scopes, ExpiresAt: client.Ptr(client.ISOTime(expires)),
	})
	must(t, err)
	return token
}

// Token makes another token of a person.
func (s *Seeder) Token(t testing.TB, person int64, scopes ...string) secret.Token {
	t.Helper()
	return secret.New(s.token(t, person, s.Now().AddDate(0, 6, 0), scopes...).Token)
}

// RevokedToken makes a token and revokes it.
func (s *Seeder) RevokedToken(t testing.TB, person int64) secret.Token {
	t.Helper()
	token := s.token(t, person, s.Now().AddDate(0, 6, 0), "api")
	_, err := s.api.PersonalAccessTokens.RevokePersonalAccessTokenByID(token.ID)
	must(t, err)
	return secret.New(token.Token)
}

// ExpiredToken makes a token and lets it expire. Where time cannot be moved there is none.
func (s *Seeder) ExpiredToken(t testing.TB, person int64) secret.Token {
	t.Helper()
	if s.Move == nil {
		return secret.Token{}
	}
	token := s.token(t, person, s.Now().AddDate(0, 0, 2), "api")
	s.Move(3 * 24 * time.Hour)
	return secret.New(token.Token)
}

// ProjectToken makes a bot of a project.
func (s *Seeder) ProjectToken(t testing.TB, project int64, level githost.AccessLevel, scopes ...string) secret.Token {
	t.Helper()
	token, _, err := s.api.ProjectAccessTokens.CreateProjectAccessToken(project,
		&client.CreateProjectAccessTokenOptions{
			Name: client.Ptr("bot"), Scopes: &scopes, AccessLevel: client.Ptr(client.AccessLevelValue(level)),
			ExpiresAt: client.Ptr(client.ISOTime(s.Now().AddDate(0, 6, 0))),
		})
	must(t, err)
	return secret.New(token.Token)
}

// JoinGroup makes a person a member of a group.
func (s *Seeder) JoinGroup(t testing.TB, group, person int64, level githost.AccessLevel) {
	t.Helper()
	_, _, err := s.api.GroupMembers.AddGroupMember(group,
		&client.AddGroupMemberOptions{UserID: &person, AccessLevel: client.Ptr(client.AccessLevelValue(level))})
	must(t, err)
}

// JoinProject makes a person a member of a project.
func (s *Seeder) JoinProject(t testing.TB, project, person int64, level githost.AccessLevel) {
	t.Helper()
	_, _, err := s.api.ProjectMembers.AddProjectMember(project,
		&client.AddProjectMemberOptions{UserID: person, AccessLevel: client.Ptr(client.AccessLevelValue(level))})
	must(t, err)
}

// RequestAccess asks for membership.
func (s *Seeder) RequestAccess(t testing.TB, group int64, token secret.Token) {
	t.Helper()
	asking, err := client.NewClient(token.Reveal(), client.WithBaseURL(s.URL), client.WithoutRetries())
	must(t, err)
	_, _, err = asking.AccessRequests.RequestGroupAccess(group)
	must(t, err)
}

// Invite invites a group into a project.
func (s *Seeder) Invite(t testing.TB, project, group int64, level githost.AccessLevel) {
	t.Helper()
	_, err := s.api.Projects.ShareProjectWithGroup(project,
		&client.ShareWithGroupOptions{GroupID: &group, GroupAccess: client.Ptr(client.AccessLevelValue(level))})
	must(t, err)
}

// Commit pushes a commit on top of what was there, with one file. It goes through the clone URL that the Host gave.
func (s *Seeder) Commit(t testing.TB, project githost.Project, branch string) string {
	t.Helper()
	return s.push(t, project, plumbing.NewBranchReferenceName(branch))
}

// Tag pushes a commit as a tag.
func (s *Seeder) Tag(t testing.TB, project githost.Project, tag string) string {
	t.Helper()
	return s.push(t, project, plumbing.NewTagReferenceName(tag))
}

func (s *Seeder) push(t testing.TB, project githost.Project, reference plumbing.ReferenceName) string {
	t.Helper()
	local := plumbing.NewBranchReferenceName(reference.Short())
	storage := memory.NewStorage()
	repository, err := git.InitWithOptions(storage, memfs.New(), git.InitOptions{DefaultBranch: local})
	must(t, err)
	tree, err := repository.Worktree()
	must(t, err)
	_, err = repository.CreateRemote(&config.RemoteConfig{Name: "origin", URLs: []string{project.HTTPURL}})
	must(t, err)
	auth := &githttp.BasicAuth{Username: "oauth2", Password: s.Root}
	if pull := tree.Pull(&git.PullOptions{ReferenceName: reference, Auth: auth}); pull != nil {
		t.Logf("beginning %s: %v", reference, pull)
	}
	file := hosttest.SeededDirectory + "/file"
	must(t, util.WriteFile(tree.Filesystem, file, []byte(reference), 0o600))
	_, err = tree.Add(file)
	must(t, err)
	head, err := tree.Commit("Change "+project.Path, &git.CommitOptions{
		AllowEmptyCommits: true, Author: &object.Signature{Name: "Root", Email: "admin@example.com", When: time.Now()},
	})
	must(t, err)
	must(t, repository.Push(&git.PushOptions{Auth: auth,
		RefSpecs: []config.RefSpec{config.RefSpec(local + ":" + reference)}}))
	return head.String()
}

// Archive archives a project.
func (s *Seeder) Archive(t testing.TB, project int64) {
	t.Helper()
	_, _, err := s.api.Projects.ArchiveProject(project)
	must(t, err)
}

// Protect protects a branch.
func (s *Seeder) Protect(t testing.TB, project int64, branch string, push githost.AccessLevel) {
	t.Helper()
	if response, err := s.api.ProtectedBranches.UnprotectRepositoryBranches(project, branch); err != nil &&
		(response == nil || response.StatusCode != http.StatusNotFound) {
		t.Fatal(err)
	}
	_, _, err := s.api.ProtectedBranches.ProtectRepositoryBranches(project, &client.ProtectRepositoryBranchesOptions{
		Name: &branch, PushAccessLevel: client.Ptr(client.AccessLevelValue(push)),
		MergeAccessLevel: client.Ptr(client.AccessLevelValue(push)),
	})
	must(t, err)
}

// Hooks returns the hooks of a project.
func (s *Seeder) Hooks(t testing.TB, project int64) []hosttest.Hook {
	t.Helper()
	found, _, err := s.api.Projects.ListProjectHooks(project, nil)
	must(t, err)
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
