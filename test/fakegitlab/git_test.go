package fakegitlab_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

func TestFirstPush(t *testing.T) {
	w := newWorld(t)
	m := w.person()
	p := w.project(w.group("team", map[int64]gitlab.AccessLevelValue{m.ID: gitlab.MaintainerPermissions}), "app")
	if _, r, _ := m.api.Branches.GetBranch(p.ID, "main"); status(r) != http.StatusNotFound || !p.EmptyRepo ||
		p.DefaultBranch != "main" {
		t.Errorf("an empty project is %+v with branch main %d", p, status(r))
	}
	dir := w.commit("main", "first")
	w.mustGit(dir, "push", w.remote("team/app", "oauth2", m.token), "main")
	b, _, err := m.api.Branches.GetBranch(p.ID, "main")
	must(t, err)
	head := strings.TrimSpace(w.mustGit(dir, "rev-parse", "HEAD"))
	if b.Commit.ID != head || !b.CanPush || !b.Protected || !b.Default {
		t.Errorf("branch is %+v, want the pushed head %s, protected", b, head)
	}
}

// What a push is answered, by who pushes what.
func TestPush(t *testing.T) {
	type attempt struct {
		level   gitlab.AccessLevelValue
		scopes  []string
		prepare func(*world, *gitlab.Project, string)
		push    []string
	}
	tests := map[string]struct {
		attempt
		want string // "" is success
	}{
		"a Maintainer pushes to the protected main": {attempt{level: gitlab.MaintainerPermissions,
			push: []string{"main"}}, ""},
		"a Developer doesn't": {attempt{level: gitlab.DeveloperPermissions, push: []string{"main"}},
			"remote: GitLab: You are not allowed to push code to protected branches on this project."},
		"a Developer pushes to another branch": {attempt{level: gitlab.DeveloperPermissions,
			push: []string{"main:feature"}}, ""},
		"one refused branch refuses the whole push": {attempt{level: gitlab.DeveloperPermissions,
			push: []string{"main:main", "main:feature"}},
			"[remote rejected] main -> feature (pre-receive hook declined)"},
		"a Reporter pushes nothing": {attempt{level: gitlab.ReporterPermissions, push: []string{"main:feature"}},
			"error: 403"},
		"a Guest pushes nothing": {attempt{level: gitlab.GuestPermissions, push: []string{"main:feature"}},
			"error: 403"},
		"nobody forces main": {attempt{level: gitlab.OwnerPermissions, push: []string{"--force", "main"},
			prepare: rewrite},
			"remote: GitLab: You are not allowed to force push code to a protected branch on this project."},
		"a Developer forces another branch": {attempt{level: gitlab.DeveloperPermissions,
			push: []string{"--force", "main:feature"}, prepare: rewrite}, ""},
		"nobody deletes the default branch": {attempt{level: gitlab.OwnerPermissions, push: []string{":main"}},
			"remote: GitLab: The default branch of a project cannot be deleted."},
		"a token for reading pushes nothing": {attempt{level: gitlab.MaintainerPermissions,
			scopes: []string{"read_repository"}, push: []string{"main"}}, "error: 403"},
		"a token that reads the API pushes nothing": {attempt{level: gitlab.MaintainerPermissions,
			scopes: []string{"read_api"}, push: []string{"main"}}, "error: 403"},
		"a token that knows only its user pushes nothing": {attempt{level: gitlab.MaintainerPermissions,
			scopes: []string{"read_user"}, push: []string{"main"}}, "error: 403"},
		"a token for writing pushes": {attempt{level: gitlab.MaintainerPermissions,
			scopes: []string{"write_repository"}, push: []string{"main"}}, ""},
		"nothing goes to an archived project": {attempt{level: gitlab.OwnerPermissions, push: []string{"main"},
			prepare: func(w *world, p *gitlab.Project, _ string) {
				_, _, err := w.root.Projects.ArchiveProject(p.ID)
				must(w, err)
			}}, "error: 403"},
		"nothing goes to a project that waits for deletion": {attempt{level: gitlab.OwnerPermissions,
			push: []string{"main"}, prepare: func(w *world, p *gitlab.Project, _ string) {
				_, err := w.root.Projects.DeleteProject(p.ID, nil)
				must(w, err)
			}}, "error: 403"},
		"a rule about messages speaks": {attempt{level: gitlab.MaintainerPermissions, push: []string{"main"},
			prepare: func(w *world, p *gitlab.Project, _ string) {
				_, _, err := w.root.Projects.AddProjectPushRule(p.ID,
					&gitlab.AddProjectPushRuleOptions{CommitMessageRegex: gitlab.Ptr("^JIRA-[0-9]+")})
				must(w, err)
			}}, "remote: GitLab: Commit message does not follow the pattern '^JIRA-[0-9]+'"},
		"a rule about committers speaks": {attempt{level: gitlab.MaintainerPermissions, push: []string{"main"},
			prepare: func(w *world, p *gitlab.Project, _ string) {
				_, _, err := w.root.Projects.AddProjectPushRule(p.ID,
					&gitlab.AddProjectPushRuleOptions{CommitCommitterCheck: gitlab.Ptr(true)})
				must(w, err)
			}}, "remote: GitLab: You cannot push commits for 'test@example.com'."},
		"a rule about signatures speaks": {attempt{level: gitlab.MaintainerPermissions, push: []string{"main"},
			prepare: func(w *world, p *gitlab.Project, _ string) {
				_, _, err := w.root.Projects.AddProjectPushRule(p.ID,
					&gitlab.AddProjectPushRuleOptions{RejectUnsignedCommits: gitlab.Ptr(true)})
				must(w, err)
			}}, "remote: GitLab: Commit must be signed"},
		"a protected main may be opened to Developers": {attempt{level: gitlab.DeveloperPermissions,
			push: []string{"main"}, prepare: func(w *world, p *gitlab.Project, _ string) {
				_, err := w.root.ProtectedBranches.UnprotectRepositoryBranches(p.ID, "main")
				must(w, err)
				_, _, err = w.root.ProtectedBranches.ProtectRepositoryBranches(p.ID,
					&gitlab.ProtectRepositoryBranchesOptions{
						Name: gitlab.Ptr("ma*"), PushAccessLevel: gitlab.Ptr(gitlab.DeveloperPermissions)})
				must(w, err)
			}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.started(w.group("team", nil), "app")
			scopes := test.scopes
			if scopes == nil {
				scopes = []string{"api"}
			}
			u := w.person(scopes...)
			w.addMember(p, u, test.level)
			dir := w.TempDir()
			w.mustGit(dir, "clone", "--quiet", w.remote("team/app", "root", w.server.RootToken()), ".")
			w.change(dir, "second")
			if test.prepare != nil {
				test.prepare(w, p, dir)
			}
			p, _, err := w.root.Projects.GetProject(p.ID, nil)
			must(t, err)
			out, err := w.git(dir,
				append([]string{"push", w.remote(p.PathWithNamespace, "anything", u.token)}, test.push...)...)
			if (err == nil) != (test.want == "") || !strings.Contains(out, test.want) {
				t.Errorf("git push says (%v)\n%s\nwant %q", err, out, test.want)
			}
		})
	}
}

