package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestRemoveInReverseOrder(t *testing.T) {
	s := newServer(t).
		on("POST products/nautes-labs/changes", saved(commit)).
		on("DELETE products/nautes-labs", wire.Deleted{Message: "Successfully deleted", Warnings: []string{}})
	r := nautes(t, s, []string{"remove", "-f", "testdata/upstream.yaml"}, noProduct())
	expect(t, r, 0)
	golden(t, "remove-upstream", r.stdout)
	same(t, "order", []string{"POST products/nautes-labs/changes", "DELETE products/nautes-labs"}, s.asked())
	var names []string
	for _, c := range sent(t, s)[0] {
		if !c.Delete {
			t.Errorf("%s %s is not marked for deletion", c.Kind, c.Name)
		}
		names = append(names, c.Kind+" "+c.Name)
	}
	same(t, "batch", []string{"DeploymentRuntime dr-dev", "CodeRepoBinding everyone", "CodeRepo api-server",
		"Project api-server", "Environment env-dev"}, names)
}

func TestRemoveOfWhatIsNotThereStopsNothing(t *testing.T) {
	s := newServer(t).
		on("POST products/product-7/changes", refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND", "there is no dr-gone"),
			saved(commit)).
		on("GET products/product-7/deploymentruntimes/dr-dev", runtimeItem("dr-dev"))
	input := readTestdata(t, "guide.yaml") + "---\n" + strings.ReplaceAll(readTestdata(t, "guide.yaml"),
		"dr-dev", "dr-gone")
	r := nautes(t, s, []string{"remove", "-f", "-"}, stdin(input))
	expect(t, r, 0)
	same(t, "stdout", "DeploymentRuntime dr-dev deleted (abcdef01)\n", r.stdout)
	same(t, "stderr", "warning: DeploymentRuntime dr-gone is not there: nothing to delete\n", r.stderr)

	s = newServer(t)
	r = nautes(t, s, []string{"remove", "-f", "testdata/guide.yaml"})
	expect(t, r, 0)
	same(t, "stdout", "", r.stdout)
}

// Only kind, name and product of a document count for a removal: what it would deploy need not be right.
func TestARemovalDoesNotLookAtValues(t *testing.T) {
	guide := readTestdata(t, "guide.yaml")
	for sentence, input := range map[string]string{
		"a revision that is a number": strings.Replace(guide, "HEAD", "1.10", 1),
		"upstream's form": head + "kind: DeploymentRuntime\nspec: {name: dr-dev, product: product-7, destination: 7, " +
			"manifest_source: [x]}\n",
	} {
		t.Run(sentence, func(t *testing.T) {
			s := newServer(t).on("POST products/product-7/changes", saved(commit)).
				on("POST products/product-7/changes?dry_run=true", preview())
			for _, args := range [][]string{{"remove", "-f", "-"}, {"diff", "--remove", "-f", "-"}} {
				expect(t, nautes(t, s, args, stdin(input)), 0)
			}
			for _, batch := range sent(t, s) {
				same(t, "sent", []wire.Change{{Delete: true, Kind: "DeploymentRuntime", Name: "dr-dev"}}, batch)
			}
			s = newServer(t)
			for _, args := range [][]string{{"apply", "-f", "-"}, {"diff", "-f", "-"}, {"remove", "--strict", "-f", "-"}} {
				r := nautes(t, s, args, stdin(input))
				expect(t, r, 2)
				if !strings.Contains(r.stderr, "stdin, line 1: DeploymentRuntime dr-dev: ") {
					t.Errorf("%s: %s", args, r.stderr)
				}
			}
			same(t, "requests", []string{}, s.asked())
		})
	}
}

