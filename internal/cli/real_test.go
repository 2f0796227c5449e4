package cli

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gitlabclient "gitlab.com/gitlab-org/api/client-go"

	"sigs.k8s.io/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// realServer is the REST server itself, on a GitLab stand-in with real git and a management cluster in memory.
func realServer(t *testing.T) (address, token, host string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	git, err := fakegitlab.New(fakegitlab.Options{Dir: t.TempDir(), RequestsPerMinute: -1})
	must(err)
	url, err := git.Start(t.Context())
	must(err)
	t.Cleanup(func() { _ = git.Close() })
	client, err := gitlab.New(gitlab.Options{URL: url, Timeout: time.Minute})
	must(err)
	checker, err := schema.New()
	must(err)
	management := rulestest.New(rulestest.Cluster("worker-1"),
		rulestest.Provider("gitlab", func(p *api.CodeRepoProvider) {
			p.Spec.HTTPAddress, p.Spec.SSHAddress, p.Spec.APIServer = url, "", url+"/api/v4"
		}))
	s, err := server.New(server.Options{
		Service: change.New(change.Options{
			Host: client, Repos: gitrepo.NewStore(gitrepo.Options{}), Schema: checker, Management: management,
			CodeRepoProvider: "gitlab",
			SystemNamespaces: rules.SystemNamespaces{"argocd", "nautes"}, Now: time.Now,
		}),
		Log: slog.New(slog.DiscardHandler), Audit: slog.New(slog.DiscardHandler), Metrics: server.NewMetrics(),
		Now: time.Now, Version: "v0",
	})
	must(err)
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	return front.URL, userToken(t, url, git.RootToken()), url
}

