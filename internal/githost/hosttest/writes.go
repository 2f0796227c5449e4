package hosttest

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

func groupsChange(t *testing.T, w *World) {
	parent := w.group(t)
	owner, reporter := w.member(t, parent, githost.Owner), w.member(t, parent, githost.Reporter)
	below := githost.NewGroup{Path: "below", ParentID: parent.ID, Visibility: githost.Private, Description: "words"}

	created, err := w.Host.CreateGroup(t.Context(), owner.Token, below)
	must(t, err)
	want := githost.Group{ID: created.ID, Path: parent.Path + "/below", Name: "below", Description: "words",
		Visibility: githost.Private, ParentID: parent.ID}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Error(diff)
	}
	_, err = w.Host.CreateGroup(t.Context(), owner.Token, below)
	wantProblem(t, err, problem.Conflict, problem.ReasonNameTaken)
	_, err = w.Host.CreateGroup(t.Context(), reporter.Token, githost.NewGroup{Path: "other", ParentID: parent.ID})
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.Host.CreateGroup(t.Context(), owner.Token, githost.NewGroup{Path: "not a path!", ParentID: parent.ID})
	wantProblem(t, err, problem.Invalid, problem.ReasonInvalid)

	name, words := "Below", "other words"
	changed, err := w.Host.UpdateGroup(t.Context(), owner.Token, created.ID,
		githost.GroupChange{Name: &name, Description: &words})
	must(t, err)
	want.Name, want.Description = name, words
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Error(diff)
	}
	_, err = w.Host.UpdateGroup(t.Context(), reporter.Token, created.ID, githost.GroupChange{Name: &name})
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.Host.UpdateGroup(t.Context(), w.person(t).Token, created.ID, githost.GroupChange{Name: &name})
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)

	wantProblem(t, w.Host.DeleteGroup(t.Context(), reporter.Token, created.ID), problem.Forbidden,
		problem.ReasonForbidden)
	wantProblem(t, w.Host.DeleteGroup(t.Context(), owner.Token, 999999999), problem.Missing, problem.ReasonMissing)
	must(t, w.Host.DeleteGroup(t.Context(), owner.Token, created.ID))
	got, err := w.Host.GroupByID(t.Context(), owner.Token, created.ID)
	if err == nil && !got.MarkedForDeletion {
		t.Errorf("still there: %+v", got)
	}
	if err == nil {
		must(t, w.Host.DeleteGroup(t.Context(), owner.Token, created.ID))
	}
}

func projectsChange(t *testing.T, w *World) {
	group := w.group(t)
	owner, reporter := w.member(t, group, githost.Owner), w.member(t, group, githost.Reporter)
	fresh := githost.NewProject{NamespaceID: group.ID, Path: "p", Name: "The P", Visibility: githost.Private,
		Description: "words"}

	created, err := w.Host.CreateProject(t.Context(), owner.Token, fresh)
	must(t, err)
	if created.Path != group.Path+"/p" || created.Name != "The P" || created.Description != "words" ||
		created.Visibility != githost.Private ||
		created.Namespace.ID != group.ID || !created.EmptyRepo {
		t.Errorf("got %+v", created)
	}
	_, err = w.Host.CreateProject(t.Context(), owner.Token, fresh)
	wantProblem(t, err, problem.Conflict, problem.ReasonNameTaken)
	_, err = w.Host.CreateProject(t.Context(), owner.Token,
		githost.NewProject{NamespaceID: group.ID, Path: "not a path!"})
	wantProblem(t, err, problem.Invalid, problem.ReasonInvalid)
	_, err = w.Host.CreateProject(t.Context(), reporter.Token, githost.NewProject{NamespaceID: group.ID, Path: "q"})
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)

	words, branch := "other words", "main"
	w.Seed.Commit(t, created, "main")
	changed, err := w.Host.UpdateProject(t.Context(), owner.Token, created.ID,
		githost.ProjectChange{Description: &words, DefaultBranch: &branch})
	must(t, err)
	if changed.Description != words || changed.DefaultBranch != "main" || changed.Name != "The P" ||
		changed.Visibility != githost.Private {
		t.Errorf("got %+v", changed)
	}
	_, err = w.Host.UpdateProject(t.Context(), reporter.Token, created.ID, githost.ProjectChange{Description: &words})
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.Host.UpdateProject(t.Context(), w.person(t).Token, created.ID,
		githost.ProjectChange{Description: &words})
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)

	wantProblem(t, w.Host.DeleteProject(t.Context(), reporter.Token, created.ID), problem.Forbidden,
		problem.ReasonForbidden)
	wantProblem(t, w.Host.DeleteProject(t.Context(), owner.Token, 999999999), problem.Missing, problem.ReasonMissing)
	must(t, w.Host.DeleteProject(t.Context(), owner.Token, created.ID))
	got, err := w.Host.ProjectByID(t.Context(), owner.Token, created.ID)
	if err == nil && !got.MarkedForDeletion {
		t.Errorf("still there: %+v", got)
	}
	if err == nil {
		must(t, w.Host.DeleteProject(t.Context(), owner.Token, created.ID))
	}
}

