package fakegitlab_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"
)

func TestScopesOpenOperations(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	u := w.person()
	user := func(c *gitlab.Client) (*gitlab.Response, error) { _, r, err := c.Users.CurrentUser(); return r, err }
	read := func(c *gitlab.Client) (*gitlab.Response, error) {
		_, r, err := c.Groups.GetGroup(g.ID, nil)
		return r, err
	}
	write := func(c *gitlab.Client) (*gitlab.Response, error) {
		_, r, err := c.Groups.UpdateGroup(g.ID, &gitlab.UpdateGroupOptions{Description: gitlab.Ptr("x")})
		return r, err
	}
	self := func(c *gitlab.Client) (*gitlab.Response, error) {
		_, r, err := c.PersonalAccessTokens.GetSinglePersonalAccessToken()
		return r, err
	}
	w.group("mine", nil)
	_, _, err := w.root.GroupMembers.AddGroupMember(g.ID,
		&gitlab.AddGroupMemberOptions{UserID: &u.ID, AccessLevel: gitlab.Ptr(gitlab.OwnerPermissions)})
	must(t, err)
	tests := map[string]struct {
		scope string
		call  func(*gitlab.Client) (*gitlab.Response, error)
		want  string // of the error; "" is success
	}{
		"api writes":     {"api", write, ""},
		"read_api reads": {"read_api", read, ""},
		"read_api doesn't write": {"read_api", write, "{error: insufficient_scope}, {error_description: " +
			"The request requires higher privileges than provided by the access token.}, {scope: api}"},
		"read_api knows who it is":             {"read_api", user, ""},
		"read_user knows who it is":            {"read_user", user, ""},
		"read_user doesn't read a group":       {"read_user", read, "{scope: api read_api}"},
		"write_repository doesn't know itself": {"write_repository", user, "{scope: api read_api read_user}"},
		"any token can look at itself":         {"write_repository", self, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.call(u.with(w, test.scope).api)
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTokensEnd(t *testing.T) {
	w := newWorld(t)
	u := w.person()
	tomorrow := gitlab.ISOTime(time.Now().UTC().AddDate(0, 0, 1))
	created, _, err := w.root.Users.CreatePersonalAccessToken(u.ID, &gitlab.CreatePersonalAccessTokenOptions{
		Name: gitlab.Ptr("short"), Scopes: &[]string{"api"}, ExpiresAt: &tomorrow})
	must(t, err)
	c := w.client(created.Token)
	seen, _, err := c.PersonalAccessTokens.GetSinglePersonalAccessToken()
	must(t, err)
	if seen.ExpiresAt.String() != tomorrow.String() || !seen.Active || seen.Token != "" || seen.UserID != u.ID {
		t.Errorf("the token says of itself %+v", seen)
	}
	w.pass(24 * time.Hour)
	_, r, err := c.Users.CurrentUser()
	if status(r) != http.StatusUnauthorized || !strings.Contains(err.Error(), "Token is expired") {
		t.Errorf("an expired token gets %d %v", status(r), err)
	}
	_, err = u.api.PersonalAccessTokens.RevokePersonalAccessTokenSelf()
	must(t, err)
	_, r, err = u.api.Users.CurrentUser()
	if status(r) != http.StatusUnauthorized || !strings.Contains(err.Error(), "Token was revoked") {
		t.Errorf("a revoked token gets %d %v", status(r), err)
	}
	_, r, err = w.client("glpat-unknown").Users.CurrentUser()
	if status(r) != http.StatusUnauthorized || !strings.Contains(err.Error(), "401 Unauthorized") {
		t.Errorf("an unknown token gets %d %v", status(r), err)
	}
	if me, _, err := w.client("").Users.CurrentUser(gitlab.WithToken(gitlab.OAuthToken,
		w.server.RootToken())); err != nil || me.Username != "root" || !me.IsAdmin {
		t.Errorf("as a bearer, root is %+v, %v", me, err)
	}
}

func TestOnlyAdministratorsMakeUsersAndTheirTokens(t *testing.T) {
	w := newWorld(t)
	u := w.person()
	_, r, _ := u.api.Users.CreateUser(&gitlab.CreateUserOptions{Email: gitlab.Ptr("a@b"), Username: gitlab.Ptr("a"),
		Name: gitlab.Ptr("a"), ResetPassword: gitlab.Ptr(true)})
	if status(r) != http.StatusForbidden {
		t.Errorf("somebody made a user: %d", status(r))
	}
	_, r, err := w.root.Users.CreateUser(&gitlab.CreateUserOptions{Email: gitlab.Ptr("a@b"),
		Username: gitlab.Ptr(u.Username), Name: gitlab.Ptr("a"), ResetPassword: gitlab.Ptr(true)})
	if status(r) != http.StatusConflict || !strings.Contains(err.Error(), "Username has already been taken") {
		t.Errorf("a name that is taken answers %d %v", status(r), err)
	}
	_, r, err = w.root.Users.CreateUser(&gitlab.CreateUserOptions{Email: gitlab.Ptr("a@b"), Username: gitlab.Ptr("a")})
	if status(r) != http.StatusBadRequest ||
		!strings.Contains(err.Error(), "name is missing, password, reset_password, force_random_password are missing") {
		t.Errorf("missing parameters answer %d %v", status(r), err)
	}
}

func TestCommitEmail(t *testing.T) {
	w := newWorld(t)
	u := w.person()
	see := func() string {
		t.Helper()
		var me struct {
			CommitEmail string `json:"commit_email"`
		}
		req, err := u.api.NewRequest(http.MethodGet, "user", nil, nil)
		must(t, err)
		_, err = u.api.Do(req, &me)
		must(t, err)
		return me.CommitEmail
	}
	if got := see(); got != u.Email {
		t.Errorf("commit_email is %q, want the address", got)
	}
	_, _, err := w.root.Users.ModifyUser(u.ID, &gitlab.ModifyUserOptions{CommitEmail: gitlab.Ptr("_private")})
	must(t, err)
	if got := see(); got != "2-person1@users.noreply.127.0.0.1" {
		t.Errorf("the private commit_email is %q", got)
	}
}

func TestProjectTokenSeesOneProjectOnly(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	p, other := w.started(g, "app"), w.started(g, "other")
	made, _, err := w.root.ProjectAccessTokens.CreateProjectAccessToken(p.ID, &gitlab.CreateProjectAccessTokenOptions{
		Name: gitlab.Ptr("bot"), Scopes: &[]string{"api"}, AccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)})
	must(t, err)
	bot := w.client(made.Token)
	seen, _, err := bot.Projects.ListProjects(nil)
	must(t, err)
	if len(seen) != 1 || seen[0].ID != p.ID {
		t.Errorf("the token sees %d projects", len(seen))
	}
	if _, r, _ := bot.Projects.GetProject(other.ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("another project answers %d", status(r))
	}
	if seen, _, err := bot.Groups.GetGroup(g.ID, nil); err != nil ||
		len(seen.Projects) != 1 { //nolint:staticcheck // the member is deprecated, and there
		t.Errorf("its group is %+v, %v", seen, err)
	}
	if _, r, _ := bot.Groups.GetGroup(w.group("elsewhere", nil).ID, nil); status(r) != http.StatusNotFound {
		t.Errorf("another group answers %d", status(r))
	}
	if me, _, err := bot.Users.CurrentUser(); err != nil || !me.Bot {
		t.Errorf("the bot is %+v, %v", me, err)
	}
	if out := w.mustGit(t.TempDir(), "ls-remote", w.remote("team/app", "x", made.Token)); !strings.Contains(out,
		"refs/heads/main") {
		t.Errorf("git sees %q", out)
	}
	_, err = w.root.ProjectAccessTokens.RevokeProjectAccessToken(p.ID, made.ID)
	must(t, err)
	if _, r, _ := bot.Projects.GetProject(p.ID, nil); status(r) != http.StatusUnauthorized {
		t.Errorf("after it was revoked, it gets %d", status(r))
	}
}

func TestDeployTokensOfGroups(t *testing.T) {
	w := newWorld(t)
	m, o := w.person(), w.person()
	g := w.group("team",
		map[int64]gitlab.AccessLevelValue{m.ID: gitlab.MaintainerPermissions, o.ID: gitlab.OwnerPermissions})
	w.group("team/sub", nil)
	sub, _, err := w.root.Groups.GetGroup("team/sub", nil)
	must(t, err)
	w.started(g, "app")
	w.started(sub, "deep")
	w.started(w.group("other", nil), "app")
	end := time.Now().Add(time.Hour)
	options := &gitlab.CreateGroupDeployTokenOptions{
		Name: gitlab.Ptr("reader"), Username: gitlab.Ptr("reader"), Scopes: &[]string{"read_repository"},
		ExpiresAt: &end}
	if _, r, _ := m.api.DeployTokens.CreateGroupDeployToken(g.ID, options); status(r) != http.StatusForbidden {
		t.Errorf("a Maintainer made a deploy token: %d", status(r))
	}
	made, _, err := o.api.DeployTokens.CreateGroupDeployToken(g.ID, options)
	must(t, err)
	list, _, err := m.api.DeployTokens.ListGroupDeployTokens(g.ID, nil)
	must(t, err)
	if len(list) != 1 || list[0].Token != "" || list[0].Username != "reader" || list[0].Expired ||
		!slices.Equal(list[0].Scopes, []string{"read_repository"}) {
		t.Errorf("the list is %+v", list)
	}
	fetch := func(path, name, token, want string) {
		t.Helper()
		out, err := w.git(t.TempDir(), "ls-remote", w.remote(path, name, token))
		if (err == nil) != (want == "") || !strings.Contains(out, want) {
			t.Errorf("fetching %s says (%v) %s, want %q", path, err, out, want)
		}
	}
	fetch("team/app", "reader", made.Token, "")
	fetch("team/sub/deep", "reader", made.Token, "")
	fetch("other/app", "reader", made.Token, "not found")
	fetch("team/app", "oauth2", made.Token, "Authentication failed")
	if out, err := w.git(w.commit("main", "x"), "push", w.remote("team/app", "reader", made.Token),
		"main:x"); err == nil || !strings.Contains(out, "error: 403") {
		t.Errorf("pushing with a deploy token says (%v) %s", err, out)
	}
	if _, r, _ := w.client(made.Token).Projects.ListProjects(nil); status(r) != http.StatusUnauthorized {
		t.Errorf("a deploy token calls the API: %d", status(r))
	}
	w.pass(2 * time.Hour)
	fetch("team/app", "reader", made.Token, "Authentication failed")
	if list, _, err = m.api.DeployTokens.ListGroupDeployTokens(g.ID, nil); err != nil || !list[0].Expired {
		t.Errorf("after its end, the list is %+v, %v", list, err)
	}
	_, err = o.api.DeployTokens.DeleteGroupDeployToken(g.ID, made.ID)
	must(t, err)
	if list, _, err = m.api.DeployTokens.ListGroupDeployTokens(g.ID, nil); err != nil || len(list) != 0 {
		t.Errorf("after its removal, the list is %+v, %v", list, err)
	}
	bad := *options
	bad.Scopes = &[]string{"api"}
	if _, r, err := o.api.DeployTokens.CreateGroupDeployToken(g.ID, &bad); status(r) != http.StatusBadRequest ||
		!strings.Contains(err.Error(), "scopes does not have a valid value") {
		t.Errorf("a scope that deploy tokens don't have answers %d %v", status(r), err)
	}
}

func TestDeployTokensOfProjects(t *testing.T) {
	w := newWorld(t)
	d, m := w.person(), w.person()
	g := w.group("team",
		map[int64]gitlab.AccessLevelValue{d.ID: gitlab.DeveloperPermissions, m.ID: gitlab.MaintainerPermissions})
	app := w.started(g, "app")
	w.started(g, "beside")
	options := &gitlab.CreateProjectDeployTokenOptions{Name: gitlab.Ptr("reader"), Scopes: &[]string{"read_repository"}}
	if _, r, _ := d.api.DeployTokens.CreateProjectDeployToken(app.ID, options); status(r) != http.StatusForbidden {
		t.Errorf("a Developer made a deploy token: %d", status(r))
	}
	if _, r, _ := d.api.DeployTokens.ListProjectDeployTokens(app.ID, nil); status(r) != http.StatusForbidden {
		t.Errorf("a Developer listed deploy tokens: %d", status(r))
	}
	made, _, err := m.api.DeployTokens.CreateProjectDeployToken(app.ID, options)
	must(t, err)
	fetch := func(path, want string) {
		t.Helper()
		out, err := w.git(t.TempDir(), "ls-remote", w.remote(path, made.Username, made.Token))
		if (err == nil) != (want == "") || !strings.Contains(out, want) {
			t.Errorf("fetching %s says (%v) %s, want %q", path, err, out, want)
		}
	}
	fetch("team/app", "")
	fetch("team/beside", "not found")
	if list, _, err := w.root.DeployTokens.ListGroupDeployTokens(g.ID, nil); err != nil || len(list) != 0 {
		t.Errorf("it is a token of the group: %+v, %v", list, err)
	}
	_, err = m.api.DeployTokens.DeleteProjectDeployToken(app.ID, made.ID)
	must(t, err)
	fetch("team/app", "Authentication failed")
}
