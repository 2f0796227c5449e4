package rules_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
)

func TestIntroduced(t *testing.T) {
	finding := func(name, reason, field, message string) rules.Finding {
		return rules.Finding{Subject: rules.Subject{Kind: "DeploymentRuntime", Namespace: "product-7", Name: name},
			Problem: problem.New(problem.Invalid, reason, "%s", message).At(field)}
	}
	old := finding("a", "X", "f", "x")
	for sentence, c := range map[string]struct{ before, after, want []rules.Finding }{
		"nothing is wrong":      {nil, nil, nil},
		"what was wrong before": {[]rules.Finding{old}, []rules.Finding{old}, nil},
		"what was wrong before in other words": {[]rules.Finding{old},
			[]rules.Finding{finding("a", "X", "f", "y")}, nil},
		"what is right now": {[]rules.Finding{old}, nil, nil},
		"another object": {[]rules.Finding{old}, []rules.Finding{finding("b", "X", "f", "x")},
			[]rules.Finding{finding("b", "X", "f", "x")}},
		"another reason": {[]rules.Finding{old},
			[]rules.Finding{old, finding("a", "Y", "f", "x")}, []rules.Finding{finding("a", "Y", "f", "x")}},
		"another field": {[]rules.Finding{old},
			[]rules.Finding{finding("a", "X", "g", "x"), old}, []rules.Finding{finding("a", "X", "g", "x")}},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, rules.Introduced(c.before, c.after), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAffected(t *testing.T) {
	lent := rulestest.Binding("product-7", "b", "repo-3", "product-7",
		func(b *api.CodeRepoBinding) { b.Spec.Projects = []string{"shop"} })
	w := usual().Add(usualRuntime(), lent,
		rulestest.Runtime("product-7", "live", "repo-5", "prod"),
		rulestest.Runtime("product-7", "twin", "repo-3", "dev"),
		rulestest.Runtime("product-8", "other", "repo-3", "dev"))
	for sentence, c := range map[string]struct {
		changed []client.Object
		want    []string
	}{
		"nothing": {nil, nil},
		"an environment concerns its runtimes": {[]client.Object{
			rulestest.Environment("product-7", "prod", "c2")}, []string{"DeploymentRuntime live"}},
		"and those of one that it competes with": {[]client.Object{
			rulestest.Environment("product-7", "new", "c2")}, []string{"Environment prod", "DeploymentRuntime live"}},
		"a project concerns all that names it": {[]client.Object{rulestest.Project("product-7", "shop")},
			[]string{"CodeRepo repo-3", "CodeRepoBinding b", "DeploymentRuntime dr"}},
		"a code repo concerns its bindings and its runtimes": {[]client.Object{rulestest.CodeRepo("product-7",
			"repo-3", "x")}, []string{"CodeRepoBinding b", "DeploymentRuntime dr", "DeploymentRuntime twin"}},
		"a binding concerns the runtimes of its code repo": {[]client.Object{lent},
			[]string{"DeploymentRuntime dr", "DeploymentRuntime twin"}},
		"a binding does not concern another one of its code repo": {[]client.Object{
			rulestest.Binding("product-7", "b2", "repo-3", "product-7")},
			[]string{"DeploymentRuntime dr", "DeploymentRuntime twin"}},
		"a binding for another product concerns nobody here": {[]client.Object{
			rulestest.Binding("product-7", "x", "repo-3", "product-8")}, nil},
		"a runtime concerns its twin": {[]client.Object{usualRuntime()},
			[]string{"DeploymentRuntime twin"}},
		"what changed is not among them": {[]client.Object{usualRuntime(),
			rulestest.Runtime("product-7", "twin", "repo-3", "dev")}, nil},
		"an object as it was and as it will be": {[]client.Object{
			rulestest.Environment("product-7", "dev", "c1"), rulestest.Environment("product-7", "dev", "c2")},
			[]string{"Environment prod", "DeploymentRuntime dr", "DeploymentRuntime live", "DeploymentRuntime twin"}},
		"an environment of another product concerns that one": {[]client.Object{
			rulestest.Environment("product-8", "dev", "c1")}, []string{"DeploymentRuntime other"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			affected, err := rules.Affected(t.Context(), w, c.changed...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, obj := range affected {
				got = append(got, rules.SubjectOf(obj).Kind+" "+obj.GetName())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// change saves and deletes objects in a copy of the world.
func change(before, after *rulestest.World, saved, deleted []client.Object) rules.Change {
	c := rules.Change{Before: before, After: after.Add(saved...).Remove(deleted...)}
	for _, obj := range saved {
		c.Saved = append(c.Saved, rules.SubjectOf(obj))
	}
	for _, obj := range deleted {
		c.Deleted = append(c.Deleted, rules.SubjectOf(obj))
	}
	return c
}

func said(findings []rules.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Kind+" "+f.Name+": "+f.Problem.Reason)
	}
	return out
}

func TestCheckChange(t *testing.T) {
	binding := func(user string, projects ...string) *api.CodeRepoBinding {
		return rulestest.Binding("product-7", "b", "repo-3", user,
			func(b *api.CodeRepoBinding) { b.Spec.Projects = projects })
	}
	unowned := rulestest.CodeRepo("product-7", "repo-3", "shop")
	env := func(name, cluster string) *api.Environment { return rulestest.Environment("product-7", name, cluster) }
	broken := usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"none"} })
	younger := func(name string) *api.DeploymentRuntime {
		return rulestest.Runtime("product-7", name, "repo-3", "prod", func(r *api.DeploymentRuntime) {
			r.CreationTimestamp = metav1.NewTime(r.CreationTimestamp.Add(time.Hour))
		})
	}
	recorded := rulestest.Record("product-7", "dr", "dev", "c1", func(r *rules.Record) {
		r.Runtime.UID, r.CodeRepo, r.RepoProduct = string(usualRuntime().UID), "repo-3", "product-7"
	})
	type objects = []client.Object
	for sentence, c := range map[string]struct {
		world          func() *rulestest.World
		saved, deleted objects
		refused        []string
		warned         []string
		referrers      int
	}{
		"a save that is fine": {world: usual, saved: objects{usualRuntime()}},
		"a save that is wrong": {world: usual, saved: objects{broken},
			refused: []string{"DeploymentRuntime dr: ProjectNotFound"}},
		"a save of what was wrong before too": {world: func() *rulestest.World { return usual().Add(broken) },
			saved:   objects{broken},
			refused: []string{"DeploymentRuntime dr: ProjectNotFound"}},
		"a save beside what was wrong before": {world: func() *rulestest.World { return usual().Add(broken) },
			saved: objects{env("dev", "c1"), rulestest.Project("product-7", "new")}},
		"a save that puts right a part of what was wrong": {
			world:  func() *rulestest.World { return usual().Add(broken).Add(unowned) },
			saved:  objects{rulestest.Project("product-7", "none")},
			warned: []string{"DeploymentRuntime dr: PermissionDenied"}},
		"a save that makes another wrong": {world: func() *rulestest.World { return usual().Add(usualRuntime()) },
			saved:   objects{env("dev", "c3")},
			refused: []string{"Environment dev: ClusterNotFound"}},
		"a move onto the cluster of a younger one": {
			world: func() *rulestest.World {
				return usual().Add(rulestest.Environment("product-7", "prod", "c2", bornAt(1)),
					rulestest.Runtime("product-7", "live", "repo-3", "prod"))
			}, saved: objects{env("dev", "c2")},
			refused: []string{"Environment prod: EnvironmentOnSameCluster",
				"DeploymentRuntime live: EnvironmentOnSameCluster"}},
		"an environment that cannot move is said once": {
			world:   func() *rulestest.World { return usual().Add(usualRuntime()).Record(recorded) },
			saved:   objects{env("dev", "c3")},
			refused: []string{"Environment dev: ClusterImmutable", "Environment dev: ClusterNotFound"}},
		"a change that makes a younger one the twin": {
			world:   func() *rulestest.World { return usual().Add(younger("live"), usualRuntime()) },
			saved:   objects{usualRuntime(func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" })},
			refused: []string{"DeploymentRuntime live: TwinRuntime"}},
		"a code repo that is given to another project takes a permission": {
			world: func() *rulestest.World { return usual().Add(usualRuntime()) }, saved: objects{unowned},
			warned: []string{"DeploymentRuntime dr: PermissionDenied"}},
		"a binding that is narrowed takes one of a deployed runtime": {
			world: func() *rulestest.World {
				return usual().Add(usualRuntime(), unowned, binding("product-7")).Record(recorded)
			},
			saved:  objects{binding("product-7", "cart"), rulestest.Project("product-7", "cart")},
			warned: []string{"DeploymentRuntime dr: PermissionRevoked"}},
		"a binding that is deleted takes one": {
			world: func() *rulestest.World {
				return usual().Add(usualRuntime(), unowned,
					binding("product-7", "shop"))
			},
			deleted: objects{binding("product-7", "shop")}, warned: []string{"DeploymentRuntime dr: PermissionDenied"}},
		"a binding for another product that is narrowed": {
			world: func() *rulestest.World { return usual().Add(binding("product-8", "p", "q")) },
			saved: objects{binding("product-8", "q")}, warned: []string{"CodeRepoBinding b: PermissionRevoked"}},
		"a binding for another product that is widened": {
			world: func() *rulestest.World { return usual().Add(binding("product-8", "p")) },
			saved: objects{binding("product-8")}},
		"a binding for another product that is deleted": {
			world:   func() *rulestest.World { return usual().Add(binding("product-8", "p")) },
			deleted: objects{binding("product-8")}, warned: []string{"CodeRepoBinding b: PermissionRevoked"}},
		"a binding that passes from another product to this one": {
			world: func() *rulestest.World { return usual().Add(binding("product-8")) },
			saved: objects{binding("product-7")}, warned: []string{"CodeRepoBinding b: PermissionRevoked"}},
		"the deletion of what is needed": {world: func() *rulestest.World { return usual().Add(usualRuntime()) },
			deleted: objects{env("dev", "c1")},
			refused: []string{"Environment dev: InUse"}, referrers: 1},
		"the deletion of what is needed together with what needs it": {
			world:   func() *rulestest.World { return usual().Add(usualRuntime()).Record(recorded) },
			deleted: objects{env("dev", "c1"), usualRuntime()},
			warned:  []string{"Environment dev: InUse"}},
		"the deletion of what is not there": {world: usual, deleted: objects{env("none", "c1")}},
		"a new twin pair": {world: usual,
			saved:   objects{usualRuntime(), usualRuntime(func(r *api.DeploymentRuntime) { r.Name = "web" })},
			refused: []string{"DeploymentRuntime web: TwinRuntime"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			j, err := rules.CheckChange(t.Context(), change(c.world(), c.world(), c.saved, c.deleted), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.refused, said(j.Violations)); diff != "" {
				t.Errorf("refused: %s", diff)
			}
			if diff := cmp.Diff(c.warned, said(j.Warnings)); diff != "" {
				t.Errorf("warned: %s", diff)
			}
			if len(j.Referrers) != c.referrers || len(j.Unchecked) > 0 {
				t.Errorf("got referrers %v, unchecked %v", j.Referrers, j.Unchecked)
			}
		})
	}
}

func TestCheckChangeWithoutFacts(t *testing.T) {
	before, after := usual().Add(usualRuntime()), usual().Add(usualRuntime())
	c := change(before, after, []client.Object{rulestest.Environment("product-7", "dev", "c1")}, nil)
	c.Before, c.After = alone{unrecorded{before}}, alone{unrecorded{after}}
	j, err := rules.CheckChange(t.Context(), c, nil)
	want := []string{api.ReasonClusterImmutable, api.ReasonClusterNotFound, api.ReasonClusterNotAllowed,
		api.ReasonEnvironmentOnSameCluster}
	if err != nil || len(j.Violations) > 0 || !cmp.Equal(j.Unchecked, want) {
		t.Errorf("without a management cluster: got %+v, %v", j, err)
	}
	down := errors.New("down")
	after.Broken(down)
	if _, err := rules.CheckChange(t.Context(), c, nil); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if _, err := rules.CheckChange(t.Context(), rules.Change{Before: usual(), After: usual(),
		Saved: []rules.Subject{{Kind: "Project", Namespace: "product-7", Name: "none"}}}, nil); err == nil {
		t.Error("what is not there after the save was judged")
	}
	if _, err := rules.CheckChange(t.Context(), rules.Change{Before: usual(), After: usual(),
		Saved: []rules.Subject{{Kind: "Cluster", Name: "c1"}}}, nil); err == nil {
		t.Error("a cluster is no object of a product")
	}
}