// rewrite gives main another history than the server's.
func rewrite(w *world, _ *gitlab.Project, dir string) {
	w.mustGit(dir, "commit", "--quiet", "--amend", "-m", "another")
	w.mustGit(dir, "push", "--quiet", w.remote("team/app", "root", w.server.RootToken()), "main:feature")
	w.mustGit(dir, "checkout", "--quiet", "--orphan", "fresh")
	w.change(dir, "fresh")
	w.mustGit(dir, "branch", "--quiet", "--force", "main", "fresh")
}

func TestRefusalOfAnEmptyRepositoryNamesWhomToAsk(t *testing.T) {
	w := newWorld(t)
	d := w.person()
	p := w.project(w.group("team", nil), "app")
	w.addMember(p, d, gitlab.DeveloperPermissions)
	out, err := w.git(w.commit("main", "first"), "push", w.remote("team/app", "x", d.token), "main")
	if err == nil || !strings.Contains(out, "remote: A default branch (e.g. main) does not yet exist for team/app") ||
		!strings.Contains(out, "pre-receive hook declined") {
		t.Errorf("git push says (%v)\n%s", err, out)
	}
}

func TestClone(t *testing.T) {
	w := newWorld(t)
	g := w.group("team", nil)
	p := w.started(g, "app")
	other := w.started(w.group("other", nil), "app")
	guest, reporter, stranger := w.person(), w.person(), w.person()
	w.addMember(p, guest, gitlab.GuestPermissions)
	w.addMember(p, reporter, gitlab.ReporterPermissions)
	past := w.person()
	w.addMember(p, past, gitlab.ReporterPermissions)
	tests := map[string]struct{ address, want string }{
		"a Reporter clones":                      {w.remote("team/app", "oauth2", reporter.token), ""},
		"the user name doesn't matter":           {w.remote("team/app", "someone-else", reporter.token), ""},
		"a Guest sees the project, not its code": {w.remote("team/app", "oauth2", guest.token), "error: 403"},
		"what one may not see doesn't exist":     {w.remote("other/app", "oauth2", stranger.token), "not found"},
		"a wrong token is no login": {w.remote("team/app", "oauth2", "glpat-wrong"),
			"Authentication failed"},
		"nobody gets to a private project":       {w.url + "/team/app.git", "could not read Username"},
		"nobody learns that there is no project": {w.url + "/team/none.git", "could not read Username"},
		"the administrator clones everything": {w.remote(other.PathWithNamespace, "root", w.server.RootToken()),
			""},
		"without .git at the end, too, like GitLab": {strings.TrimSuffix(w.remote("team/app", "x", reporter.token),
			".git"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := w.git(t.TempDir(), "clone", test.address, "copy")
			if (err == nil) != (test.want == "") || !strings.Contains(out, test.want) {
				t.Errorf("git clone says (%v)\n%s\nwant %q", err, out, test.want)
			}
		})
	}
}

