package change_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

const asItIs = `{"git":{"gitlab":{}}}`

func productBody(members string) string { return `{"git":{"gitlab":{` + members + `}}}` }

// openGroup makes the group of a product visible to everybody.
func (w *world) openGroup(group int64) {
	w.Helper()
	_, _, err := w.root.Groups.UpdateGroup(group,
		&client.UpdateGroupOptions{Visibility: client.Ptr(client.PublicVisibility)})
	w.must(err)
}

// outcomeOf says how a change ended: "ok/verdict", or class/reason.
func outcomeOf(out *change.Outcome, err error) string {
	if err == nil {
		return "ok/" + out.Verdict
	}
	return ended(err)
}

func TestADryRunOfAProductSaysWhatASaveWould(t *testing.T) {
	const (
		forbidden = "Forbidden/" + problem.ReasonForbidden
		saved     = "ok/" + wire.VerdictSave
		unchanged = "ok/" + wire.VerdictUnchanged
		invalid   = "Invalid/" + problem.ReasonInvalid
		bad       = "Invalid/" + problem.ReasonBadRequest
		unknown   = "Missing/" + api.ReasonProductNotFound
	)
	role := func(level client.AccessLevelValue) func(*world, product) person {
		return func(w *world, p product) person { return w.member(p.group, level) }
	}
	owner, maintainer, developer := role(client.OwnerPermissions), role(client.MaintainerPermissions),
		role(client.DeveloperPermissions)
	stranger := func(w *world, _ product) person { return w.person() }
	full := func(w *world) product { return w.product("acme") }
	open := func(w *world) product {
		p := w.product("acme")
		w.openGroup(p.group)
		return p
	}
	groupOnly := func(w *world) product {
		g := w.group("acme")
		w.openGroup(g.ID)
		return product{path: "acme", name: fmt.Sprintf("product-%d", g.ID), group: g.ID}
	}
	byID := func(p product) string { return p.name }
	for sentence, c := range map[string]struct {
		world func(*world) product
		who   func(*world, product) person
		name  func(product) string // the path if nil
		body  string
		want  string
	}{
		"nothing to do": {full, maintainer, nil, asItIs, unchanged},
		"nothing to do, all members named": {full, maintainer, nil,
			productBody(`"name":"acme","path":"acme","visibility":"private","description":""`), unchanged},
		"another name": {full, owner, nil, productBody(`"name":"Acme Inc"`), saved},
		"another visibility": {open, owner, nil,
			productBody(`"visibility":"internal"`), saved},
		"another description": {full, owner, nil,
			productBody(`"description":"Things"`), saved},
		"another name, by a maintainer": {full, maintainer, nil, productBody(`"name":"Acme Inc"`),
			forbidden},
		"another name, by a stranger to an open group": {open, stranger, nil, productBody(`"name":"Acme Inc"`),
			forbidden},
		"nothing to do, by a developer":                 {full, developer, nil, asItIs, forbidden},
		"nothing to do, by a stranger to an open group": {open, stranger, nil, asItIs, forbidden},
		"another path":              {full, owner, nil, productBody(`"path":"other"`), invalid},
		"another path, named by id": {full, owner, byID, productBody(`"path":"other"`), invalid},
		"its own path, named by id": {full, maintainer, byID, productBody(`"path":"acme"`),
			unchanged},
		"another parent": {full, owner, nil, productBody(`"parent_id":7`), bad},
		"an unknown visibility": {full, owner, nil,
			productBody(`"visibility":"secret"`), invalid},
		"an id that nobody has": {full, owner, func(product) string { return "product-999" },
			asItIs, unknown},
		"no default.project":                 {groupOnly, maintainer, nil, asItIs, saved},
		"no default.project, by a developer": {groupOnly, developer, nil, asItIs, forbidden},
		"no default.project, by a stranger":  {groupOnly, stranger, nil, asItIs, forbidden},
		"an empty default.project": {func(w *world) product { return w.bare("acme") },
			maintainer, nil, asItIs, saved},
		"an empty default.project, by a developer": {func(w *world) product { return w.bare("acme") }, developer,
			nil, asItIs, forbidden},
		"a new group": {full, stranger, func(product) string { return "fresh" },
			asItIs, saved},
		"a new group in one that is the caller's": {full, owner, func(product) string { return "acme/sub" },
			asItIs, saved},
		"a new group in one of a developer": {full, developer, func(product) string { return "acme/sub" },
			asItIs, forbidden},
		"a new group in an open one that is not": {open, stranger, func(product) string { return "acme/sub" },
			asItIs, forbidden},
		"a new group in one that the caller does not see": {full, stranger, func(product) string { return "acme/sub" },
			asItIs, unknown},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := c.world(w)
			name := p.path
			if c.name != nil {
				name = c.name(p)
			}
			who := c.who(w, p)
			r := productRequest(name, c.body)
			r.DryRun = true
			w.server.ForgetRequests()
			out, err := w.service.Change(t.Context(), who.caller, r)
			for _, sent := range w.server.Requests() {
				if strings.HasPrefix(sent.Path, "/api/") && sent.Method != http.MethodGet {
					t.Errorf("a dry run sends %s %s", sent.Method, sent.Path)
				}
			}
			if got := outcomeOf(out, err); got != c.want || out.Changed {
				t.Errorf("the dry run says %s, want %s", got, c.want)
			}
			r.DryRun = false
			w.server.ForgetRequests()
			out, err = w.service.Change(t.Context(), who.caller, r)
			if got := outcomeOf(out, err); got != c.want || out.Changed != (c.want == saved) {
				t.Errorf("the save says %s (%v), want %s", got, err, c.want)
			}
			if err != nil {
				for _, sent := range w.server.Requests() {
					if strings.HasPrefix(sent.Path, "/api/") && sent.Method != http.MethodGet {
						t.Errorf("what may not be done is begun nevertheless: %s %s", sent.Method, sent.Path)
					}
				}
				return
			}
			if again := w.change(who.caller, r); again.Changed || again.Verdict != wire.VerdictUnchanged {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

func TestATokenForReadingSavesNoProductAndADryRunSaysSo(t *testing.T) {
	w := newWorld(t)
	p := w.product("acme")
	poor := w.withToken(w.member(p.group, client.OwnerPermissions), "read_api").caller
	for _, dry := range []bool{true, false} {
		r := productRequest(p.path, productBody(`"name":"Acme Inc"`))
		r.DryRun = dry
		_, err := w.service.Change(t.Context(), poor, r)
		w.wantProblem(err, problem.Forbidden, problem.ReasonInsufficientScope)
	}
}

// A group that is hidden from the caller is only found out about by trying: the dry run says so.
func TestADryRunOfAProductThatIsHidden(t *testing.T) {
	w := newWorld(t)
	w.product("acme")
	r := productRequest("acme", asItIs)
	r.DryRun = true
	if out := w.change(w.person().caller, r); out.Verdict != wire.VerdictSave ||
		!hasWarning(out.Warnings, "WOULD_CREATE", "hidden") {
		t.Errorf("got %+v", out)
	}
}

func TestWhoMayDeleteAProduct(t *testing.T) {
	w := newWorld(t)
	empty := func(path string) product {
		p := w.bare(path)
		w.openGroup(p.group)
		w.push(p, map[string]string{"README.md": "# nothing\n"})
		return p
	}
	p := empty("acme")
	inProject := w.person()
	_, _, err := w.root.ProjectMembers.AddProjectMember(p.project,
		&client.AddProjectMemberOptions{UserID: inProject.id, AccessLevel: client.Ptr(client.OwnerPermissions)})
	w.must(err)
	for sentence, who := range map[string]person{
		"a stranger": w.person(), "a developer": w.member(p.group, client.DeveloperPermissions),
		"a maintainer": p.maintainer, "an owner of default.project alone": inProject,
	} {
		for _, dry := range []bool{true, false} {
			r := productDeletion(p.path)
			r.DryRun = dry
			_, err := w.service.Change(t.Context(), who.caller, r)
			if got := ended(err); got != "Forbidden/"+problem.ReasonForbidden {
				t.Errorf("%s, dry run %t: %s", sentence, dry, got)
			}
		}
		if got, err := w.host.ProjectByID(t.Context(), w.rootCaller().Token, p.project); err != nil ||
			got.MarkedForDeletion {
			t.Fatalf("%s: default.project is gone: %+v, %v", sentence, got, err)
		}
	}
	owner := w.member(p.group, client.OwnerPermissions)
	r := productDeletion(p.path)
	r.DryRun = true
	if out := w.change(owner.caller, r); out.Verdict != wire.VerdictSave || out.Changed {
		t.Errorf("dry run: %+v", out)
	}
	r.DryRun = false
	mend := w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodDelete, Path: "/api/v4/groups/",
		Status: http.StatusTooManyRequests, RetryAfter: 5e9})
	_, err = w.service.Change(t.Context(), owner.caller, r)
	mend()
	w.wantProblem(err, problem.RateLimited, "RateLimited")
	w.change(owner.caller, r)
	if g, err := w.host.GroupByID(t.Context(), w.rootCaller().Token, p.group); err != nil || !g.MarkedForDeletion {
		t.Errorf("after the second try: %+v, %v", g, err)
	}
}

// What is saved while a product is deleted is not lost with it.
func TestADeletionOfAProductWaitsForSaves(t *testing.T) {
	w := newWorld(t)
	p := w.bare("acme")
	owner := w.member(p.group, client.OwnerPermissions)
	_, err := w.whileWaiting(p, owner, productDeletion(p.path), func() {
		w.push(p, map[string]string{"projects/web/web.yaml": yaml("Project", "web", "product: "+p.name)})
	})
	w.wantProblem(err, problem.Conflict, api.ReasonInUse)
}

func TestAProductIsMadeThoughTheFirstCommitIsNotAnswered(t *testing.T) {
	for sentence, happens := range map[string]func(*world){
		"it arrived": (*world).arrives,
		"it got lost, and somebody else makes one": func(w *world) {
			w.getsLost()
			w.beforeLook(func() {
				g, err := w.host.ProjectAt(w.Context(), w.rootCaller().Token, "acme/"+identity.DefaultProject)
				w.must(err)
				w.push(product{path: "acme", project: g.ID}, map[string]string{"README.md": "# by hand\n"})
			})
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			happens(w)
			out := w.change(w.person().caller, productRequest("acme", acme))
			project, err := w.host.ProjectAt(t.Context(), w.rootCaller().Token, "acme/"+identity.DefaultProject)
			w.must(err)
			p := product{path: "acme", project: project.ID}
			if count := w.git(w.clone(p), "rev-list", "--count", "HEAD"); count != "1" || !out.Changed ||
				out.Commit != w.head(p) {
				t.Errorf("%s commits, %+v", count, out)
			}
		})
	}
}