func TestDelete(t *testing.T) {
	server := func(t *testing.T) *apiServer {
		t.Helper()
		return newServer(t).on("POST products/nautes-labs/changes", saved(commit)).
			on("DELETE products/nautes-labs/deploymentruntimes/dr-dev", wire.Deleted{Commit: commit}).
			on("DELETE products/nautes-labs/coderepos/a", wire.Deleted{Commit: commit}).
			on("DELETE products/nautes-labs/coderepos/b", wire.Deleted{Commit: commit})
	}
	answering := func(text string) setting {
		return func(s *Surroundings) { s.Interactive, s.Stdin = true, strings.NewReader(text) }
	}
	tests := map[string]struct {
		args     []string
		settings []setting
		code     int
		asked    []string
		stdout   string
	}{
		"one, without asking": {args: []string{"delete", "dr", "dr-dev", "-y"},
			asked:  []string{"DELETE products/nautes-labs/deploymentruntimes/dr-dev"},
			stdout: "DeploymentRuntime dr-dev deleted (abcdef01)\n"},
		"several are one commit": {args: []string{"delete", "dr", "a", "b", "-y", "-i"},
			asked:  []string{"POST products/nautes-labs/changes?insecure_skip_check=true"},
			stdout: "DeploymentRuntime a deleted (abcdef01)\nDeploymentRuntime b deleted (abcdef01)\n"},
		"yes": {args: []string{"delete", "dr", "dr-dev"}, settings: []setting{answering("Y\n")},
			asked:  []string{"DELETE products/nautes-labs/deploymentruntimes/dr-dev"},
			stdout: "DeploymentRuntime dr-dev deleted (abcdef01)\n"},
		"no": {args: []string{"delete", "dr", "dr-dev"}, settings: []setting{answering("n\n")},
			asked: []string{}},
		"no answer": {args: []string{"delete", "dr", "dr-dev"}, settings: []setting{answering("")}, asked: []string{}},
		"with their projects in GitLab": {args: []string{"delete", "cr", "a", "b", "-y", "--delete-repository"},
			asked: []string{"DELETE products/nautes-labs/coderepos/a?delete_repository=true",
				"DELETE products/nautes-labs/coderepos/b?delete_repository=true"},
			stdout: "CodeRepo a deleted (abcdef01)\nCodeRepo b deleted (abcdef01)\n"},
		"projects in GitLab of other kinds": {args: []string{"delete", "dr", "a", "-y", "--delete-repository"}, code: 1,
			asked: []string{}},
		"a cluster": {args: []string{"delete", "cluster", "a", "-y"}, code: 1, asked: []string{}},
		"no name":   {args: []string{"delete", "dr", "-y"}, code: 1, asked: []string{}},
		"what is not there": {args: []string{"delete", "env", "x", "-y"}, code: 4,
			asked: []string{"DELETE products/nautes-labs/environments/x"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			r := nautes(t, s, test.args, test.settings...)
			expect(t, r, test.code)
			same(t, "requests", test.asked, s.asked())
			same(t, "stdout", test.stdout, r.stdout)
		})
	}
}

func TestAQuestionCanBeStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	silent, end := io.Pipe()
	defer func() { _ = end.Close() }()
	var said strings.Builder
	o := &deleteOptions{global: &global{Surroundings: &Surroundings{Stdin: silent, Stderr: &said}}}
	confirmed, err := o.confirmed(ctx)
	if confirmed || !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v", confirmed, err)
	}
	same(t, "told", "Delete  ? [y/N] \nNothing was deleted.\n", said.String())
	same(t, "code", problem.ExitUnavailable, ExitCode(err))
}

func preview() map[string]any {
	return map[string]any{
		"verdict": "save", "base": commit, "violations": []any{},
		"warnings": []string{"UNCHECKED:NamespaceInUse: nobody was asked"},
		"diff": "--- a/runtimes/dr-dev.yaml\n+++ b/runtimes/dr-dev.yaml\n@@ -4 +4 @@\n spec:\n-  path: a\n+ " +
			" path: \x1b[2Jb\n",
		"plan": []wire.Plan{{Name: "dr-dev", Cluster: "worker-1", Server: "https://worker-1:6443",
			Namespaces: []string{"dr-dev"},
			Source: wire.Source{URL: "https://gitlab.example.com/nautes-labs/api-server.git", TargetRevision: "HEAD",
				Path: "manifests/development"}}},
	}
}

func TestDiff(t *testing.T) {
	refused := map[string]any{"verdict": "refused", "diff": "", "plan": nil, "violations": []wire.Violation{
		{Rule: "EnvironmentNotFound", Field: "spec.destination",
			Message: `environment "env-x" does not exist: create it`,
			Params:  map[string]string{"kind": "DeploymentRuntime", "name": "dr-dev"}},
		{Rule: "PermissionDenied", Message: "project api-server may not use it",
			Params: map[string]string{"kind": "DeploymentRuntime", "name": "dr-dev"}},
	}}
	tests := map[string]struct {
		answer   any
		settings []setting
		code     int
		golden   string
	}{
		"what changes and where it runs": {answer: preview(), golden: "diff"},
		"in colours":                     {answer: preview(), settings: []setting{coloured()}, golden: "diff-colour"},
		"refused":                        {answer: refused, code: 2, golden: "diff-refused"},
		"nothing changes":                {answer: map[string]any{"verdict": "unchanged"}, golden: "diff-unchanged"},
		"what is there is wrong already": {answer: map[string]any{"verdict": "unchanged",
			"violations": refused["violations"]}, golden: "diff-unchanged-wrong"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t).on("POST products/product-7/changes?dry_run=true", test.answer)
			r := nautes(t, s, []string{"diff", "-f", "testdata/guide.yaml"}, test.settings...)
			expect(t, r, test.code)
			golden(t, test.golden, r.stdout+"-- stderr --\n"+r.stderr)
		})
	}
}

