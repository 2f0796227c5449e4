package change_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

func productRequest(path, body string) change.Request {
	return change.Request{Operations: []change.Operation{{Kind: "Product", Name: path, Body: json.RawMessage(body)}}}
}

func productDeletion(path string) change.Request {
	return change.Request{Operations: []change.Operation{{Delete: true, Kind: "Product", Name: path}}, SkipCheck: true}
}

const acme = `{"git":{"gitlab":{"name":"Acme","path":"acme","visibility":"private","description":"Things"}}}`

func TestAProductIsAGroupWithADefaultProject(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.DefaultBranch = "trunk" })
	someone := w.person()
	preview := productRequest("acme", acme)
	preview.DryRun = true
	if out := w.change(someone.caller, preview); out.Verdict != wire.VerdictSave || out.Changed {
		t.Errorf("dry run: %+v", out)
	}
	out := w.change(someone.caller, productRequest("acme", acme))
	g, _, err := w.root.Groups.GetGroup("acme", nil)
	w.must(err)
	project, _, err := w.root.Projects.GetProject("acme/"+identity.DefaultProject, nil)
	w.must(err)
	if !out.Changed || out.Product != "product-"+strconv.FormatInt(g.ID, 10) || g.Name != "Acme" ||
		g.Description != "Things" ||
		project.Visibility != client.PrivateVisibility || project.DefaultBranch != identity.Branch {
		t.Errorf("got %+v, group %+v, default branch %s", out, g, project.DefaultBranch)
	}
	p := product{path: "acme", name: out.Product, group: g.ID, project: project.ID, maintainer: someone}
	if head, files := w.main(p); head != out.Commit || files["README.md"] == "" {
		t.Errorf("main is %s %v, want %s", head, files, out.Commit)
	}
	if again := w.change(someone.caller, productRequest("acme", acme)); again.Changed || again.Commit != out.Commit {
		t.Errorf("again: %+v", again)
	}
	renamed := w.change(someone.caller, productRequest("acme", strings.Replace(acme, `"Acme"`, `"Acme Inc"`, 1)))
	if g, _, err = w.root.Groups.GetGroup("acme", nil); err != nil || g.Name != "Acme Inc" || !renamed.Changed {
		t.Errorf("renamed: %+v %v", renamed, g)
	}

	item := `{"name":"acme","git":{"gitlab":{"name":"Acme Inc","path":"acme","visibility":"private","description":"Things"}}}`
	if got := asJSON(t, w.get(someone.caller, p, "Product", "acme").Item); got != item {
		t.Errorf("got %s", got)
	}
	w.product("other")
	listed, err := w.service.List(t.Context(), someone.caller, "", "Product", change.ListOptions{})
	w.must(err)
	if got := asJSON(t, listed.Items); got != "["+item+"]" {
		t.Errorf("only what the caller sees: %s", got)
	}
	all, err := w.service.List(t.Context(), w.rootCaller(), "", "Product",
		change.ListOptions{Selector: "product_name=the", Limit: 1})
	w.must(err)
	if got := asJSON(t, all.Items); !strings.Contains(got, `"name":"other"`) || all.NextPageToken != "" {
		t.Errorf("selected: %s", got)
	}

	w.change(someone.caller, request(p, change.Operation{Kind: "Project", Name: "web", Body: json.RawMessage(`{}`)}))
	_, err = w.service.Change(t.Context(), someone.caller, productDeletion("acme"))
	w.wantProblem(err, problem.Conflict, api.ReasonInUse)
	w.change(someone.caller, remove(p, "Project", "web"))
	w.gitlabProject(g.ID, "still-here")
	_, err = w.service.Change(t.Context(), someone.caller, productDeletion("acme"))
	w.wantProblem(err, problem.Conflict, api.ReasonInUse)
	still, err := w.host.ProjectAt(t.Context(), w.rootCaller().Token, "acme/still-here")
	w.must(err)
	w.must(w.host.DeleteProject(t.Context(), w.rootCaller().Token, still.ID))
	w.change(someone.caller, productDeletion("acme"))
	_, err = w.service.Get(t.Context(), someone.caller, change.Ref{Kind: "Product", Name: "acme"})
	if !problem.Is(err, problem.Missing) {
		t.Errorf("after the deletion: %v", err)
	}
}

