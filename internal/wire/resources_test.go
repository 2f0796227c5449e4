package wire_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// TestEveryMemberOfABodyHasItsField: what a body has and no spec has would end a save.
func TestEveryMemberOfABodyHasItsField(t *testing.T) {
	for _, k := range kinds.All() {
		res, served := wire.ResourceOf(k.Name)
		if served != (k.Collection != "") {
			t.Errorf("%s is served: %v, and its collection is %q", k.Name, served, k.Collection)
		}
		if !served {
			continue
		}
		spec := kinds.SpecOf(k.New()).Type()
		for f := range res.Body.Fields() {
			if _, has := spec.FieldByName(f.Name); !has && f.Name != "Git" {
				t.Errorf("the spec of a %s has no %s", k.Name, f.Name)
			}
			if _, has := res.Item.FieldByName(f.Name); !has {
				t.Errorf("what is saved of a %s is not answered: %s", k.Name, f.Name)
			}
			if !slices.Contains([]reflect.Kind{reflect.String, reflect.Bool, reflect.Slice, reflect.Struct},
				kindOf(f.Type)) {
				t.Errorf("%s of a %s cannot be read: see Body.member", f.Name, k.Name)
			}
		}
	}
}

func kindOf(t reflect.Type) reflect.Kind {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind()
}

func TestDocumentsOfItems(t *testing.T) {
	for sentence, c := range map[string]struct {
		item any
		want string
	}{
		"defaults of additive members are left out": {
			&wire.DeploymentRuntime{Name: "dr", ProjectsRef: []string{}, Namespaces: []string{},
				DeletionPolicy: "Delete"},
			`[{"product":"","projectsRef":[],"manifestSource":{"codeRepo":"","targetRevision":"","path":""},"destination":""},null]`,
		},
		"the status is beside the spec": {
			wire.DeploymentRuntime{DeletionPolicy: "Orphan", Namespaces: []string{"a"},
				Status: &wire.Status{Reason: "R"}},
			`[{"product":"","projectsRef":null,"manifestSource":{"codeRepo":"","targetRevision":"","path":""},"destination":"",` +
				`"namespaces":["a"],"deletionPolicy":"Orphan"},` +
				`{"ready":false,"reason":"R","message":"","cluster":"","sync":"","health":"","revision":""}]`,
		},
		"members can make a status": {
			&wire.Cluster{Name: "c", Usage: "worker", Reason: "R"},
			`[{"usage":"worker","clusterType":"","clusterKind":"","workerType":""},{"ready":false,"reason":"R"}]`,
		},
		"what cannot be applied is left out": {
			&wire.Product{Name: "p", Git: wire.Git{GitLab: wire.GitLab{Path: "p", ParentID: 7, SSHURLToRepo: "s"}}},
			`[{"git":{"gitlab":{"name":"","path":"p","parentId":7}}},null]`,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			spec, status := wire.Document(c.item)
			got, err := json.Marshal([]any{spec, status})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
