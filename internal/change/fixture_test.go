package change_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "gitlab.com/gitlab-org/api/client-go"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// world is a service on a GitLab with real git, and a management cluster in memory.
type world struct {
	*testing.T
	server  *fakegitlab.Server
	url     string
	root    *client.Client
	host    githost.Host
	mgmt    *rulestest.World
	options change.Options
	service *change.Service
	people  int
}

func newWorld(t *testing.T, settings ...func(*fakegitlab.Options)) *world {
	t.Helper()
	o := fakegitlab.Options{Dir: t.TempDir(), RequestsPerMinute: -1}
	for _, set := range settings {
		set(&o)
	}
	w := &world{T: t, mgmt: rulestest.New()}
	var err error
	w.server, err = fakegitlab.New(o)
	w.must(err)
	w.url, err = w.server.Start(t.Context())
	w.must(err)
	t.Cleanup(func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
		for _, v := range w.server.Violations() {
			t.Errorf("against the description of GitLab's API: %s", v)
		}
	})
	w.root, err = client.NewClient(w.server.RootToken(), client.WithBaseURL(w.url), client.WithoutRetries())
	w.must(err)
	// what is tested is not how fast a busy machine is
	w.host, err = gitlab.New(gitlab.Options{URL: w.url, Timeout: time.Minute})
	w.must(err)
	checker, err := schema.New()
	w.must(err)
	w.mgmt.Add(
		rulestest.Cluster("c1"), rulestest.Cluster("c2"),
		rulestest.Provider("gitlab", func(p *api.CodeRepoProvider) {
			p.Spec.HTTPAddress, p.Spec.SSHAddress, p.Spec.APIServer = w.url, "", w.url+"/api/v4"
		}),
	)
	w.options = change.Options{
		Host: w.host, Repos: gitrepo.NewStore(gitrepo.Options{}), Schema: checker, Management: w.mgmt,
		CodeRepoProvider: "gitlab",
		SystemNamespaces: rules.SystemNamespaces{"argocd", "nautes"}, Now: time.Now,
	}
	w.service = change.New(w.options)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("%v (cause: %v)", err, errors.Unwrap(err))
	}
}

// person is somebody with a token.
type person struct {
	id     int64
	name   string
	caller change.Caller
}

func (w *world) person(scopes ...string) person {
	w.Helper()
	w.people++
	name := "person" + strconv.Itoa(w.people)
	u, _, err := w.root.Users.CreateUser(&client.CreateUserOptions{
		Username: &name, Name: client.Ptr("Person " + name), Email: client.Ptr(name + "@example.com"),
		ForceRandomPassword: client.Ptr(true),
	})
	w.must(err)
	return w.withToken(person{id: u.ID, name: name}, scopes...)
}

func (w *world) withToken(p person, scopes ...string) person {
	w.Helper()
	if len(scopes) == 0 {
		scopes = []string{"api"}
	}
	token, _, err := w.root.Users.CreatePersonalAccessToken(p.id,
		&client.CreatePersonalAccessTokenOptions{Name: client.Ptr("test"), Scopes: &scopes})
	w.must(err)
	p.caller = change.Caller{Token: secret.New(token.Token), RequestID: "req-" + p.name, Client: "test/1"}
	return p
}

func (w *world) member(group int64, level client.AccessLevelValue) person {
	w.Helper()
	p := w.person()
	w.join(group, p, level)
	return p
}

func (w *world) join(group int64, p person, level client.AccessLevelValue) {
	w.Helper()
	_, _, err := w.root.GroupMembers.AddGroupMember(group,
		&client.AddGroupMemberOptions{UserID: &p.id, AccessLevel: &level})
	w.must(err)
}

func (w *world) rootCaller() change.Caller {
	return change.Caller{Token: secret.New(w.server.RootToken()), RequestID: "req-root", Client: "test/1"}
}

// product is a product with a project, an environment on cluster c1 and a code repo, all named as in the guide.
type product struct {
	path, name string
	group      int64
	project    int64
	repo       string // resource name of the code repo api-server
	maintainer person
}

func (w *world) group(path string) *client.Group {
	w.Helper()
	o := &client.CreateGroupOptions{Name: &path, Path: &path, Visibility: client.Ptr(client.PrivateVisibility)}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, _, err := w.root.Groups.GetGroup(path[:i], nil)
		w.must(err)
		o.ParentID, o.Name, o.Path = &parent.ID, client.Ptr(path[i+1:]), client.Ptr(path[i+1:])
	}
	g, _, err := w.root.Groups.CreateGroup(o)
	w.must(err)
	return g
}

