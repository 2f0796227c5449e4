package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func saved(commit string) wire.Saved {
	return wire.Saved{Message: "Successfully saved", Commit: commit, Changed: true, Warnings: []string{}}
}

const commit = "abcdef0123456789abcdef0123456789abcdef01"

// sent returns the changes of the batches that the server got.
func sent(t *testing.T, s *apiServer) [][]wire.Change {
	t.Helper()
	var all [][]wire.Change
	for _, body := range s.bodies("POST products/") {
		var changes wire.Changes
		if err := json.Unmarshal([]byte(body), &changes); err != nil {
			t.Fatal(err)
		}
		if changes.Changes != nil {
			all = append(all, changes.Changes)
		}
	}
	return all
}

func TestApplyOfTheGuidesFile(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes", saved(commit))
	r := nautes(t, s, []string{"apply", "-f", "testdata/guide.yaml"})
	expect(t, r, 0)
	same(t, "stdout", "DeploymentRuntime dr-dev saved (abcdef01)\n", r.stdout)
	same(t, "requests", []string{"POST products/product-7/changes"}, s.asked())
	want := `{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"DeploymentRuntime","metadata":{"name":"dr-dev"},"spec":` +
		`{"destination":"env-dev","manifestSource":{"codeRepo":"repo-3","path":"manifests/development","targetRevision":"HEAD"},"product":"product-7","projectsRef":["api-server"]}}`
	same(t, "object", want, string(sent(t, s)[0][0].Object))
}

func TestApplyOfTheUpstreamForm(t *testing.T) {
	s := newServer(t).
		on("POST products/nautes-labs", saved("")).
		on("POST products/nautes-labs/changes", saved(commit))
	r := nautes(t, s, []string{"apply", "-f", "testdata/upstream.yaml", "-i"}, noProduct())
	expect(t, r, 0)
	golden(t, "apply-upstream", r.stdout)
	same(t, "order", []string{
		"POST products/nautes-labs?insecure_skip_check=true",
		"POST products/nautes-labs/changes?insecure_skip_check=true",
	}, s.asked())
	batches := sent(t, s)
	var names []string
	for _, c := range batches[0] {
		names = append(names, c.Kind+" "+c.Name)
		parsed, err := wire.Parse(c.Kind, c.Body)
		if err != nil || len(parsed.Unknown) > 0 {
			t.Errorf("the server does not understand %s %s: %v %v", c.Kind, c.Name, parsed, err)
		}
	}
	same(t, "batch", []string{"Environment env-dev", "Project api-server", "CodeRepo api-server",
		"CodeRepoBinding everyone", "DeploymentRuntime dr-dev"}, names)
	parsed, err := wire.Parse("Product", []byte(s.bodies("POST products/nautes-labs?")[0]))
	if err != nil || len(parsed.Unknown) > 0 {
		t.Errorf("the server does not understand the product: %v %v", parsed, err)
	}
}

func TestWhatLiesInAProductIsOneCommit(t *testing.T) {
	s := newServer(t).on("POST products/nautes-labs/changes", saved(commit))
	input := strings.Join([]string{
		`{apiVersion: nautes.resource.nautes.io/v1alpha1, kind: DeploymentRuntime, metadata: {name: dr-dev}, spec: {product: nautes-labs}}`,
		`{apiVersion: nautes.resource.nautes.io/v1alpha1, kind: CodeRepoBinding, metadata: {name: everyone}, spec: {product: other, codeRepo: repo-3}}`,
		`{apiVersion: nautes.resource.nautes.io/v1alpha1, kind: CodeRepo, metadata: {name: repo-3}, spec: {product: nautes-labs, repoName: api-server, codeRepoProvider: gitlab}, status: {url: x}}`,
		`{apiVersion: nautes.resource.nautes.io/v1alpha1, kind: Environment, metadata: {name: env-dev}, spec: {product: nautes-labs}}`,
	}, "\n---\n")
	expect(t, nautes(t, s, []string{"apply", "-f", "-"}, stdin(input), noProduct()), 0)
	same(t, "requests", []string{"POST products/nautes-labs/changes"}, s.asked())
	var kinds []string
	for _, c := range sent(t, s)[0] {
		var doc outline
		if err := json.Unmarshal(c.Object, &doc); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(c.Object), "status") {
			t.Errorf("the status is sent: %s", c.Object)
		}
		kinds = append(kinds, doc.Kind)
	}
	same(t, "order", []string{"Environment", "CodeRepo", "CodeRepoBinding", "DeploymentRuntime"}, kinds)
}