// Without default.project nobody would remove what still runs.
func TestAProductWithWorkloadsIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.mgmt.Add(rulestest.Runtime(p.name, "dr-dev", p.repo, "env-dev"))
	_, err := w.service.Change(t.Context(), w.rootCaller(), productDeletion(p.path))
	w.wantProblem(err, problem.Conflict, api.ReasonInUse)
	var violations change.Violations
	asViolations(err, &violations)
	if !strings.Contains(asJSON(t, violations), "dr-dev, which still runs") {
		t.Errorf("it does not say what runs: %v", violations)
	}
}

func TestAProductThatWasMadeHalfWayIsMadeByTryingAgain(t *testing.T) {
	for sentence, fault := range map[string]fakegitlab.Fault{
		"the group was not made": {Method: http.MethodPost, Path: "/api/v4/groups", Status: 502},
		"the group was made and the answer was lost": {Method: http.MethodPost, Path: "/api/v4/groups",
			LoseAnswer: true},
		"default.project was not made": {Method: http.MethodPost, Path: "/api/v4/projects", Status: 502},
		"its answer was lost": {Method: http.MethodPost, Path: "/api/v4/projects",
			LoseAnswer: true},
		"the first commit was refused": {Method: http.MethodPost, Path: "/git-receive-pack", Status: 503},
		"the answer to the first commit was lost": {Method: http.MethodPost, Path: "/git-receive-pack",
			LoseAnswer: true},
		"the default branch could not be set": {Method: http.MethodPut, Path: "/api/v4/projects/", Status: 502},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t, func(o *fakegitlab.Options) { o.DefaultBranch = "trunk" })
			someone := w.person()
			fault.Times = 1
			w.server.Trouble().Add(fault)
			if _, err := w.service.Change(t.Context(), someone.caller,
				productRequest("acme", acme)); problem.As(err) == nil {
				t.Logf("the first try ended with %v", err)
			}
			w.server.Trouble().Clear()
			w.change(someone.caller, productRequest("acme", acme))
			project, _, err := w.root.Projects.GetProject("acme/"+identity.DefaultProject, nil)
			w.must(err)
			if project.DefaultBranch != identity.Branch {
				t.Errorf("default branch %s", project.DefaultBranch)
			}
			p := product{path: "acme", project: project.ID}
			if count := w.git(w.clone(p), "rev-list", "--count", "HEAD"); count != "1" {
				t.Errorf("%s commits", count)
			}
		})
	}
}

func TestWhoMayNotHaveAProduct(t *testing.T) {
	w := newWorld(t, func(o *fakegitlab.Options) { o.RefuseTopLevelGroups = true })
	someone := w.person()
	if _, err := w.service.Change(t.Context(), someone.caller, productRequest("acme", acme)); !problem.Is(err,
		problem.Forbidden) {
		t.Errorf("a top-level group: %v", err)
	}
	_, err := w.service.Change(t.Context(), someone.caller, productRequest("nowhere/acme", acme))
	w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
	_, err = w.service.Change(t.Context(), someone.caller,
		productRequest("acme", strings.Replace(acme, `"path":"acme"`, `"path":"other"`, 1)))
	w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
	_, err = w.service.Change(t.Context(), someone.caller,
		productRequest("acme", strings.Replace(acme, `"private"`, `"secret"`, 1)))
	w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
	_, err = w.service.Change(t.Context(), change.Caller{}, productRequest("acme", acme))
	w.wantProblem(err, problem.Unauthenticated, problem.ReasonUnauthenticated)
}