func TestShallowCloneWithProtocol2(t *testing.T) {
	w := newWorld(t)
	w.started(w.group("team", nil), "app")
	address := w.remote("team/app", "root", w.server.RootToken())
	dir := t.TempDir()
	w.mustGit(dir, "clone", "--quiet", address, ".")
	w.change(dir, "second")
	w.mustGit(dir, "push", "--quiet", "origin", "main")
	shallow := t.TempDir()
	w.mustGit(shallow, "init", "--quiet")
	t.Setenv("GIT_TRACE_PACKET", filepath.Join(shallow, "trace"))
	w.mustGit(shallow, "-c", "protocol.version=2", "fetch", "--depth=1", "--filter=blob:none", address, "main")
	if n := strings.TrimSpace(w.mustGit(shallow, "rev-list", "--count", "FETCH_HEAD")); n != "1" {
		t.Errorf("the shallow fetch has %s commits", n)
	}
	trace, err := os.ReadFile(filepath.Join(shallow, "trace"))
	must(t, err)
	if !strings.Contains(string(trace), "version 2") {
		t.Error("the server doesn't speak version 2 of the protocol")
	}
}

func TestPushCreatesAPrivateProject(t *testing.T) {
	w := newWorld(t)
	d, guest := w.person(), w.person()
	w.group("team",
		map[int64]gitlab.AccessLevelValue{d.ID: gitlab.DeveloperPermissions, guest.ID: gitlab.GuestPermissions})
	dir := w.commit("main", "first")
	if out, err := w.git(dir, "push", w.remote("team/sesame", "x", guest.token), "main"); err == nil ||
		!strings.Contains(out, "not found") {
		t.Errorf("a Guest's push to a free name says (%v) %s", err, out)
	}
	if out, err := w.git(dir, "fetch", w.remote("team/sesame", "x", d.token)); err == nil ||
		!strings.Contains(out, "not found") {
		t.Errorf("a fetch from a free name says (%v) %s", err, out)
	}
	if _, r, _ := w.root.Projects.GetProject("team/sesame", nil); status(r) != http.StatusNotFound {
		t.Errorf("nothing should exist yet, got %d", status(r))
	}
	// The project is there even though a Developer may not make its first branch.
	if out, err := w.git(dir, "push", w.remote("team/sesame", "x", d.token), "main"); err == nil ||
		!strings.Contains(out, "pre-receive hook declined") {
		t.Errorf("a Developer's push says (%v) %s", err, out)
	}
	p, _, err := d.api.Projects.GetProject("team/sesame", nil)
	must(t, err)
	if p.Visibility != gitlab.PrivateVisibility || !p.EmptyRepo || p.CreatorID != d.ID {
		t.Errorf("the project is %+v", p)
	}
	w.mustGit(dir, "push", w.remote("root/mine", "x", w.server.RootToken()), "main")
	if p, _, err = w.root.Projects.GetProject("root/mine", nil); err != nil || p.Namespace.Kind != "user" {
		t.Errorf("the project of a user is %+v, %v", p, err)
	}
}

