package change_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// A number is the id of one group here, and of another group at another git host: what the management cluster has under
// its name is not told, and does not stand in the way.
func TestWhatAnotherProductOfTheSameNumberHasIsNotTold(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*world, product, *api.Product)
		shown  bool
	}{
		"the product itself":                        {func(*world, product, *api.Product) {}, true},
		"the product itself, as its provider wrote": {identified, true},
		"the product itself, not renamed yet": {func(w *world, p product, o *api.Product) {
			identified(w, p, o)
			o.Spec.Name = "old-name"
		}, true},
		"another path": {func(_ *world, _ product, o *api.Product) { o.Spec.Name = "other" }, false},
		"the path at another host": {func(_ *world, _ product, o *api.Product) {
			o.Spec.MetaDataPath = "https://b.example.com/acme/default.project.git"
		}, false},
		"another default.project": {func(_ *world, _ product, o *api.Product) {
			metav1.SetMetaDataAnnotation(&o.ObjectMeta, api.AnnotationDefaultProject, "7/2020-01-01T00:00:00Z")
		}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("acme")
			reader := w.member(p.group, 20)
			w.change(p.maintainer.caller, save(p, "dr-dev", guide))
			stored := rulestest.Product(p.name, p.path)
			c.change(w, p, stored)
			w.mgmt.Remove(rulestest.Product(p.name, p.path))
			w.mgmt.Add(stored, rulestest.Runtime(p.name, "dr-dev", p.repo, "env-dev", func(r *api.DeploymentRuntime) {
				r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionFalse,
					Reason: "Canary"}}
			}), rulestest.Runtime(p.name, "dr-canary", p.repo, "env-dev"))
			got := asJSON(t, w.get(reader.caller, p, "DeploymentRuntime", "dr-dev").Item)
			if strings.Contains(got, `"status":{`) != c.shown {
				t.Errorf("got %s", got)
			}
			owner := w.member(p.group, 50)
			_, err := w.service.Change(t.Context(), owner.caller, productDeletion(p.path))
			w.wantProblem(err, problem.Conflict, api.ReasonInUse)
			var violations change.Violations
			asViolations(err, &violations)
			if strings.Contains(violations.Error(), "canary") != c.shown {
				t.Errorf("got %v", violations)
			}
		})
	}
}

// doubtful is a management cluster that does not answer for one kind.
type doubtful struct {
	*rulestest.World
	kind string
}

func (d doubtful) Get(ctx context.Context, kind, product, name string) (client.Object, error) {
	if kind == d.kind {
		return nil, errLost
	}
	return d.World.Get(ctx, kind, product, name)
}

// While nobody knows whether the product of that number is another's, nothing of it is told.
func TestInDoubtNothingIsToldOfWhatMayBeAnotherProducts(t *testing.T) {
	for _, kind := range []string{"Product", "CodeRepoProvider"} {
		w := newWorld(t)
		p := w.product("acme")
		w.change(p.maintainer.caller, save(p, "dr-dev", guide))
		other := rulestest.Product(p.name, p.path)
		other.Spec.MetaDataPath = "https://b.example.com/acme/default.project.git"
		w.mgmt.Remove(rulestest.Product(p.name, p.path)).Add(other)
		w.mgmt.Record(rulestest.Record(p.name, "dr-canary", "env-dev", "c1"))
		w.options.Management = doubtful{w.mgmt, kind}
		w.service = change.New(w.options)
		if l := w.list(p.maintainer.caller, p, "DeploymentRuntime", change.ListOptions{}); len(l.Items) != 1 {
			t.Errorf("without the %s: %s", kind, asJSON(t, l.Items))
		}
	}
}

