package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// FuzzDocumentsAreThoseOfArgoCD: where both read a file, both read the same objects from it. Argo CD cuts a file at
// lines before it parses, we parse it as a whole.
func FuzzDocumentsAreThoseOfArgoCD(f *testing.F) {
	const a, b = "kind: A\nmetadata: {name: a}\n", "kind: B\nmetadata:\n  name: b\n"
	for _, seed := range []string{
		a + "---\n" + b, "---\n" + a + "--- # c\n" + b + "...\n", "# c\n---\n# d\n---\n" + a, a + "...\n---\n" + b,
		"{\"kind\":\"A\"}\n---\n" + a, "kind: |\n  ---\n  x\n---\n" + b,
		"kind: \"x\n\n  ---y\"\n", "%YAML 1.1\n---\n" + a, "kind: a\u0085---\nkind: b\n", "kind: a\r---\rkind: b\r",
		a + "\r\n---\r\n" + b, "kind: A\n-----\n", "kind: &x A\nb: *x\n", "--- {kind: A}\n", "---\t\n" + a,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := layout.Documents("x.yaml", data)
		if err != nil {
			return
		}
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))), 4096)
		var want []map[string]any
		for {
			u := &unstructured.Unstructured{}
			err := decoder.Decode(&u)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			if u != nil {
				want = append(want, plain(t, u.Object))
			}
		}
		var got []map[string]any
		for _, d := range docs {
			var object map[string]any
			if err := json.Unmarshal(d.JSON, &object); err != nil {
				t.Fatalf("Argo CD accepts what is no object: %s", d.JSON)
			}
			got = append(got, object)
		}
		if len(got) != len(want) || (len(got) > 0 && !reflect.DeepEqual(got, want)) {
			t.Fatalf("got %v, Argo CD reads %v in %q", got, want, data)
		}
	})
}

func plain(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
