package fakegitlab_test

import (
	"net/http"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// GitLab works out in the background what the members of a group may do in a project that was just made there.
func TestRightsInANewProjectArriveLate(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.LateRights = 2 })
	owner, other := w.person(), w.person()
	g := w.group("team", map[int64]gitlab.AccessLevelValue{owner.ID: gitlab.OwnerPermissions,
		other.ID: gitlab.DeveloperPermissions})
	p, _, err := owner.api.Projects.CreateProject(
		&gitlab.CreateProjectOptions{Path: gitlab.Ptr("app"), NamespaceID: &g.ID})
	must(t, err)
	if _, _, err := owner.api.Projects.GetProject(p.ID, nil); err != nil {
		t.Errorf("who made it does not see it: %v", err)
	}
	if list, _, err := other.api.Groups.ListGroupProjects(g.ID, nil); err != nil || len(list) != 0 {
		t.Errorf("in the list are %d, %v", len(list), err)
	}
	for _, want := range []int{http.StatusNotFound, http.StatusNotFound, http.StatusOK} {
		if _, r, _ := other.api.Projects.GetProject(p.ID, nil); status(r) != want {
			t.Errorf("another member gets %d, want %d", status(r), want)
		}
	}
	if list, _, err := other.api.Groups.ListGroupProjects(g.ID, nil); err != nil || len(list) != 1 {
		t.Errorf("in the list are %d, %v", len(list), err)
	}
}

func TestPermissionsAreInFewAnswers(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	made, _, err := w.root.Projects.CreateProject(
		&gitlab.CreateProjectOptions{Path: gitlab.Ptr("app"), NamespaceID: &g.ID})
	must(t, err)
	changed, _, err := w.root.Projects.EditProject(made.ID, &gitlab.EditProjectOptions{Description: gitlab.Ptr("x")})
	must(t, err)
	read, _, err := w.root.Projects.GetProject(made.ID, nil)
	must(t, err)
	ofGroup, _, err := w.root.Groups.ListGroupProjects(g.ID, nil)
	must(t, err)
	all, _, err := w.root.Projects.ListProjects(nil)
	must(t, err)
	for answer, c := range map[string]struct {
		project *gitlab.Project
		want    bool
	}{
		"the creation": {made, false}, "a change": {changed, false}, "the project": {read, true},
		"the list of a group": {ofGroup[0], false}, "the list of all": {all[0], true},
	} {
		if got := c.project.Permissions != nil; got != c.want {
			t.Errorf("%s shows permissions: %v", answer, got)
		}
	}
}

func TestWithAdminModeAnAdministratorNeedsTheScope(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.AdminMode = true })
	admin, member := w.person(), w.person()
	_, _, err := w.root.Users.ModifyUser(admin.ID, &gitlab.ModifyUserOptions{Admin: gitlab.Ptr(true)})
	must(t, err)
	p := w.started(w.group("team", map[int64]gitlab.AccessLevelValue{member.ID: gitlab.DeveloperPermissions}), "app")
	for name, c := range map[string]struct {
		token         string
		project, user int
		clones        bool
	}{
		"without it": {admin.token, http.StatusNotFound, http.StatusForbidden, false},
		"with it":    {admin.with(w, "api", "admin_mode").token, http.StatusOK, http.StatusCreated, true},
	} {
		t.Run(name, func(t *testing.T) {
			api := w.client(c.token)
			if _, r, _ := api.Projects.GetProject(p.ID, nil); status(r) != c.project {
				t.Errorf("a project of others: %d, want %d", status(r), c.project)
			}
			_, r, _ := api.Users.CreateUser(&gitlab.CreateUserOptions{Username: gitlab.Ptr("new"),
				Name: gitlab.Ptr("new"), Email: gitlab.Ptr("new@example.com"), ForceRandomPassword: gitlab.Ptr(true)})
			if status(r) != c.user {
				t.Errorf("a new user: %d, want %d", status(r), c.user)
			}
			if out, err := w.git(t.TempDir(), "ls-remote", w.remote("team/app", "x", c.token)); (err == nil) != c.clones {
				t.Errorf("git answers %v: %s", err, out)
			}
		})
	}
	if _, r, _ := member.api.Projects.GetProject(p.ID, nil); status(r) != http.StatusOK {
		t.Errorf("who is no administrator gets %d", status(r))
	}
}
