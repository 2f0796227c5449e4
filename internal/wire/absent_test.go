package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestWhatADocumentDoesNotMentionStays(t *testing.T) {
	const head = `{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"DeploymentRuntime","metadata":{"name":"dr"},"spec":`
	stored := &api.DeploymentRuntime{Spec: api.DeploymentRuntimeSpec{Namespaces: []string{"a", "b"},
		DeletionPolicy: api.DeletionPolicyOrphan, Suspend: true}}
	tests := map[string]struct {
		spec string
		want api.DeploymentRuntimeSpec
		kept []string
	}{
		"nothing is mentioned": {`{"destination":"env"}`, api.DeploymentRuntimeSpec{Destination: "env",
			Namespaces: []string{"a", "b"}, DeletionPolicy: "Orphan", Suspend: true},
			[]string{"deletionPolicy Orphan", "namespaces a,b", "suspend true"}},
		"null and empty values are mentioned": {`{"destination":"env","namespaces":null,"deletionPolicy":null,"suspend":false}`,
			api.DeploymentRuntimeSpec{Destination: "env"}, nil},
		"one is mentioned": {`{"destination":"env","namespaces":["c"]}`, api.DeploymentRuntimeSpec{Destination: "env",
			Namespaces: []string{"c"}, DeletionPolicy: "Orphan", Suspend: true},
			[]string{"deletionPolicy Orphan", "suspend true"}},
		"newer clients name namespaces in the destination": {`{"destination":{"environment":"env","namespaces":["c"]},"deletionPolicy":"Delete","suspend":true}`,
			api.DeploymentRuntimeSpec{Destination: "env", Namespaces: []string{"c"}, DeletionPolicy: "Delete",
				Suspend: true}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			raw := []byte(head + test.spec + "}")
			obj, unknown, err := wire.ParseObject(raw)
			if err != nil || len(unknown) > 0 {
				t.Fatalf("%v %v", unknown, err)
			}
			kept := wire.Keep(obj, stored, wire.Absent(raw))
			if diff := cmp.Diff(test.kept, kept); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.want, obj.(*api.DeploymentRuntime).Spec); diff != "" {
				t.Error(diff)
			}
		})
	}

	raw := []byte(`{"apiVersion":"nautes.resource.nautes.io/v1alpha1","kind":"CodeRepo","metadata":{"name":"repo-3"},"spec":{"repoName":"x"}}`)
	repo, _, err := wire.ParseObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	kept := wire.Keep(repo, &api.CodeRepo{Spec: api.CodeRepoSpec{CredentialsSecretRef: &api.SecretRef{Name: "s"}}},
		wire.Absent(raw))
	if diff := cmp.Diff([]string{"credentialsSecretRef s"}, kept); diff != "" ||
		repo.(*api.CodeRepo).Spec.CredentialsSecretRef.Name != "s" {
		t.Errorf("%s %+v", diff, repo)
	}
	if kept := wire.Keep(repo, nil, wire.Absent(raw)); kept != nil {
		t.Errorf("a new object: %v", kept)
	}
}
