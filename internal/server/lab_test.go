package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gitlabclient "gitlab.com/gitlab-org/api/client-go"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// lab is a GitLab with real git, and people. Any number of API servers can stand before it.
type lab struct {
	*testing.T
	*fakegitlab.Server
	url  string
	root *gitlabclient.Client
	// shapes are the same for all replicas.
	shapes *schema.Schema
	// before runs before GitLab looks at a request, and can hold it up.
	before atomic.Pointer[func(*http.Request)]
	// later is how many seconds GitLab's clock is ahead.
	later atomic.Int64
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{T: t}
	front := listen(t)
	l.url = "http://" + front.Addr().String()
	var err error
	now := func() time.Time { return time.Now().Add(time.Duration(l.later.Load()) * time.Second) }
	l.Server, err = fakegitlab.New(fakegitlab.Options{Dir: t.TempDir(), RequestsPerMinute: -1,
		ExternalURL: l.url, Now: now})
	l.must(err)
	web := &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if f := l.before.Load(); f != nil {
				(*f)(r)
			}
			l.ServeHTTP(w, r)
		})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = web.Serve(front) }()
	t.Cleanup(func() {
		_ = web.Close()
		<-ended
		l.must(l.Server.Close())
		for _, v := range l.Violations() {
			t.Errorf("against the description of GitLab's API: %s", v)
		}
	})
	l.shapes, err = schema.New()
	l.must(err)
	l.root, err = gitlabclient.NewClient(l.RootToken(), gitlabclient.WithBaseURL(l.url), gitlabclient.WithoutRetries())
	l.must(err)
	return l
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// person makes somebody and returns a token.
func (l *lab) person(name string, scopes ...string) string {
	l.Helper()
	_, _, err := l.root.Users.CreateUser(&gitlabclient.CreateUserOptions{
		Username: &name, Name: gitlabclient.Ptr(strings.ToUpper(name[:1]) + name[1:]),
		Email:               gitlabclient.Ptr(name + "@example.com"),
		ForceRandomPassword: gitlabclient.Ptr(true),
	})
	l.must(err)
	return l.token(name, &gitlabclient.CreatePersonalAccessTokenOptions{Scopes: &scopes})
}

// token makes another token for somebody.
func (l *lab) token(name string, o *gitlabclient.CreatePersonalAccessTokenOptions) string {
	l.Helper()
	users, _, err := l.root.Users.ListUsers(&gitlabclient.ListUsersOptions{Username: &name})
	l.must(err)
	o.Name = gitlabclient.Ptr("test")
	token, _, err := l.root.Users.CreatePersonalAccessToken(users[0].ID, o)
	l.must(err)
	return token.Token
}

// member makes somebody who has a role in a group, and returns a token.
func (l *lab) member(name, group string, role gitlabclient.AccessLevelValue, scopes ...string) string {
	l.Helper()
	token := l.person(name, scopes...)
	users, _, err := l.root.Users.ListUsers(&gitlabclient.ListUsersOptions{Username: &name})
	l.must(err)
	_, _, err = l.root.GroupMembers.AddGroupMember(group,
		&gitlabclient.AddGroupMemberOptions{UserID: &users[0].ID, AccessLevel: &role})
	l.must(err)
	return token
}

// replica returns an API server. There is no management cluster.
func (l *lab) replica(adjust ...func(*change.Options, *server.Options)) *world {
	l.Helper()
	host, err := gitlab.New(gitlab.Options{URL: l.url, Timeout: time.Minute})
	l.must(err)
	return newWorld(l.T, func(o *server.Options) {
		c := change.Options{
			Host: host, Schema: l.shapes, CodeRepoProvider: "gitlab",
			SystemNamespaces: rules.SystemNamespaces{"argocd", "nautes"}, Now: time.Now,
			Repos: gitrepo.NewStore(gitrepo.Options{
				Observe: func(x gitrepo.Observation) { o.Metrics.GitOperation(x.Operation, x.Outcome, x.Duration) }}),
		}
		for _, f := range adjust {
			f(&c, o)
		}
		o.Service = change.New(c)
	})
}

