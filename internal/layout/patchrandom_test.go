package layout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// hand writes a runtime as a person may: each field in some style, with comments on some. It notes whose each line is.
type hand struct {
	source
	lines  []string
	owners []string
	step   int
}

func (h *hand) line(owner, text string) {
	h.lines, h.owners = append(h.lines, text), append(h.owners, owner)
}

// above writes a comment line, or a blank one, or nothing.
func (h *hand) above(owner string, indent int) {
	switch h.IntN(5) {
	case 0, 1:
		h.line(owner, strings.Repeat(" ", indent)+"# above "+owner)
	case 2:
		h.line("", "")
	}
}

func (h *hand) behind(owner string) string {
	if h.IntN(2) == 0 {
		return ""
	}
	return strings.Repeat(" ", 1+h.IntN(3)) + "# behind " + owner
}

// text writes a key with a text, which has blanks but no line break.
func (h *hand) text(owner, start, value string, indent int) {
	margin := strings.Repeat(" ", indent+h.step)
	first, rest, several := strings.Cut(value, " ")
	switch style := h.IntN(6); {
	case several && style == 0:
		h.line(owner, start+`"`+first)
		h.line(owner, margin+rest+`"`+h.behind(owner))
	case several && style == 1:
		h.line(owner, start+">-"+h.behind(owner))
		h.line(owner, margin+first)
		h.line(owner, margin+rest)
	case several && style == 2 && !strings.HasPrefix(rest, "#"):
		h.line(owner, start+first)
		h.line(owner, margin+rest+h.behind(owner))
	case style == 3:
		h.line(owner, start+">1-")
		h.line(owner, strings.Repeat(" ", indent+1)+value)
	case style <= 4:
		h.line(owner, start+`"`+value+`"`+h.behind(owner))
	default:
		h.line(owner, start+`'`+value+`'`+h.behind(owner))
	}
}

func (h *hand) list(owner string, values []string, indent int) {
	key := owner[strings.LastIndex(owner, ".")+1:]
	margin := strings.Repeat(" ", indent)
	h.above(owner, indent)
	if h.IntN(3) == 0 {
		h.line(owner, margin+key+": ["+strings.Join(values, ", ")+"]"+h.behind(owner))
		return
	}
	h.line(owner, margin+key+":"+h.behind(owner))
	dash := indent + h.IntN(2)*h.step
	for _, v := range values {
		item := owner + "." + v
		h.above(item, dash)
		h.text(item, strings.Repeat(" ", dash)+"- ", v, dash)
	}
}

