package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// guide is the file of the user's guide.
const guide = `apiVersion: nautes.resource.nautes.io/v1alpha1
kind: DeploymentRuntime
metadata:
  name: dr-dev
spec:
  destination: env-dev
  manifestSource:
    codeRepo: repo-3
    path: manifests/development
    targetRevision: HEAD
  product: product-7
  projectsRef:
  - api-server
`

func runtime(name string) *api.DeploymentRuntime {
	return &api.DeploymentRuntime{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", Destination: "env-dev", ProjectsRef: []string{"api-server"},
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "manifests/development",
				TargetRevision: "HEAD"},
		},
	}
}

func environment(name string) *api.Environment {
	return &api.Environment{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: api.EnvironmentSpec{Product: "product-7", Cluster: "c1", EnvType: "dev"}}
}

// named is the guide's file with another name.
func named(name string) string { return strings.Replace(guide, "dr-dev", name, 1) }

func tree(files map[string]string) *layout.Tree {
	var all []layout.File
	for path, data := range files {
		all = append(all, layout.File{Path: path, Data: []byte(data), Blob: "blob of " + path})
	}
	return layout.Read(all)
}

// codes returns the findings as "CODE path:line".
func codes(findings []layout.Finding) []string {
	out := []string{}
	for _, f := range findings {
		code := f.Code + " " + f.File
		if f.Line > 0 {
			code += ":" + string(rune('0'+f.Line%10))
		}
		out = append(out, code)
	}
	return out
}

// specs returns what the entries of a kind say, by name.
func specs(t *layout.Tree) map[string]client.Object {
	out := map[string]client.Object{}
	for _, k := range kinds.All() {
		for _, e := range t.Of(k.Name) {
			o := e.Object.DeepCopyObject().(client.Object)
			o.GetObjectKind().SetGroupVersionKind(api.GroupVersion.WithKind(""))
			out[e.Kind+"/"+e.Name] = o
		}
	}
	return out
}

func apply(t *testing.T, before *layout.Tree, obj client.Object) (*layout.Tree, []layout.Edit) {
	t.Helper()
	edits, changed, err := layout.Save(before, obj)
	if err != nil {
		t.Fatalf("saving %s: %v", obj.GetName(), err)
	}
	if changed != (len(edits) > 0) {
		t.Fatalf("changed is %t with %d edits", changed, len(edits))
	}
	return layout.With(before, edits), edits
}

func wantProblem(t *testing.T, err error, class problem.Class, reason string, mentions ...string) {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Class != class || p.Reason != reason {
		t.Fatalf("got %v, want a problem %s/%s", err, class, reason)
	}
	for _, m := range mentions {
		if !strings.Contains(p.Message, m) {
			t.Errorf("%q does not mention %q", p.Message, m)
		}
	}
}

func TestTheFileOfTheGuideIsReadAndWrittenAsItStands(t *testing.T) {
	files := tree(map[string]string{"runtimes/dr-dev.yaml": guide})
	entries := files.Find("DeploymentRuntime", "dr-dev")
	if len(entries) != 1 || len(files.Findings()) != 0 {
		t.Fatalf("got %d entries, findings %v", len(entries), files.Findings())
	}
	e := entries[0]
	if diff := cmp.Diff(runtime("dr-dev").Spec, e.Object.(*api.DeploymentRuntime).Spec); diff != "" {
		t.Error(diff)
	}
	if e.File != "runtimes/dr-dev.yaml" || e.Blob != "blob of runtimes/dr-dev.yaml" || e.Document != 1 ||
		e.Line != 1 || e.Legacy {
		t.Errorf("got %+v", e)
	}
	data, err := layout.Marshal(e.Object)
	if err != nil || string(data) != guide {
		t.Errorf("written %v\n%s", err, cmp.Diff(guide, string(data)))
	}
}

func TestAFileHoldsNothingThatOnlyAnAPIServerKnows(t *testing.T) {
	live := runtime("dr-dev")
	live.Namespace, live.UID, live.ResourceVersion, live.Generation = "product-7", "1", "2", 3
	live.CreationTimestamp = metav1.Now()
	live.Finalizers = []string{api.Finalizer}
	live.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}}
	live.Status.Sync = "Synced"
	data, err := layout.Marshal(live)
	if err != nil || string(data) != guide {
		t.Errorf("%v %s", err, cmp.Diff(guide, string(data)))
	}
}