func codeRepo(p product, name, body string, changes ...func(*change.Request)) change.Request {
	return request(p, change.Operation{Kind: "CodeRepo", Name: name, Body: json.RawMessage(body)}, changes...)
}

func TestACodeRepoIsAProjectOfTheGroup(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := w.member(p.group, client.OwnerPermissions).caller
	body := `{"project":"api-server","webhook":{"events":["tag_push_events"]},"deployment_runtime":true,"git":{"gitlab":{"name":"Web","path":"web","visibility":"private","description":"d"}}}`

	refused := strings.Replace(body, `"project":"api-server"`, `"project":"nowhere"`, 1)
	w.refused(p, c, codeRepo(p, "web", refused), problem.Invalid, problem.ReasonInvalid)
	w.change(c, codeRepo(p, "web", body, dryRun))
	if _, err := w.host.ProjectAt(t.Context(), c.Token, "nautes-labs/web"); !problem.Is(err, problem.Missing) {
		t.Fatalf("a refused save or a dry run made the project: %v", err)
	}

	o := w.options
	o.PublicURL = "http://127.0.0.1:1/base/"
	w.service = change.New(o)
	out := w.change(c, codeRepo(p, "web", body))
	made, err := w.host.ProjectAt(t.Context(), c.Token, "nautes-labs/web")
	w.must(err)
	id := "repo-" + strconv.FormatInt(made.ID, 10)
	if _, files := w.main(p); files["code-repos/"+id+"/"+id+".yaml"] == "" || !out.Changed || made.Description != "d" {
		t.Errorf("got %+v, %+v, %v", out, made, files)
	}
	hooks, _, err := w.root.Projects.ListProjectHooks(made.ID, nil)
	w.must(err)
	if len(hooks) != 1 || hooks[0].URL != "http://127.0.0.1:1/base"+change.HookPath || !hooks[0].TagPushEvents ||
		hooks[0].PushEvents {
		t.Errorf("hooks %+v, %v", hooks, out.Warnings)
	}
	item := `{"product":"nautes-labs","name":"web","project":"api-server","webhook":{"events":["tag_push_events"]},"deployment_runtime":true,"pipeline_runtime":false,` +
		`"git":{"gitlab":{"name":"Web","path":"web","visibility":"private","description":"d","ssh_url_to_repo":"` +
		made.SSHURL + `","http_url_to_repo":"` + made.PublicURL + `"}}}`
	for _, name := range []string{"web", id} {
		got := asJSON(t, w.get(c, p, "CodeRepo", name).Item)
		if diff := cmp.Diff(item, got); diff != "" {
			t.Error(diff)
		}
		if again := w.change(c, codeRepo(p, name, got)); again.Changed {
			t.Errorf("sent back as %s: %+v", name, again)
		}
	}
	listed := w.list(c, p, "CodeRepo", change.ListOptions{Selector: "deployment_runtime=true,project=api"})
	if len(listed.Items) != 2 || !strings.Contains(asJSON(t, listed.Items), item) {
		t.Errorf("listed %s", asJSON(t, listed.Items))
	}
	w.change(c, codeRepo(p, "web", strings.Replace(body, `"d"`, `"other words"`, 1)))
	if p, err := w.host.ProjectAt(t.Context(), c.Token, "nautes-labs/web"); err != nil ||
		p.Description != "other words" {
		t.Errorf("the description: %+v %v", p, err)
	}

	w.change(c, remove(p, "CodeRepo", "web"))
	if _, err := w.host.ProjectAt(t.Context(), c.Token, "nautes-labs/web"); err != nil {
		t.Fatalf("the project and its history are gone: %v", err)
	}
	w.change(c, codeRepo(p, "web", body))
	w.change(c, remove(p, "CodeRepo", id, func(r *change.Request) { r.DeleteRepository = true }))
	if got, err := w.host.ProjectByID(t.Context(), c.Token, made.ID); err == nil && !got.MarkedForDeletion {
		t.Errorf("the project stays: %+v", got)
	}
}

