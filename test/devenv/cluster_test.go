package devenv

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestAnAPIServerStoresObjects(t *testing.T) {
	client, err := kubernetes.NewForConfig(shared.Management.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	want := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "stored"}, Data: map[string]string{"k": "v"}}
	if _, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), want, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), "stored", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Data["k"] != "v" {
		t.Errorf("stored data = %v", got.Data)
	}
}

func TestKubectlReachesTheCluster(t *testing.T) {
	out, err := shared.Management.Kubectl(t.Context(), "get", "namespaces", "-o", "name")
	must(t, err)
	if !strings.Contains(out, "namespace/kube-system") {
		t.Errorf("kubectl prints %q", out)
	}
}

func TestManifestsAreAppliedInOrder(t *testing.T) {
	const manifests = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Cluster
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
# A document without content is skipped.
---
apiVersion: v1
kind: Namespace
metadata: {name: applied}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: here, namespace: applied}
`
	must(t, shared.Management.Apply(t.Context(), []byte(manifests)))
	must(t, shared.Management.Apply(t.Context(),
		[]byte("apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: one}\n")))
	out, err := shared.Management.Kubectl(t.Context(), "get", "things.example.com/one", "configmap/here", "-n",
		"applied", "-o", "name")
	must(t, err)
	if want := "thing.example.com/one\nconfigmap/here\n"; out != want {
		t.Errorf("applied %q, want %q", out, want)
	}
	err = shared.Management.Apply(t.Context(),
		[]byte("apiVersion: example.com/v1\nkind: Other\nmetadata: {name: one}\n"))
	if err == nil || !strings.Contains(err.Error(), "Other one") {
		t.Errorf("applying an unknown kind: %v", err)
	}
}