// userToken is that of a person who may create groups.
func userToken(t *testing.T, url, root string) string {
	t.Helper()
	admin, err := gitlabclient.NewClient(root, gitlabclient.WithBaseURL(url))
	if err != nil {
		t.Fatal(err)
	}
	user, _, err := admin.Users.CreateUser(&gitlabclient.CreateUserOptions{
		Username: gitlabclient.Ptr("ada"), Name: gitlabclient.Ptr("Ada"), Email: gitlabclient.Ptr("ada@example.com"),
		ForceRandomPassword: gitlabclient.Ptr(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := admin.Users.CreatePersonalAccessToken(user.ID,
		&gitlabclient.CreatePersonalAccessTokenOptions{Name: gitlabclient.Ptr("test"), Scopes: &[]string{"api"}})
	if err != nil {
		t.Fatal(err)
	}
	return token.Token
}

func as(address, token string) setting {
	return func(s *Surroundings) { s.Defaults.APIServer, s.Defaults.Token = address, secret.New(token) }
}

func TestTheWholeWayThroughTheRealServer(t *testing.T) {
	address, token, _ := realServer(t)
	run := func(code int, args ...string) result {
		t.Helper()
		r := nautes(t, nil, args, as(address, token), typing(token))
		expect(t, r, code)
		if strings.Contains(r.stdout+r.stderr, token) {
			t.Errorf("%v prints the token", args)
		}
		return r
	}
	run(4, "get", "dr")
	run(0, "diff", "-f", "testdata/upstream-own.yaml")
	applied := run(0, "apply", "-f", "testdata/upstream-own.yaml")
	if got := strings.Count(applied.stdout, " saved"); got != 6 {
		t.Errorf("%d resources saved, want 6:\n%s%s", got, applied.stdout, applied.stderr)
	}
	again := run(0, "apply", "-f", "testdata/upstream-own.yaml")
	if got := strings.Count(again.stdout, " unchanged"); got < 5 {
		t.Errorf("%d resources unchanged:\n%s%s", got, again.stdout, again.stderr)
	}

	for _, kind := range []string{"product", "environment", "project", "coderepo", "coderepobinding",
		"deploymentruntime"} {
		for _, format := range []string{"yaml", "json"} {
			printed := run(0, "get", kind, "-o", format)
			r := nautes(t, nil, []string{"apply", "-f", "-"}, stdin(printed.stdout), noProduct(), as(address, token))
			expect(t, r, 0)
			if !strings.Contains(r.stdout, "unchanged") || strings.Contains(r.stderr, "UNKNOWN_MEMBER") {
				t.Errorf("%s as %s does not come back as it was:\n%s\n%s%s", kind, format, printed.stdout, r.stdout,
					r.stderr)
			}
		}
	}

	changed := strings.ReplaceAll(run(0, "get", "dr", "dr-dev", "-o", "yaml").stdout, "manifests/development",
		"manifests/staging")
	file := write(t, t.TempDir(), "dr.yaml", changed)
	diff := run(0, "diff", "-f", file)
	if !strings.Contains(diff.stdout, "+    path: manifests/staging") ||
		!strings.Contains(diff.stdout, "deploys dr-dev to cluster worker-1, namespaces shop") {
		t.Errorf("diff: %s", diff.stdout)
	}
	wrong := write(t, t.TempDir(), "dr.yaml", strings.ReplaceAll(changed, "env-dev", "env-x"))
	for _, command := range []string{"diff", "apply"} {
		if r := run(2, command, "-f", wrong); !strings.Contains(r.stderr, "EnvironmentNotFound") {
			t.Errorf("%s: %s", command, r.stderr)
		}
	}
	run(5, "delete", "env", "env-dev", "-y")
	run(0, "apply", "-f", wrong, "-i")
	run(0, "apply", "-f", file)

	run(0, "validate", "testdata/checkout/good") // offline: no token, no server
	if r := run(0, "migrate"); !strings.Contains(r.stderr, "Nothing to rewrite") {
		t.Errorf("migrate: %s", r.stderr)
	}
	var items []struct{ Kind string }
	if err := json.Unmarshal([]byte(run(0, "get", "dr", "-o", "json").stdout), &items); err != nil || len(items) != 1 {
		t.Errorf("%v %v", items, err)
	}
	// the GitLab project of the code repo stays, and with it the product
	removed := run(5, "remove", "-f", "testdata/upstream-own.yaml")
	if got := strings.Count(removed.stdout, " deleted"); got != 5 ||
		!strings.Contains(removed.stderr, "nautes-labs/api-server") {
		t.Errorf("%d resources deleted, want 5:\n%s%s", got, removed.stdout, removed.stderr)
	}
	run(4, "get", "dr", "dr-dev")
	run(0, "login")
}

func TestACheckoutOfTheRealRepository(t *testing.T) {
	address, token, host := realServer(t)
	expect(t, nautes(t, nil, []string{"apply", "-f", "testdata/upstream-own.yaml"}, as(address, token)), 0)
	dir, git := checkoutOf(t, host, token)
	for _, args := range [][]string{{"validate", dir}, {"validate", dir, "--server"}} {
		r := nautes(t, nil, args, as(address, token), noProduct())
		expect(t, r, 0)
		if !strings.Contains(r.stdout, "5 resources of product-") ||
			!strings.Contains(r.stdout, "0 errors, 0 warnings") {
			t.Errorf("%v: %s", args, r.stdout)
		}
	}

	environment := filepath.Join(dir, "envs", "env-dev.yaml")
	if err := os.Rename(environment, environment+".gone"); err != nil {
		t.Fatal(err)
	}
	r := nautes(t, nil, []string{"validate", dir, "--server"}, as(address, token), noProduct())
	expect(t, r, 2)
	if !strings.Contains(r.stdout, "envs:1: error: Environment \"env-dev\" is needed") ||
		!strings.Contains(r.stdout, "[InUse]") {
		t.Errorf("what was deleted is not judged: %s%s", r.stdout, r.stderr)
	}
	if err := os.Rename(environment+".gone", environment); err != nil {
		t.Fatal(err)
	}

	runtime := filepath.Join(dir, "runtimes", "dr-dev.yaml")
	data, err := os.ReadFile(runtime)
	if err != nil {
		t.Fatal(err)
	}
	legacy := strings.NewReplacer("destination: env-dev\n", "destination: {environment: env-dev, namespaces: "+
		"[shop]}\n  account: robot\n", "  namespaces:\n  - shop\n", "").Replace(string(data))
	write(t, dir, "runtimes/dr-dev.yaml", legacy)
	git("-C", dir, "commit", "-qam", "legacy")
	git("-C", dir, "push", "-q", "origin", "HEAD:main")
	if r := nautes(t, nil, []string{"get", "dr"}, as(address, token)); !strings.Contains(r.stderr, "LEGACY_SHAPE") {
		t.Fatalf("the file is not legacy: %s", r.stderr)
	}
	r = nautes(t, nil, []string{"migrate"}, as(address, token))
	expect(t, r, 0)
	if !strings.HasPrefix(r.stdout, "DeploymentRuntime dr-dev rewritten") {
		t.Errorf("migrate: %s%s", r.stdout, r.stderr)
	}
	r = nautes(t, nil, []string{"get", "dr"}, as(address, token))
	expect(t, r, 0)
	same(t, "warnings afterwards", "", r.stderr)
	git("-C", dir, "pull", "-q", "origin", "main")
	after, err := os.ReadFile(runtime)
	if err != nil {
		t.Fatal(err)
	}
	var was, is map[string]any
	if err := errors.Join(yaml.Unmarshal(data, &was), yaml.Unmarshal(after, &is)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was, is); diff != "" { // a new field stands behind the others
		t.Errorf("the file (-want +got):\n%s", diff)
	}
}

// checkoutOf clones default.project, and returns git as the person who may push to it.
func checkoutOf(t *testing.T, host, token string) (dir string, git func(args ...string)) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "default.project")
	git = func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git",
			append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v", args[0], string(out))
		}
	}
	git("clone", "-q", strings.Replace(host, "://", "://oauth2:"+token+"@", 1)+"/nautes-labs/default.project.git", dir)
	return dir, git
}

