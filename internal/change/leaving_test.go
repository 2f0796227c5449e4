package change_test

import (
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// deployed puts runtimes into main and into the management cluster, with their records.
func (w *world) deployed(p product, changes func(*rules.Record), names ...string) {
	w.Helper()
	files := map[string]string{}
	for i, name := range names {
		text := strings.Replace(runtimeYAML(p, name, "env-dev"), "manifests/development", "m/"+strconv.Itoa(i), 1)
		files["runtimes/"+name+".yaml"] = text
		w.mgmt.Add(rulestest.Runtime(p.name, name, p.repo, "env-dev"))
		w.mgmt.Record(rulestest.Record(p.name, name, "env-dev", "c1", func(r *rules.Record) {
			r.RepoProduct, r.CodeRepo, r.Path, r.Revision = p.name, p.repo, "m/"+strconv.Itoa(i), "HEAD"
			changes(r)
		}))
	}
	w.push(p, files)
}

func TestADeletionSaysWhatRunsOn(t *testing.T) {
	none := func(*rules.Record) {}
	for sentence, c := range map[string]struct {
		record func(*rules.Record)
		names  []string
		before func(*world)
		want   string
	}{
		"nothing in the way":  {record: none, names: []string{"a"}},
		"a protected runtime": {func(r *rules.Record) { r.Protect = true }, []string{"a"}, nil, "TEARDOWN_HELD: "},
		"many at once":        {none, []string{"a", "b", "c", "d"}, nil, "TEARDOWN_HELD: "},
		"a cluster that is away": {none, []string{"a"}, func(w *world) {
			w.mgmt.Add(rulestest.Cluster("c1", func(c *api.Cluster) {
				c.Status.Conditions[0].Status = metav1.ConditionFalse
			}))
		}, "CLUSTER_NOT_READY: "},
	} {
		for _, dry := range []bool{true, false} {
			w := newWorld(t)
			p := w.product("nautes-labs")
			w.deployed(p, c.record, c.names...)
			if c.before != nil {
				c.before(w)
			}
			r := change.Request{Product: p.path, DryRun: dry, SkipCheck: dry}
			for _, name := range c.names {
				r.Operations = append(r.Operations,
					change.Operation{Delete: true, Kind: "DeploymentRuntime", Name: name})
			}
			warnings := w.change(p.maintainer.caller, r).Warnings
			told := 0
			for _, one := range warnings {
				if c.want != "" && strings.HasPrefix(one, c.want) {
					told++
				}
			}
			if c.want == "" && len(warnings) > 0 || c.want != "" && told != len(c.names) {
				t.Errorf("%s, dry run %v: %q", sentence, dry, warnings)
			}
		}
	}
}

func TestTheDeletionOfTheLastObjectSaysThatNothingIsRemoved(t *testing.T) {
	w := newWorld(t)
	p := w.bare("small")
	w.push(p, map[string]string{"projects/a/a.yaml": yaml("Project", "a", "product: "+p.name, "language: go")})
	out := w.change(p.maintainer.caller, remove(p, "Project", "a"))
	if !hasWarning(out.Warnings, "LAST_RESOURCE: Project a: ", api.AnnotationApproveEmpty) {
		t.Errorf("got %q", out.Warnings)
	}
}

func TestADeletedRuntimeStaysVisibleUntilItIsGone(t *testing.T) {
	asked := &placement.Teardown{RuntimeUID: "u", RequestedAt: rulestest.Epoch()}
	held := &placement.Teardown{RuntimeUID: "u", RequestedAt: rulestest.Epoch(), Hold: placement.HoldProtected}
	for sentence, c := range map[string]struct {
		record       func(*rules.Record)
		phase, words string
	}{
		"not applied yet": {func(*rules.Record) {}, wire.PhaseRemoving, "not applied that yet"},
		"in grace":        {func(r *rules.Record) { r.Teardown = asked }, wire.PhaseRemoving, "grace"},
		"held":            {func(r *rules.Record) { r.Teardown = held }, wire.PhaseHeld, "the runtime is protected"},
		"approved": {func(r *rules.Record) { r.Teardown, r.Approved = held, true }, wire.PhaseRemoving,
			"begins when"},
		"begun": {func(r *rules.Record) { r.Teardown, r.Begun = asked, true }, wire.PhaseRemoving,
			"is being removed from cluster c1"},
	} {
		w := newWorld(t)
		p := w.product("nautes-labs")
		w.deployed(p, c.record, "dr-dev")
		by := p.maintainer.caller
		w.change(by, remove(p, "DeploymentRuntime", "dr-dev"))
		item := w.get(by, p, "DeploymentRuntime", "dr-dev").Item.(*wire.DeploymentRuntime)
		if s := item.Status; s == nil || s.Phase != c.phase || s.Ready || !strings.Contains(s.Message, c.words) ||
			item.Destination != "env-dev" || item.ManifestSource.CodeRepo != "api-server" || s.Cluster != "c1" {
			t.Errorf("%s: got %+v with %+v", sentence, item, item.Status)
		}
		if l := w.list(by, p, "DeploymentRuntime", change.ListOptions{}); len(l.Items) != 1 {
			t.Errorf("%s: the list has %d", sentence, len(l.Items))
		}
		if l := w.list(by, p, "DeploymentRuntime",
			change.ListOptions{Selector: "destination=other"}); len(l.Items) != 0 {
			t.Errorf("%s: the selection has %d", sentence, len(l.Items))
		}
		_, err := w.service.Change(t.Context(), by, remove(p, "DeploymentRuntime", "dr-dev"))
		w.wantProblem(err, problem.Missing, problem.ReasonResourceNotFound)
		if !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: deleted again: %v", sentence, err)
		}
	}
}

func TestARuntimeThatIsMadeAnewElsewhereIsToldToWaitForTheEndOfTheOldOne(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.deployed(p, func(*rules.Record) {}, "dr-dev")
	w.push(p, map[string]string{"envs/env-test.yaml": yaml("Environment", "env-test", "product: "+p.name,
		"cluster: c2", "envType: test")})
	by := p.maintainer.caller
	w.change(by, remove(p, "DeploymentRuntime", "dr-dev"))
	_, err := w.service.Change(t.Context(), by, save(p, "dr-dev", to("env-test")))
	w.wantRules(err, api.ReasonDestinationImmutable)
	if err == nil || !strings.Contains(err.Error(), "was deleted and is not gone yet: wait until GET answers 404") {
		t.Errorf("got %v", err)
	}
}