// Upstream: a failure in the middle of a save leaves what nobody can repair (U15).
func TestACodeRepoThatWasMadeHalfWayIsMadeByTryingAgain(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	mend := w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodPost, Path: "/git-receive-pack", Status: 503})
	_, err := w.service.Change(t.Context(), p.maintainer.caller, codeRepo(p, "web", `{}`))
	mend()
	if !problem.Is(err, problem.Unavailable) {
		t.Errorf("got %v", err)
	}
	out := w.change(p.maintainer.caller, codeRepo(p, "web", `{}`))
	if projects, err := w.host.ProjectsOfGroup(t.Context(), w.rootCaller().Token, p.group); err != nil ||
		len(projects) != 3 || !out.Changed {
		t.Errorf("%+v, %v, %+v", projects, err, out)
	}
	o := w.options
	o.PublicURL = "http://127.0.0.1:1"
	w.service = change.New(o)
	w.server.Trouble().Add(fakegitlab.Fault{Path: "/hooks", Status: 502})
	if out := w.change(p.maintainer.caller, codeRepo(p, "more", `{}`)); !out.Changed ||
		!hasWarning(out.Warnings, "HOOK_FAILED") {
		t.Errorf("a hook that fails is a warning: %+v", out)
	}
}

func TestOnlyProjectsOfTheGroupAreCodeReposOrDeleted(t *testing.T) {
	w := newWorld(t)
	p, other := w.product("nautes-labs"), w.product("other")
	w.join(other.group, p.maintainer, client.OwnerPermissions)
	c := p.maintainer.caller
	w.refused(p, c, codeRepo(p, other.repo, `{}`), problem.Missing, problem.ReasonResourceNotFound)
	w.refused(p, c, codeRepo(p, identity.DefaultProject, `{}`), problem.Invalid, problem.ReasonInvalid)

	own := "repo-" + strconv.FormatInt(p.project, 10)
	files := map[string]string{}
	for _, id := range []string{other.repo, own} {
		files["code-repos/"+id+"/"+id+".yaml"] = yaml("CodeRepo", id, "product: "+p.name, "codeRepoProvider: gitlab",
			"repoName: x"+id)
	}
	w.push(p, files)
	for _, id := range []string{other.repo, own} {
		out := w.change(c, remove(p, "CodeRepo", id, func(r *change.Request) { r.DeleteRepository = true }))
		if !hasWarning(out.Warnings, "REPOSITORY_KEPT") {
			t.Errorf("%s: %v", id, out.Warnings)
		}
		number, err := strconv.ParseInt(strings.TrimPrefix(id, "repo-"), 10, 64)
		w.must(err)
		got, err := w.host.ProjectByID(t.Context(), c.Token, number)
		if err != nil || got.MarkedForDeletion {
			t.Errorf("%s was deleted: %+v %v", id, got, err)
		}
	}
}

