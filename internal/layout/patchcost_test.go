package layout_test

import (
	"fmt"
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// What one save costs must grow with the file, and not with its square.
func TestASaveInALargeFileCostsAsMuchAsReadingIt(t *testing.T) {
	var list, line strings.Builder
	list.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := range 200 {
		list.WriteString("- " + strings.ReplaceAll(strings.TrimSpace(named(fmt.Sprint("e", i))), "\n", "\n  ") + "\n")
	}
	line.WriteString(`{"apiVersion": "v1", "kind": "List", "items": [`)
	for i := range 200 {
		fmt.Fprintf(&line, `{"apiVersion": "nautes.resource.nautes.io/v1alpha1", "kind": "DeploymentRuntime", "metadata": `+
			`{"name": "e%d", "annotations": {"é": "ü"}}, "spec": {"product": "product-7", "destination": "env-dev", `+
			`"manifestSource": {"codeRepo": "repo-3", "path": "p", "targetRevision": "main"}}},`, i)
	}
	inOneLine := strings.TrimSuffix(line.String(), ",") + "]}\n"
	for name, file := range map[string]layout.File{
		"a list":           {Path: "runtimes/x.yaml", Data: []byte(list.String())},
		"JSON in one line": {Path: "runtimes/x.json", Data: []byte(inOneLine)},
	} {
		for what, save := range map[string]func(*layout.Tree) ([]layout.Edit, error){
			"an item changes": func(before *layout.Tree) ([]layout.Edit, error) {
				changed := before.Find("DeploymentRuntime", "e100")[0].Object.(*api.DeploymentRuntime)
				changed.Spec.Destination = "env-prod"
				edits, _, err := layout.Save(before, changed)
				return edits, err
			},
			"an item goes": func(before *layout.Tree) ([]layout.Edit, error) {
				return layout.Remove(before, "DeploymentRuntime", "e100")
			},
		} {
			t.Run(name+": "+what, func(t *testing.T) {
				var before *layout.Tree
				_, reading := heap(func() { before = layout.Read([]layout.File{file}) })
				_, saving := heap(func() {
					if edits, err := save(before); err != nil || len(edits) != 1 {
						t.Errorf("%d edits, %v", len(edits), err)
					}
				})
				if saving > 10*reading {
					t.Errorf("reading takes %d MiB, saving %d MiB", reading>>20, saving>>20)
				}
			})
		}
	}
}

// A list of any length is edited, not written anew.
func TestALongListKeepsItsComments(t *testing.T) {
	t.Parallel()
	const items = 1200
	var list strings.Builder
	list.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	for i := range items {
		fmt.Fprintf(&list, "# about e%d\n- {apiVersion: nautes.resource.nautes.io/v1alpha1, kind: Project, metadata: "+
			"{name: e%d}, spec: {product: product-7, language: go}}\n", i, i)
	}
	data := list.String()
	before := layout.Read([]layout.File{{Path: "envs/x.yaml", Data: []byte(data)}})
	changed := before.Find("Project", "e600")[0].Object.(*api.Project)
	changed.Spec.Language = "c"
	edits, _, err := layout.Save(before, changed)
	const item = "{name: e600}, spec: {product: product-7, language: "
	if want := strings.Replace(data, item+"go", item+"c", 1); err != nil || string(edits[0].Data) != want {
		t.Errorf("an item changes: %v, %d bytes instead of %d", err, len(edits[0].Data), len(want))
	}
	edits, err = layout.Remove(before, "Project", "e600")
	head, rest, _ := strings.Cut(data, "# about e600\n")
	_, rest, _ = strings.Cut(rest, "\n")
	if err != nil || string(edits[0].Data) != head+rest {
		t.Errorf("an item goes: %v, %d bytes instead of %d", err, len(edits[0].Data), len(head+rest))
	}
}
