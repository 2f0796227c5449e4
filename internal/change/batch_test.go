package change_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
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

func op(kind, name, body string) change.Operation {
	return change.Operation{Kind: kind, Name: name, Body: json.RawMessage(body)}
}

func gone(kind, name string) change.Operation {
	return change.Operation{Delete: true, Kind: kind, Name: name}
}

func batch(p product, ops ...change.Operation) change.Request {
	return change.Request{Product: p.path, Operations: ops}
}

func withRepo(body, repo string) string {
	return strings.Replace(body, `"code_repo": "api-server"`, `"code_repo": "`+repo+`"`, 1)
}

// Upstream told one mistake at a time; an unknown code repo must not hide the others either, nor make up new ones.
func TestANameThatNobodyKnowsHidesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	w.change(c, save(p, "dr-dev", guide))
	bad := `{"projects_ref":["gone"],"manifest_source":{"code_repo":"nowhere","target_revision":"HEAD","path":"x"},"destination":"env-nowhere","namespaces":["argocd"]}`
	w.push(p, map[string]string{
		"runtimes/odd.yaml": strings.Replace(runtimeYAML(p, "dr-odd", "env-dev"), "manifests/development", "odd", 1) +
			"  namespaces:\n  - Not_A_Label\n",
	})
	for sentence, x := range map[string]struct {
		request change.Request
		rules   []string
		forced  []string
	}{
		"all else of the object": {
			save(p, "dr", bad),
			[]string{api.ReasonCodeRepoNotFound, api.ReasonEnvironmentNotFound, api.ReasonProjectNotFound,
				api.ReasonNamespaceReserved}, []string{api.ReasonCodeRepoNotFound},
		},
		"nothing else": {save(p, "dr", withRepo(at("x"), "nowhere")), []string{api.ReasonCodeRepoNotFound},
			[]string{api.ReasonCodeRepoNotFound}},
		"other objects of the batch": {
			batch(p, op("DeploymentRuntime", "a", withRepo(at("a"), "nowhere")),
				op("DeploymentRuntime", "b", to("env-nowhere")),
				op("DeploymentRuntime", "c", withRepo(at("a"), "nowhere")), gone("Environment", "env-dev")),
			[]string{
				api.ReasonCodeRepoNotFound, api.ReasonCodeRepoNotFound,
				api.ReasonEnvironmentNotFound, api.ReasonEnvironmentNotFound, api.ReasonEnvironmentNotFound,
				api.ReasonInUse,
			},
			[]string{api.ReasonCodeRepoNotFound, api.ReasonCodeRepoNotFound},
		},
		"both names of a binding, and its projects": {
			request(p, op("CodeRepoBinding", "share",
				`{"coderepo":"nowhere","permissions":"readonly","product":"no-such-group"}`)),
			[]string{api.ReasonCodeRepoNotFound, api.ReasonProductNotFound},
			[]string{api.ReasonCodeRepoNotFound, api.ReasonProductNotFound},
		},
		"the projects of a binding": {
			request(p,
				op("CodeRepoBinding", "share", `{"coderepo":"nowhere","permissions":"readonly","projects":["gone"]}`)),
			[]string{api.ReasonCodeRepoNotFound, api.ReasonProjectNotFound}, []string{api.ReasonCodeRepoNotFound},
		},
		"the rules, where the schema refuses another object": {
			batch(p, op("DeploymentRuntime", "dr-odd", at("other")), op("DeploymentRuntime", "b", to("env-nowhere"))),
			[]string{problem.ReasonInvalidField, api.ReasonEnvironmentNotFound}, []string{problem.ReasonInvalidField},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := *w
			w.T = t
			w.wantRules(w.refusedWith(p, c, x.request, problem.Invalid, problem.ReasonInvalid), x.rules...)
			force := x.request
			force.SkipCheck = true
			w.wantRules(w.refusedWith(p, c, force, problem.Invalid, problem.ReasonInvalid), x.forced...)
			dry := x.request
			dry.DryRun = true
			out := w.change(c, dry)
			if out.Verdict != wire.VerdictRefused || len(out.Violations) != len(x.rules) ||
				strings.Contains(out.Diff, "repo-0") {
				t.Errorf("dry run: %+v", out)
			}
			for _, v := range out.Violations {
				if strings.Contains(v.Message, "repo-0") || strings.Contains(v.Message, "product-0") {
					t.Errorf("a name that nobody wrote: %s", v.Message)
				}
			}
		})
	}
}