// product makes a product with what the guide's runtime needs.
func (l *lab) product(w *world, token, path string) {
	l.Helper()
	base := "/api/v1/products/" + path
	for _, step := range [][2]string{
		{base, `{"git":{"gitlab":{"name":"` + path + `","visibility":"private"}}}`},
		{base + "/environments/env-dev", `{"cluster":"c1","env_type":"dev"}`},
		{base + "/projects/api-server", `{"language":"go"}`},
		{base + "/coderepos/api-server", `{"project":"api-server","deployment_runtime":true}`},
	} {
		if got := w.do(l.T, http.MethodPost, step[0], step[1], as(token)); got.StatusCode != http.StatusOK {
			l.Fatalf("%s: %d %s", step[0], got.StatusCode, got.body)
		}
	}
}

func as(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }

// hold stops requests that match until they are let go. held tells that one has come.
func (l *lab) hold(matches func(*http.Request) bool) (held <-chan struct{}, letGo func()) {
	came, goOn := make(chan struct{}, 1000), make(chan struct{})
	f := func(r *http.Request) {
		if matches(r) {
			came <- struct{}{}
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
		}
	}
	l.before.Store(&f)
	return came, func() { l.before.Store(nil); close(goOn) }
}

func isPush(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/git-receive-pack") }

// refusePushes sets a push rule that no commit of ours follows.
func (l *lab) refusePushes(product string) {
	l.Helper()
	_, _, err := l.root.Projects.AddProjectPushRule(product+"/default.project",
		&gitlabclient.AddProjectPushRuleOptions{CommitMessageRegex: gitlabclient.Ptr("^TICKET-[0-9]+")})
	l.must(err)
}

// main returns the files of a product's main, and its commits from the first to the last.
func (l *lab) main(product string) (files map[string]string, commits []string) {
	l.Helper()
	dir := l.TempDir()
	l.git(dir, "clone", "--quiet", strings.Replace(l.url, "://", "://oauth2:"+l.RootToken()+"@", 1)+"/"+product+
		"/default.project.git", ".")
	files = map[string]string{}
	for _, path := range strings.Fields(l.git(dir, "ls-files")) {
		files[path] = l.git(dir, "show", "HEAD:"+path)
	}
	return files, strings.Fields(l.git(dir, "rev-list", "--reverse", "HEAD"))
}

func (l *lab) git(dir string, args ...string) string {
	l.Helper()
	cmd := exec.CommandContext(l.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.Fatalf("git %v: %v %s", args, err, out)
	}
	return string(out)
}

// together does something so many times at once.
func (l *lab) together(times int, do func(i int)) {
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// management is a management cluster with a cluster and this GitLab.
func (l *lab) management() *rulestest.World {
	return rulestest.New(rulestest.Cluster("c1"), rulestest.Provider("gitlab", func(p *api.CodeRepoProvider) {
		p.Spec.HTTPAddress, p.Spec.SSHAddress, p.Spec.APIServer = l.url, "", l.url+"/api/v4"
	}))
}

// everyTreeIsValid judges every runtime of every commit of a product's main. Clusters are not known here.
func (l *lab) everyTreeIsValid(path string) {
	l.Helper()
	group, _, err := l.root.Groups.GetGroup(path, nil)
	l.must(err)
	dir := l.TempDir()
	l.git(dir, "clone", "--quiet", strings.Replace(l.url, "://", "://oauth2:"+l.RootToken()+"@", 1)+"/"+path+
		"/default.project.git", ".")
	product := rulestest.Product(fmt.Sprintf("product-%d", group.ID), path)
	mgmt := l.management()
	files, judged := map[string]layout.File{}, 0
	for _, commit := range strings.Fields(l.git(dir, "rev-list", "--reverse", "HEAD")) {
		for line := range strings.Lines(l.git(dir, "diff-tree", "--root", "-r", "--no-commit-id",
			"--no-abbrev", commit)) {
			meta, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
			blob := strings.Fields(meta)[3]
			files[file] = layout.File{Path: file, Blob: blob, Data: []byte(l.git(dir, "cat-file", "blob", blob))}
		}
		tree := layout.Read(slices.Collect(maps.Values(files)))
		lookup := catalog.NewTree(product, tree, mgmt)
		for _, e := range tree.Of("DeploymentRuntime") {
			o, ok := e.Object.DeepCopyObject().(client.Object)
			if !ok {
				l.Fatalf("%T is no object", e.Object)
			}
			o.SetNamespace(product.Name)
			verdict, err := rules.Check(l.Context(), lookup, o, nil)
			if err != nil || len(verdict.Violations) > 0 {
				l.Errorf("commit %s: %s: %v %v", commit, e.Name, verdict.Violations, err)
			}
			judged++
		}
	}
	if judged == 0 {
		l.Error("nothing was judged")
	}
}
