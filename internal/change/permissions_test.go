package change_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

var errLost = errors.New("connection refused")

func asViolations(err error, v *change.Violations) bool { return errors.As(err, v) }

// try says how a call ended: "ok", or class/reason.
func ended(err error) string {
	switch p := problem.As(err); {
	case err == nil:
		return "ok"
	case p != nil:
		return string(p.Class) + "/" + p.Reason
	default:
		return err.Error()
	}
}

func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	public := w.product("open")
	_, _, err := w.root.Groups.UpdateGroup(public.group,
		&client.UpdateGroupOptions{Visibility: client.Ptr(client.PublicVisibility)})
	w.must(err)
	_, _, err = w.root.Projects.EditProject(public.project,
		&client.EditProjectOptions{Visibility: client.Ptr(client.PublicVisibility)})
	w.must(err)

	const (
		hidden    = "Missing/" + api.ReasonProductNotFound
		forbidden = "Forbidden/" + problem.ReasonForbidden
		scope     = "Forbidden/" + problem.ReasonInsufficientScope
		nobody    = "Unauthenticated/" + problem.ReasonUnauthenticated
	)
	stranger := w.person()
	developer := w.member(p.group, client.DeveloperPermissions)
	binding := change.Operation{Kind: "CodeRepoBinding", Name: "b",
		Body: []byte(`{"coderepo":"api-server","permissions":"readonly"}`)}
	for sentence, c := range map[string]struct {
		product                     product
		caller                      change.Caller
		read, write, force, binding string
	}{
		"no token": {p, change.Caller{}, nobody, nobody, nobody, nobody},
		"a token that nobody has": {p, change.Caller{Token: secret.New("glpat-unknown")}, nobody,
			nobody, nobody, nobody},
		"a stranger": {p, stranger.caller, hidden, hidden, hidden, hidden},
		"a guest": {p, w.member(p.group, client.GuestPermissions).caller, forbidden,
			forbidden, forbidden, forbidden},
		"a reporter": {p, w.member(p.group, client.ReporterPermissions).caller, "ok", forbidden,
			forbidden, forbidden},
		"a developer, on a protected main": {p, developer.caller, "ok", forbidden, forbidden, forbidden},
		"a maintainer":                     {p, p.maintainer.caller, "ok", "ok", "ok", "ok"},
		"a maintainer with read_api": {p, w.withToken(p.maintainer, "read_api", "read_repository").caller, "ok",
			"", scope, scope},
		"a maintainer with write_repository": {p, w.withToken(p.maintainer, "read_api", "write_repository").caller,
			"ok", "ok", "ok", "ok"},
		"a maintainer with read_user": {p, w.withToken(p.maintainer, "read_user").caller, scope,
			scope, scope, scope},
		"a stranger at a public product": {public, stranger.caller, forbidden, forbidden, forbidden, forbidden},
		"a reporter of a public product": {public, w.member(public.group, client.ReporterPermissions).caller, "ok",
			forbidden, forbidden, forbidden},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := w.service.List(t.Context(), c.caller, c.product.path, "DeploymentRuntime", change.ListOptions{})
			read := ended(err)
			_, err = w.service.Change(t.Context(), c.caller, save(c.product, "dr-dev", guide))
			write := ended(err)
			_, err = w.service.Change(t.Context(), c.caller, save(c.product, "dr-new", to("nowhere"), forced, dryRun))
			force := ended(err)
			_, err = w.service.Change(t.Context(), c.caller, request(c.product, binding, dryRun))
			bind := ended(err)
			if c.write == "" { // refused when git is reached, with git's words
				c.write = write
				_, err = w.service.Change(t.Context(), c.caller, save(c.product, "dr-other", at("other")))
				if !problem.Is(err, problem.Forbidden) && !problem.Is(err, problem.Unauthenticated) {
					t.Errorf("a push without the scope: %v", err)
				}
			}
			if diff := cmp.Diff([]string{c.read, c.write, c.force, c.binding},
				[]string{read, write, force, bind}); diff != "" {
				t.Errorf("read, write, forced, binding: %s", diff)
			}
		})
	}

	t.Run("a developer whom main's protection lets push may not change bindings", func(t *testing.T) {
		w := *w
		w.T = t
		w.unprotect(p)
		w.change(developer.caller, save(p, "dr-dev", guide))
		w.refused(p, developer.caller, request(p, binding), problem.Forbidden, problem.ReasonForbidden)
	})
}

// GitLab bans an address after 30 logins that failed, and all our callers share one. A scope that lacks is no failed
// login.
func TestATokenThatReadsTheAPIReadsCodeAndDoesNotSave(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	poor := w.withToken(p.maintainer, "read_api").caller
	o := w.options
	o.Repos = gitrepo.NewStore(gitrepo.Options{Now: time.Now})
	service := change.New(o)
	for range 40 {
		_, err := service.List(t.Context(), poor, p.path, "DeploymentRuntime", change.ListOptions{})
		w.must(err)
		_, err = service.Change(t.Context(), poor, save(p, "dr-dev", guide))
		w.wantProblem(err, problem.Forbidden, problem.ReasonInsufficientScope)
	}
	_, err := service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide))
	w.must(err)
}

