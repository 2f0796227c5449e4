package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func TestInUse(t *testing.T) {
	env, repo := rulestest.Environment("product-7", "dev", "c1"), rulestest.CodeRepo("product-7", "repo-3", "shop")
	shop := rulestest.Project("product-7", "shop")
	binding := func(name, user string, projects ...string) *api.CodeRepoBinding {
		return rulestest.Binding("product-7", name, "repo-3", user,
			func(b *api.CodeRepoBinding) { b.Spec.Projects = projects })
	}
	elsewhere := func(name string) *api.DeploymentRuntime {
		return rulestest.Runtime("product-7", name, "repo-5", "prod")
	}
	record := func(runtime string, change func(*rules.Record)) rules.Record {
		return rulestest.Record("product-7", runtime, "dev", "c1", change)
	}
	plain := func(*rules.Record) {}
	fromRepo3 := func(r *rules.Record) {
		r.Destination.Environment, r.CodeRepo, r.RepoProduct = "prod", "repo-3", "product-7"
	}
	for sentence, c := range map[string]struct {
		world    *rulestest.World
		obj      client.Object
		want     []string // kind, name, field, recorded
		warnings []string // reasons
	}{
		"an environment that nothing names": {usual(), env, nil, nil},
		"an environment that a runtime names": {usual().Add(usualRuntime()), env,
			[]string{"DeploymentRuntime dr spec.destination"}, nil},
		"an environment of another product": {usual().Add(rulestest.Runtime("product-8", "dr", "repo-3",
			"dev")).Record(rulestest.Record("product-8", "dr", "dev", "c1")), env, nil, nil},
		"an environment that only a record names": {usual().Add(elsewhere("web")).Record(record("web", plain)), env,
			[]string{"DeploymentRuntime web  recorded"}, nil},
		"an environment that spec and record name": {usual().Add(usualRuntime()).Record(record("dr", plain)), env,
			[]string{"DeploymentRuntime dr spec.destination recorded"}, nil},
		"an environment whose runtime is going": {usual().Record(record("web", plain)), env, nil,
			[]string{api.ReasonInUse}},
		"a project that repo, binding, runtime name": {usual().Add(usualRuntime(),
			binding("b", "product-7", "cart", "shop")), shop, []string{"CodeRepo repo-3 spec.project",
			"CodeRepoBinding b spec.projects[1]", "DeploymentRuntime dr spec.projectsRef[0]"}, nil},
		"a project of that name of another product": {usual().Remove(repo).Add(binding("b", "product-8", "shop")),
			shop, nil, nil},
		"a code repo that binding and runtime name": {usual().Add(usualRuntime(), binding("b", "product-8")), repo,
			[]string{"CodeRepoBinding b spec.codeRepo", "DeploymentRuntime dr spec.manifestSource.codeRepo"}, nil},
		"a code repo that only a record names": {usual().Add(elsewhere("web")).Record(record("web", fromRepo3)),
			repo, []string{"DeploymentRuntime web  recorded"}, nil},
		"a code repo that a record names without its owner": {usual().Add(elsewhere("web")).
			Record(record("web", func(r *rules.Record) {
				r.CodeRepo, r.RepoProduct = "repo-3", ""
			})), repo, []string{"DeploymentRuntime web  recorded"}, nil},
		"a code repo of that name of another product": {usual().Add(elsewhere("web")).
			Record(record("web", func(r *rules.Record) {
				r.CodeRepo, r.RepoProduct = "repo-3", "product-8"
			})), repo, nil, nil},
		"a runtime": {usual().Add(usualRuntime()).Record(record("dr", plain)),
			usualRuntime(), nil, nil},
		"a product with objects": {rulestest.New(rulestest.Product("product-7", "x"),
			env, shop), rulestest.Product("product-7", "x"),
			[]string{"Environment dev metadata.namespace", "Project shop metadata.namespace"}, nil},
		"a product with a runtime that is going": {rulestest.New().Record(record("web", plain)),
			rulestest.Product("product-7", "x"), []string{"DeploymentRuntime web  recorded"}, nil},
		"a product that is empty": {rulestest.New(env), rulestest.Product("product-6", "x"),
			nil, nil},
		"a binding that a runtime needs": {usual().Add(elsewhere("web"),
			repo, usualRuntime(), binding("b", "product-7", "shop")), binding("b", "product-7", "shop"), nil,
			[]string{api.ReasonPermissionRevoked}},
		"a binding that another one makes up for": {usual().Add(repo, usualRuntime(), binding("b",
			"product-7", "shop"), binding("all", "product-7")), binding("b", "product-7", "shop"), nil, nil},
		"a binding that no runtime needs": {usual().Add(usualRuntime(),
			binding("b", "product-7", "shop")), binding("b", "product-7", "shop"), nil, nil},
		"a binding for another product": {usual().Add(binding("b", "product-8")),
			binding("b", "product-8"), nil, []string{api.ReasonPermissionRevoked}},
		"a binding for another product that has it all": {usual().Add(binding("b", "product-8", "p"),
			binding("all", "product-8")), binding("b", "product-8", "p"), nil, nil},
		"a binding for another product that has the project": {usual().Add(binding("b", "product-8", "p"),
			binding("c", "product-8", "p", "q")), binding("b", "product-8", "p"), nil, nil},
		"a binding for another product that has another one": {usual().Add(binding("b", "product-8", "p"), binding("c",
			"product-8", "q")), binding("b", "product-8", "p"), nil, []string{api.ReasonPermissionRevoked}},
	} {
		t.Run(sentence, func(t *testing.T) {
			d, err := rules.InUse(t.Context(), c.world, c.obj)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range d.Referrers {
				text := r.Kind + " " + r.Name + " " + r.Field
				if r.Recorded {
					text += " recorded"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warnings, reasons(d.Warnings)); diff != "" {
				t.Error(diff)
			}
			switch {
			case len(c.want) == 0:
				if len(d.Violations) > 0 {
					t.Errorf("refused: %v", d.Violations)
				}
			case len(d.Violations) != 1 || d.Violations[0].Class != problem.Conflict ||
				d.Violations[0].Reason != api.ReasonInUse:
				t.Errorf("got %v", d.Violations)
			case !strings.Contains(d.Violations[0].Message, d.Referrers[0].Kind+" "+d.Referrers[0].Name):
				t.Errorf("the message names nobody: %s", d.Violations[0].Message)
			}
			for _, w := range d.Warnings {
				if strings.Contains(w.Message, "product-8") {
					t.Errorf("the message names another product: %s", w.Message)
				}
			}
		})
	}
}

func TestInUseNamesFewOfMany(t *testing.T) {
	w := usual()
	for _, name := range []string{"g", "f", "e", "d", "c", "b", "a"} {
		w.Add(rulestest.Runtime("product-7", name, "repo-3", "dev"))
	}
	d, err := rules.InUse(t.Context(), w, rulestest.Environment("product-7", "dev", "c1"))
	if err != nil || len(d.Referrers) != 7 || len(d.Violations) != 1 {
		t.Fatalf("got %v, %v", d, err)
	}
	const want = "needed by DeploymentRuntime a, DeploymentRuntime b, DeploymentRuntime c, DeploymentRuntime d, " +
		"DeploymentRuntime e and 2 more:"
	if !strings.Contains(d.Violations[0].Message, want) {
		t.Error(d.Violations[0].Message)
	}
}

func TestInUseWithoutFacts(t *testing.T) {
	env := rulestest.Environment("product-7", "dev", "c1")
	d, err := rules.InUse(t.Context(), alone{unrecorded{usual().Add(usualRuntime())}}, env)
	if err != nil || len(d.Referrers) != 1 || !cmp.Equal(d.Unchecked, []string{api.ReasonInUse}) {
		t.Errorf("without a management cluster: got %+v, %v", d, err)
	}
	if d, err = rules.InUse(t.Context(), alone{unrecorded{usual()}}, rulestest.Project("product-7", "x")); err != nil ||
		len(d.Unchecked) > 0 {
		t.Errorf("no record names a project: got %+v, %v", d, err)
	}
	down := errors.New("down")
	for _, obj := range []client.Object{env, rulestest.Binding("product-7", "b", "repo-3", "product-7")} {
		if _, err := rules.InUse(t.Context(), usual().Broken(down), obj); !errors.Is(err, down) {
			t.Errorf("%T: got %v", obj, err)
		}
	}
	if _, err := rules.InUse(t.Context(), usual(), rulestest.Cluster("c1")); err == nil {
		t.Error("a cluster has a verdict without anybody knowing all products")
	}
}
