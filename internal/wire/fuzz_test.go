package wire_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// FuzzBodies: whatever a client sends, it is refused in words, or it makes the same object whenever it is sent again,
// and the object alone decides what it was.
func FuzzBodies(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		for _, k := range kinds.All() {
			body, err := wire.Parse(k.Name, raw)
			if err != nil {
				refused(t, err)
				continue
			}
			fresh := body.Onto(nil)
			if kinds.NameOf(fresh) != k.Name {
				t.Fatalf("a %s became a %s", k.Name, kinds.NameOf(fresh))
			}
			once := body.Onto(fresh)
			if diff := cmp.Diff(fresh, once); diff != "" {
				t.Errorf("%s: sent twice it says something else: %s", k.Name, diff)
			}
		}
		object(t, raw)
		if !bytes.Equal(raw, before) {
			t.Error("the input changed")
		}
	})
}

func object(t *testing.T, raw []byte) {
	t.Helper()
	obj, unknown, err := wire.ParseObject(raw)
	if err != nil {
		refused(t, err)
		return
	}
	again, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	second, more, err := wire.ParseObject(again)
	if err != nil || len(more) > 0 || !reflect.DeepEqual(withoutStatus(t, obj), withoutStatus(t, second)) {
		t.Errorf("%v, unknown %v (at first %v): %s", err, more, unknown, cmp.Diff(obj, second))
	}
}

func withoutStatus(t *testing.T, obj client.Object) map[string]any {
	t.Helper()
	raw, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "status")
	return fields
}

// FuzzBatches: a batch that is accepted consists of documents that each name one object.
func FuzzBatches(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		changes, err := wire.ParseChanges(raw)
		if err != nil {
			refused(t, err)
			return
		}
		if len(changes) == 0 || len(changes) > 1000 {
			t.Errorf("%d documents", len(changes))
		}
		for _, c := range changes {
			if (c.Object == nil) == (c.Kind == "" || c.Name == "") || (c.Object == nil && c.Body == nil && !c.Delete) {
				t.Errorf("a document names no object, or two: %+v", c)
			}
		}
		again, err := json.Marshal(wire.Changes{Changes: changes})
		if err != nil {
			t.Fatal(err)
		}
		second, err := wire.ParseChanges(again)
		if err != nil || !reflect.DeepEqual(changes, second) {
			t.Errorf("%v: %s", err, cmp.Diff(changes, second))
		}
	})
}

// FuzzSelectors: a selector that is accepted is taken apart and compared without a surprise.
func FuzzSelectors(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range kinds.All() {
			selector, err := wire.ParseSelector(k.Name, text)
			if err != nil {
				refused(t, err)
				continue
			}
			if k.Name == "DeploymentRuntime" {
				_ = selector.Matches(items(k.Name).OfRuntime(stored(), nil))
			}
			if rest, value := selector.Without("no such key"); value != "" || !reflect.DeepEqual(text == "",
				reflect.DeepEqual(rest, wire.Selector{})) {
				t.Errorf("%q: %q is left out", text, value)
			}
		}
	})
}

func refused(t *testing.T, err error) {
	t.Helper()
	if p := problem.As(err); p == nil || p.Reason != problem.ReasonBadRequest || p.Message == "" {
		t.Errorf("an error that tells nobody what to do: %v", err)
	}
}