func TestABindingThatNamesNoOwnerLiesWithTheOthers(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes", saved(commit))
	expect(t, nautes(t, s, []string{"apply", "-f", "testdata/checkout/good"}), 0) // PRODUCT says the path of product-7
	same(t, "requests", []string{"POST products/product-7/changes"}, s.asked())
	same(t, "documents", 5, len(sent(t, s)[0]))
}

func TestAProductWithASlashTooMany(t *testing.T) {
	s := product(t)
	expect(t, nautes(t, s, []string{"get", "dr", "-p", "/nautes-labs/"}), 0)
	same(t, "requests", []string{"GET products/nautes-labs/deploymentruntimes"}, s.asked())
}

func TestApplyTellsWhatDidNotChange(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes",
		wire.Saved{Commit: commit, Warnings: []string{"UNCHECKED:ClusterNotFound: no management cluster"}})
	r := nautes(t, s, []string{"apply", "-f", "testdata/guide.yaml"})
	expect(t, r, 0)
	same(t, "stdout", "DeploymentRuntime dr-dev unchanged (abcdef01)\n", r.stdout)
	same(t, "stderr", "warning: UNCHECKED:ClusterNotFound: no management cluster\n", r.stderr)
}

func TestAChangeIsSentOnce(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes",
		later(refuse(http.StatusServiceUnavailable, "GITLAB_UNAVAILABLE", "GitLab is down"), "0"))
	r := nautes(t, s, []string{"apply", "-f", "testdata/guide.yaml"})
	expect(t, r, 6)
	same(t, "requests", 1, len(s.asked()))
	if !strings.Contains(r.stderr, "error: saving resources of product-7: GitLab is down") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestWhatGetPrintsApplyTakesBack(t *testing.T) {
	tests := map[string]struct {
		kind, call string
		parse      string
	}{
		"runtimes":     {"dr", "POST products/nautes-labs/changes", "DeploymentRuntime"},
		"environments": {"env", "POST products/nautes-labs/changes", "Environment"},
		"projects":     {"project", "POST products/nautes-labs/changes", "Project"},
		"bindings":     {"crb", "POST products/nautes-labs/changes", "CodeRepoBinding"},
		"code repos":   {"cr", "POST products/nautes-labs/changes", "CodeRepo"},
		"products":     {"product", "POST products/nautes-labs", "Product"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := product(t).on("POST products/other%2Fteam", saved("")).on(test.call, saved(commit))
			for i, format := range []string{"yaml", "json"} {
				printed := nautes(t, s, []string{"get", test.kind, "-o", format})
				expect(t, printed, 0)
				expect(t, nautes(t, s, []string{"apply", "-f", "-"}, stdin(printed.stdout), noProduct()), 0)
				bodies := s.bodies(test.call)
				if len(bodies) <= i {
					t.Fatalf("nothing was sent to %s: %v", test.call, s.asked())
				}
				checkUnderstood(t, test.parse, bodies[i])
			}
		})
	}
}

// checkUnderstood reads a body as the server does, and expects no member that it does not know.
func checkUnderstood(t *testing.T, kind, body string) {
	t.Helper()
	if changes, err := wire.ParseChanges([]byte(body)); err == nil {
		for _, c := range changes {
			var unknown []string
			if c.Delete {
				continue
			}
			if c.Object != nil {
				_, unknown, err = wire.ParseObject(c.Object)
			} else if b, failed := wire.Parse(c.Kind, c.Body); failed == nil {
				unknown = b.Unknown
			} else {
				err = failed
			}
			if err != nil || len(unknown) > 0 {
				t.Errorf("unknown %v, %v in %+v", unknown, err, c)
			}
		}
		return
	}
	parsed, err := wire.Parse(kind, []byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if len(parsed.Unknown) > 0 {
		t.Errorf("unknown %v in %s", parsed.Unknown, body)
	}
}