func TestEveryKindHasItsPlace(t *testing.T) {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	for want, obj := range map[string]client.Object{
		"runtimes/a.yaml":               runtime("a"),
		"envs/a.yaml":                   environment("a"),
		"projects/a/a.yaml":             &api.Project{ObjectMeta: meta("a")},
		"code-repos/repo-3/repo-3.yaml": &api.CodeRepo{ObjectMeta: meta("repo-3")},
		"code-repos/repo-3/for-other.yaml": &api.CodeRepoBinding{ObjectMeta: meta("for-other"),
			Spec: api.CodeRepoBindingSpec{CodeRepo: "repo-3"}},
	} {
		_, edits := apply(t, tree(nil), obj)
		if len(edits) != 1 || edits[0].Path != want {
			t.Errorf("%s is written to %v", want, edits)
		}
	}
}

func TestNoNameBecomesAPathThatItShouldNot(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../../x", "a/b", `a\b`, "A", "a.b", "a b", "a\n", "-a",
		strings.Repeat("a", 64), "ä"} {
		_, _, err := layout.Save(tree(nil), runtime(name))
		wantProblem(t, err, problem.Invalid, problem.ReasonInvalidName)
		_, _, err = layout.Save(tree(nil), &api.CodeRepoBinding{ObjectMeta: metav1.ObjectMeta{Name: "ok"},
			Spec: api.CodeRepoBindingSpec{CodeRepo: name}})
		wantProblem(t, err, problem.Invalid, problem.ReasonInvalidName)
	}
	_, _, err := layout.Save(tree(nil), &api.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "c"}})
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("a cluster was accepted: %v", err)
	}
}

func TestObjectsAreFoundAtAnyDepthAndUnderAnyFileName(t *testing.T) {
	files := tree(map[string]string{
		"runtimes/a/b/c/x.yml":   named("one"),
		"envs/misplaced.yaml":    named("two"),
		"projects/.hidden.yaml":  named("three"),
		"code-repos/x.json":      `{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"Environment","metadata":{"name":"e"},"spec":{"product":"product-7","cluster":"c","envType":"dev"}}`,
		"runtimes/README.md":     "hello",
		"runtimes/notes.txt":     guide,
		"production/kustom.yaml": "kind: Kustomization\n",
		"runtimes/empty.yaml":    "",
		"runtimes/comment.yaml":  "# nothing yet\n",
		"envs/values.yaml":       "a: 1\n",
		".gitlab-ci.yml":         "image: x\n",
		"runtimes.yaml/x.yaml":   "a: 1\n",
		"production/kustomize.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: " +
			"Kustomization\nresources: []\n",
	})
	if diff := cmp.Diff([]string{}, codes(files.Findings())); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, e := range files.Of("DeploymentRuntime") {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"one", "three", "two"}, names); diff != "" {
		t.Error(diff)
	}
	if len(files.Of("Environment")) != 1 || len(files.Of("Secret")) != 0 {
		t.Error("the environment in JSON is not found")
	}
}

func TestListsAreReadAsArgoCDReadsThem(t *testing.T) {
	files := tree(map[string]string{
		"runtimes/list.yaml": "apiVersion: v1\nkind: List\nitems:\n- " +
			strings.ReplaceAll(strings.TrimSpace(named("a")), "\n", "\n  ") + "\n- " +
			strings.ReplaceAll(strings.TrimSpace(named("b")), "\n", "\n  ") + "\n",
		"runtimes/none.json": `{"apiVersion":"v1","kind":"List","items":[]}`,
		"runtimes/null.yaml": "apiVersion: v1\nkind: List\nitems: null\n",
	})
	if diff := cmp.Diff([]string{}, codes(files.Findings())); diff != "" {
		t.Error(diff)
	}
	changed := runtime("a")
	changed.Spec.Suspend = true
	after, edits := apply(t, files, changed)
	if len(edits) != 1 || edits[0].Path != "runtimes/list.yaml" || len(after.Of("DeploymentRuntime")) != 2 {
		t.Fatalf("got %v", edits)
	}
	if !after.Find("DeploymentRuntime", "a")[0].Object.(*api.DeploymentRuntime).Spec.Suspend ||
		len(after.Findings()) > 0 {
		t.Error("the item is not saved")
	}
	for _, name := range []string{"a", "b"} {
		edits, err := layout.Remove(after, "DeploymentRuntime", name)
		if err != nil {
			t.Fatal(err)
		}
		after = layout.With(after, edits)
		if len(after.Find("DeploymentRuntime", name)) != 0 {
			t.Errorf("%s is still there", name)
		}
	}
	if after.Data("runtimes/list.yaml") != nil {
		t.Error("the empty list is still there")
	}
}
