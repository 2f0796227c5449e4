package rulestest

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// The builders return valid objects; a test shows only what it changes.

// Epoch is when objects and records were made unless a test says otherwise.
func Epoch() time.Time { return time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC) }

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:         namespace,
		Name:              name,
		UID:               types.UID("uid-" + namespace + "-" + name),
		Generation:        1,
		CreationTimestamp: metav1.NewTime(Epoch()),
	}
}

func with[T client.Object](o T, changes []func(T)) T {
	for _, change := range changes {
		change(o)
	}
	return o
}

// Product returns a product whose group has the path.
func Product(name, path string, changes ...func(*api.Product)) *api.Product {
	return with(&api.Product{
		ObjectMeta: meta(api.SystemNamespaceDefault, name),
		Spec:       api.ProductSpec{Name: path},
	}, changes)
}

// Cluster returns a registered worker for deployments that any product may deploy to.
func Cluster(name string, changes ...func(*api.Cluster)) *api.Cluster {
	return with(&api.Cluster{
		ObjectMeta: meta(api.SystemNamespaceDefault, name),
		Spec: api.ClusterSpec{
			APIServer:   "https://" + name + ".example.com:6443",
			ClusterType: api.ClusterTypePhysical,
			ClusterKind: "kubernetes",
			Usage:       api.ClusterUsageWorker,
			WorkerType:  api.WorkerTypeDeployment,
		},
		Status: api.ClusterStatus{
			UID: "uid-of-" + name,
			Conditions: []metav1.Condition{{
				Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
				LastTransitionTime: metav1.NewTime(Epoch()),
			}},
		},
	}, changes)
}

// Provider returns the git host https://gitlab.example.com.
func Provider(name string, changes ...func(*api.CodeRepoProvider)) *api.CodeRepoProvider {
	return with(&api.CodeRepoProvider{
		ObjectMeta: meta(api.SystemNamespaceDefault, name),
		Spec: api.CodeRepoProviderSpec{
			HTTPAddress:  "https://gitlab.example.com",
			SSHAddress:   "ssh://git@gitlab.example.com",
			APIServer:    "https://gitlab.example.com/api/v4",
			ProviderType: "gitlab",
		},
	}, changes)
}

// Environment returns an environment of the product on the cluster.
func Environment(product, name, cluster string, changes ...func(*api.Environment)) *api.Environment {
	return with(&api.Environment{
		ObjectMeta: meta(product, name),
		Spec:       api.EnvironmentSpec{Product: product, Cluster: cluster, EnvType: "dev"},
	}, changes)
}

// Project returns a project of the product.
func Project(product, name string, changes ...func(*api.Project)) *api.Project {
	return with(&api.Project{
		ObjectMeta: meta(product, name),
		Spec:       api.ProjectSpec{Product: product, Language: "go"},
	}, changes)
}

// CodeRepo returns a code repo of the product, served by the provider "gitlab".
func CodeRepo(product, name, repoName string, changes ...func(*api.CodeRepo)) *api.CodeRepo {
	return with(&api.CodeRepo{
		ObjectMeta: meta(product, name),
		Spec: api.CodeRepoSpec{
			CodeRepoProvider: "gitlab", Product: product, RepoName: repoName, DeploymentRuntime: true,
		},
	}, changes)
}

// Binding returns a binding in the namespace of the product owner that permits all of the product user to use the code
// repo.
func Binding(owner, name, codeRepo, user string, changes ...func(*api.CodeRepoBinding)) *api.CodeRepoBinding {
	return with(&api.CodeRepoBinding{
		ObjectMeta: meta(owner, name),
		Spec:       api.CodeRepoBindingSpec{CodeRepo: codeRepo, Product: user, Permissions: "readonly"},
	}, changes)
}

// Runtime returns a runtime of the product that deploys manifests/dev of the code repo to the environment.
func Runtime(product, name, codeRepo, environment string,
	changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
	return with(&api.DeploymentRuntime{
		ObjectMeta: meta(product, name),
		Spec: api.DeploymentRuntimeSpec{
			Product:        product,
			ManifestSource: api.ManifestSource{CodeRepo: codeRepo, TargetRevision: "HEAD", Path: "manifests/dev"},
			Destination:    environment,
			DeletionPolicy: api.DeletionPolicyDelete,
		},
	}, changes)
}

// Record returns the record of a runtime that is deployed through the environment to the cluster, into a namespace with
// the runtime's name.
func Record(product, runtime, environment, cluster string, changes ...func(*rules.Record)) rules.Record {
	r := rules.Record{
		Placement: placement.Placement{
			Runtime:     placement.RuntimeRef{Namespace: product, Name: runtime, UID: "uid-" + product + "-" + runtime},
			Product:     product,
			Destination: placement.Destination{Environment: environment, Cluster: cluster},
			ClusterUID:  "uid-of-" + cluster,
			Namespaces:  []string{runtime},
			Switches:    placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
		},
		Since: Epoch(),
	}
	for _, change := range changes {
		change(&r)
	}
	return r
}
