// Package hosttest is the conformance suite of githost.Host. It tests, against a running git host, what the rest of the
// program relies on.
package hosttest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// World is a git host to try a Host on.
type World struct {
	Host githost.Host
	// Root is a token of an administrator, who may create groups at the top.
	Root secret.Token
	Seed Seeder
	// Now is the host's clock.
	Now func() time.Time

	// Prefix begins the names of everything that is made at the top, where a host is shared.
	Prefix string

	names atomic.Int64
}

// Person is an account.
type Person struct {
	ID              int64
	Username, Email string
	// Token has the scope api.
	Token secret.Token
}

// SeededDirectory is the directory that commits of a Seeder hold a file in.
const SeededDirectory = "deploy/base"

// Hook is a hook as the host shows it.
type Hook struct {
	URL    string
	Events []string
}

// Seeder prepares what a Host cannot, as an administrator. It fails the test on any error.
type Seeder interface {
	Person(t testing.TB, username string) Person
	// Token returns another personal token of a person.
	Token(t testing.TB, person int64, scopes ...string) secret.Token
	RevokedToken(t testing.TB, person int64) secret.Token
	// ExpiredToken returns the zero Token where time cannot be moved.
	ExpiredToken(t testing.TB, person int64) secret.Token
	// ProjectToken returns the token of a new bot in a project.
	ProjectToken(t testing.TB, project int64, level githost.AccessLevel, scopes ...string) secret.Token
	JoinGroup(t testing.TB, group, person int64, level githost.AccessLevel)
	JoinProject(t testing.TB, project, person int64, level githost.AccessLevel)
	// RequestAccess requests membership in a group for the user of the token.
	RequestAccess(t testing.TB, group int64, token secret.Token)
	// Invite gives the members of a group access to a project.
	Invite(t testing.TB, project, group int64, level githost.AccessLevel)
	// Commit pushes a new commit to a branch and returns its id. It holds a file in SeededDirectory.
	Commit(t testing.TB, project githost.Project, branch string) string
	// Tag pushes a new commit as a tag and returns its id.
	Tag(t testing.TB, project githost.Project, tag string) string
	Archive(t testing.TB, project int64)
	// Protect permits only users with the level to push to a branch.
	Protect(t testing.TB, project int64, branch string, push githost.AccessLevel)
	Hooks(t testing.TB, project int64) []Hook
}

// Run runs all tests.
func Run(t *testing.T, w *World) {
	for _, one := range []struct {
		name string
		test func(*testing.T, *World)
	}{
		{"CurrentUser", currentUser},
		{"tokens", tokens},
		{"Project", projectIsFound},
		{"Project that is not shown", projectIsMissing},
		{"Group", groupIsFound},
		{"Group at a path that is a number", groupAtANumber},
		{"Repository", repositoryByRole},
		{"Repository in every state", repositoryByState},
		{"Repository that is public", repositoryForStrangers},
		{"NewestCommits", newestCommits},
		{"Directory", directories},
		{"AccessTo", accessTo},
		{"AccessToGroup", accessToGroup},
		{"ProjectsOfGroup", projectsOfGroup},
		{"ProjectsNamed", projectsNamed},
		{"Groups", groupsOfAUser},
		{"groups are created, changed and deleted", groupsChange},
		{"projects are created, changed and deleted", projectsChange},
		{"EnsureHook", ensureHook},
		{"deploy tokens are created", deployTokenIsCreated},
		{"deploy tokens are listed and revoked", deployTokenIsRevoked},
		{"no error shows a token", noErrorShowsAToken},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, w) })
	}
}

// name returns a name that nothing else has.
func (w *World) name(prefix string) string {
	return fmt.Sprintf("%s%s-%d", w.Prefix, prefix, w.names.Add(1))
}

func (w *World) person(t testing.TB) Person {
	t.Helper()
	return w.Seed.Person(t, w.name("person"))
}

func (w *World) group(t testing.TB) githost.Group {
	t.Helper()
	g, err := w.Host.CreateGroup(t.Context(), w.Root,
		githost.NewGroup{Path: w.name("group"), Visibility: githost.Private})
	must(t, err)
	return g
}

func (w *World) project(t testing.TB, group githost.Group, path string) githost.Project {
	t.Helper()
	p, err := w.Host.CreateProject(t.Context(), w.Root,
		githost.NewProject{NamespaceID: group.ID, Path: path, Visibility: githost.Private})
	must(t, err)
	return p
}

// member is a person with a role in a group.
func (w *World) member(t testing.TB, group githost.Group, level githost.AccessLevel) Person {
	t.Helper()
	p := w.person(t)
	w.Seed.JoinGroup(t, group.ID, p.ID, level)
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (cause: %v)", err, errors.Unwrap(err))
	}
}

// wantProblem checks the class, the reason, and that the message contains the words.
func wantProblem(t testing.TB, err error, class problem.Class, reason string, words ...string) {
	t.Helper()
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want a problem %s/%s", err, class, reason)
	}
	if p.Class != class || p.Reason != reason || p.Message == "" {
		t.Fatalf("got %s/%s %q (cause: %v), want %s/%s", p.Class, p.Reason, p.Message, p.Cause, class, reason)
	}
	for _, word := range words {
		if !strings.Contains(p.Message, word) {
			t.Errorf("%q does not name %q", p.Message, word)
		}
	}
}
