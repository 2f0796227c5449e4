package hosttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

func currentUser(t *testing.T, w *World) {
	someone := w.person(t)
	got, err := w.Host.CurrentUser(t.Context(), someone.Token)
	must(t, err)
	if got.ID != someone.ID || got.Username != someone.Username || got.Email != someone.Email || got.Name == "" {
		t.Errorf("got %+v, want %+v", got, someone)
	}
	for name, bad := range map[string]secret.Token{
		"no token":              {},
		"an unknown token":      secret.New("glpat-unknown"),
		"a token with a break":  secret.New("glpat-a\r\nSudo: root"),
		"a token that is a URL": secret.New("https://x y/"),
		"a revoked token":       w.Seed.RevokedToken(t, someone.ID),
		"an expired token":      w.Seed.ExpiredToken(t, someone.ID),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Host.CurrentUser(t.Context(), bad)
			wantProblem(t, err, problem.Unauthenticated, problem.ReasonUnauthenticated)
		})
	}
}

func tokens(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "p")
	owner := w.member(t, group, githost.Owner)
	create := func(token secret.Token) error {
		_, err := w.Host.CreateProject(t.Context(), token,
			githost.NewProject{NamespaceID: group.ID, Path: w.name("new")})
		return err
	}

	t.Run("read_user tells only who it is", func(t *testing.T) {
		token := w.Seed.Token(t, owner.ID, "read_user")
		_, err := w.Host.CurrentUser(t.Context(), token)
		must(t, err)
		_, err = w.Host.ProjectAt(t.Context(), token, project.Path)
		wantProblem(t, err, problem.Forbidden, problem.ReasonInsufficientScope, "read_api")
	})
	t.Run("read_api reads and does not write", func(t *testing.T) {
		token := w.Seed.Token(t, owner.ID, "read_api")
		_, err := w.Host.RepositoryAt(t.Context(), token, project.Path, "main")
		must(t, err)
		wantProblem(t, create(token), problem.Forbidden, problem.ReasonInsufficientScope, "api")
	})
	t.Run("a token tells what it is for", func(t *testing.T) {
		got, err := w.Host.Scopes(t.Context(), w.Seed.Token(t, owner.ID, "read_api", "write_repository"))
		must(t, err)
		if !slices.Equal(slices.Sorted(slices.Values(got)), []string{"read_api", "write_repository"}) {
			t.Errorf("got %v", got)
		}
		got, err = w.Host.Scopes(t.Context(), secret.New("glpat-of-nobody"))
		if len(got) != 0 || err != nil {
			t.Errorf("of a token that the host does not know: %v %v", got, err)
		}
	})
	t.Run("api does both", func(t *testing.T) {
		must(t, create(w.Seed.Token(t, owner.ID, "api")))
	})
	t.Run("the token of a project is a bot that sees the project", func(t *testing.T) {
		token := w.Seed.ProjectToken(t, project.ID, githost.Developer, "api")
		bot, err := w.Host.CurrentUser(t.Context(), token)
		must(t, err)
		if bot.Username == "" || bot.Email == "" || bot.ID == owner.ID {
			t.Errorf("got %+v", bot)
		}
		_, err = w.Host.ProjectAt(t.Context(), token, project.Path)
		must(t, err)
		_, err = w.Host.ProjectAt(t.Context(), token, w.project(t, w.group(t), "other").Path)
		wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	})
}

func accessTo(t *testing.T, w *World) {
	group, guests := w.group(t), w.group(t)
	project := w.project(t, group, "p")
	direct, invited, stranger := w.person(t), w.member(t, guests, githost.Developer), w.person(t)
	w.Seed.JoinProject(t, project.ID, direct.ID, githost.Reporter)
	w.Seed.Invite(t, project.ID, guests.ID, githost.Reporter)
	inherited := w.member(t, group, githost.Maintainer)
	asking := w.person(t)
	w.Seed.JoinProject(t, project.ID, asking.ID, githost.Guest) // with this role the private group is visible
	w.Seed.RequestAccess(t, group.ID, asking.Token)

	for name, one := range map[string]struct {
		asking secret.Token
		person int64
		want   githost.AccessLevel
	}{
		"a member of the project":                   {direct.Token, direct.ID, githost.Reporter},
		"a member of the group":                     {inherited.Token, inherited.ID, githost.Maintainer},
		"a member of an invited group":              {invited.Token, invited.ID, githost.Reporter},
		"who asked to become a member of the group": {asking.Token, asking.ID, githost.Guest},
		"another member":                            {direct.Token, inherited.ID, githost.Maintainer},
		"a stranger, asked about by other":          {inherited.Token, stranger.ID, githost.NoAccess},
		"a stranger asks":                           {stranger.Token, stranger.ID, githost.NoAccess},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.Host.AccessTo(t.Context(), one.asking, project.ID, one.person)
			must(t, err)
			if got != one.want {
				t.Errorf("got %d, want %d", got, one.want)
			}
		})
	}
	t.Run("a bad token is not a stranger", func(t *testing.T) {
		_, err := w.Host.AccessTo(t.Context(), secret.New("glpat-unknown"), project.ID, direct.ID)
		wantProblem(t, err, problem.Unauthenticated, problem.ReasonUnauthenticated)
	})
}