// What runs of a product needs its default.project until it is removed.
func TestAProductIsNotDeletedWhileNobodySaysWhatRunsOfIt(t *testing.T) {
	for sentence, c := range map[string]struct {
		management func(*rulestest.World) change.Management
		deleted    bool
	}{
		"it does not answer": {func(m *rulestest.World) change.Management { return m.Broken(errLost) }, false},
		"it does not say whose the product is": {func(m *rulestest.World) change.Management {
			return doubtful{m, "Product"}
		}, false},
		"it does not say which git host it is": {func(m *rulestest.World) change.Management {
			return doubtful{m, "CodeRepoProvider"}
		}, false},
		"there is none": {func(*rulestest.World) change.Management { return nil }, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.bare("acme")
			w.openGroup(p.group)
			w.push(p, map[string]string{"README.md": "# nothing\n"})
			w.mgmt.Add(rulestest.Runtime(p.name, "dr-dev", "repo-1", "env-dev"))
			w.options.Management = c.management(w.mgmt)
			w.service = change.New(w.options)
			owner := w.member(p.group, 50)
			for _, dry := range []bool{true, false} {
				r := productDeletion(p.path)
				r.DryRun = dry
				w.server.ForgetRequests()
				out, err := w.service.Change(t.Context(), owner.caller, r)
				if c.deleted {
					if err != nil || out.Changed == dry || !hasWarning(out.Warnings, "UNCHECKED:"+api.ReasonInUse) {
						t.Errorf("dry run %t: %+v, %v", dry, out, err)
					}
					continue
				}
				w.wantProblem(err, problem.Unavailable, problem.ReasonNoManagementCluster)
				for _, sent := range w.server.Requests() {
					if sent.Method == http.MethodDelete {
						t.Errorf("dry run %t sends %s %s", dry, sent.Method, sent.Path)
					}
				}
			}
		})
	}
}

// identified writes down which default.project the product has, as its provider does.
func identified(w *world, p product, o *api.Product) {
	project, err := w.host.ProjectByID(w.Context(), w.rootCaller().Token, p.project)
	w.must(err)
	metav1.SetMetaDataAnnotation(&o.ObjectMeta, api.AnnotationDefaultProject, project.Identity())
}

// A group that no provider takes would be a product that nobody finds.
func TestAProductIsMadeOnlyWhereOneIsTaken(t *testing.T) {
	const notAllowed = "GROUP_NOT_ALLOWED"
	provider := func(name string, allowed ...string) *api.ProductProvider {
		return &api.ProductProvider{ObjectMeta: metav1.ObjectMeta{Name: "of-" + name},
			Spec: api.ProductProviderSpec{Type: "coderepo", Name: name, AllowedGroups: allowed}}
	}
	w := newWorld(t)
	someone := w.person()
	saved := func(path string, changes ...func(*change.Request)) (*change.Outcome, error) {
		r := productRequest(path, asItIs)
		for _, change := range changes {
			change(&r)
		}
		return w.service.Change(t.Context(), someone.caller, r)
	}
	if out, err := saved("by-hand"); err != nil || !out.Changed { // without a provider, people make Products themselves
		t.Errorf("%+v, %v", out, err)
	}
	w.mgmt.Add(provider("elsewhere", "strange"), provider("gitlab"))
	_, err := saved("acme")
	w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, api.ReasonGroupNotAllowed)
	w.mgmt.Remove(provider("gitlab")).Add(provider("gitlab", "acme"))
	_, err = saved("strange")
	w.wantRules(err, api.ReasonGroupNotAllowed)
	if out, err := saved("strange", dryRun); err != nil || out.Verdict != wire.VerdictRefused {
		t.Errorf("%+v, %v", out, err)
	}
	for _, path := range []string{"acme", "acme/below"} {
		if out, err := saved(path); err != nil || !out.Changed || hasWarning(out.Warnings, notAllowed) {
			t.Errorf("%s: %+v, %v", path, out, err)
		}
	}
	if out, err := saved("by-hand"); err != nil || !hasWarning(out.Warnings, notAllowed) {
		t.Errorf("one that is there is saved, with a warning: %+v, %v", out, err)
	}
	if out, err := saved("forced", forced); err != nil || !out.Changed || !hasWarning(out.Warnings, notAllowed) {
		t.Errorf("%+v, %v", out, err)
	}
	w.mgmt.Broken(errLost)
	if out, err := saved("unchecked"); err != nil || !hasWarning(out.Warnings, "UNCHECKED:"+api.ReasonGroupNotAllowed) {
		t.Errorf("%+v, %v", out, err)
	}
}
