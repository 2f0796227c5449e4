package layout_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// awkward are strings that YAML is known to read as something else.
func awkward() []string {
	return []string{
		"", "a", "yes", "on", "~", "null", "1.10", "0o7", "0x1f", "1e3", "=", "-", "---", "...", "- a", "a: b", "# c",
		"a #b", "!x", "&x", "*x", "%x", "@x", "`x",
		"-----BEGIN X-----\nabc\n---\n-----END X-----\n", "a\r\nb", "a\rb", "\ta", " a ", "a\n\n\n", "\n", "\u0085",
		"a\u2028b", "\ufeff", "\x00", "\x7f", "中文", "🙂", `"`, `'`, `\`, "{", "[", "|", ">", "?",
		strings.Repeat("long words ", 40), "2001-01-01", "12:30:45", "+1", ".inf", "0b1",
	}
}

type source struct{ *rand.Rand }

func (r source) text() string { return awkward()[r.IntN(len(awkward()))] }

func (r source) texts() []string {
	var out []string
	for range r.IntN(4) {
		out = append(out, r.text())
	}
	return out
}

func (r source) meta(name string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Name: name}
	for range r.IntN(3) {
		metav1.SetMetaDataAnnotation(&m, "k/"+r.text(), r.text())
		metav1.SetMetaDataLabel(&m, r.text(), r.text())
	}
	return m
}

func (r source) object() client.Object {
	name := fmt.Sprintf("n%d", r.IntN(6))
	m := r.meta(name)
	switch r.IntN(5) {
	case 0:
		return &api.Environment{ObjectMeta: m,
			Spec: api.EnvironmentSpec{Product: r.text(), Cluster: r.text(), EnvType: r.text()}}
	case 1:
		return &api.Project{ObjectMeta: m, Spec: api.ProjectSpec{Product: r.text(), Language: r.text()}}
	case 2:
		c := &api.CodeRepo{ObjectMeta: m,
			Spec: api.CodeRepoSpec{CodeRepoProvider: r.text(), RepoName: r.text(), DeploymentRuntime: r.IntN(2) == 0}}
		if r.IntN(2) == 0 {
			c.Spec.Webhook = &api.Webhook{Events: r.texts()}
		}
		return c
	case 3:
		return &api.CodeRepoBinding{ObjectMeta: m,
			Spec: api.CodeRepoBindingSpec{CodeRepo: "repo-1", Product: r.text(), Projects: r.texts()}}
	}
	return &api.DeploymentRuntime{ObjectMeta: m, Spec: api.DeploymentRuntimeSpec{
		Product: r.text(), ProjectsRef: r.texts(), Destination: r.text(), Namespaces: r.texts(),
		Suspend:        r.IntN(2) == 0,
		ManifestSource: api.ManifestSource{CodeRepo: r.text(), Path: r.text(), TargetRevision: r.text()},
	}}
}

// file returns a file as a person may write it, with the given objects.
func (r source) file(objects []client.Object) string {
	var out strings.Builder
	for i, obj := range objects {
		if i > 0 || r.IntN(2) == 0 {
			out.WriteString([]string{"---\n", "--- # c\n", "# x\n---\n\n", "---\n# only comments\n---\n"}[r.IntN(4)])
		}
		out.WriteString([]string{"", "# head\n", "\n\n"}[r.IntN(3)])
		data, err := layout.Marshal(obj)
		if err != nil {
			panic(err)
		}
		if i > 0 && r.IntN(4) == 0 && !bytes.ContainsAny(data, `\`) { // escapes of YAML are not always those of JSON
			data, _ = yaml.ToJSON(data)
			data = append(data, '\n')
		}
		out.Write(data)
		if !bytes.Contains(data, []byte("+\n")) { // else blank lines are text
			out.WriteString([]string{"", "\n"}[r.IntN(2)])
		}
		out.WriteString([]string{"", "# foot\n", "# foot\n\n"}[r.IntN(3)])
	}
	out.WriteString([]string{"", "---\n", "...\n", "..."}[r.IntN(4)])
	text := out.String()
	if r.IntN(4) == 0 && !strings.Contains(text, "\r") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if r.IntN(5) == 0 {
		text = "\ufeff" + text
	}
	return text
}

// TestWhatWasSavedIsRead: after any sequence of saves and removals, the tree holds exactly the objects that a plain map
// would hold, no finding appears, documents that were not touched keep their bytes, and the tree equals the one that is
// read from its files.
func TestWhatWasSavedIsRead(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := source{rand.New(rand.NewPCG(seed, 1))}
		want := map[string]client.Object{}
		files := map[string]string{}
		for i := range r.IntN(4) {
			var objects []client.Object
			for range 1 + r.IntN(3) {
				obj := r.object()
				if key := kinds.NameOf(obj) + "/" + obj.GetName(); want[key] == nil {
					want[key] = obj
					objects = append(objects, obj)
				}
			}
			if len(objects) > 0 {
				files[fmt.Sprintf("envs/by-hand-%d.yaml", i)] = r.file(objects)
			}
		}
		current := tree(files)
		for range 6 {
			obj := r.object()
			key := kinds.NameOf(obj) + "/" + obj.GetName()
			var edits []layout.Edit
			var err error
			if r.IntN(4) == 0 && want[key] != nil {
				edits, err = layout.Remove(current, kinds.NameOf(obj), obj.GetName())
				delete(want, key)
			} else {
				edits, _, err = layout.Save(current, obj)
				want[key] = obj
			}
			if err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, dump(current))
			}
			next := layout.With(current, edits)
			compare(t, seed, next, want)
			if again, changed, err := layout.Save(next, obj); want[key] != nil && (changed || err != nil) {
				t.Fatalf("seed %d: saving twice changes %v %v", seed, again, err)
			}
			current = next
		}
		var all []layout.File
		for _, path := range paths(current, files) {
			all = append(all, layout.File{Path: path, Data: current.Data(path)})
		}
		compare(t, seed, layout.Read(all), want)
	}
}

func compare(t *testing.T, seed uint64, got *layout.Tree, want map[string]client.Object) {
	t.Helper()
	if f := got.Findings(); len(f) > 0 {
		t.Fatalf("seed %d: %v\n%s", seed, f, dump(got))
	}
	have := specs(got)
	if len(have) != len(want) {
		t.Fatalf("seed %d: %d objects instead of %d", seed, len(have), len(want))
	}
	for key, obj := range want {
		a, _ := layout.Marshal(obj)
		if have[key] == nil {
			t.Fatalf("seed %d: %s is gone", seed, key)
		}
		b, _ := layout.Marshal(have[key])
		if !bytes.Equal(a, b) {
			t.Fatalf("seed %d: %s", seed, cmp.Diff(string(a), string(b)))
		}
	}
}

func paths(t *layout.Tree, more map[string]string) []string {
	seen := map[string]bool{}
	for _, k := range kinds.All() {
		for _, e := range t.Of(k.Name) {
			seen[e.File] = true
		}
	}
	for path := range more {
		seen[path] = t.Data(path) != nil
	}
	var out []string
	for path, there := range seen {
		if there {
			out = append(out, path)
		}
	}
	return out
}

func dump(t *layout.Tree) string {
	var out strings.Builder
	for _, path := range paths(t, nil) {
		fmt.Fprintf(&out, "== %s\n%q\n", path, t.Data(path))
	}
	return out.String()
}

func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{
		guide, "a: 1\n---\nb: 2\n", "\ufeffa: 1\r\n---\r\n# c\r\nb: |\r\n  ---\r\n",
		"%YAML 1.1\n--- !!map\na: &x 1\nb: *x\n...\n", "{\"a\":1}", "[1,2]", "a: \"\n\n---x\"",
		"? a\n: b\n<<: {c: 1}\n",
		"a: x\u0085---\nb: \u2028\n", "- - -\n", "-----BEGIN\n", "a:\n- |+\n x\n\n---\n", "\x00", "a: \xff",
		"!!binary aGk=: 1", "1: a\n~: b\ntrue: c\n",
	} {
		f.Add("x.yaml", []byte(seed))
		f.Add("x.json", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		before := bytes.Clone(data)
		docs, err := layout.Documents(name, data)
		if !bytes.Equal(before, data) {
			t.Fatal("the input changed")
		}
		if err != nil && docs != nil {
			t.Fatal("documents and an error")
		}
		line := 0
		for i, d := range docs {
			if d.Index != i+1 || d.Line < line || d.Line < 1 {
				t.Fatalf("document %d is called %d, line %d after %d", i+1, d.Index, d.Line, line)
			}
			line = d.Line
			if !json.Valid(d.JSON) {
				t.Fatalf("document %d is no JSON: %s", i+1, d.JSON)
			}
		}
		// Whatever a file holds, nothing of a tree fails, and a save beside it is read again.
		files := layout.Read([]layout.File{{Path: "envs/" + name, Data: data}, {Path: name, Data: data}})
		for _, k := range kinds.All() {
			for _, e := range files.Of(k.Name) {
				o := e.Object.DeepCopyObject().(client.Object)
				metav1.SetMetaDataAnnotation(metaOf(o), "fuzz", "x")
				edits, changed, err := layout.Save(files, o)
				if err != nil {
					continue
				}
				if found := layout.With(files, edits).Find(k.Name, e.Name); !changed || len(found) != 1 ||
					found[0].Object.GetAnnotations()["fuzz"] != "x" {
					t.Fatalf("%s %s is not saved in %q", k.Name, e.Name, data)
				}
			}
		}
		if _, err := layout.Migrate(files); err != nil {
			return
		}
	})
}

func metaOf(o client.Object) *metav1.ObjectMeta {
	switch o := o.(type) {
	case *api.Environment:
		return &o.ObjectMeta
	case *api.Project:
		return &o.ObjectMeta
	case *api.CodeRepo:
		return &o.ObjectMeta
	case *api.CodeRepoBinding:
		return &o.ObjectMeta
	case *api.DeploymentRuntime:
		return &o.ObjectMeta
	}
	return &metav1.ObjectMeta{}
}
