package fakegitlab_test

import (
	"net/http"
	"strings"
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go"
)

func TestBranches(t *testing.T) {
	w := newWorld(t)
	d := w.person()
	p := w.started(w.group("team", map[int64]gitlab.AccessLevelValue{d.ID: gitlab.DeveloperPermissions}), "app")
	create := func(name, from string) (int, string) {
		_, r, err := d.api.Branches.CreateBranch(p.ID, &gitlab.CreateBranchOptions{Branch: &name, Ref: &from})
		if err != nil {
			return status(r), err.Error()
		}
		return status(r), ""
	}
	for _, test := range []struct {
		name, from string
		status     int
		says       string
	}{
		{"feature/a", "main", http.StatusCreated, ""},
		{"feature/a", "main", http.StatusBadRequest, "Branch already exists"},
		{"b", "nothing", http.StatusBadRequest, "Invalid reference name: nothing"},
	} {
		if got, says := create(test.name, test.from); got != test.status || !strings.Contains(says, test.says) {
			t.Errorf("%s from %s answers %d %s", test.name, test.from, got, says)
		}
	}
	list, _, err := d.api.Branches.ListBranches(p.ID, &gitlab.ListBranchesOptions{Search: gitlab.Ptr("feat")})
	must(t, err)
	if len(list) != 1 || list[0].Name != "feature/a" || !list[0].CanPush || list[0].Protected || list[0].Default {
		t.Errorf("the branches are %+v", list[0])
	}
	if b, _, err := d.api.Branches.GetBranch(p.ID, "feature/a"); err != nil || b.Commit.Title != "Initial commit" {
		t.Errorf("a name with a slash is %+v, %v", b, err)
	}
	if r, _ := d.api.Branches.DeleteBranch(p.ID, "main"); status(r) != http.StatusForbidden {
		t.Errorf("a Developer deletes main: %d", status(r))
	}
	if r, _ := w.root.Branches.DeleteBranch(p.ID, "main"); status(r) != http.StatusMethodNotAllowed {
		t.Errorf("the default branch is deleted: %d", status(r))
	}
	_, err = d.api.Branches.DeleteBranch(p.ID, "feature/a")
	must(t, err)
	if _, r, err := d.api.Branches.GetBranch(p.ID, "feature/a"); status(r) != http.StatusNotFound || err == nil {
		t.Errorf("a deleted branch answers %d %v", status(r), err)
	}
}

func TestProtectedBranchesDecideCanPush(t *testing.T) {
	w := newWorld(t)
	d, m := w.person(), w.person()
	crew := w.group("crew", map[int64]gitlab.AccessLevelValue{d.ID: gitlab.DeveloperPermissions})
	p := w.started(w.group("team", map[int64]gitlab.AccessLevelValue{d.ID: gitlab.DeveloperPermissions,
		m.ID: gitlab.MaintainerPermissions}), "app")
	level := func(l gitlab.AccessLevelValue) *gitlab.ProtectRepositoryBranchesOptions {
		return &gitlab.ProtectRepositoryBranchesOptions{PushAccessLevel: &l}
	}
	allowed := func(o gitlab.BranchPermissionOptions) *gitlab.ProtectRepositoryBranchesOptions {
		return &gitlab.ProtectRepositoryBranchesOptions{AllowedToPush: &[]*gitlab.BranchPermissionOptions{&o}}
	}
	for name, test := range map[string]struct {
		rule                  *gitlab.ProtectRepositoryBranchesOptions
		developer, maintainer bool
	}{
		"nothing said is Maintainers": {&gitlab.ProtectRepositoryBranchesOptions{}, false, true},
		"Developers":                  {level(gitlab.DeveloperPermissions), true, true},
		"nobody":                      {level(gitlab.NoPermissions), false, false},
		"one user":                    {allowed(gitlab.BranchPermissionOptions{UserID: &d.ID}), true, false},
		"one group":                   {allowed(gitlab.BranchPermissionOptions{GroupID: &crew.ID}), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.root.ProtectedBranches.UnprotectRepositoryBranches(p.ID, "main")
			must(t, err)
			test.rule.Name = gitlab.Ptr("main")
			_, _, err = w.root.ProtectedBranches.ProtectRepositoryBranches(p.ID, test.rule)
			must(t, err)
			for _, who := range []struct {
				person
				want bool
			}{{d, test.developer}, {m, test.maintainer}} {
				b, _, err := who.api.Branches.GetBranch(p.ID, "main")
				must(t, err)
				if b.CanPush != who.want || !b.Protected {
					t.Errorf("%s can push: %t", who.Username, b.CanPush)
				}
			}
		})
	}
	_, r, _ := w.root.ProtectedBranches.ProtectRepositoryBranches(p.ID,
		&gitlab.ProtectRepositoryBranchesOptions{Name: gitlab.Ptr("main")})
	if status(r) != http.StatusConflict {
		t.Errorf("protecting twice answers %d", status(r))
	}
	if _, r, _ := d.api.ProtectedBranches.ListProtectedBranches(p.ID, nil); status(r) != http.StatusForbidden {
		t.Errorf("a Developer lists protected branches: %d", status(r))
	}
}

func TestNamespaces(t *testing.T) {
	w := newWorld(t)
	u, g := w.person(), w.group("team", nil)
	if n, _, err := u.api.Namespaces.GetNamespace(u.Username); err != nil || n.Kind != "user" {
		t.Errorf("a user's own is %+v, %v", n, err)
	}
	if n, _, err := w.root.Namespaces.GetNamespace(g.ID); err != nil || n.Kind != "group" || n.FullPath != "team" {
		t.Errorf("a group's is %+v, %v", n, err)
	}
	if _, r, _ := u.api.Namespaces.GetNamespace("root"); status(r) != http.StatusNotFound {
		t.Errorf("another user's answers %d", status(r))
	}
}