func TestABatchNamesAnObjectOnce(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := w.member(p.group, client.OwnerPermissions).caller
	crd := &api.CodeRepo{Spec: api.CodeRepoSpec{Product: p.name, CodeRepoProvider: "gitlab", RepoName: "api-server"}}
	crd.Name = p.repo
	for sentence, ops := range map[string][]change.Operation{
		"saved twice":                       {op("Project", "web", `{}`), op("Project", "web", `{"language":"go"}`)},
		"saved and deleted":                 {op("Project", "api-server", `{}`), gone("Project", "api-server")},
		"saved by name and deleted by id":   {op("CodeRepo", "api-server", `{}`), gone("CodeRepo", p.repo)},
		"saved by name and by id":           {op("CodeRepo", "api-server", `{}`), op("CodeRepo", p.repo, `{}`)},
		"saved by name and in the CRD form": {op("CodeRepo", "api-server", `{}`), {Object: crd}},
		"deleted by name and by id":         {gone("CodeRepo", "api-server"), gone("CodeRepo", p.repo)},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := *w
			w.T = t
			r := batch(p, ops...)
			r.SkipCheck, r.DeleteRepository = true, true
			w.refused(p, c, r, problem.Invalid, problem.ReasonBadRequest)
			if got, err := w.host.ProjectAt(t.Context(), c.Token, p.path+"/api-server"); err != nil ||
				got.MarkedForDeletion {
				t.Errorf("the repository is gone: %+v, %v", got, err)
			}
		})
	}
}

func TestWhatABatchMakesMayBeNamedInIt(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	body := withRepo(strings.Replace(to("env-new"), `"api-server"
        ]`, `"web"
        ]`, 1), "web")
	ops := []change.Operation{
		op("DeploymentRuntime", "dr-web", body),
		op("CodeRepoBinding", "b", `{"coderepo":"web","permissions":"readonly"}`),
		op("Environment", "env-new", `{"cluster":"c2","env_type":"test"}`),
		op("CodeRepo", "web", `{"project":"web","deployment_runtime":true}`), op("Project", "web", `{}`),
	}
	out := w.change(c, batch(p, ops...))
	made, err := w.host.ProjectAt(t.Context(), c.Token, p.path+"/web")
	w.must(err)
	id := "repo-" + strconv.FormatInt(made.ID, 10)
	_, files := w.main(p)
	if !out.Changed || !strings.Contains(files["runtimes/dr-web.yaml"], "codeRepo: "+id+"\n") ||
		files["code-repos/"+id+"/b.yaml"] == "" {
		t.Errorf("got %+v, %v", out, files)
	}
	if again := w.change(c, batch(p, ops...)); again.Changed || again.Verdict != wire.VerdictUnchanged ||
		again.Commit != w.head(p) {
		t.Errorf("the same again: %+v", again)
	}

	// Prerequisites go together with what needs them, in any order, and not without.
	w.refused(p, c, batch(p, gone("CodeRepo", "web"), gone("Environment", "env-new"), gone("Project", "web")),
		problem.Conflict, api.ReasonInUse)
	w.change(c, batch(p, gone("CodeRepo", "web"), gone("CodeRepoBinding", "b"), gone("Environment", "env-new"),
		gone("Project", "web"), gone("DeploymentRuntime", "dr-web")))
	if _, files := w.main(p); len(files) != 4 {
		t.Errorf("left are %v", files)
	}
	err = w.refusedWith(p, c, batch(p, gone("CodeRepo", "api-server"), op("DeploymentRuntime", "dr", guide)),
		problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonCodeRepoNotFound, api.ReasonInUse)
}

