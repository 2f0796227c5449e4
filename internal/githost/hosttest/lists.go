package hosttest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// manyProjects are more than one page.
const manyProjects = 101

func projectsOfGroup(t *testing.T, w *World) {
	group := w.group(t)
	member, stranger := w.member(t, group, githost.Reporter), w.person(t)
	below, err := w.Host.CreateGroup(t.Context(), w.Root, githost.NewGroup{Path: "below", ParentID: group.ID})
	must(t, err)
	w.project(t, below, "not-direct")
	w.Seed.Invite(t, w.project(t, w.group(t), "shared").ID, group.ID, githost.Reporter)

	got, err := w.Host.ProjectsOfGroup(t.Context(), member.Token, group.ID)
	must(t, err)
	if len(got) != 0 {
		t.Fatalf("an empty group has %+v", got)
	}
	var want []int64
	for range manyProjects {
		want = append(want, w.project(t, group, w.name("p")).ID)
	}
	got, err = w.Host.ProjectsOfGroup(t.Context(), member.Token, group.ID)
	must(t, err)
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Error(diff)
	}
	_, err = w.Host.ProjectsOfGroup(t.Context(), stranger.Token, group.ID)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
	_, err = w.Host.ProjectsOfGroup(t.Context(), member.Token, 999999999)
	wantProblem(t, err, problem.Missing, problem.ReasonMissing)
}

func projectsNamed(t *testing.T, w *World) {
	member, stranger := w.person(t), w.person(t)
	name := w.name("wanted.project")
	var want []int64
	for i := range 3 {
		group := w.group(t)
		if i < 2 {
			w.Seed.JoinGroup(t, group.ID, member.ID, githost.Guest)
			want = append(want, w.project(t, group, name).ID)
		} else {
			w.project(t, group, name) // projects of strangers
		}
		w.project(t, group, name+"-more")
		w.project(t, group, "my-"+name)
		_, err := w.Host.CreateProject(t.Context(), w.Root,
			githost.NewProject{NamespaceID: group.ID, Path: "other", Name: "The " + name, Description: name})
		must(t, err)
	}
	got, err := w.Host.ProjectsNamed(t.Context(), member.Token, name)
	must(t, err)
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Error(diff)
	}
	for _, p := range got {
		if p.PathSegment() != name || p.Namespace.Kind != githost.KindGroup || p.Namespace.Path+"/"+name != p.Path {
			t.Errorf("got %+v", p)
		}
	}
	got, err = w.Host.ProjectsNamed(t.Context(), stranger.Token, name)
	must(t, err)
	if len(got) != 0 {
		t.Errorf("a stranger sees %+v", got)
	}
	for _, bad := range []string{"", "a/b", "..", "a b"} {
		_, err = w.Host.ProjectsNamed(t.Context(), member.Token, bad)
		wantProblem(t, err, problem.Invalid, problem.ReasonInvalid)
	}
	t.Run("over several pages", func(t *testing.T) {
		group := w.group(t)
		for range manyProjects {
			w.project(t, group, w.name("p")+name)
		}
		got, err := w.Host.ProjectsNamed(t.Context(), w.Root, name)
		must(t, err)
		if len(got) != 3 {
			t.Errorf("got %d projects, want 3", len(got))
		}
	})
}

func groupsOfAUser(t *testing.T, w *World) {
	const many = 101 // more than a page
	member := w.person(t)
	parent := w.group(t)
	w.Seed.JoinGroup(t, parent.ID, member.ID, githost.Developer)
	want := []githost.Group{parent}
	for range many {
		g, err := w.Host.CreateGroup(t.Context(), w.Root,
			githost.NewGroup{Path: w.name("group"), Description: "d", ParentID: parent.ID, Visibility: githost.Private})
		must(t, err)
		want = append(want, g)
	}
	w.group(t) // a group of a stranger
	var got []githost.Group
	pages := 0
	for page, err := range w.Host.Groups(t.Context(), member.Token) {
		must(t, err)
		pages++
		got = append(got, page...)
	}
	if diff := cmp.Diff(want, got); diff != "" || pages < 2 {
		t.Errorf("%d pages: %s", pages, diff)
	}
	for page, err := range w.Host.Groups(t.Context(), member.Token) {
		must(t, err)
		if len(page) == 0 || page[0] != parent {
			t.Errorf("the first page begins with %+v", page)
		}
		break // a caller that has enough stops reading
	}
	for _, err := range w.Host.Groups(t.Context(), secret.New("glpat-unknown")) {
		wantProblem(t, err, problem.Unauthenticated, problem.ReasonUnauthenticated)
	}
	for page, err := range w.Host.Groups(t.Context(), w.person(t).Token) {
		must(t, err)
		if len(page) != 0 {
			t.Errorf("a stranger sees %+v", page)
		}
	}
}

func ids(projects []githost.Project) []int64 {
	var all []int64
	for _, p := range projects {
		all = append(all, p.ID)
	}
	return all
}
