package apis

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// full holds one object per kind that sets every field of the spec. Lists have one entry, maps have the one key a.
//
//go:embed testdata/full/*.yaml
var full embed.FS

func TestBoundsOfEveryFieldBothWays(t *testing.T) {
	for _, d := range definitions(t) {
		t.Run(d.Spec.Names.Kind, func(t *testing.T) {
			object := fullObject(t, d.Spec.Names.Kind)
			if err := tried(t.Context(), object.DeepCopy()); err != nil {
				t.Fatalf("the full object is refused: %v", err)
			}
			for _, n := range nodes(d, "spec") {
				if _, set := valueAt(object, n.steps); !set {
					t.Errorf("testdata/full does not set %s", n.path)
					continue
				}
				if !n.borrowed() {
					checkBounds(t, object, n)
				}
			}
		})
	}
}

// trial is a value for one place, and what the refusal says; an empty refusal means that the value is accepted.
type trial struct {
	sentence string
	value    any
	refusal  string
}

func checkBounds(t *testing.T, object *unstructured.Unstructured, n node) {
	for _, c := range append(stringTrials(n), collectionTrials(object, n)...) {
		t.Run(n.path+" "+c.sentence, func(t *testing.T) {
			changed := object.DeepCopy()
			setAt(changed, n.steps, c.value)
			got := refusal(tried(t.Context(), changed))
			switch {
			case c.refusal == "" && got != "":
				t.Errorf("refused: %s", got)
			case c.refusal != "" && !strings.Contains(got, c.refusal):
				t.Errorf("got %q, want a refusal that says %q", got, c.refusal)
			case c.refusal != "" && !strings.Contains(got, n.path):
				t.Errorf("the refusal %q does not name %s", got, n.path)
			}
		})
	}
	if n.required {
		t.Run(n.path+" absent", func(t *testing.T) {
			changed := object.DeepCopy()
			removeAt(changed, n.steps)
			if got := refusal(tried(t.Context(), changed)); !strings.Contains(got, n.path+": Required value") {
				t.Errorf("got %q, want a refusal that says %s is required", got, n.path)
			}
		})
	}
}

func stringTrials(n node) []trial {
	s := n.schema
	var out []trial
	if s.Type != "string" {
		return nil
	}
	if s.MaxLength != nil {
		longest := int(*s.MaxLength)
		out = append(out,
			trial{"as long as permitted", stringOf(longest, s.Pattern), ""},
			trial{"too long", stringOf(longest+1, s.Pattern),
				fmt.Sprintf("Too long: may not be more than %d bytes", longest)})
	}
	if s.MinLength != nil {
		out = append(out, trial{"empty", "", fmt.Sprintf("should be at least %d chars long", *s.MinLength)})
	}
	if len(s.Enum) > 0 {
		out = append(out, trial{"not one of the known words", "nonsense", "Unsupported value"})
	}
	if s.Pattern != "" {
		out = append(out, trial{"against the pattern", "a b*", "should match"})
	}
	return out
}

// stringOf returns a string of that length which fits the pattern.
func stringOf(length int, pattern string) string {
	fits := regexp.MustCompile(pattern)
	for _, start := range []string{"", "https://"} {
		if candidate := start + strings.Repeat("a", length-len(start)); fits.MatchString(candidate) {
			return candidate
		}
	}
	panic("no long string is known that fits " + pattern)
}

func collectionTrials(object *unstructured.Unstructured, n node) []trial {
	var out []trial
	value, _ := valueAt(object, n.steps)
	if s := n.schema; s.MaxItems != nil {
		most := int(*s.MaxItems)
		list := value.([]any)
		out = append(out,
			trial{"as many as permitted", items(list[0], most), ""},
			trial{"too many", items(list[0], most+1), fmt.Sprintf("must have at most %d items", most)})
		if s.XListType != nil && *s.XListType != "atomic" {
			out = append(out, trial{"twice the same", []any{list[0], list[0]}, "Duplicate value"})
		}
	}
	if s := n.schema; s.MaxProperties != nil {
		most := int(*s.MaxProperties)
		sample := value.(map[string]any)["a"]
		out = append(out,
			trial{"as many as permitted", properties(sample, most), ""},
			trial{"too many", properties(sample, most+1), fmt.Sprintf("must have at most %d items", most)})
	}
	return out
}

// items returns distinct entries like the sample. Lists of objects are keyed by name, or by kind.
func items(sample any, n int) []any {
	out := make([]any, n)
	for i := range out {
		name := fmt.Sprintf("a%d", i)
		if object, ok := sample.(map[string]any); ok {
			object = maps.Clone(object)
			if _, named := object["kind"]; named {
				object["kind"] = name
			} else {
				object["name"] = name
			}
			out[i] = object
			continue
		}
		out[i] = name
	}
	return out
}

func properties(sample any, n int) map[string]any {
	out := make(map[string]any, n)
	for i := range n {
		out[fmt.Sprintf("a%d", i)] = sample
	}
	return out
}

func TestDefaults(t *testing.T) {
	for _, d := range definitions(t) {
		for _, n := range nodes(d, "spec") {
			if n.schema.Default == nil {
				continue
			}
			t.Run(d.Spec.Names.Kind+" "+n.path, func(t *testing.T) {
				object := fullObject(t, d.Spec.Names.Kind)
				removeAt(object, n.steps)
				if err := tried(t.Context(), object); err != nil {
					t.Fatal(err)
				}
				got, _ := valueAt(object, n.steps)
				if want := decoded(t, n.schema.Default); got != want {
					t.Errorf("got %v, want %v", got, want)
				}
			})
		}
	}
}

func decoded(t *testing.T, j *apiextensionsv1.JSON) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(j.Raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func fullObject(t *testing.T, kind string) *unstructured.Unstructured {
	t.Helper()
	data, err := full.ReadFile("testdata/full/" + kind + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(data, &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetNamespace("default")
	return object
}

func valueAt(object *unstructured.Unstructured, steps []any) (any, bool) {
	var at any = object.Object
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			parent, ok := at.(map[string]any)
			if !ok {
				return nil, false
			}
			if at, ok = parent[s]; !ok {
				return nil, false
			}
		case int:
			list, ok := at.([]any)
			if !ok || s >= len(list) {
				return nil, false
			}
			at = list[s]
		}
	}
	return at, true
}

func setAt(object *unstructured.Unstructured, steps []any, value any) {
	parent, _ := valueAt(object, steps[:len(steps)-1])
	switch last := steps[len(steps)-1].(type) {
	case string:
		parent.(map[string]any)[last] = value
	case int:
		parent.([]any)[last] = value
	}
}

func removeAt(object *unstructured.Unstructured, steps []any) {
	parent, _ := valueAt(object, steps[:len(steps)-1])
	delete(parent.(map[string]any), steps[len(steps)-1].(string))
}