func TestACheckoutThatIsMainIsJudgedByTheServer(t *testing.T) {
	address, token, host := realServer(t)
	expect(t, nautes(t, nil, []string{"apply", "-f", "testdata/upstream-own.yaml"}, as(address, token)), 0)
	dir, git := checkoutOf(t, host, token)
	good, err := os.ReadFile(filepath.Join(dir, "envs", "env-dev.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "envs/env-dev.yaml", strings.Replace(string(good), "worker-1", "worker-9", 1))
	git("-C", dir, "commit", "-qam", "wrong")
	git("-C", dir, "push", "-q", "origin", "HEAD:main")
	r := nautes(t, nil, []string{"validate", dir, "--server"}, as(address, token), noProduct())
	expect(t, r, 2)
	if !strings.Contains(r.stdout, "envs/env-dev.yaml:1: error:") || !strings.Contains(r.stdout, "[ClusterNotFound]") {
		t.Errorf("stdout: %s%s", r.stdout, r.stderr)
	}
}

func TestApplyOfAFileKeepsWhatItDoesNotMention(t *testing.T) {
	address, token, host := realServer(t)
	expect(t, nautes(t, nil, []string{"apply", "-f", "testdata/upstream-own.yaml"}, as(address, token)), 0)
	dir, _ := checkoutOf(t, host, token)
	stored, err := os.ReadFile(filepath.Join(dir, "runtimes", "dr-dev.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	with := func(namespaces string) string {
		return write(t, t.TempDir(), "dr.yaml",
			strings.Replace(string(stored), "  namespaces:\n  - shop\n", namespaces, 1))
	}
	kept := nautes(t, nil, []string{"apply", "-f", with("")}, as(address, token))
	expect(t, kept, 0)
	if !strings.Contains(kept.stdout, "dr-dev unchanged") ||
		!strings.Contains(kept.stderr, "keeps spec.namespaces shop") {
		t.Errorf("a file that does not mention namespaces: %s%s", kept.stdout, kept.stderr)
	}
	diff := nautes(t, nil, []string{"diff", "-f", with("  namespaces: null\n")}, as(address, token))
	if !strings.Contains(diff.stdout, "-  - shop") {
		t.Errorf("namespaces: null: %s%s", diff.stdout, diff.stderr)
	}
}