func TestDefaultBranchThatIsNotMain(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.DefaultBranch = "trunk" })
	g := w.group("team", nil)
	p := w.project(g, "app")
	if p.DefaultBranch != "trunk" {
		t.Errorf("an empty project's default branch is %q", p.DefaultBranch)
	}
	dir := w.commit("main", "first")
	w.mustGit(dir, "push", w.remote("team/app", "x", w.server.RootToken()), "main")
	if out := w.mustGit(t.TempDir(), "clone", w.remote("team/app", "x", w.server.RootToken()),
		"copy"); !strings.Contains(out, "remote HEAD refers to nonexistent ref") {
		t.Errorf("a clone before the default branch is set says %q", out)
	}
	p, _, err := w.root.Projects.EditProject(p.ID, &gitlab.EditProjectOptions{DefaultBranch: gitlab.Ptr("main")})
	must(t, err)
	clone := t.TempDir()
	w.mustGit(clone, "clone", w.remote("team/app", "x", w.server.RootToken()), "copy")
	if _, err := os.Stat(filepath.Join(clone, "copy", "file")); err != nil || p.DefaultBranch != "main" {
		t.Errorf("after setting it, the default branch is %q and the clone has no file: %v", p.DefaultBranch, err)
	}
	if _, r, _ := w.root.Projects.EditProject(p.ID,
		&gitlab.EditProjectOptions{DefaultBranch: gitlab.Ptr("none")}); status(r) != http.StatusBadRequest {
		t.Errorf("a default branch that doesn't exist answers %d", status(r))
	}
	begun := w.started(g, "begun")
	w.mustGit(dir, "push", w.remote("team/begun", "x", w.server.RootToken()), "main")
	if begun, _, err = w.root.Projects.GetProject(begun.ID, nil); err != nil || begun.DefaultBranch != "trunk" {
		t.Errorf("a project with a branch trunk has the default branch %q, %v", begun.DefaultBranch, err)
	}
}

func TestBanAfterFailedLogins(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.FailedLogins = 3 })
	w.started(w.group("team", nil), "app")
	good, bad := w.remote("team/app", "x", w.server.RootToken()), w.remote("team/app", "x", "wrong")
	fails := func(n int) {
		for range n {
			if out, err := w.git(t.TempDir(), "ls-remote", bad); err == nil ||
				!strings.Contains(out, "Authentication failed") {
				t.Fatalf("a wrong login says (%v) %s", err, out)
			}
		}
	}
	fails(2)
	w.mustGit(t.TempDir(), "ls-remote", good) // forgives
	fails(2)
	w.pass(4 * time.Minute) // forgotten
	fails(3)
	if out, err := w.git(t.TempDir(), "ls-remote", good); err == nil || !strings.Contains(out, "error: 403") {
		t.Errorf("a banned address gets (%v) %s", err, out)
	}
	if _, _, err := w.root.Projects.GetProject("team/app", nil); err != nil {
		t.Errorf("the ban holds for git only: %v", err)
	}
	w.pass(time.Hour + time.Minute)
	w.mustGit(t.TempDir(), "ls-remote", good)
}

