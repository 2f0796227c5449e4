package layout_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// full returns an object of each kind that has everything a file may say.
func full() map[string]client.Object {
	meta := func() metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: "x", Labels: map[string]string{"team": "a"},
			Annotations: map[string]string{"note": "b"}}
	}
	return map[string]client.Object{
		"Environment": &api.Environment{ObjectMeta: meta(),
			Spec: api.EnvironmentSpec{Product: "product-7", Cluster: "c1", EnvType: "dev"}},
		"Project": &api.Project{ObjectMeta: meta(), Spec: api.ProjectSpec{Product: "product-7", Language: "go"}},
		"CodeRepo": &api.CodeRepo{ObjectMeta: meta(), Spec: api.CodeRepoSpec{
			CodeRepoProvider: "gitlab", Product: "product-7", Project: "api-server", RepoName: "service",
			URL: "https://example.com/x.git", DeploymentRuntime: true, PipelineRuntime: true,
			Webhook: &api.Webhook{Events: []string{"push_events"}}, CredentialsSecretRef: &api.SecretRef{Name: "s"},
		}},
		"CodeRepoBinding": &api.CodeRepoBinding{ObjectMeta: meta(), Spec: api.CodeRepoBindingSpec{
			CodeRepo: "repo-3", Product: "product-8", Projects: []string{"a"}, Permissions: "readonly",
		}},
		"DeploymentRuntime": &api.DeploymentRuntime{ObjectMeta: meta(), Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", Destination: "env-dev", ProjectsRef: []string{"api-server"},
			Namespaces: []string{"n"}, DeletionPolicy: "Orphan", Suspend: true,
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "manifests/development",
				TargetRevision: "HEAD"},
		}},
	}
}

func TestATreeSaysAllThatAFileSays(t *testing.T) {
	objects := full()
	for _, k := range kinds.OfScope(kinds.Product) {
		t.Run(k.Name, func(t *testing.T) {
			want := objects[k.Name]
			if want == nil {
				t.Fatal("the kind has no row here")
			}
			data, err := layout.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			read := tree(map[string]string{k.Directory + "/x.yaml": string(data)})
			want.GetObjectKind().SetGroupVersionKind(api.GroupVersion.WithKind(k.Name))
			found := read.Of(k.Name)
			if len(found) != 1 {
				t.Fatalf("%d objects", len(found))
			}
			if diff := cmp.Diff(want, found[0].Object); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestObjectsAreTheCallersOwn(t *testing.T) {
	data, err := layout.Marshal(full()["DeploymentRuntime"])
	if err != nil {
		t.Fatal(err)
	}
	read := tree(map[string]string{"runtimes/x.yaml": string(data)})
	first := read.Of("DeploymentRuntime")[0].Object.(*api.DeploymentRuntime)
	before := first.DeepCopy()
	first.Labels["team"], first.Annotations["note"] = "other", "other"
	first.Spec.ProjectsRef[0], first.Spec.Namespaces[0], first.Spec.Destination = "other", "other", "other"
	for name, again := range map[string]*layout.Entry{
		"of": read.Of("DeploymentRuntime")[0], "find": read.Find("DeploymentRuntime", first.Name)[0],
		"with": layout.With(read, []layout.Edit{{Path: "envs/e.yaml", Data: []byte("x")}}).Of("DeploymentRuntime")[0],
	} {
		if diff := cmp.Diff(before, again.Object); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if !read.Has("DeploymentRuntime", first.Name) || read.Has("DeploymentRuntime", "other") ||
		read.Has("Project", first.Name) {
		t.Error("Has says something else than Find")
	}
}

func TestWhatCannotHoldResourcesIsANameOnly(t *testing.T) {
	for path, kept := range map[string]bool{
		"runtimes/a.yaml": true, "runtimes/script.sh": true, "docs/chart.yaml": true, "a.json": true,
		"README.md": false, "docs/a.txt": false, "runtimes": false,
	} {
		read := tree(map[string]string{path: "x"})
		if f, found := read.File(path); !found || (f.Data != nil) != kept || layout.Matters(path) != kept {
			t.Errorf("%s: found %v, data %q", path, found, f.Data)
		}
		if with := layout.With(layout.Read(nil),
			[]layout.Edit{{Path: path, Data: []byte("x")}}); (with.Data(path) != nil) != kept {
			t.Errorf("%s with an edit: data %q", path, with.Data(path))
		}
	}
}

func TestOfTwoEditsOfAFileTheLaterCounts(t *testing.T) {
	edit := func(data []byte) layout.Edit { return layout.Edit{Path: "envs/e.yaml", Data: data} }
	one := []byte("apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Environment\nmetadata: {name: e}\n" +
		"spec: {product: product-7, cluster: c1, envType: dev}\n")
	two := bytes.Replace(one, []byte("c1"), []byte("c2"), 1)
	written := layout.With(layout.Read(nil), []layout.Edit{edit(one), edit(two)})
	if n := len(written.Find("Environment", "e")); n != 1 || len(written.Findings()) > 0 {
		t.Errorf("written twice: %d resources, %v", n, written.Findings())
	}
	deleted := layout.With(layout.Read(nil), []layout.Edit{edit(one), edit(nil)})
	if n := len(deleted.Find("Environment", "e")); n != 0 {
		t.Errorf("written and deleted: %d resources", n)
	}
}
