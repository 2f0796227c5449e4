package fakegitlab_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// levels says what a project tells a caller of his level.
func levels(p *gitlab.Project) (inProject, inGroup gitlab.AccessLevelValue) {
	if p.Permissions == nil {
		return -1, -1
	}
	if a := p.Permissions.ProjectAccess; a != nil {
		inProject = a.AccessLevel
	}
	if a := p.Permissions.GroupAccess; a != nil {
		inGroup = a.AccessLevel
	}
	return inProject, inGroup
}

func TestPermissions(t *testing.T) {
	w := newWorld(t)
	direct, inherited, invited, stranger := w.person(), w.person(), w.person(), w.person()
	w.group("team", map[int64]gitlab.AccessLevelValue{inherited.ID: gitlab.MaintainerPermissions})
	sub := w.group("team/sub", nil)
	p := w.started(sub, "app")
	w.addMember(p, direct, gitlab.DeveloperPermissions)
	guests := w.group("guests", map[int64]gitlab.AccessLevelValue{invited.ID: gitlab.OwnerPermissions})
	_, _, err := w.root.GroupMembers.ShareWithGroup(sub.ID,
		&gitlab.ShareWithGroupOptions{GroupID: &guests.ID, GroupAccess: gitlab.Ptr(gitlab.MaintainerPermissions)})
	must(t, err)
	tests := map[string]struct {
		who                person
		inProject, inGroup gitlab.AccessLevelValue
		effective          gitlab.AccessLevelValue
		canPush            bool
	}{
		"a member of the project": {direct, gitlab.DeveloperPermissions,
			0, gitlab.DeveloperPermissions, false},
		"a member of a group above": {inherited, 0, gitlab.MaintainerPermissions,
			gitlab.MaintainerPermissions, true},
		"a member of an invited group, whose permissions are null": {invited, 0, 0, gitlab.MaintainerPermissions, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen, _, err := test.who.api.Projects.GetProject("team/sub/app", nil)
			must(t, err)
			if inProject, inGroup := levels(seen); inProject != test.inProject || inGroup != test.inGroup {
				t.Errorf("permissions are %d in the project and %d in the group", inProject, inGroup)
			}
			m, _, err := test.who.api.ProjectMembers.GetInheritedProjectMember(p.ID, test.who.ID)
			must(t, err)
			b, _, err := test.who.api.Branches.GetBranch(p.ID, "main")
			must(t, err)
			if m.AccessLevel != test.effective || b.CanPush != test.canPush {
				t.Errorf("members/all says %d, can_push %t", m.AccessLevel, b.CanPush)
			}
		})
	}
	_, r, err := direct.api.ProjectMembers.GetInheritedProjectMember(p.ID, stranger.ID)
	if status(r) != http.StatusNotFound {
		t.Errorf("a stranger is a member: %v", err)
	}
	if _, r, _ := stranger.api.Projects.GetProject(p.ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("a stranger sees the project: %d", status(r))
	}
	// A list knows only members of the very group that a project lies in.
	list, _, err := inherited.api.Projects.ListProjects(nil)
	must(t, err)
	if inProject, inGroup := levels(list[0]); inProject != 0 || inGroup != 0 {
		t.Errorf("in a list, an inherited member has %d and %d", inProject, inGroup)
	}
	seen, _, err := inherited.api.Groups.GetGroup("team/sub", nil)
	must(t, err)
	if len(seen.SharedWithGroups) != 1 || seen.SharedWithGroups[0].GroupFullPath != "guests" {
		t.Errorf("the group is shared with %+v", seen.SharedWithGroups)
	}
	_, err = w.root.GroupMembers.DeleteShareWithGroup(sub.ID, guests.ID)
	must(t, err)
	if _, r, _ := invited.api.Projects.GetProject(p.ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("after the invitation ended, the project answers %d", status(r))
	}
}

