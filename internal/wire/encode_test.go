package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

type names struct{}

func (names) ProductPath(product string) string {
	if product == "product-7" {
		return "nautes-labs"
	}
	return product
}

func (names) CodeRepoPath(_, codeRepo string) string {
	if codeRepo == "repo-3" {
		return "api-server"
	}
	return codeRepo
}

// items are those of a kind of product-7.
func items(kind string) wire.Items { return wire.ItemsOf(kind, "product-7", names{}) }

func TestItems(t *testing.T) {
	runtime := func() *api.DeploymentRuntime {
		return &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Name: "dr-dev"}, Spec: api.DeploymentRuntimeSpec{
			Product: "product-7", ProjectsRef: []string{"api-server"}, Destination: "env-demo",
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", TargetRevision: "HEAD",
				Path: "manifests/development"},
		}}
	}
	bare := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: api.DeploymentRuntimeSpec{
		ManifestSource: api.ManifestSource{CodeRepo: "repo-9"}, Namespaces: []string{"n"}, DeletionPolicy: "Orphan",
		Suspend: true,
	}}
	live := bare.DeepCopy()
	live.Status = api.DeploymentRuntimeStatus{
		Conditions: []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: "Ready",
			Message: "all is well"}},
		Placement: &api.PlacementStatus{Cluster: "c1"}, Sync: "Synced", Health: "Healthy", Revision: "abc",
	}
	for sentence, c := range map[string]struct {
		item any
		want string
	}{
		"a runtime has the guide's members, then additive ones; lists are never null": {
			items("DeploymentRuntime").OfRuntime(runtime(), nil),
			`{"product":"nautes-labs","name":"dr-dev","projects_ref":["api-server"],"manifest_source":{"code_repo":"api-server","target_revision":"HEAD","path":"manifests/development"},` +
				`"destination":"env-demo","namespaces":[],"deletion_policy":"Delete","suspend":false}`,
		},
		"a runtime without projects, with a status": {
			wire.ItemsOf("DeploymentRuntime", "product-8", names{}).OfRuntime(bare, live),
			`{"product":"product-8","name":"x","projects_ref":[],"manifest_source":{"code_repo":"repo-9","target_revision":"","path":""},"destination":"","namespaces":["n"],"deletion_policy":"Orphan","suspend":true,` +
				`"status":{"ready":true,"reason":"Ready","message":"all is well","cluster":"c1","sync":"Synced","health":"Healthy","revision":"abc"}}`,
		},
		"an environment": {
			items("Environment").Of(&api.Environment{ObjectMeta: metav1.ObjectMeta{Name: "e"},
				Spec: api.EnvironmentSpec{Cluster: "c", EnvType: "dev"}}),
			`{"product":"nautes-labs","name":"e","cluster":"c","env_type":"dev"}`,
		},
		"a project": {
			items("Project").Of(&api.Project{ObjectMeta: metav1.ObjectMeta{Name: "p"}}),
			`{"product":"nautes-labs","name":"p","language":""}`,
		},
		"a code repo is named by its path": {
			items("CodeRepo").OfCodeRepo(&api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Name: "repo-3"},
				Spec: api.CodeRepoSpec{RepoName: "api-server", Project: "p"}}, wire.GitLab{HTTPURLToRepo: "https://g/a.git"}),
			`{"product":"nautes-labs","name":"api-server","project":"p","webhook":{"events":[]},"deployment_runtime":false,"pipeline_runtime":false,` +
				`"git":{"gitlab":{"name":"","path":"api-server","visibility":"","description":"","http_url_to_repo":"https://g/a.git"}}}`,
		},
		"a binding names who may use the repo": {
			items("CodeRepoBinding").Of(&api.CodeRepoBinding{ObjectMeta: metav1.ObjectMeta{Name: "b"},
				Spec: api.CodeRepoBindingSpec{Product: "product-9", CodeRepo: "repo-3", Permissions: "readonly"}}),
			`{"product":"product-9","name":"b","projects":[],"permissions":"readonly","coderepo":"api-server"}`,
		},
		"a cluster that nobody looked at is not ready": {
			wire.ClusterItem(&api.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "c"},
				Spec: api.ClusterSpec{APIServer: "https://secret", Usage: "worker", ClusterType: "physical",
					ClusterKind: "kubernetes", WorkerType: "deployment"}}),
			`{"name":"c","usage":"worker","cluster_type":"physical","cluster_kind":"kubernetes","worker_type":"deployment","ready":false,"reason":"NotReached"}`,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			got, err := json.Marshal(c.item)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryItemCanBeSentBack(t *testing.T) {
	r := stored(func(r *api.DeploymentRuntime) { r.Spec.Suspend = false; r.Spec.DeletionPolicy = "" })
	for kind, item := range map[string]any{
		"DeploymentRuntime": items("DeploymentRuntime").OfRuntime(r, r),
		"Environment":       items("Environment").Of(&api.Environment{}),
		"Project":           items("Project").Of(&api.Project{}),
		"CodeRepo": items("CodeRepo").OfCodeRepo(&api.CodeRepo{},
			wire.GitLab{SSHURLToRepo: "x", HTTPURLToRepo: "y"}),
		"CodeRepoBinding": items("CodeRepoBinding").Of(&api.CodeRepoBinding{}),
		"Product":         &wire.Product{},
	} {
		raw, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		body, err := wire.Parse(kind, raw)
		if err != nil || len(body.Unknown) > 0 {
			t.Errorf("%s: %v, unknown %v", kind, err, body.Unknown)
			continue
		}
		if kind != "DeploymentRuntime" {
			continue
		}
		want := r.DeepCopy()
		want.Spec.ManifestSource.CodeRepo = "api-server" // names are translated elsewhere
		if diff := cmp.Diff(want, body.Onto(r)); diff != "" {
			t.Error(diff)
		}
	}
}
