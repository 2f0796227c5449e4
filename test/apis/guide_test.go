package apis

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// guide is the file of the users' guide, byte for byte, indentation included.
const guide = `
    apiVersion: nautes.resource.nautes.io/v1alpha1
    kind: DeploymentRuntime
    metadata:
        name: dr-dev
    spec:
        destination: env-dev
        manifestSource:
            codeRepo: repo-xxxx
            path: manifests/development
            targetRevision: HEAD
        product: product-xxxx
        projectsRef:
            - api-server
`

func TestTheFileOfTheGuideAppliesUnchanged(t *testing.T) {
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(guide), &object.Object); err != nil {
		t.Fatal(err)
	}
	namespace := namespaceForTest(t, "product-xxxx")
	object.SetNamespace(namespace)
	if err := admin.Create(t.Context(), object, client.FieldValidation(metav1.FieldValidationStrict)); err != nil {
		t.Fatal(err)
	}
	var stored api.DeploymentRuntime
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "dr-dev"}, &stored); err != nil {
		t.Fatal(err)
	}
	want := api.DeploymentRuntimeSpec{
		Product: "product-xxxx", ProjectsRef: []string{"api-server"}, Destination: "env-dev",
		ManifestSource: api.ManifestSource{CodeRepo: "repo-xxxx", Path: "manifests/development",
			TargetRevision: "HEAD"},
		DeletionPolicy: api.DeletionPolicyDelete,
	}
	if diff := cmp.Diff(want, stored.Spec); diff != "" {
		t.Errorf("stored spec (-want +got):\n%s", diff)
	}
}

func TestTheStatusIsOutOfReachOfAnApply(t *testing.T) {
	stored := runtimeWith(func(*api.DeploymentRuntimeSpec) {})
	stored.Namespace, stored.Name = namespaceForTest(t, productNamespace), "status"
	stored.Status.Health = "Healthy"
	if err := admin.Create(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	if stored.Status.Health != "" {
		t.Error("a create sets the status")
	}
	stored.Status.Health = "Degraded"
	if err := admin.Status().Update(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	stored.Spec.Suspend, stored.Status.Health = true, ""
	if err := admin.Update(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	if stored.Status.Health != "Degraded" || !stored.Spec.Suspend {
		t.Errorf("after an update of the spec: health %q, suspend %t", stored.Status.Health, stored.Spec.Suspend)
	}
}

// namespaceForTest makes a namespace once; several tests share it, under names of their own.
func namespaceForTest(t *testing.T, name string) string {
	t.Helper()
	err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	return name
}