func TestOnlyFilesAreTouched(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	dir := w.clone(p)
	w.must(os.MkdirAll(dir+"/runtimes", 0o755))
	w.must(os.Symlink("../README.md", dir+"/runtimes/dr-link.yaml"))
	w.must(os.Symlink("/etc", dir+"/projects/linked"))
	w.git(dir, "add", "--all")
	w.git(dir, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("0123456789", 4)+",projects/module")
	w.git(dir, "commit", "--quiet", "-m", "links")
	w.git(dir, "push", "--quiet", "origin", "HEAD:main")
	before := w.git(dir, "ls-tree", "-r", "HEAD")

	w.refused(p, c, save(p, "dr-link", guide), problem.Conflict, problem.ReasonPathTaken)
	for _, name := range []string{"linked", "module"} {
		w.refused(p, c, request(p, op("Project", name, `{}`)), problem.Conflict, problem.ReasonPathTaken)
		w.refused(p, c, remove(p, "Project", name), problem.Missing, problem.ReasonResourceNotFound)
	}
	w.change(c, save(p, "dr-dev", guide))
	dir = w.clone(p)
	after := strings.Split(w.git(dir, "ls-tree", "-r", "HEAD"), "\n")
	for _, line := range strings.Split(before, "\n") {
		if !strings.Contains(strings.Join(after, "\n"), line) {
			t.Errorf("%q is not there any more", line)
		}
	}
	if len(after) != len(strings.Split(before, "\n"))+1 {
		t.Errorf("main holds\n%s", strings.Join(after, "\n"))
	}
}

func TestWhatBecomesOfMainDuringASave(t *testing.T) {
	for sentence, c := range map[string]struct {
		happens func(*world, product)
		class   problem.Class
		reason  string
		rules   []string
	}{
		"emptied": {func(w *world, p product) {
			_, files := w.main(p)
			for path := range files {
				files[path] = ""
			}
			w.push(p, files)
		}, problem.Invalid, problem.ReasonInvalid,
			[]string{api.ReasonEnvironmentNotFound, api.ReasonCodeRepoNotFound, api.ReasonProjectNotFound}},
		"deleted": {func(w *world, p product) {
			dir := w.clone(p)
			w.git(dir, "push", "--quiet", "origin", "main:trunk")
			_, _, err := w.root.Projects.EditProject(p.project,
				&client.EditProjectOptions{DefaultBranch: client.Ptr("trunk")})
			w.must(err)
			w.unprotect(p)
			w.git(dir, "push", "--quiet", "origin", ":main")
		}, problem.Missing, problem.ReasonMainNotFound, nil},
		"replaced by another history": {func(w *world, p product) {
			dir := w.clone(p)
			w.git(dir, "checkout", "--quiet", "--orphan", "other")
			w.git(dir, "rm", "--quiet", "-r", "--cached", "envs")
			w.git(dir, "commit", "--quiet", "-m", "without environments")
			w.unprotect(p)
			w.git(dir, "push", "--quiet", "--force", "origin", "other:main")
		}, problem.Invalid, problem.ReasonInvalid, []string{api.ReasonEnvironmentNotFound}},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("nautes-labs")
			after := ""
			w.beforePush(sync.OnceFunc(func() {
				c.happens(w, p)
				after = w.head(p)
			}))
			_, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide))
			w.wantProblem(err, c.class, c.reason)
			w.wantRules(err, c.rules...)
			if head := w.head(p); head != after {
				t.Errorf("main is at %q, want %q", head, after)
			}
		})
	}
}

func TestSavingAgainDoesWhatWasLeftUndone(t *testing.T) {
	limited := fakegitlab.Fault{Status: http.StatusTooManyRequests, RetryAfter: 60e9}
	events := `{"webhook":{"events":["push_events"]}}`
	for sentence, c := range map[string]struct {
		method, path string
		skip         int
		ended        string // how the first try ends
	}{
		"the project was not made":          {http.MethodPost, "/api/v4/projects", 0, "RateLimited/RateLimited"},
		"only one of the projects was made": {http.MethodPost, "/api/v4/projects", 1, "RateLimited/RateLimited"},
		"it was not pushed":                 {http.MethodPost, "/git-receive-pack", 0, "RateLimited/RateLimited"},
		"hooks could not be listed":         {http.MethodGet, "/hooks", 0, "ok"},
		"one hook could not be made":        {http.MethodPost, "/hooks", 1, "ok"},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("nautes-labs")
			o := w.options
			o.PublicURL = "http://127.0.0.1:1"
			w.service = change.New(o)
			fault := limited
			fault.Method, fault.Path, fault.Skip = c.method, c.path, c.skip
			mend := w.server.Trouble().Add(fault)
			r := batch(p, op("CodeRepo", "one", events), op("CodeRepo", "two", events))
			out, err := w.service.Change(t.Context(), p.maintainer.caller, r)
			mend()
			if got := ended(err); got != c.ended || hasWarning(out.Warnings, "HOOK_FAILED") != (err == nil) {
				t.Errorf("the first try: %s, %v", got, out.Warnings)
			}
			if err != nil && problem.As(err).After.Seconds() != 60 {
				t.Errorf("when to try again is not told: %v", problem.As(err).After)
			}
			again := w.change(p.maintainer.caller, r)
			if hasWarning(again.Warnings, "HOOK_FAILED") || again.Changed != (err != nil) || again.Commit != w.head(p) {
				t.Errorf("the second try: %+v", again)
			}
			projects, err := w.host.ProjectsOfGroup(t.Context(), w.rootCaller().Token, p.group)
			w.must(err)
			hooks := map[string]int{}
			for _, project := range projects {
				all, _, err := w.root.Projects.ListProjectHooks(project.ID, nil)
				w.must(err)
				hooks[project.PathSegment()] = len(all)
			}
			if diff := cmp.Diff(map[string]int{identity.DefaultProject: 0, "api-server": 0, "one": 1, "two": 1},
				hooks); diff != "" {
				t.Errorf("projects and how many hooks they have: %s", diff)
			}
		})
	}
}

