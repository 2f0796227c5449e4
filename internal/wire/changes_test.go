package wire_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

const crd = `{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"DeploymentRuntime","metadata":{"name":"dr-dev","labels":{"a_b":"1","ab":"2"}},` +
	`"spec":{"destination":"env-dev","manifestSource":{"codeRepo":"repo-3","path":"manifests/development","targetRevision":"HEAD"},"product":"product-7","projectsRef":["api-server"]}}`

func TestABatch(t *testing.T) {
	got, err := wire.ParseChanges([]byte(`{"changes":[
		{"kind":"DeploymentRuntime","name":"dr-dev","body":{"destination":"env-dev"}},
		{"kind":"Environment","name":"old","delete":true},
		{"object":{"kind":"Project"}},
		{"kind":"Environment","apiVersion":"v","metadata":{}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.Change{
		{Kind: "DeploymentRuntime", Name: "dr-dev", Body: []byte(`{"destination":"env-dev"}`)},
		{Kind: "Environment", Name: "old", Delete: true},
		{Object: []byte(`{"kind":"Project"}`)},
		{Object: []byte(`{"apiVersion":"v","kind":"Environment","metadata":{}}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list, err := wire.ParseChanges([]byte(`[{"kind":"Project","name":"a","delete":true}]`)); err != nil ||
		len(list) != 1 {
		t.Errorf("the list alone: %v, %v", list, err)
	}
}

func TestBatchesThatCannotBeRead(t *testing.T) {
	for sentence, body := range map[string]string{
		"empty":                       `{"changes":[]}`,
		"no list":                     `{"changes":{}}`,
		"another member":              `{"changes":[{"kind":"Project","name":"a","delete":true}],"dry":true}`,
		"a document that is a string": `["x"]`,
		"both forms":                  `[{"kind":"Project","name":"a","body":{},"object":{}}]`,
		"neither form":                `[{"delete":true}]`,
		"a save without a body":       `[{"kind":"Project","name":"a"}]`,
		"an unknown member":           `[{"kind":"Project","name":"a","body":{},"force":true}]`,
		"a twin inside a body":        `[{"kind":"Project","name":"a","body":{"language":"go","Language":"c"}}]`,
		"a string for the mark":       `[{"kind":"Project","name":"a","delete":"yes"}]`,
		"nothing":                     ``,
		"a number":                    `3`,
		"more after the end":          `[{"kind":"Project","name":"a","delete":true}] []`,
		"the list twice":              `{"changes":[{"kind":"Project","name":"a","delete":true}],"changes":[]}`,
		"an end that is missing":      `{"changes":[{"kind":"Project","name":"a","delete":true}]`,
		"more documents than permitted": `[` + strings.Repeat(`{"kind":"Project","name":"a","delete":true},`, 1000) +
			`{"kind":"Project","name":"a","delete":true}]`,
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := wire.ParseChanges([]byte(body))
			if p := problem.As(err); p == nil || p.Reason != problem.ReasonBadRequest {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is refused is refused where it stands: values take far more memory than their text.
func TestABatchCostsNoMoreThanItsTextAndOneDocument(t *testing.T) {
	const size = 4 << 20
	full := func(open, part, end string) string {
		return open + strings.Repeat(part, (size-len(open)-len(end))/len(part)) + end
	}
	for sentence, one := range map[string]struct {
		body, says string
		most       uint64
	}{
		"lists instead of documents": {full("[", "[],", "[]]"), "document 1 of the batch", 1 << 20},
		"documents that are none":    {full("[", `{"a":1},`, `{}]`), "document 1 of the batch", 1 << 20},
		"too many documents": {full("[", `{"kind":"Project","name":"a","delete":true},`, `{}]`),
			"1 to 1000 documents", 8 << 20},
		"one document of empty lists": {full(`[{"kind":"Project","name":"a","body":{"b":[`, "[],", `[]]}}]`),
			"more than 20000 values", 24 << 20},
		"one document of many members": {full(`[{"kind":"Project","name":"a","body":{`, `"":[{}],`, `"a":1}}]`),
			"twice", 24 << 20},
		"text behind the end": {`{"changes":[{"kind":"Project","name":"a","delete":true}]}` +
			strings.Repeat("[],", 1<<20), "more than one JSON value", 1 << 20},
	} {
		t.Run(sentence, func(t *testing.T) {
			body := []byte(one.body)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := wire.ParseChanges(body)
			runtime.ReadMemStats(&after)
			if p := problem.As(err); p == nil || p.Reason != problem.ReasonBadRequest ||
				!strings.Contains(p.Message, one.says) {
				t.Errorf("got %v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > one.most {
				t.Errorf("%d KiB of text took %d KiB", len(body)>>10, took>>10)
			}
		})
	}
}

func TestTheCRDForm(t *testing.T) {
	want := &api.DeploymentRuntime{}
	want.SetGroupVersionKind(api.GroupVersion.WithKind("DeploymentRuntime"))
	want.Name, want.Labels = "dr-dev", map[string]string{"a_b": "1", "ab": "2"}
	want.Spec = api.DeploymentRuntimeSpec{
		Product: "product-7", ProjectsRef: []string{"api-server"}, Destination: "env-dev",
		ManifestSource: api.ManifestSource{CodeRepo: "repo-3", TargetRevision: "HEAD", Path: "manifests/development"},
	}
	namespaced := want.DeepCopy()
	namespaced.Spec.Namespaces = []string{"n"}
	for sentence, c := range map[string]struct {
		document string
		want     *api.DeploymentRuntime
		unknown  []string
	}{
		"the guide's file": {crd, want, nil},
		"status is dropped, null means nothing": {strings.Replace(crd, `"spec":`,
			`"status":{"sync":"x"},"zero":null,"spec":`, 1), want, nil},
		"newer upstream's destination": {strings.Replace(crd, `"destination":"env-dev"`,
			`"account":"a","destination":{"environment":"env-dev","namespaces":["n"]}`, 1), namespaced,
			[]string{"spec.account"}},
		"no account": {strings.Replace(crd, `"destination":`, `"account":null,"destination":`, 1), want, nil},
		"unknown members": {strings.Replace(crd, `"path":`, `"depth":1,"path":`, 1), want,
			[]string{"spec.manifestSource.depth"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, unknown, err := wire.ParseObject([]byte(c.document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.unknown, unknown); diff != "" {
				t.Error(diff)
			}
		})
	}
	for sentence, document := range map[string]string{
		"another API group": strings.Replace(crd, "nautes.resource.nautes.io/v1alpha1", "apps/v1", 1),
		"an unknown kind":   strings.Replace(crd, `"DeploymentRuntime"`, `"Deployment"`, 1),
		"a wrong type":      strings.Replace(crd, `["api-server"]`, `"s3cr3t"`, 1),
		"a member twice": strings.Replace(crd, `"product":"product-7"`,
			`"product":"product-7","product":"product-8"`, 1),
		"no object": `[]`,
	} {
		t.Run(sentence, func(t *testing.T) {
			_, _, err := wire.ParseObject([]byte(document))
			if p := problem.As(err); p == nil || p.Reason != problem.ReasonBadRequest ||
				strings.Contains(p.Message, "s3cr3t") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAWrongTypeIsNamedWithWhatToDo(t *testing.T) {
	_, _, err := wire.ParseObject([]byte(strings.Replace(crd, `"HEAD"`, "1.10", 1)))
	const want = "spec.manifestSource.targetRevision must be a string, not a number: put it in quotes"
	if p := problem.As(err); p == nil || p.Message != want {
		t.Errorf("the CRD form: got %v", err)
	}
	_, err = wire.Parse("DeploymentRuntime", []byte(`{"manifest_source":{"target_revision":1.10}}`))
	if p := problem.As(err); p == nil ||
		p.Message != "manifest_source.target_revision must be a string, not a number: put it in quotes" {
		t.Errorf("the REST form: got %v", err)
	}
}