func TestGuestsSeeAProjectButNotItsCode(t *testing.T) {
	w := newWorld(t)
	guest := w.person()
	p := w.started(w.group("team", map[int64]gitlab.AccessLevelValue{guest.ID: gitlab.GuestPermissions}), "app")
	seen, _, err := guest.api.Projects.GetProject(p.ID, nil)
	must(t, err)
	if seen.ID != p.ID || seen.DefaultBranch != "" {
		t.Errorf("a Guest sees %+v", seen)
	}
	_, r, err := guest.api.Branches.GetBranch(p.ID, "main")
	if status(r) != http.StatusForbidden || !strings.Contains(err.Error(), "403 Forbidden") {
		t.Errorf("a Guest gets the branch: %d %v", status(r), err)
	}
	_, _, err = w.root.Projects.EditProject(p.ID,
		&gitlab.EditProjectOptions{Visibility: gitlab.Ptr(gitlab.PrivateVisibility)})
	must(t, err)
	if _, r, _ := w.root.Projects.EditProject(p.ID, &gitlab.EditProjectOptions{
		Visibility: gitlab.Ptr(gitlab.PublicVisibility)}); status(r) != http.StatusBadRequest {
		t.Errorf("a public project in a private group answers %d", status(r))
	}
}

func TestVisibility(t *testing.T) {
	w := newWorld(t)
	stranger, nobody := w.person(), w.client("")
	path := "open"
	_, _, err := w.root.Groups.CreateGroup(&gitlab.CreateGroupOptions{Name: &path, Path: &path,
		Visibility: gitlab.Ptr(gitlab.PublicVisibility)})
	must(t, err)
	g, _, err := w.root.Groups.GetGroup("open", nil)
	must(t, err)
	for visibility, want := range map[gitlab.VisibilityValue]struct{ stranger, nobody int }{
		gitlab.PublicVisibility: {200, 200}, gitlab.InternalVisibility: {200, 404},
		gitlab.PrivateVisibility: {404, 404},
	} {
		p, _, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{
			Path: gitlab.Ptr(string(visibility)), NamespaceID: &g.ID, Visibility: &visibility,
			InitializeWithReadme: gitlab.Ptr(true)})
		must(t, err)
		_, r, _ := stranger.api.Projects.GetProject(p.ID, nil)
		seen, n, _ := nobody.Projects.GetProject(p.ID, nil)
		if status(r) != want.stranger || status(n) != want.nobody {
			t.Errorf("%s: a stranger gets %d, nobody gets %d", visibility, status(r), status(n))
		}
		if seen != nil && seen.Permissions != nil {
			t.Errorf("nobody has permissions: %+v", seen.Permissions)
		}
		if out, err := w.git(t.TempDir(), "ls-remote",
			w.url+"/open/"+string(visibility)); (err == nil) != (want.nobody == 200) {
			t.Errorf("%s: nobody fetches (%v) %s", visibility, err, out)
		}
	}
	if b, _, err := stranger.api.Branches.GetBranch("open/public", "main"); err != nil || b.CanPush {
		t.Errorf("a stranger sees the branch of a public project as %+v, %v", b, err)
	}
}

func TestMovedProject(t *testing.T) {
	moves := map[string]struct {
		move func(*world, *gitlab.Project) error
		path string
	}{
		"renamed": {func(w *world, p *gitlab.Project) error {
			_, _, err := w.root.Projects.EditProject(p.ID, &gitlab.EditProjectOptions{Path: gitlab.Ptr("newer")})
			return err
		}, "team/newer"},
		"transferred": {func(w *world, p *gitlab.Project) error {
			w.group("others", nil)
			_, _, err := w.root.Projects.TransferProject(p.ID, &gitlab.TransferProjectOptions{Namespace: "others"})
			return err
		}, "others/app"},
		"its group renamed": {func(w *world, _ *gitlab.Project) error {
			_, _, err := w.root.Groups.UpdateGroup("team", &gitlab.UpdateGroupOptions{Path: gitlab.Ptr("crew")})
			return err
		}, "crew/app"},
		"its group transferred": {func(w *world, p *gitlab.Project) error {
			parent := w.group("others", nil)
			_, _, err := w.root.Groups.TransferSubGroup(p.Namespace.ID,
				&gitlab.TransferSubGroupOptions{GroupID: &parent.ID})
			return err
		}, "others/team/app"},
	}
	for name, test := range moves {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.started(w.group("team", nil), "app")
			must(t, test.move(w, p))
			_, r, _ := w.root.Projects.GetProject("team/app", nil)
			if want := fmt.Sprintf("%s/api/v4/projects/%d", w.url, p.ID); status(r) != http.StatusMovedPermanently ||
				r.Header.Get("Location") != want {
				t.Errorf("GET of the old path answers %d to %s, want 301 to %s", status(r), r.Header.Get("Location"),
					want)
			}
			_, r, _ = w.root.Branches.GetBranch("team/app", "main")
			if want := fmt.Sprintf("%s/api/v4/projects/%d/repository/branches/main", w.url,
				p.ID); status(r) != http.StatusMovedPermanently || r.Header.Get("Location") != want {
				t.Errorf("GET of a branch answers %d to %s, want 301 to %s", status(r), r.Header.Get("Location"), want)
			}
			_, r, err := w.root.Projects.EditProject("team/app",
				&gitlab.EditProjectOptions{Description: gitlab.Ptr("x")})
			if status(r) != http.StatusMethodNotAllowed ||
				!strings.Contains(err.Error(), "Non GET methods are not allowed for moved projects") {
				t.Errorf("PUT to the old path answers %d %v", status(r), err)
			}
			if now, _, err := w.root.Projects.GetProject(p.ID, nil); err != nil || now.PathWithNamespace != test.path {
				t.Errorf("the project is %+v, %v", now, err)
			}
			if _, r, _ := w.person().api.Projects.GetProject("team/app", nil); status(r) != http.StatusNotFound {
				t.Errorf("a stranger learns of the move: %d", status(r))
			}
		})
	}
}