func (h *hand) fields(owner string, values map[string]string, indent int) {
	keys := slices.Sorted(keysOf(values))
	h.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys {
		field := strings.TrimPrefix(owner+"."+key, ".")
		h.above(field, indent)
		h.text(field, strings.Repeat(" ", indent)+key+": ", values[key], indent)
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// runtime writes a runtime with a label, two annotations and two lists.
func (h *hand) runtime() {
	h.step = 2 + h.IntN(3)
	parts := []func(){
		func() { h.fields("", map[string]string{"apiVersion": api.GroupVersion.String()}, 0) },
		func() { h.fields("", map[string]string{"kind": "DeploymentRuntime"}, 0) },
		func() {
			h.above("metadata", 0)
			h.line("metadata", "metadata:"+h.behind("metadata"))
			h.fields("metadata", map[string]string{"name": "web"}, h.step)
			h.above("metadata.annotations", h.step)
			h.line("metadata.annotations", strings.Repeat(" ", h.step)+"annotations:"+h.behind("metadata.annotations"))
			h.fields("metadata.annotations", map[string]string{"note": "one #two", "who": "front end", "z": "#1 #2"}, 2*h.step)
		},
		func() {
			h.above("spec", 0)
			h.line("spec", "spec:"+h.behind("spec"))
			for _, i := range h.Perm(4) {
				[]func(){
					func() { h.fields("spec", map[string]string{"product": "product-7", "destination": "dev"}, h.step) },
					func() { h.list("spec.projectsRef", []string{"a", "b", "c"}, h.step) },
					func() { h.list("spec.namespaces", []string{"web", "web-2"}, h.step) },
					func() {
						h.line("spec.manifestSource", strings.Repeat(" ", h.step)+"manifestSource:"+h.behind("spec.manifestSource"))
						h.fields("spec.manifestSource", map[string]string{"codeRepo": "repo-3", "path": "a b",
							"targetRevision": "main"}, 2*h.step)
					},
				}[i]()
			}
		},
	}
	h.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for _, part := range parts {
		part()
	}
	h.above("", 0)
}

// TestASaveTakesNoLineOfAnotherField: whatever way a file is written, the lines of all other fields and their comments
// stay as they are, in their order.
func TestASaveTakesNoLineOfAnotherField(t *testing.T) {
	t.Parallel()
	type runtime = *api.DeploymentRuntime
	refs := func(names ...string) func(runtime) { return func(r runtime) { r.Spec.ProjectsRef = names } }
	edits := map[string]func(runtime){
		"spec.destination":             func(r runtime) { r.Spec.Destination = "prod" },
		"spec.manifestSource.path":     func(r runtime) { r.Spec.ManifestSource.Path = "c d" },
		"spec.projectsRef.a":           refs("new", "b", "c"),
		"spec.projectsRef.a.moved":     refs("b", "c", "last"),
		"spec.projectsRef.b":           refs("a", "c"),
		"spec.projectsRef.c":           refs("a", "b"),
		"spec.projectsRef.new":         refs("new", "a", "b", "c"),
		"spec.projectsRef.last":        refs("a", "b", "c", "last"),
		"spec.namespaces":              func(r runtime) { r.Spec.Namespaces = nil },
		"spec.suspend":                 func(r runtime) { r.Spec.Suspend = true },
		"metadata.annotations.note":    func(r runtime) { delete(r.Annotations, "note") },
		"metadata.annotations.z":       func(r runtime) { delete(r.Annotations, "z") },
		"metadata.annotations.who":     func(r runtime) { r.Annotations["who"] = "back end" },
		"metadata.annotations.new":     func(r runtime) { r.Annotations["new"] = "1" },
		"metadata.annotations":         func(r runtime) { r.Annotations = nil },
		"metadata.labels":              func(r runtime) { r.Labels = map[string]string{"a": "b"} },
		"metadata.annotations.z.lines": func(r runtime) { r.Annotations["z"] = "a\nb" },
	}
	paths := make([]string, 0, len(edits))
	for path := range edits {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for seed := range uint64(250) {
		h := &hand{source: source{rand.New(rand.NewPCG(seed, 7))}}
		h.runtime()
		path := paths[h.IntN(len(paths))]
		data := strings.Join(h.lines, "\n") + "\n"
		before := tree(map[string]string{"runtimes/x.yaml": data})
		changed := runtimeByHand(t, before)
		edits[path](changed)
		edit, _, err := layout.Save(before, changed)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, data)
		}
		left := strings.Split(string(edit[0].Data), "\n")
		for i, line := range h.lines {
			if owner := h.owners[i]; owner == "" || concerns(path, owner) || line == "" {
				continue
			}
			at := slices.Index(left, line)
			if at < 0 {
				t.Errorf("seed %d: %s changes, and line %q of %s is gone:\n%s\nbecame\n%s", seed, path, line,
					h.owners[i], data, edit[0].Data)
				break
			}
			left = left[at+1:]
		}
	}
}

// concerns says whether a line of a field may change with another one: it is that field's, or of one inside it; or the
// whole list stands on the line.
func concerns(path, owner string) bool {
	path = strings.TrimSuffix(strings.TrimSuffix(path, ".lines"), ".moved")
	inOneLine := fmt.Sprint(path, ".")
	return owner == path || strings.HasPrefix(owner, inOneLine) ||
		strings.HasPrefix(path, owner+".") && (owner == "spec.projectsRef" || owner == "spec.namespaces")
}