func accessToGroup(t *testing.T, w *World) {
	parent := w.group(t)
	group, err := w.Host.CreateGroup(t.Context(), w.Root,
		githost.NewGroup{Path: w.name("group"), ParentID: parent.ID, Visibility: githost.Private})
	must(t, err)
	project := w.project(t, group, "p")
	member, inherited, stranger := w.member(t, group, githost.Developer),
		w.member(t, parent, githost.Owner), w.person(t)
	inProject := w.person(t)
	w.Seed.JoinProject(t, project.ID, inProject.ID, githost.Maintainer)
	asking := w.person(t)
	w.Seed.JoinProject(t, project.ID, asking.ID, githost.Guest)
	w.Seed.RequestAccess(t, group.ID, asking.Token)
	for name, one := range map[string]struct {
		asking Person
		want   githost.AccessLevel
	}{
		"who asked to become a member":            {asking, githost.NoAccess},
		"a member of the group":                   {member, githost.Developer},
		"a member of the group above":             {inherited, githost.Owner},
		"a member of a project of the group only": {inProject, githost.NoAccess},
		"a stranger": {stranger, githost.NoAccess},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.Host.AccessToGroup(t.Context(), one.asking.Token, group.ID, one.asking.ID)
			must(t, err)
			if got != one.want {
				t.Errorf("got %d, want %d", got, one.want)
			}
		})
	}
	t.Run("a bad token is not a stranger", func(t *testing.T) {
		_, err := w.Host.AccessToGroup(t.Context(), secret.New("glpat-unknown"), group.ID, member.ID)
		wantProblem(t, err, problem.Unauthenticated, problem.ReasonUnauthenticated)
	})
}

func noErrorShowsAToken(t *testing.T, w *World) {
	const canary = "glpat-CanaryCanaryCanary"
	bad := secret.New(canary)
	check := func(t *testing.T, err error) {
		t.Helper()
		if err == nil {
			t.Fatal("no error")
		}
		for ; err != nil; err = errors.Unwrap(err) {
			for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
				if text := fmt.Sprintf(form, err); strings.Contains(text, canary) {
					t.Errorf("%s shows the token: %s", form, text)
				}
			}
		}
	}
	name := ""
	for operation, call := range map[string]func() error{
		"CurrentUser":     func() error { return failed(w.Host.CurrentUser(t.Context(), bad)) },
		"Repository":      func() error { return failed(w.Host.RepositoryAt(t.Context(), bad, "a/b", "main")) },
		"Project":         func() error { return failed(w.Host.ProjectAt(t.Context(), bad, "a/b")) },
		"GroupAt":         func() error { return failed(w.Host.GroupAt(t.Context(), bad, "a")) },
		"GroupByID":       func() error { return failed(w.Host.GroupByID(t.Context(), bad, 1)) },
		"GroupAt 7":       func() error { return failed(w.Host.GroupAt(t.Context(), bad, "7")) },
		"ProjectByID":     func() error { return failed(w.Host.ProjectByID(t.Context(), bad, 1)) },
		"AccessTo":        func() error { return failed(w.Host.AccessTo(t.Context(), bad, 1, 1)) },
		"ProjectsOfGroup": func() error { return failed(w.Host.ProjectsOfGroup(t.Context(), bad, 1)) },
		"SubgroupsOf":     func() error { return failed(w.Host.SubgroupsOf(t.Context(), bad, 1)) },
		"ProjectsNamed":   func() error { return failed(w.Host.ProjectsNamed(t.Context(), bad, "default.project")) },
		"CreateGroup": func() error {
			return failed(w.Host.CreateGroup(t.Context(), bad,
				githost.NewGroup{Path: "a"}))
		},
		"UpdateGroup": func() error {
			return failed(w.Host.UpdateGroup(t.Context(), bad, 1,
				githost.GroupChange{Name: &name}))
		},
		"DeleteGroup": func() error { return w.Host.DeleteGroup(t.Context(), bad, 1) },
		"CreateProject": func() error {
			return failed(w.Host.CreateProject(t.Context(), bad,
				githost.NewProject{Path: "a"}))
		},
		"UpdateProject": func() error {
			return failed(w.Host.UpdateProject(t.Context(), bad, 1,
				githost.ProjectChange{Name: &name}))
		},
		"DeleteProject": func() error { return w.Host.DeleteProject(t.Context(), bad, 1) },
		"EnsureHook": func() error {
			return w.Host.EnsureHook(t.Context(), bad, 1, githost.Hook{URL: "http://x/", Secret: bad})
		},
		"DeployTokens": func() error { return failed(w.Host.DeployTokens(t.Context(), bad, githost.OfGroup(1))) },
		"CreateDeployToken": func() error {
			return failed(w.Host.CreateDeployToken(t.Context(), bad,
				githost.OfProject(1), githost.DeployTokenRequest{Name: "a"}))
		},
		"RevokeDeployToken": func() error { return w.Host.RevokeDeployToken(t.Context(), bad, githost.OfGroup(1), 1) },
	} {
		t.Run(operation, func(t *testing.T) { check(t, call()) })
	}
}

// failed leaves out what is asked for.
func failed[T any](_ T, err error) error { return err }