func TestDeletingACodeRepoAgainDeletesTheProjectThatWasLeft(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := w.member(p.group, client.OwnerPermissions).caller
	bystander := w.gitlabProject(p.group, "never-a-code-repo")
	id, _ := strconv.ParseInt(strings.TrimPrefix(p.repo, "repo-"), 10, 64)
	whole := func(r *change.Request) { r.DeleteRepository = true }

	mend := w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodDelete, Path: "/api/v4/projects/",
		Status: http.StatusTooManyRequests})
	out := w.change(c, remove(p, "CodeRepo", "api-server", whole))
	mend()
	if !out.Changed || !hasWarning(out.Warnings, "REPOSITORY_KEPT") {
		t.Errorf("the first try: %+v", out)
	}
	w.refused(p, c, remove(p, "CodeRepo", "api-server"), problem.Missing, problem.ReasonResourceNotFound)
	for _, name := range []string{"never-a-code-repo", fmt.Sprintf("repo-%d", bystander.ID),
		fmt.Sprintf("repo-%d", p.project)} {
		w.refused(p, c, remove(p, "CodeRepo", name, whole), problem.Missing, problem.ReasonResourceNotFound)
	}
	again := w.change(c, remove(p, "CodeRepo", "api-server", whole))
	if again.Changed || len(again.Warnings) > 0 || again.Commit != w.head(p) {
		t.Errorf("the second try: %+v", again)
	}
	for project, marked := range map[int64]bool{id: true, bystander.ID: false, p.project: false} {
		if got, err := w.host.ProjectByID(t.Context(), c.Token, project); err != nil ||
			got.MarkedForDeletion != marked {
			t.Errorf("%d: %+v, %v", project, got, err)
		}
	}
	w.refused(p, c, remove(p, "CodeRepo", p.repo, whole), problem.Missing, problem.ReasonResourceNotFound)
}

// A product of many files, and a batch of many documents, must not cost their product: one caller would take the
// processor from all others. What is counted are allocations, not time; the product of both would make them 16 times as
// many.
func TestABatchCostsWhatItsDocumentsAndTheFilesCostOnce(t *testing.T) {
	cost := func(n int) uint64 {
		w := newWorld(t)
		p := w.product("nautes-labs")
		files := map[string]string{}
		var ops []change.Operation
		for i := range n {
			files[fmt.Sprintf("runtimes/old-%d.yaml", i)] = strings.Replace(runtimeYAML(p, fmt.Sprintf("old-%d", i),
				"env-dev"), "manifests/development", fmt.Sprintf("old/%d", i), 1)
			ops = append(ops, op("DeploymentRuntime", fmt.Sprintf("new-%d", i), at(fmt.Sprintf("new/%d", i))))
		}
		w.push(p, files)
		w.get(p.maintainer.caller, p, "DeploymentRuntime", "old-1") // the files are read now
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := batch(p, ops...)
		r.DryRun = true
		if out := w.change(p.maintainer.caller, r); out.Verdict != wire.VerdictSave || len(out.Plan) != n {
			t.Fatalf("%d documents: %s, %d plans", n, out.Verdict, len(out.Plan))
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	one, four := cost(50), cost(200)
	t.Logf("%d allocations for 50 documents beside 50 files, %d for 200 beside 200", one, four)
	if four > 5*one {
		t.Errorf("four times as much costs %.1f times as many allocations", float64(four)/float64(one))
	}
}
