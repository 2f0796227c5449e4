package change_test

import (
	"slices"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestADryRunAlsoJudgesWhatChangesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", to("env-nowhere"), forced))

	out := w.change(p.maintainer.caller, save(p, "dr-dev", to("env-nowhere"), dryRun))
	if out.Verdict != wire.VerdictUnchanged || len(out.Violations) != 1 ||
		out.Violations[0].Rule != api.ReasonEnvironmentNotFound {
		t.Errorf("%+v", out)
	}
	if out = w.change(p.maintainer.caller, save(p, "dr-dev", to("env-nowhere"))); out.Changed ||
		out.Verdict != wire.VerdictUnchanged {
		t.Errorf("a save that changes nothing: %+v", out)
	}
	if out = w.change(p.maintainer.caller,
		save(p, "dr-dev", to("env-nowhere"), dryRun, forced)); len(out.Violations) > 0 {
		t.Errorf("checks that were skipped: %+v", out)
	}
}

func TestAWholeObjectKeepsWhatItDoesNotMention(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", `{"namespaces":["shop"],"suspend":true,`+guide[1:]))
	_, before := w.main(p)

	raw := []byte(`{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"DeploymentRuntime","metadata":{"name":"dr-dev"},"spec":{"product":"nautes-labs",` +
		`"projectsRef":["api-server"],"manifestSource":{"codeRepo":"api-server","targetRevision":"HEAD","path":"manifests/development"},"destination":"env-dev"}}`)
	obj, unknown, err := wire.ParseObject(raw)
	w.must(err)
	out := w.change(p.maintainer.caller,
		request(p, change.Operation{Object: obj, Unknown: unknown, Absent: wire.Absent(raw)}))
	if _, after := w.main(p); out.Changed || after["runtimes/dr-dev.yaml"] != before["runtimes/dr-dev.yaml"] {
		t.Errorf("%+v: %s", out, after["runtimes/dr-dev.yaml"])
	}
	for _, kept := range []string{"namespaces shop", "suspend true"} {
		if !slices.Contains(out.Warnings, "KEPT: DeploymentRuntime dr-dev keeps spec."+kept+
			", which the document does not mention; null there resets it") {
			t.Errorf("%s: %v", kept, out.Warnings)
		}
	}
}