func (w *world) gitlabProject(group int64, path string, changes ...func(*client.CreateProjectOptions)) *client.Project {
	w.Helper()
	o := &client.CreateProjectOptions{Path: &path, NamespaceID: &group,
		Visibility: client.Ptr(client.PrivateVisibility)}
	for _, change := range changes {
		change(o)
	}
	p, _, err := w.root.Projects.CreateProject(o)
	w.must(err)
	return p
}

// bare is a product whose default.project has no commit.
func (w *world) bare(path string) product {
	w.Helper()
	g := w.group(path)
	p := w.gitlabProject(g.ID, identity.DefaultProject)
	pr := product{path: path, name: "product-" + strconv.FormatInt(g.ID, 10), group: g.ID, project: p.ID}
	pr.maintainer = w.member(g.ID, client.MaintainerPermissions)
	w.mgmt.Add(rulestest.Product(pr.name, path))
	return pr
}

func (w *world) product(path string) product {
	w.Helper()
	p := w.bare(path)
	repo := w.gitlabProject(p.group, "api-server",
		func(o *client.CreateProjectOptions) { o.Name = client.Ptr("The API Server") })
	p.repo = "repo-" + strconv.FormatInt(repo.ID, 10)
	w.push(p, map[string]string{
		"README.md": "# for people\n",
		"projects/api-server/api-server.yaml": yaml("Project", "api-server", "product: "+p.name,
			"language: go"),
		"envs/env-dev.yaml": yaml("Environment", "env-dev", "product: "+p.name,
			"cluster: c1", "envType: dev"),
		"code-repos/" + p.repo + "/" + p.repo + ".yaml": yaml("CodeRepo", p.repo, "product: "+p.name,
			"codeRepoProvider: gitlab", "repoName: api-server", "project: api-server", "deploymentRuntime: true"),
	})
	return p
}

func yaml(kind, name string, spec ...string) string {
	return "apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: " + kind + "\nmetadata:\n  name: " + name +
		"\nspec:\n  " + strings.Join(spec, "\n  ") + "\n"
}

// runtimeYAML is the guide's file.
func runtimeYAML(p product, name, environment string) string {
	return yaml("DeploymentRuntime", name, "destination: "+environment, "manifestSource:", "  codeRepo: "+p.repo,
		"  path: manifests/development", "  targetRevision: HEAD",
		"product: "+p.name, "projectsRef:", "- api-server")
}

// guide is the body of a save as the guide shows it.
const guide = `{
        "projects_ref": [
            "api-server"
        ],
        "manifest_source": {
            "code_repo": "api-server",
            "target_revision": "HEAD",
            "path": "manifests/development"
        },
        "destination": "env-dev"
    }`

// at is the guide's body with another path, so that several runtimes are no twins.
func at(path string) string { return strings.Replace(guide, "manifests/development", path, 1) }

func to(environment string) string {
	return strings.Replace(guide, `"env-dev"`, `"`+environment+`"`, 1)
}

func save(p product, name, body string, changes ...func(*change.Request)) change.Request {
	return request(p, change.Operation{Kind: "DeploymentRuntime", Name: name, Body: json.RawMessage(body)}, changes...)
}

func remove(p product, kind, name string, changes ...func(*change.Request)) change.Request {
	return request(p, change.Operation{Delete: true, Kind: kind, Name: name}, changes...)
}

func request(p product, o change.Operation, changes ...func(*change.Request)) change.Request {
	r := change.Request{Product: p.path, Operations: []change.Operation{o}}
	for _, change := range changes {
		change(&r)
	}
	return r
}

func forced(r *change.Request) { r.SkipCheck = true }
func dryRun(r *change.Request) { r.DryRun = true }

// git runs a command without the settings of whoever runs the tests.
func (w *world) git(dir string, args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=Test",
		"GIT_COMMITTER_EMAIL=test@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

func (w *world) clone(p product) string {
	w.Helper()
	dir := w.TempDir()
	remote := strings.Replace(w.url, "://", "://oauth2:"+w.server.RootToken()+"@", 1) + "/" + p.path + "/" +
		identity.DefaultProject + ".git"
	w.git(dir, "clone", "--quiet", remote, ".")
	return dir
}

// push puts files onto main as a person with git would; an empty text removes one. It returns the new head.
func (w *world) push(p product, files map[string]string, flags ...string) string {
	w.Helper()
	dir := w.clone(p)
	w.git(dir, "checkout", "--quiet", "-B", identity.Branch)
	for path, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if text == "" {
			w.must(os.Remove(full))
			continue
		}
		w.must(os.MkdirAll(filepath.Dir(full), 0o755))
		w.must(os.WriteFile(full, []byte(text), 0o600))
	}
	w.git(dir, "add", "--all")
	w.git(dir, "commit", "--quiet", "--allow-empty", "-m", "by hand")
	w.git(dir, append([]string{"push", "--quiet", "origin", identity.Branch}, flags...)...)
	return w.git(dir, "rev-parse", "HEAD")
}

