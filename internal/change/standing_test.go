package change_test

import (
	"strings"
	"testing"

	client "gitlab.com/gitlab-org/api/client-go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func condition(kind, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}

func TestAFileThatIsNotAppliedSaysWhy(t *testing.T) {
	for sentence, c := range map[string]struct {
		path          string
		stream        []metav1.Condition
		reason, words string
	}{
		"the cluster refuses it": {"manifests/next/", nil, "InvalidField", "refuses the file in default.project: spec."},
		"another file is broken": {"manifests/next", []metav1.Condition{condition(api.ConditionSynced,
			api.ReasonManifestError, "runtimes/b.yaml cannot be read")}, api.ReasonManifestError,
			"not applied in the management cluster yet: runtimes/b.yaml cannot be read"},
		"Argo CD is about to": {"manifests/next", nil, api.ReasonSyncing, "not applied in the management cluster yet"},
	} {
		w := newWorld(t)
		p := w.product("nautes-labs")
		w.push(p, map[string]string{"runtimes/dr-dev.yaml": strings.Replace(runtimeYAML(p, "dr-dev", "env-dev"),
			"manifests/development", c.path, 1)})
		w.mgmt.Add(rulestest.Product(p.name, p.path, func(o *api.Product) { o.Status.Conditions = c.stream }))
		for _, deployed := range []bool{false, true} {
			if deployed {
				w.mgmt.Add(rulestest.Runtime(p.name, "dr-dev", p.repo, "env-dev"))
			}
			s := w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr-dev").Item.(*wire.DeploymentRuntime).Status
			if s == nil || s.Ready || s.Reason != c.reason || !strings.Contains(s.Message, c.words) {
				t.Errorf("%s, deployed %v: %+v", sentence, deployed, s)
			}
		}
	}
}

func TestAProductAndAnEnvironmentShowTheirConditions(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	said := []metav1.Condition{condition(api.ConditionReady, api.ReasonManifestError, "runtimes/b.yaml cannot be read")}
	w.mgmt.Add(rulestest.Product(p.name, p.path, func(o *api.Product) { o.Status.Conditions = said }),
		rulestest.Environment(p.name, "env-dev", "c1", func(e *api.Environment) { e.Status.Conditions = said }))
	product := w.get(p.maintainer.caller, p, "Product", p.path).Item.(*wire.Product)
	environment := w.get(p.maintainer.caller, p, "Environment", "env-dev").Item.(*wire.Environment)
	for kind, s := range map[string]*wire.Standing{"product": product.Status, "environment": environment.Status} {
		if s == nil || s.Ready || s.Reason != api.ReasonManifestError || len(s.Conditions) != 1 {
			t.Errorf("%s: %+v", kind, s)
		}
	}
	guest := w.member(p.group, client.GuestPermissions)
	if a, err := w.service.Get(t.Context(), guest.caller, change.Ref{Kind: "Product", Name: p.path}); err == nil &&
		a.Item.(*wire.Product).Status != nil {
		t.Error("who may not read the code of default.project sees what its files hold")
	}
}

func TestSkippedChecksAreNamed(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	out := w.change(p.maintainer.caller, save(p, "dr-dev", to("env-nowhere"), forced))
	if !hasWarning(out.Warnings, "SKIPPED:EnvironmentNotFound: DeploymentRuntime dr-dev: ") {
		t.Errorf("got %q", out.Warnings)
	}
}