// GitLab limits how often single groups are asked for: a list must not ask for each.
func TestAListOfProductsAsksFewQuestions(t *testing.T) {
	const products = 30
	w := newWorld(t)
	reader := w.person()
	var want []string
	for i := range products {
		g := w.group(fmt.Sprintf("product-team-%02d", i))
		w.gitlabProject(g.ID, identity.DefaultProject)
		w.join(g.ID, reader, client.ReporterPermissions)
		want = append(want, g.Path)
	}
	foreign := w.group("z-open")
	w.openGroup(foreign.ID)
	w.gitlabProject(foreign.ID, identity.DefaultProject,
		func(o *client.CreateProjectOptions) { o.Visibility = client.Ptr(client.PublicVisibility) })
	want = append(want, foreign.Path)
	list := func(c change.Caller, o change.ListOptions) (names []string, requests int, next string) {
		w.server.ForgetRequests()
		l, err := w.service.List(t.Context(), c, "", "Product", o)
		w.must(err)
		for _, item := range l.Items {
			if p, ok := item.(*wire.Product); ok && p.Git.GitLab.Visibility != "" {
				names = append(names, p.Name)
			}
		}
		return names, len(w.server.Requests()), l.NextPageToken
	}
	names, requests, _ := list(reader.caller, change.ListOptions{})
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if requests > 5 {
		t.Errorf("%d requests for %d products", requests, len(names))
	}
	names, _, next := list(reader.caller, change.ListOptions{Limit: 20})
	more, _, end := list(reader.caller, change.ListOptions{Limit: 20, PageToken: next})
	if diff := cmp.Diff(want, append(names, more...)); diff != "" || end != "" {
		t.Errorf("page by page: %s", diff)
	}
	if names, _, _ := list(w.person().caller, change.ListOptions{}); len(names) != 1 {
		t.Errorf("a stranger sees %v", names)
	}
}