func ensureHook(t *testing.T, w *World) {
	group := w.group(t)
	project := w.project(t, group, "p")
	maintainer, developer := w.member(t, group, githost.Maintainer), w.member(t, group, githost.Developer)
	hook := githost.Hook{URL: "https://nautes.example.com/hook", Secret: secret.New("hook-secret-1"),
		Events: []string{"push_events", "tag_push_events"}}
	other := githost.Hook{URL: "https://elsewhere.example.com/hook", Events: []string{"issues_events"}}

	must(t, w.Host.EnsureHook(t.Context(), maintainer.Token, project.ID, other))
	must(t, w.Host.EnsureHook(t.Context(), maintainer.Token, project.ID, hook))
	must(t, w.Host.EnsureHook(t.Context(), maintainer.Token, project.ID, hook))
	wantHooks(t, w.Seed.Hooks(t, project.ID), Hook{other.URL, other.Events}, Hook{hook.URL, hook.Events})

	hook.Events = []string{"merge_requests_events"}
	must(t, w.Host.EnsureHook(t.Context(), maintainer.Token, project.ID, hook))
	wantHooks(t, w.Seed.Hooks(t, project.ID), Hook{other.URL, other.Events}, Hook{hook.URL, hook.Events})

	wantProblem(t, w.Host.EnsureHook(t.Context(), developer.Token, project.ID, hook), problem.Forbidden,
		problem.ReasonForbidden)
	wantProblem(t, w.Host.EnsureHook(t.Context(), w.person(t).Token, project.ID, hook), problem.Missing,
		problem.ReasonMissing)
	hook.Events = []string{"coffee_events"}
	wantProblem(t, w.Host.EnsureHook(t.Context(), maintainer.Token, project.ID, hook), problem.Invalid,
		problem.ReasonInvalid, "coffee_events", "push_events")
}