// unprotect lets developers push to main.
func (w *world) unprotect(p product) {
	w.Helper()
	_, err := w.root.ProtectedBranches.UnprotectRepositoryBranches(p.project, identity.Branch)
	w.must(err)
}

func TestAForbiddenReaderLearnsNothing(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.get(p.maintainer.caller, p, "Environment", "env-dev") // in the cache now
	stranger := w.person()
	message := func(product, name string) string {
		_, err := w.service.Get(t.Context(), stranger.caller,
			change.Ref{Product: product, Kind: "Environment", Name: name})
		w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
		return strings.ReplaceAll(err.Error(), product, "*")
	}
	want := message("no-such-group", "env-dev")
	for _, name := range []string{"env-dev", "env-none"} {
		if got := message(p.path, name); got != want {
			t.Errorf("%q tells more than %q", got, want)
		}
		if got := message(p.name, name); got != want {
			t.Errorf("%q tells more than %q", got, want)
		}
	}
	_, err := w.service.Change(t.Context(), stranger.caller, save(p, "dr", to("nowhere")))
	w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
}

func TestPermissionsAreAskedForInEveryCall(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	reader := w.member(p.group, client.ReporterPermissions)
	w.get(reader.caller, p, "Environment", "env-dev")
	_, err := w.root.GroupMembers.RemoveGroupMember(p.group, reader.id, nil)
	w.must(err)
	_, err = w.service.Get(t.Context(), reader.caller,
		change.Ref{Product: p.path, Kind: "Environment", Name: "env-dev"})
	w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
}

func TestAReadIsOneRoundTripAndAWriteToo(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	count := func(call func()) (rest int) {
		w.server.ForgetRequests()
		call()
		for _, r := range w.server.Requests() {
			if strings.HasPrefix(r.Path, "/api/") {
				rest++
			}
		}
		return rest
	}
	if n := count(func() { w.list(p.maintainer.caller, p, "DeploymentRuntime", change.ListOptions{}) }); n != 2 {
		t.Errorf("a list asks the API %d times, want project and branch", n)
	}
	suspended := strings.Replace(guide, `"env-dev"`, `"env-dev","suspend":true`, 1)
	if n := count(func() { w.change(p.maintainer.caller, save(p, "dr-dev", suspended)) }); n != 3 {
		t.Errorf("a save asks the API %d times, want user, project and branch", n)
	}
	if n := count(func() { w.change(p.maintainer.caller, save(p, "dr-dev", at("x"))) }); n != 4 {
		t.Errorf("a save of a new source asks the API %d times, want user, project and branch, and the directory", n)
	}
}

func TestStatesOfAProduct(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	empty := w.bare("empty")
	group := w.group("just-a-group")
	person := w.member(group.ID, client.MaintainerPermissions)
	list := func(c change.Caller, product string) string {
		l, err := w.service.List(t.Context(), c, product, "DeploymentRuntime", change.ListOptions{})
		if err == nil && (l.Items == nil || len(l.Items) > 0) {
			t.Errorf("%s: %v", product, l.Items)
		}
		return ended(err)
	}
	if got := list(person.caller, "just-a-group"); got != "Missing/"+problem.ReasonDefaultProjectNotFound {
		t.Errorf("a group without default.project: %s", got)
	}
	if got := list(empty.maintainer.caller, "empty"); got != "ok" {
		t.Errorf("an empty repository is an empty list: %s", got)
	}
	out := w.change(empty.maintainer.caller,
		request(empty, change.Operation{Kind: "Project", Name: "web", Body: []byte(`{"language":"go"}`)}))
	if head, files := w.main(empty); out.Commit != head || out.Base != "" || len(files) != 1 {
		t.Errorf("the first commit: %+v, %v", out, files)
	}

	other := w.bare("other-branch")
	w.push(other, map[string]string{"a": "b"})
	dir := w.clone(other)
	w.git(dir, "push", "--quiet", "origin", "main:trunk")
	_, _, err := w.root.Projects.EditProject(other.project,
		&client.EditProjectOptions{DefaultBranch: client.Ptr("trunk")})
	w.must(err)
	w.unprotect(other)
	w.git(dir, "push", "--quiet", "origin", ":main")
	if got := list(other.maintainer.caller, "other-branch"); got != "Missing/"+problem.ReasonMainNotFound {
		t.Errorf("no main: %s", got)
	}

	_, _, err = w.root.Projects.ArchiveProject(p.project)
	w.must(err)
	if got := list(p.maintainer.caller, p.path); got != "ok" {
		t.Errorf("an archived product can be read: %s", got)
	}
	w.refused(p, p.maintainer.caller, save(p, "dr", guide), problem.Forbidden, problem.ReasonArchived)

	for _, path := range []string{p.maintainer.name, "no such", "../admin", "-x", "a//b", "",
		"product-0", "product-99999"} {
		if got := list(p.maintainer.caller, path); got != "Missing/"+api.ReasonProductNotFound {
			t.Errorf("%q is no product: %s", path, got)
		}
	}
	nested := w.product(w.group("top").FullPath + "/sub")
	if got := w.get(nested.maintainer.caller, nested, "Environment", "env-dev"); !strings.Contains(asJSON(t, got.Item),
		`"product":"top/sub"`) {
		t.Errorf("a sub-group is a product: %s", asJSON(t, got.Item))
	}
}