func TestGitFollowsAMovedProject(t *testing.T) {
	w := newWorld(t)
	p := w.started(w.group("team", nil), "app")
	old := w.remote("team/app", "x", w.server.RootToken())
	dir := t.TempDir()
	w.mustGit(dir, "clone", "--quiet", old, ".")
	_, _, err := w.root.Projects.EditProject(p.ID, &gitlab.EditProjectOptions{Path: gitlab.Ptr("renamed")})
	must(t, err)
	w.change(dir, "second")
	if out := w.mustGit(dir, "push", "origin", "main"); !strings.Contains(out,
		"Project 'team/app' was moved to 'team/renamed'.") {
		t.Errorf("git push says %s", out)
	}
}

func TestGitTellsAMissingScopeFromAMissingRole(t *testing.T) {
	w := newWorld(t)
	p, other := w.started(w.group("team", nil), "app"), w.started(w.group("others", nil), "app")
	reader, known := w.person("read_api"), w.person("read_user")
	w.addMember(p, reader, gitlab.MaintainerPermissions)
	w.addMember(p, known, gitlab.MaintainerPermissions)
	bot, _, err := w.root.ProjectAccessTokens.CreateProjectAccessToken(other.ID, &gitlab.CreateProjectAccessTokenOptions{
		Name: gitlab.Ptr("bot"), Scopes: &[]string{"api"}, AccessLevel: gitlab.Ptr(gitlab.MaintainerPermissions)})
	must(t, err)
	for name, c := range map[string]struct {
		path, service, token, said string
		status                     int
	}{
		"read_api reads":  {"team/app", "git-upload-pack", reader.token, "", 200},
		"read_api pushes": {"team/app", "git-receive-pack", reader.token, "You are not allowed to upload code.", 403},
		"read_user reads": {"team/app", "git-upload-pack", known.token, "You are not allowed to download code.", 403},
		"read_user reads what is not there": {"team/none", "git-upload-pack", known.token,
			"You are not allowed to download code.", 403},
		"a bot of another project": {"team/app", "git-upload-pack", bot.Token, "HTTP Basic: Access denied.", 401},
		"a bot of this project":    {"others/app", "git-receive-pack", bot.Token, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
				w.url+"/"+c.path+".git/info/refs?service="+c.service, http.NoBody)
			must(t, err)
			r.SetBasicAuth("oauth2", c.token)
			res, err := http.DefaultClient.Do(r)
			must(t, err)
			defer func() { _ = res.Body.Close() }()
			said, err := io.ReadAll(res.Body)
			must(t, err)
			if res.StatusCode != c.status || !strings.HasPrefix(string(said), c.said) {
				t.Errorf("got %d %s", res.StatusCode, said)
			}
		})
	}
}

// An administrator makes the first branch of any project, and then stands before its protection like anybody.
func TestAnAdministratorPassesNoProtection(t *testing.T) {
	w := newWorld(t)
	p := w.started(w.group("team", nil), "app")
	boss := w.person("api", "write_repository")
	_, _, err := w.root.Users.ModifyUser(boss.ID, &gitlab.ModifyUserOptions{Admin: gitlab.Ptr(true)})
	must(t, err)
	branch, _, err := boss.api.Branches.GetBranch(p.ID, "main")
	must(t, err)
	dir := w.TempDir()
	w.mustGit(dir, "clone", "--quiet", w.remote("team/app", "root", w.server.RootToken()), ".")
	w.change(dir, "second")
	out, err := w.git(dir, "push", w.remote("team/app", "boss", boss.token), "main")
	if branch.CanPush || err == nil || !strings.Contains(out, "not allowed to push code to protected branches") {
		t.Errorf("can push: %v, %v\n%s", branch.CanPush, err, out)
	}
}