func wantHooks(t *testing.T, got []Hook, want ...Hook) {
	t.Helper()
	for _, h := range got {
		slices.Sort(h.Events)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// holders returns the owners that deploy tokens can have: a group, and a project in it.
func (w *World) holders(t *testing.T, owner Person, group githost.Group) []githost.Holder {
	t.Helper()
	project, err := w.Host.CreateProject(t.Context(), owner.Token,
		githost.NewProject{Name: "read", Path: "read", NamespaceID: group.ID, Visibility: "private"})
	must(t, err)
	return []githost.Holder{githost.OfGroup(group.ID), githost.OfProject(project.ID)}
}

func deployTokenIsCreated(t *testing.T, w *World) {
	group := w.group(t)
	owner, reporter := w.member(t, group, githost.Owner), w.member(t, group, githost.Reporter)
	for _, holder := range w.holders(t, owner, group) {
		t.Run(holder.String(), func(t *testing.T) { deployTokenOfIsCreated(t, w, holder, [2]Person{owner, reporter}) })
	}
}

// deployTokenOfIsCreated asks as an owner, as a reporter, and as a stranger.
func deployTokenOfIsCreated(t *testing.T, w *World, holder githost.Holder, people [2]Person) {
	owner, reporter := people[0], people[1]
	expires := w.Now().AddDate(0, 6, 0).UTC()
	request := githost.DeployTokenRequest{Name: "argo", Username: "argo-reads", Scopes: []string{"read_repository"},
		ExpiresAt: expires}

	got, err := w.Host.CreateDeployToken(t.Context(), owner.Token, holder, request)
	must(t, err)
	want := githost.DeployToken{ID: got.ID, Name: "argo", Username: "argo-reads", Scopes: request.Scopes,
		ExpiresAt: got.ExpiresAt, Token: got.Token}
	if !reflect.DeepEqual(got, want) || got.ID == 0 || got.Token.IsZero() ||
		got.ExpiresAt.UTC().YearDay() != expires.YearDay() {
		t.Errorf("got %+v", got)
	}
	got, err = w.Host.CreateDeployToken(t.Context(), owner.Token, holder,
		githost.DeployTokenRequest{Name: "other", Scopes: request.Scopes})
	must(t, err)
	if !got.ExpiresAt.IsZero() || got.Username == "" {
		t.Errorf("got %+v", got)
	}
	_, err = w.Host.CreateDeployToken(t.Context(), owner.Token, holder,
		githost.DeployTokenRequest{Name: "wrong", Scopes: []string{"drink_coffee"}})
	wantProblem(t, err, problem.Invalid, problem.ReasonInvalid)
	_, err = w.Host.CreateDeployToken(t.Context(), reporter.Token, holder, request)
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	_, err = w.Host.CreateDeployToken(t.Context(), w.person(t).Token, holder, request)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
}

func deployTokenIsRevoked(t *testing.T, w *World) {
	group := w.group(t)
	owner, reporter := w.member(t, group, githost.Owner), w.member(t, group, githost.Reporter)
	for _, holder := range w.holders(t, owner, group) {
		t.Run(holder.String(), func(t *testing.T) { deployTokenOfIsRevoked(t, w, holder, [2]Person{owner, reporter}) })
	}
}

func deployTokenOfIsRevoked(t *testing.T, w *World, holder githost.Holder, people [2]Person) {
	owner, reporter := people[0], people[1]
	var want []int64
	for range 2 {
		created, err := w.Host.CreateDeployToken(t.Context(), owner.Token, holder,
			githost.DeployTokenRequest{Name: "argo", Scopes: []string{"read_repository"}})
		must(t, err)
		want = append(want, created.ID)
	}
	if diff := cmp.Diff(want, w.goodDeployTokens(t, owner, holder)); diff != "" {
		t.Error(diff)
	}
	_, err := w.Host.DeployTokens(t.Context(), reporter.Token, holder)
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
	wantProblem(t, w.Host.RevokeDeployToken(t.Context(), reporter.Token, holder, want[0]), problem.Forbidden,
		problem.ReasonForbidden)
	must(t, w.Host.RevokeDeployToken(t.Context(), owner.Token, holder, want[0]))
	if diff := cmp.Diff(want[1:], w.goodDeployTokens(t, owner, holder)); diff != "" {
		t.Error(diff)
	}
	wantProblem(t, w.Host.RevokeDeployToken(t.Context(), owner.Token, holder, 999999999), problem.Missing,
		problem.ReasonMissing)
}

func (w *World) goodDeployTokens(t *testing.T, asking Person, of githost.Holder) []int64 {
	t.Helper()
	listed, err := w.Host.DeployTokens(t.Context(), asking.Token, of)
	must(t, err)
	var good []int64
	for _, one := range listed {
		if !one.Token.IsZero() {
			t.Error("a list tells the value of a deploy token")
		}
		if !one.Ended {
			good = append(good, one.ID)
		}
	}
	return good
}
