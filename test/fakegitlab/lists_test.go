package fakegitlab_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gitlab "gitlab.com/gitlab-org/api/client-go"
)

func (w *world) numbered(n int) *gitlab.Group {
	w.Helper()
	g := w.group("team", nil)
	for i := range n {
		w.project(g, fmt.Sprintf("app-%d", i))
	}
	return g
}

func TestPagesByNumber(t *testing.T) {
	w := newWorld(t)
	g := w.numbered(5)
	list, r, err := w.root.Groups.ListGroupProjects(g.ID, &gitlab.ListGroupProjectsOptions{
		ListOptions: gitlab.ListOptions{Page: 2, PerPage: 2, OrderBy: "id", Sort: "asc"}})
	must(t, err)
	got := map[string]any{
		"first": list[0].Path, "number": len(list), "page": r.CurrentPage, "next": r.NextPage,
		"previous": r.PreviousPage, "pages": r.TotalPages, "total": r.TotalItems,
	}
	want := map[string]any{"first": "app-2", "number": 2, "page": int64(2), "next": int64(3), "previous": int64(1),
		"pages": int64(3), "total": int64(5)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, rel := range []string{"prev", "next", "first", "last"} {
		if !strings.Contains(r.Header.Get("Link"), `rel="`+rel+`"`) {
			t.Errorf("no link %s in %s", rel, r.Header.Get("Link"))
		}
	}
	_, r, err = w.root.Groups.ListGroupProjects(g.ID,
		&gitlab.ListGroupProjectsOptions{ListOptions: gitlab.ListOptions{Page: 3, PerPage: 2}})
	must(t, err)
	if r.NextPage != 0 || r.Header.Get("X-Next-Page") != "" {
		t.Errorf("the last page leads to %q", r.Header.Get("X-Next-Page"))
	}
	_, r, _ = w.root.Projects.ListProjects(&gitlab.ListProjectsOptions{
		ListOptions: gitlab.ListOptions{Page: 1000, PerPage: 100}})
	if status(r) != http.StatusMethodNotAllowed {
		t.Errorf("a page beyond 50,000 answers %d", status(r))
	}
}

func TestPagesByKey(t *testing.T) {
	w := newWorld(t)
	w.numbered(5)
	options := &gitlab.ListProjectsOptions{
		ListOptions: gitlab.ListOptions{Pagination: "keyset", PerPage: 2}, OrderBy: gitlab.Ptr("id"),
		Sort: gitlab.Ptr("asc"), Search: gitlab.Ptr("app-")}
	var paths []string
	var following []gitlab.RequestOptionFunc
	for range 10 {
		list, r, err := w.root.Projects.ListProjects(options, following...)
		must(t, err)
		if r.Header.Get("X-Total") != "" || r.Header.Get("X-Page") != "" {
			t.Errorf("keyset pages have no numbers, got %v", r.Header)
		}
		for _, p := range list {
			paths = append(paths, p.Path)
		}
		if r.NextLink == "" {
			break
		}
		following = []gitlab.RequestOptionFunc{gitlab.WithKeysetPaginationParameters(r.NextLink)}
	}
	if diff := cmp.Diff([]string{"app-0", "app-1", "app-2", "app-3", "app-4"}, paths); diff != "" {
		t.Error(diff)
	}
	options.OrderBy = gitlab.Ptr("name")
	if _, r, err := w.root.Projects.ListProjects(options); status(r) != http.StatusMethodNotAllowed ||
		!strings.Contains(err.Error(), "Keyset pagination is not yet available") {
		t.Errorf("keyset by name answers %d %v", status(r), err)
	}
}

func TestSearchIsForParts(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	for _, path := range []string{"shop", "workshop", "sh", "other"} {
		w.project(g, path)
	}
	for search, want := range map[string][]string{
		"shop": {"shop", "workshop"}, "SHOP": {"shop", "workshop"}, "sh": {"sh"}, "team": nil,
	} {
		list, _, err := w.root.Projects.ListProjects(&gitlab.ListProjectsOptions{Search: &search,
			ListOptions: gitlab.ListOptions{OrderBy: "id", Sort: "asc"}})
		must(t, err)
		var got []string
		for _, p := range list {
			got = append(got, p.Path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", search, diff)
		}
	}
}

func TestProjectsOfGroups(t *testing.T) {
	w := newWorld(t)
	u := w.person()
	g := w.group("team", nil)
	sub := w.group("team/sub", map[int64]gitlab.AccessLevelValue{u.ID: gitlab.DeveloperPermissions})
	other := w.group("other", nil)
	w.project(g, "app")
	w.project(sub, "deep")
	shared := w.project(other, "shared")
	_, err := w.root.Projects.ShareProjectWithGroup(shared.ID,
		&gitlab.ShareWithGroupOptions{GroupID: &g.ID, GroupAccess: gitlab.Ptr(gitlab.DeveloperPermissions)})
	must(t, err)
	paths := func(c *gitlab.Client, o gitlab.ListGroupProjectsOptions) string {
		t.Helper()
		o.OrderBy, o.Sort = gitlab.Ptr("id"), gitlab.Ptr("asc")
		list, _, err := c.Groups.ListGroupProjects(g.ID, &o)
		must(t, err)
		var all []string
		for _, p := range list {
			all = append(all, p.Path)
		}
		return strings.Join(all, " ")
	}
	for want, o := range map[string]gitlab.ListGroupProjectsOptions{
		"app shared":      {},
		"app":             {WithShared: gitlab.Ptr(false)},
		"app deep":        {WithShared: gitlab.Ptr(false), IncludeSubGroups: gitlab.Ptr(true)},
		"app deep shared": {IncludeSubGroups: gitlab.Ptr(true)},
	} {
		if got := paths(w.root, o); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// Who is a member of a sub-group sees the group, and what he sees in it.
	if got := paths(u.api, gitlab.ListGroupProjectsOptions{IncludeSubGroups: gitlab.Ptr(true)}); got != "deep" {
		t.Errorf("a member of the sub-group sees %q", got)
	}
	groups, _, err := w.root.Groups.ListSubGroups(g.ID, nil)
	must(t, err)
	if len(groups) != 1 || groups[0].FullPath != "team/sub" || groups[0].ParentID != g.ID {
		t.Errorf("the sub-groups are %+v", groups)
	}
}

func TestMembers(t *testing.T) {
	w := newWorld(t)
	o, u := w.person(), w.person()
	g := w.group("team", map[int64]gitlab.AccessLevelValue{o.ID: gitlab.OwnerPermissions})
	add := &gitlab.AddGroupMemberOptions{UserID: &u.ID, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)}
	if _, r, _ := u.api.GroupMembers.AddGroupMember(g.ID, add); status(r) != http.StatusNotFound {
		t.Errorf("a stranger adds himself: %d", status(r))
	}
	_, _, err := o.api.GroupMembers.AddGroupMember(g.ID, add)
	must(t, err)
	if _, r, err := o.api.GroupMembers.AddGroupMember(g.ID, add); status(r) != http.StatusConflict ||
		!strings.Contains(err.Error(), "Member already exists") {
		t.Errorf("adding twice answers %d %v", status(r), err)
	}
	if _, r, _ := u.api.GroupMembers.AddGroupMember(g.ID, add); status(r) != http.StatusForbidden {
		t.Errorf("a Developer adds members: %d", status(r))
	}
	_, _, err = o.api.GroupMembers.EditGroupMember(g.ID, u.ID,
		&gitlab.EditGroupMemberOptions{AccessLevel: gitlab.Ptr(gitlab.MaintainerPermissions)})
	must(t, err)
	m, _, err := u.api.GroupMembers.GetGroupMember(g.ID, u.ID)
	must(t, err)
	if m.AccessLevel != gitlab.MaintainerPermissions {
		t.Errorf("the level is %d", m.AccessLevel)
	}
	all, _, err := u.api.Groups.ListAllGroupMembers(g.ID, nil)
	must(t, err)
	if len(all) != 3 { // with root, who made the group
		t.Errorf("the group has %d members", len(all))
	}
	_, err = o.api.GroupMembers.RemoveGroupMember(g.ID, u.ID, nil)
	must(t, err)
	if _, r, _ := u.api.Groups.GetGroup(g.ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("after leaving, the group answers %d", status(r))
	}
}