func TestMovedGroupIsGone(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	_, _, err := w.root.Groups.UpdateGroup(g.ID, &gitlab.UpdateGroupOptions{Path: gitlab.Ptr("crew")})
	must(t, err)
	if _, r, _ := w.root.Groups.GetGroup("team", nil); status(r) != http.StatusNotFound {
		t.Errorf("the old path of a group answers %d", status(r))
	}
}

func TestNamesThatAreTaken(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	w.group("team/sub", nil)
	w.project(g, "app")
	tests := map[string]struct {
		make func() (*gitlab.Response, error)
		want string
	}{
		"a project twice": {func() (*gitlab.Response, error) {
			_, r, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: gitlab.Ptr("APP"),
				NamespaceID: &g.ID})
			return r, err
		}, "{path: [has already been taken]}"},
		"a project called like a sub-group": {func() (*gitlab.Response, error) {
			_, r, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: gitlab.Ptr("sub"),
				NamespaceID: &g.ID})
			return r, err
		}, "{path: [has already been taken]}"},
		"a group twice": {func() (*gitlab.Response, error) {
			_, r, err := w.root.Groups.CreateGroup(&gitlab.CreateGroupOptions{Path: gitlab.Ptr("team"),
				Name: gitlab.Ptr("other")})
			return r, err
		}, `Failed to save group {:path=>["has already been taken"]}`},
		"a group called like a user": {func() (*gitlab.Response, error) {
			_, r, err := w.root.Groups.CreateGroup(&gitlab.CreateGroupOptions{Path: gitlab.Ptr("root"),
				Name: gitlab.Ptr("other")})
			return r, err
		}, `Failed to save group {:path=>["has already been taken"]}`},
		"a path that is none": {func() (*gitlab.Response, error) {
			_, r, err := w.root.Groups.CreateGroup(&gitlab.CreateGroupOptions{Path: gitlab.Ptr("a b"),
				Name: gitlab.Ptr("a b")})
			return r, err
		}, "can contain only letters"},
		"a project nowhere": {func() (*gitlab.Response, error) {
			_, r, err := w.person().api.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: gitlab.Ptr("x"),
				NamespaceID: &g.ID})
			return r, err
		}, "{namespace: [is not valid]}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := test.make()
			if status(r) != http.StatusBadRequest || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %d %v, want %q", status(r), err, test.want)
			}
		})
	}
}

