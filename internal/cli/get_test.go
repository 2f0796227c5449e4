package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// product scripts a product with one resource of each kind, and some more runtimes.
func product(t *testing.T) *apiServer {
	t.Helper()
	s := newServer(t)
	failing := runtimeItem("dr-prod", func(r *wire.DeploymentRuntime) {
		r.Destination = "env-prod"
		r.Namespaces = []string{"shop", "shop-jobs"}
		r.DeletionPolicy, r.Suspend = "Orphan", true
		r.Status = &wire.Status{Reason: "PermissionDenied", Message: "project api-server may not use code repo " +
			"\"repo-3\": add a CodeRepoBinding for it", Cluster: "worker-with-quite-a-long-name"}
	})
	unknown := runtimeItem("dr-new", func(r *wire.DeploymentRuntime) {
		r.Status = nil
		r.ProjectsRef = []string{"a", "b", "c", "d", "e", "f"}
	})
	s.on("GET products/nautes-labs/deploymentruntimes", items(runtimeItem("dr-dev"), unknown, failing))
	for _, r := range []wire.DeploymentRuntime{runtimeItem("dr-dev"), unknown, failing} {
		s.on("GET products/nautes-labs/deploymentruntimes/"+r.Name, r)
	}
	s.on("GET products/nautes-labs/environments",
		items(wire.Environment{Product: "nautes-labs", Name: "env-dev", Cluster: "worker-1", EnvType: "dev"}))
	s.on("GET products/nautes-labs/projects",
		items(wire.Project{Product: "nautes-labs", Name: "api-server", Language: "golang"}))
	s.on("GET products/nautes-labs/coderepos", items(wire.CodeRepo{
		Product: "nautes-labs", Name: "api-server", Project: "api-server",
		Webhook: wire.Webhook{Events: []string{"push_events"}}, DeploymentRuntime: true,
		Git: wire.Git{GitLab: wire.GitLab{Name: "API server", Path: "api-server", Visibility: "private",
			Description:   "服务",
			SSHURLToRepo:  "git@gitlab.example.com:nautes-labs/api-server.git",
			HTTPURLToRepo: "https://gitlab.example.com/nautes-labs/api-server.git"}},
	}))
	s.on("GET products/nautes-labs/coderepobindings", items(wire.CodeRepoBinding{Product: "other/team",
		Name: "everyone", Projects: []string{}, Permissions: "readonly", CodeRepo: "api-server"}))
	s.on("GET products", items(wire.Product{Name: "nautes-labs", Git: wire.Git{GitLab: wire.GitLab{Name: "Nautes",
		Path: "nautes-labs", Visibility: "private", Description: "一个很长的产品说明文字，用来检查宽字符在表格里是否对齐"}}},
		wire.Product{Name: "other/team",
			Git: wire.Git{GitLab: wire.GitLab{Name: "Team", Path: "team", Visibility: "public"}}}))
	s.on("GET clusters", items(wire.Cluster{Name: "worker-1", Usage: "worker", ClusterType: "physical",
		ClusterKind: "kubernetes", WorkerType: "deployment", Ready: true, Reason: "Ready"},
		wire.Cluster{Name: "worker-2", Usage: "worker", ClusterType: "virtual", ClusterKind: "kubernetes",
			WorkerType: "deployment", Reason: "Unreachable"}))
	return s
}

func TestTables(t *testing.T) {
	tests := map[string]struct {
		args     []string
		settings []setting
	}{
		"get-dr":               {args: []string{"get", "dr"}},
		"get-dr-wide":          {args: []string{"get", "drs", "-o", "wide"}},
		"get-dr-narrow":        {args: []string{"get", "dr"}, settings: []setting{terminalOf(80)}},
		"get-dr-wide-narrow":   {args: []string{"get", "dr", "-o", "wide"}, settings: []setting{terminalOf(120)}},
		"get-dr-colour":        {args: []string{"get", "dr"}, settings: []setting{coloured()}},
		"get-dr-json":          {args: []string{"get", "dr", "-o", "json"}},
		"get-dr-one-json":      {args: []string{"get", "dr", "dr-dev", "-o", "json"}},
		"get-dr-two-yaml":      {args: []string{"get", "dr", "dr-dev", "dr-prod", "-o", "yaml"}},
		"get-dr-name":          {args: []string{"get", "deploymentruntime", "-o", "name"}},
		"get-env":              {args: []string{"get", "env"}},
		"get-project":          {args: []string{"get", "proj"}},
		"get-coderepo":         {args: []string{"get", "cr", "-o", "wide"}},
		"get-coderepo-yaml":    {args: []string{"get", "coderepos", "-o", "yaml"}},
		"get-binding":          {args: []string{"get", "crb"}},
		"get-binding-yaml":     {args: []string{"get", "crbs", "-o", "yaml"}},
		"get-product":          {args: []string{"get", "products"}, settings: []setting{noProduct()}},
		"get-product-narrow":   {args: []string{"get", "prod"}, settings: []setting{terminalOf(50)}},
		"get-product-yaml":     {args: []string{"get", "prods", "-o", "yaml"}},
		"get-cluster":          {args: []string{"get", "cls", "-o", "wide"}, settings: []setting{noProduct()}},
		"status-dr":            {args: []string{"status", "dr"}},
		"status-dr-one":        {args: []string{"status", "dr", "dr-prod"}},
		"status-dr-one-colour": {args: []string{"status", "dr", "dr-dev"}, settings: []setting{coloured()}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := nautes(t, product(t), test.args, test.settings...)
			expect(t, r, 0)
			if r.stderr != "" {
				t.Errorf("stderr: %s", r.stderr)
			}
			golden(t, name, r.stdout)
		})
	}
}