func TestABorrowedCodeRepoGoesThereAndBack(t *testing.T) {
	w := newWorld(t)
	p, owner := w.product("nautes-labs"), w.product("lender")
	w.mgmt.Add(rulestest.CodeRepo(owner.name, owner.repo, "api-server"),
		rulestest.Binding(owner.name, "share", owner.repo, p.name))
	of := func(codeRepo string) string {
		return strings.Replace(guide, `"code_repo": "api-server"`, `"code_repo": "`+codeRepo+`"`, 1)
	}
	body, full := of("lender/api-server"), owner.name+"/"+owner.repo

	// Who does not see the repository in GitLab cannot name it by path yet; its id is accepted with that of its owner,
	// and never alone.
	w.refused(p, p.maintainer.caller, save(p, "dr", body), problem.Invalid, problem.ReasonInvalid)
	err := w.refusedWith(p, p.maintainer.caller, save(p, "dr", of(owner.repo)), problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonCodeRepoNotFound)
	if !strings.Contains(err.Error(), "<product>/<code repo>") {
		t.Errorf("it does not say how to name the lender: %v", err)
	}
	w.change(p.maintainer.caller, save(p, "dr", of(full)))
	if _, files := w.main(p); !strings.Contains(files["runtimes/dr.yaml"], "codeRepo: "+full+"\n") {
		t.Errorf("got %s", files["runtimes/dr.yaml"])
	}
	got := asJSON(t, w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr").Item)
	if !strings.Contains(got, `"code_repo":"lender/api-server"`) {
		t.Errorf("got %s", got)
	}
	if again := w.change(p.maintainer.caller, save(p, "dr", got)); again.Changed {
		t.Errorf("the answer changes something: %+v", again)
	}
	both := w.member(p.group, client.MaintainerPermissions)
	w.join(owner.group, both, client.ReporterPermissions)
	w.change(both.caller, save(p, "dr-two", strings.Replace(body, "manifests/development", "two", 1)))
	if _, files := w.main(p); !strings.Contains(files["runtimes/dr-two.yaml"], "codeRepo: "+full+"\n") {
		t.Errorf("got %s", files["runtimes/dr-two.yaml"])
	}

	w.mgmt.Broken(errLost)
	if got := asJSON(t, w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr").Item); !strings.Contains(got,
		`"code_repo":"`+full+`"`) {
		t.Errorf("without the management cluster the id stays: %s", got)
	}
}

// A product's code repos may lie in sub-groups, which are no products.
func TestALentCodeRepoOfASubgroupIsTheProductsAboveIt(t *testing.T) {
	w := newWorld(t)
	p, owner := w.product("nautes-labs"), w.product("lender")
	sub := w.group("lender/sub")
	project := w.gitlabProject(sub.ID, "lib")
	repo := "repo-" + strconv.FormatInt(project.ID, 10)
	w.mgmt.Add(rulestest.CodeRepo(owner.name, repo, "lib"), rulestest.Binding(owner.name, "share", repo, p.name))
	both := w.member(p.group, client.MaintainerPermissions)
	w.join(owner.group, both, client.ReporterPermissions)
	w.change(both.caller,
		save(p, "dr", strings.Replace(guide, `"code_repo": "api-server"`, `"code_repo": "lender/sub/lib"`, 1)))
	if _, files := w.main(p); !strings.Contains(files["runtimes/dr.yaml"], "codeRepo: "+owner.name+"/"+repo+"\n") {
		t.Errorf("got %s", files["runtimes/dr.yaml"])
	}
}

// While nobody says which group is a product, a code repo of a sub-group would get the wrong owner.
func TestInDoubtNoOwnerOfACodeRepoIsWritten(t *testing.T) {
	for _, kind := range []string{"", "Product", "CodeRepoProvider"} {
		w := newWorld(t)
		p, owner := w.product("nautes-labs"), w.product("lender")
		w.gitlabProject(w.group("lender/sub").ID, "lib")
		both := w.member(p.group, client.MaintainerPermissions)
		w.join(owner.group, both, client.ReporterPermissions)
		w.options.Management = doubtful{w.mgmt, kind}
		if kind == "" {
			w.options.Management = w.mgmt.Broken(errLost)
		}
		w.service = change.New(w.options)
		r := save(p, "dr", strings.Replace(guide, `"code_repo": "api-server"`, `"code_repo": "lender/sub/lib"`, 1))
		r.SkipCheck = true
		w.refused(p, both.caller, r, problem.Unavailable, problem.ReasonNoManagementCluster)
	}
}

// A file of before the lender was part of the name: what is deployed from there goes on meaning it, and a save writes
// the name in full.
func TestABorrowedCodeRepoOfOldIsNamedInFullWhenItIsSaved(t *testing.T) {
	w := newWorld(t)
	p, owner := w.product("nautes-labs"), w.product("lender")
	c, full := p.maintainer.caller, owner.name+"/"+owner.repo
	w.push(p,
		map[string]string{"runtimes/dr.yaml": strings.Replace(runtimeYAML(p, "dr", "env-dev"), p.repo, owner.repo, 1)})
	w.mgmt.Add(rulestest.CodeRepo(owner.name, owner.repo, "api-server"),
		rulestest.Binding(owner.name, "share", owner.repo, p.name))
	if all := w.list(c, p, "DeploymentRuntime", change.ListOptions{}); hasWarning(all.Warnings,
		wire.WarningLegacyCodeRepo) {
		t.Errorf("it is not deployed from there: %v", all.Warnings)
	}
	w.mgmt.Add(rulestest.Runtime(p.name, "dr", owner.repo, "env-dev", func(r *api.DeploymentRuntime) {
		r.Status.Placement = &api.PlacementStatus{CodeRepo: full}
	}))
	all := w.list(c, p, "DeploymentRuntime", change.ListOptions{})
	got := asJSON(t, all.Items[0])
	if !hasWarning(all.Warnings, wire.WarningLegacyCodeRepo) ||
		!strings.Contains(got, `"code_repo":"lender/api-server"`) {
		t.Errorf("got %v, %s", all.Warnings, got)
	}
	w.change(c, save(p, "dr", got))
	if _, files := w.main(p); !strings.Contains(files["runtimes/dr.yaml"], "codeRepo: "+full+"\n") {
		t.Errorf("got %s", files["runtimes/dr.yaml"])
	}
	if all := w.list(c, p, "DeploymentRuntime", change.ListOptions{}); hasWarning(all.Warnings,
		wire.WarningLegacyCodeRepo) {
		t.Errorf("got %v", all.Warnings)
	}
}

func TestBindings(t *testing.T) {
	w := newWorld(t)
	p, other := w.product("nautes-labs"), w.product("other")
	c := p.maintainer.caller
	binding := func(body string) change.Request {
		return request(p, change.Operation{Kind: "CodeRepoBinding", Name: "share", Body: json.RawMessage(body)})
	}
	w.change(c, binding(`{"coderepo":"api-server","permissions":"readonly","projects":["api-server"]}`))
	_, files := w.main(p)
	want := yaml("CodeRepoBinding", "share", "codeRepo: "+p.repo, "permissions: readonly", "product: "+p.name,
		"projects:", "- api-server")
	if diff := cmp.Diff(want, files["code-repos/"+p.repo+"/share.yaml"]); diff != "" {
		t.Error(diff)
	}
	err := w.refusedWith(p, c, binding(`{"coderepo":"api-server","permissions":"readonly","product":"other"}`),
		problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonProductNotFound) // the caller does not see it
	w.join(other.group, p.maintainer, client.GuestPermissions)
	w.change(c, binding(`{"coderepo":"api-server","permissions":"readonly","product":"other"}`))
	mine, stranger := asJSON(t, w.get(c, p, "CodeRepoBinding", "share").Item),
		w.member(p.group, client.ReporterPermissions)
	theirs := asJSON(t, w.get(stranger.caller, p, "CodeRepoBinding", "share").Item)
	if !strings.Contains(mine, `"product":"other"`) || !strings.Contains(theirs, `"product":"`+other.name+`"`) {
		t.Errorf("a binding must not tell whom an id belongs to: %s, %s", mine, theirs)
	}
	w.change(c, save(p, "dr-dev", guide))
	out := w.change(c, remove(p, "CodeRepoBinding", "share"))
	if !hasWarning(out.Warnings, api.ReasonPermissionRevoked) && !hasWarning(out.Warnings, "PERMISSION_REVOKED") {
		t.Errorf("a permission can be taken away, with a warning: %v", out.Warnings)
	}
	if out.User == (githost.User{}) {
		t.Error("the caller is not named")
	}
}