func TestDeletionWaits(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	p := w.started(g, "app")
	_, err := w.root.Projects.DeleteProject(p.ID, nil)
	must(t, err)
	seen, _, err := w.root.Projects.GetProject(p.ID, nil)
	must(t, err)
	renamed := fmt.Sprintf("team/app-deletion_scheduled-%d", p.ID)
	if seen.MarkedForDeletionOn == nil || !seen.Archived || seen.PathWithNamespace != renamed {
		t.Errorf("a project that waits for deletion is %+v", seen)
	}
	if b, _, err := w.root.Branches.GetBranch(p.ID, "main"); err != nil || b.CanPush {
		t.Errorf("its branch is %+v, %v", b, err)
	}
	again := w.project(g, "app") // the name is free
	if r, _ := w.root.Projects.DeleteProject(p.ID, nil); status(r) != http.StatusBadRequest {
		t.Error("it can be deleted twice")
	}
	_, err = w.root.Projects.DeleteProject(p.ID,
		&gitlab.DeleteProjectOptions{PermanentlyRemove: gitlab.Ptr(true), FullPath: &renamed})
	must(t, err)
	if _, r, _ := w.root.Projects.GetProject(p.ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("after its removal it answers %d", status(r))
	}
	_, err = w.root.Groups.DeleteGroup(g.ID, nil)
	must(t, err)
	waiting, _, err := w.root.Groups.GetGroup(g.ID, nil)
	must(t, err)
	if waiting.MarkedForDeletionOn == nil || waiting.FullPath != fmt.Sprintf("team-deletion_scheduled-%d", g.ID) {
		t.Errorf("a group that waits for deletion is %+v", waiting)
	}
	if _, r, _ := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: gitlab.Ptr("late"),
		NamespaceID: &g.ID}); status(r) != http.StatusBadRequest {
		t.Errorf("a new project in it answers %d", status(r))
	}
	if _, r, _ := w.root.Projects.EditProject(again.ID,
		&gitlab.EditProjectOptions{Description: gitlab.Ptr("x")}); status(r) != http.StatusForbidden {
		t.Errorf("a change of a project in it answers %d", status(r))
	}
	_, _, err = w.root.Groups.RestoreGroup(g.ID)
	must(t, err)
	if back, _, err := w.root.Groups.GetGroup("team", nil); err != nil || back.MarkedForDeletionOn != nil {
		t.Errorf("restored, it is %+v, %v", back, err)
	}
}

func TestDeletionOfOlderGitLab(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.KeepNames = true })
	g := w.group("team", nil)
	p := w.project(g, "app")
	_, err := w.root.Projects.DeleteProject(p.ID, nil)
	must(t, err)
	if _, r, err := w.root.Projects.CreateProject(&gitlab.CreateProjectOptions{Path: gitlab.Ptr("app"),
		NamespaceID: &g.ID}); status(r) != http.StatusBadRequest {
		t.Errorf("a name that waits for deletion answers %d %v", status(r), err)
	}
	w = newWorld(t, func(o *fakegitlab.Options) { o.DeleteAtOnce = true })
	g = w.group("team", nil)
	p = w.project(g, "app")
	_, err = w.root.Groups.DeleteGroup(g.ID, nil)
	must(t, err)
	if _, r, _ := w.root.Projects.GetProject(p.ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("a project of a deleted group answers %d", status(r))
	}
}

func TestWhoMayDelete(t *testing.T) {
	w := newWorld(t)
	m, o := w.person(), w.person()
	g := w.group("team",
		map[int64]gitlab.AccessLevelValue{m.ID: gitlab.MaintainerPermissions, o.ID: gitlab.OwnerPermissions})
	p := w.project(g, "app")
	if r, _ := m.api.Projects.DeleteProject(p.ID, nil); status(r) != http.StatusForbidden {
		t.Errorf("a Maintainer deletes a project: %d", status(r))
	}
	if r, _ := m.api.Groups.DeleteGroup(g.ID, nil); status(r) != http.StatusForbidden {
		t.Errorf("a Maintainer deletes a group: %d", status(r))
	}
	if r, err := o.api.Groups.DeleteGroup(g.ID, nil); status(r) != http.StatusAccepted || err != nil {
		t.Errorf("an Owner deletes a group: %d %v", status(r), err)
	}
}

func TestTopLevelGroupsMayBeRefused(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.RefuseTopLevelGroups = true })
	_, r, err := w.root.Groups.CreateGroup(&gitlab.CreateGroupOptions{Path: gitlab.Ptr("team"),
		Name: gitlab.Ptr("team")})
	if status(r) != http.StatusForbidden || !strings.Contains(err.Error(), "403 Forbidden") {
		t.Errorf("a top-level group answers %d %v", status(r), err)
	}
}