func TestDiffOfARemoval(t *testing.T) {
	s := newServer(t).on("POST products/product-7/changes?dry_run=true", preview())
	expect(t, nautes(t, s, []string{"diff", "-f", "testdata/guide.yaml", "--remove"}), 0)
	if c := sent(t, s)[0][0]; !c.Delete || c.Name != "dr-dev" {
		t.Errorf("%+v", c)
	}
}

func TestDiffOfAProductThatIsNotThere(t *testing.T) {
	s := newServer(t).on("POST products/nautes-labs?dry_run=true", map[string]any{"verdict": "save"})
	r := nautes(t, s, []string{"diff", "-f", "testdata/upstream.yaml"})
	expect(t, r, 0)
	same(t, "requests", []string{"POST products/nautes-labs?dry_run=true"}, s.asked())
	if !strings.Contains(r.stderr, "cannot be shown before the product itself is there") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

func TestMigrateThroughTheServer(t *testing.T) {
	s := newServer(t).
		on("GET products/nautes-labs/deploymentruntimes",
			map[string]any{"items": []any{runtimeItem("dr-dev"), runtimeItem("dr-old")},
				"warnings": []string{`LEGACY_SHAPE: runtimes/dr-old.yaml: line 1: DeploymentRuntime "dr-old" is written as newer versions do`}}).
		on("POST products/nautes-labs/changes", saved(commit)).
		on("POST products/nautes-labs/changes?dry_run=true", preview())
	r := nautes(t, s, []string{"migrate"})
	expect(t, r, 0)
	same(t, "stdout", "DeploymentRuntime dr-old rewritten (abcdef01)\n", r.stdout)
	checkUnderstood(t, "", s.bodies("POST")[0])
	expect(t, nautes(t, s, []string{"migrate", "--dry-run"}), 0)
	same(t, "requests", []string{
		"GET products/nautes-labs/deploymentruntimes", "POST products/nautes-labs/changes",
		"GET products/nautes-labs/deploymentruntimes", "POST products/nautes-labs/changes?dry_run=true",
	}, s.asked())

	s = newServer(t).on("GET products/nautes-labs/deploymentruntimes", items(runtimeItem("dr-dev")))
	r = nautes(t, s, []string{"migrate"})
	expect(t, r, 0)
	same(t, "stderr", "Nothing to rewrite.\n", r.stderr)
}

func TestDeleteWaitsUntilTheRuntimeIsGone(t *testing.T) {
	leaving := func(phase, reason, message string) wire.DeploymentRuntime {
		r := being(false, reason, message)
		r.Status.Phase = phase
		return r
	}
	removing := leaving(wire.PhaseRemoving, "TearingDown", "what it deployed is being removed from cluster worker-1")
	held := leaving(wire.PhaseHeld, "TeardownHeld", "its removal is held because the runtime is protected")
	gone := refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND", "there is no dr-dev")
	for sentence, test := range map[string]struct {
		answers []any
		code    int
		told    string
	}{
		"it goes":                          {[]any{removing, removing, gone}, 0, "being removed from cluster worker-1"},
		"a hold that passes":               {[]any{held, removing, gone}, 0, "is protected"},
		"a hold that stands":               {[]any{held}, 2, "the removal of deployment runtime dr-dev is held"},
		"it takes too long":                {[]any{removing}, 6, "not everything is gone after 1m0s"},
		"somebody saves it":                {[]any{removing, being(true, "Ready", "m")}, 5, "has a file again"},
		"the server refuses the question":  {[]any{refuse(http.StatusBadRequest, "X", "x")}, 2, "x"},
		"a server that is busy is no hold": {[]any{later(refuse(429, "RATE_LIMITED", "slow"), "60"), gone}, 0, "slow"},
	} {
		s := newServer(t).
			on("DELETE products/nautes-labs/deploymentruntimes/dr-dev", wire.Deleted{Commit: "abc"}).
			on("GET products/nautes-labs/deploymentruntimes/dr-dev", test.answers...)
		r := nautes(t, s, []string{"delete", "dr", "dr-dev", "-y", "--wait", "--timeout", "1m"}, (&clock{}).set)
		expect(t, r, test.code)
		if !strings.Contains(r.stderr, test.told) {
			t.Errorf("%s: stderr: %s", sentence, r.stderr)
		}
	}
}
