package cli

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// full is a stdout that takes nothing, as /dev/full does.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

func TestAResultThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	for _, args := range [][]string{
		{"get", "dr"}, {"get", "dr", "-o", "json"}, {"get", "dr", "-o", "yaml"}, {"get", "dr", "-o", "name"},
		{"status", "dr"}, {"version"}, {"--version"}, {"--help"}, {"apply", "-f", "testdata/guide.yaml"},
		{"validate", "testdata/checkout/good"}, {"completion", "bash"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			s := product(t).on("POST products/product-7/changes", saved(commit))
			r := nautes(t, s, args, func(s *Surroundings) { s.Stdout = full{} })
			expect(t, r, 6)
			if !strings.Contains(r.stderr, syscall.ENOSPC.Error()) || strings.Contains(r.stderr, "--help") {
				t.Errorf("stderr: %s", r.stderr)
			}
		})
	}
}

func TestAnotherFailureStaysTheReason(t *testing.T) {
	r := nautes(t, product(t), []string{"get", "dr", "dr-gone"}, func(s *Surroundings) { s.Stdout = full{} })
	expect(t, r, 4)
}

func TestAFailureOfStdoutKeepsItsCause(t *testing.T) {
	o := &output{Writer: full{}}
	if _, err := o.Write(nil); !errors.Is(o.failure(), syscall.ENOSPC) || err == nil {
		t.Errorf("got %v", o.failure())
	}
}

func TestStatusTellsAllConditions(t *testing.T) {
	conditions := []wire.Condition{
		{Type: "Accepted", Status: "True", Reason: "Accepted", Message: "no rule is violated", Observed: true},
		{Type: "Synced", Status: "False", Reason: "StreamBlocked", Message: "runtimes/x.yaml: it does not parse"},
		{Type: "Ready", Status: "False", Reason: "StreamBlocked", Message: strings.Repeat("as it is ", 20), Observed: true},
	}
	standing := &wire.Standing{Reason: "StreamBlocked", Message: "not ready", Conditions: conditions}
	env := wire.Environment{Product: "nautes-labs", Name: "env-dev", Status: standing}
	one := runtimeItem("dr-dev", func(r *wire.DeploymentRuntime) { r.Status.Conditions = conditions })
	for name, args := range map[string][]string{
		"an environment":   {"status", "env", "env-dev"},
		"all environments": {"status", "environments"},
		"the product":      {"status", "product"},
		"a runtime":        {"status", "dr", "dr-dev"},
	} {
		t.Run(name, func(t *testing.T) {
			s := product(t).on("GET products/nautes-labs/environments/env-dev", env).
				on("GET products/nautes-labs", wire.Product{Name: "nautes-labs", Status: standing})
			s.scripted["GET products/nautes-labs/deploymentruntimes/dr-dev"] = nil
			s.on("GET products/nautes-labs/deploymentruntimes/dr-dev", one)
			r := nautes(t, s, args, terminalOf(80))
			expect(t, r, 0)
			_, table, _ := strings.Cut(r.stdout, "CONDITION")
			want := "   STATUS   REASON          MESSAGE\n" +
				"Ready       False    StreamBlocked   " + strings.Repeat("as it is ", 20) + "\n" +
				"Accepted    True     Accepted        no rule is violated\n" +
				"Synced      False    StreamBlocked   (of an earlier state of the object) runtimes/x.yaml: it does not parse\n"
			same(t, "conditions", want, table)
		})
	}
}

func TestStatusOfWhatNobodyTells(t *testing.T) {
	s := newServer(t).on("GET products/nautes-labs/environments/env-dev", wire.Environment{Name: "env-dev"})
	r := nautes(t, s, []string{"status", "env", "env-dev"})
	expect(t, r, 0)
	same(t, "stdout", "env-dev: the management cluster does not tell yet\n", r.stdout)
	for _, args := range [][]string{{"status", "env", "--wait"}, {"status", "project"}, {"status", "product", "--watch"}} {
		expect(t, nautes(t, s, args), 1)
	}
}

func TestTheReasonIsWholeOnANarrowTerminal(t *testing.T) {
	s := newServer(t).on("GET products/nautes-labs/deploymentruntimes", items(
		runtimeItem("payment-gateway", func(r *wire.DeploymentRuntime) {
			r.Destination = "env-production-eu"
			r.Status.Ready, r.Status.Reason = false, "EnvironmentOnSameCluster"
		})))
	r := nautes(t, s, []string{"get", "dr"}, terminalOf(80))
	expect(t, r, 0)
	same(t, "stdout", "NAME              READY   ENVIRONMENT         HEALTH    REASON\n"+
		"payment-gateway   False   env-production-eu   Healthy   EnvironmentOnSameCluster\n", r.stdout)
}

func TestSuspendIsShownWhereSomethingIsSuspended(t *testing.T) {
	for name, suspended := range map[string]bool{"one": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t).on("GET products/nautes-labs/deploymentruntimes", items(runtimeItem("dr-dev"),
				runtimeItem("dr-two", func(r *wire.DeploymentRuntime) { r.Suspend = suspended })))
			r := nautes(t, s, []string{"get", "dr"})
			expect(t, r, 0)
			if strings.Contains(r.stdout, "SUSPEND") != suspended {
				t.Errorf("stdout: %s", r.stdout)
			}
		})
	}
}

func TestACheckoutOfTwoProductsIsToldByItsFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "envs/a.yaml", head+"kind: Environment\nmetadata: {name: a}\nspec: {product: product-7}\n")
	write(t, dir, "projects/b.yaml", "---\n"+head+"kind: Project\nmetadata: {name: b}\nspec: {product: product-8}\n")
	r := nautes(t, nil, []string{"validate", dir}, noProduct())
	expect(t, r, 2)
	const want = "product-7 in envs/a.yaml, line 1; product-8 in projects/b.yaml, line 2"
	if !strings.Contains(r.stderr, want) {
		t.Errorf("stderr does not say %q: %s", want, r.stderr)
	}
}

func TestADryRunOfMigrateShowsTheDifference(t *testing.T) {
	dir := t.TempDir()
	before := strings.Replace(strings.ReplaceAll(readTestdata(t, "guide.yaml"), "    ", "  "), "env-dev",
		"{environment: env-dev}", 1)
	write(t, dir, "runtimes/dr-dev.yaml", before)
	r := nautes(t, nil, []string{"migrate", dir, "--dry-run"})
	expect(t, r, 0)
	for _, want := range []string{"--- a/runtimes/dr-dev.yaml\n+++ b/runtimes/dr-dev.yaml\n@@ -",
		"destination: {environment: env-dev}\n", "destination: env-dev\n", "runtimes/dr-dev.yaml would be rewritten\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("stdout does not say %q:\n%s", want, r.stdout)
		}
	}
}