// main is what a person sees who clones.
func (w *world) main(p product) (head string, files map[string]string) {
	w.Helper()
	dir := w.clone(p)
	files = map[string]string{}
	for _, path := range strings.Fields(w.git(dir, "ls-files")) {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		w.must(err)
		files[path] = string(data)
	}
	return w.git(dir, "rev-parse", "HEAD"), files
}

func (w *world) head(p product) string {
	w.Helper()
	b, resp, err := w.root.Branches.GetBranch(p.project, identity.Branch)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return ""
	}
	w.must(err)
	return b.Commit.ID
}

// change makes a change that has to succeed.
func (w *world) change(c change.Caller, r change.Request) *change.Outcome {
	w.Helper()
	out, err := w.service.Change(w.Context(), c, r)
	w.must(err)
	return out
}

// refused makes a change that must not succeed, and checks how it is refused and that main did not move.
func (w *world) refused(p product, c change.Caller, r change.Request, class problem.Class, reason string) {
	w.Helper()
	_ = w.refusedWith(p, c, r, class, reason)
}

// refusedWith is refused, and returns the error.
func (w *world) refusedWith(p product, c change.Caller, r change.Request, class problem.Class, reason string) error {
	w.Helper()
	before := w.head(p)
	_, err := w.service.Change(w.Context(), c, r)
	w.wantProblem(err, class, reason)
	if after := w.head(p); after != before {
		w.Errorf("main moved from %s to %s", before, after)
	}
	return err
}

func (w *world) wantProblem(err error, class problem.Class, reason string) {
	w.Helper()
	p := problem.As(err)
	if p == nil {
		w.Fatalf("got %v, want %s/%s", err, class, reason)
	}
	if p.Class != class || p.Reason != reason || p.Message == "" {
		w.Fatalf("got %s/%s %q (cause: %v), want %s/%s", p.Class, p.Reason, p.Message, p.Cause, class, reason)
	}
}

// rulesOf returns the violated rules of an error.
func rulesOf(err error) []string {
	var v change.Violations
	if !errors.As(err, &v) {
		return nil
	}
	var out []string
	for _, one := range v {
		out = append(out, one.Rule)
	}
	return out
}

func (w *world) wantRules(err error, want ...string) {
	w.Helper()
	if diff := cmp.Diff(want, rulesOf(err)); diff != "" {
		w.Errorf("rules of %v: %s", err, diff)
	}
}

func (w *world) get(c change.Caller, p product, kind, name string) *change.Answer {
	w.Helper()
	a, err := w.service.Get(w.Context(), c, change.Ref{Product: p.path, Kind: kind, Name: name})
	w.must(err)
	return a
}

func (w *world) list(c change.Caller, p product, kind string, o change.ListOptions) *change.Listing {
	w.Helper()
	l, err := w.service.List(w.Context(), c, p.path, kind, o)
	w.must(err)
	return l
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func hasWarning(warnings []string, parts ...string) bool {
	return slices.ContainsFunc(warnings, func(w string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(w, part) })
	})
}

func asObject(o any) ctrl.Object { return o.(ctrl.Object) }

// slowHost lets a test act after the head was read and before the push.
type slowHost struct {
	githost.Host
	after func()
}

func (h slowHost) RepositoryAt(ctx context.Context, t secret.Token, path, branch string) (githost.Repository, error) {
	r, err := h.Host.RepositoryAt(ctx, t, path, branch)
	h.after()
	return r, err
}

// beforePush makes something happen each time after main was read, and so before it is pushed to.
func (w *world) beforePush(happens func()) {
	o := w.options
	o.Host = slowHost{w.host, happens}
	w.service = change.New(o)
}

// blockingHost tells of the paths that are asked for, before they are.
type blockingHost struct {
	githost.Host
	before func(path string)
}

func (h blockingHost) RepositoryAt(ctx context.Context, t secret.Token, path,
	branch string) (githost.Repository, error) {
	h.before(path)
	return h.Host.RepositoryAt(ctx, t, path, branch)
}

func (h blockingHost) ProjectAt(ctx context.Context, t secret.Token, path string) (githost.Project, error) {
	h.before(path)
	return h.Host.ProjectAt(ctx, t, path)
}