func TestGetOfNothing(t *testing.T) {
	server := func(t *testing.T) *apiServer {
		return newServer(t).on("GET products/nautes-labs/deploymentruntimes", map[string]any{"items": []any{},
			"warnings": []string{"STREAM_BLOCKED: runtimes/x.yaml: it does not parse"}})
	}
	for format, want := range map[string]string{"": "", "wide": "", "json": "[]\n", "yaml": "", "name": ""} {
		t.Run("as "+format, func(t *testing.T) {
			r := nautes(t, server(t), []string{"get", "dr", "-o", format})
			expect(t, r, 0)
			same(t, "stdout", want, r.stdout)
			if !strings.Contains(r.stderr, "warning: STREAM_BLOCKED: runtimes/x.yaml") {
				t.Errorf("the warning is not told: %s", r.stderr)
			}
		})
	}
}

func TestGetTellsWhatIsMissingAndShowsTheRest(t *testing.T) {
	r := nautes(t, product(t), []string{"get", "dr", "dr-dev", "dr-gone", "-o", "name"})
	expect(t, r, 4)
	same(t, "stdout", "deploymentruntime/dr-dev\n", r.stdout)
	if !strings.Contains(r.stderr, "there is no such resource") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestGetReadsAllPages(t *testing.T) {
	s := newServer(t).
		on("GET products/nautes-labs/projects",
			map[string]any{"items": []any{wire.Project{Name: "a"}}, "next_page_token": "p2"}).
		on("GET products/nautes-labs/projects?page_token=p2", items(wire.Project{Name: "b"}))
	r := nautes(t, s, []string{"get", "projects", "-o", "name"})
	expect(t, r, 0)
	same(t, "stdout", "project/a\nproject/b\n", r.stdout)
}

func TestAProductWithSlashesIsOneSegment(t *testing.T) {
	s := newServer(t).on("GET products/a%2Fb/projects", items())
	expect(t, nautes(t, s, []string{"get", "projects", "-p", "a/b"}), 0)
	same(t, "requests", []string{"GET products/a%2Fb/projects"}, s.asked())
}

func TestTextFromElsewhereSteersNoTerminal(t *testing.T) {
	hostile := runtimeItem("dr-dev", func(r *wire.DeploymentRuntime) {
		r.Status.Ready, r.Status.Message = false, "bad\x1b[2J\x1b]0;title\a\u202etxt"
		r.ManifestSource.Path = "a\x1b[31m\r\nb"
	})
	s := newServer(t).on("GET products/nautes-labs/deploymentruntimes", items(hostile)).
		on("GET products/nautes-labs/deploymentruntimes/dr-dev",
			refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND", "no\x1b[2Jthing"))
	for _, args := range [][]string{{"get", "dr", "-o", "wide"}, {"status", "dr"}, {"get", "dr", "dr-dev"}} {
		r := nautes(t, s, args)
		if i := strings.IndexFunc(r.stdout+r.stderr,
			func(c rune) bool { return (c < ' ' && c != '\n') || c == '\u202e' }); i >= 0 {
			t.Errorf("%v prints a control character: %q", args, r.stdout+r.stderr)
		}
	}
}

func TestJSONIsOnlyTheDocument(t *testing.T) {
	r := nautes(t, product(t), []string{"get", "dr", "-o", "json", "-v"})
	expect(t, r, 0)
	var all []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || len(all) != 3 {
		t.Errorf("stdout is not a list of three documents: %v\n%s", err, r.stdout)
	}
	if !strings.Contains(r.stderr, "GET /api/v1/products/nautes-labs/deploymentruntimes: 200 OK") {
		t.Errorf("--verbose does not tell the request: %s", r.stderr)
	}
}
