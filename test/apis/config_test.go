package apis

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// built returns the objects of a kustomization below config/.
func built(t *testing.T, kustomization string) []*unstructured.Unstructured {
	t.Helper()
	return run(t, filepath.Join("..", "..", "config", filepath.FromSlash(kustomization)))
}

// composed returns the objects of a kustomization that a person writes; CONFIG stands for the directory config.
func composed(t *testing.T, kustomization string) []*unstructured.Unstructured {
	t.Helper()
	dir := t.TempDir()
	config, err := filepath.Abs(filepath.Join("..", "..", "config"))
	if err != nil {
		t.Fatal(err)
	}
	if config, err = filepath.Rel(dir, config); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(kustomization, "CONFIG", filepath.ToSlash(config))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, dir)
}

// run returns the objects of the kustomization in a directory.
func run(t *testing.T, directory string) []*unstructured.Unstructured {
	t.Helper()
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		t.Fatal(err)
	}
	data, err := result.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var out []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, object)
	}
}

// applied installs a kustomization as `kubectl apply --server-side` does, and refuses fields that the API server does
// not know.
func applied(t *testing.T, kustomization string) {
	t.Helper()
	for _, object := range built(t, kustomization) {
		err := admin.Patch(t.Context(), object, client.Apply, client.ForceOwnership,
			client.FieldOwner("config-test"), client.FieldValidation(metav1.FieldValidationStrict))
		if err != nil {
			t.Fatalf("%s: applying %s %s: %v", kustomization, object.GetKind(), object.GetName(), err)
		}
	}
}

// removed takes away what a kustomization installs, where it is there.
func removed(t *testing.T, kustomization string) {
	t.Helper()
	for _, object := range built(t, kustomization) {
		if err := client.IgnoreNotFound(admin.Delete(t.Context(), object)); err != nil {
			t.Fatalf("%s: removing %s %s: %v", kustomization, object.GetKind(), object.GetName(), err)
		}
	}
}

func TestEverythingInConfigInstalls(t *testing.T) {
	for _, namespace := range []string{systemNamespace, productNamespace, "argocd"} {
		namespaceForTest(t, namespace)
	}
	for _, kustomization := range []string{"crd", "default", "rbac/apiserver", "apiserver",
		"argocd/job", "argocd/network-policy", "runtime-cluster", "samples"} {
		t.Run(kustomization, func(t *testing.T) { applied(t, kustomization) })
	}
}

func TestNoRoleHasAWildcard(t *testing.T) {
	for _, kustomization := range []string{"rbac/operator", "rbac/apiserver", "argocd/job"} {
		roles := 0
		for _, object := range built(t, kustomization) {
			if object.GetKind() != "Role" && object.GetKind() != "ClusterRole" {
				continue
			}
			roles++
			var role rbacv1.Role // a ClusterRole without aggregation has the same members
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role); err != nil {
				t.Fatal(err)
			}
			for _, r := range role.Rules {
				if slices.Contains(slices.Concat(r.Verbs, r.APIGroups, r.Resources), "*") {
					t.Errorf("%s: %s %s has a wildcard: %+v", kustomization, object.GetKind(), object.GetName(), r)
				}
			}
		}
		if roles == 0 {
			t.Errorf("%s has no role", kustomization)
		}
	}
}

// TestTheOperatorReadsSecretsWhereItMust keeps the cluster-wide role free of Secrets.
func TestTheOperatorReadsSecretsWhereItMust(t *testing.T) {
	applied(t, "default")
	operator := client.Options{Scheme: admin.Scheme()}
	config := env.Management.RESTConfig()
	config.Impersonate.UserName = "system:serviceaccount:nautes:nautes-operator"
	c, err := client.New(config, operator)
	if err != nil {
		t.Fatal(err)
	}
	for namespace, permitted := range map[string]bool{systemNamespace: true, "argocd": true, productNamespace: false,
		"kube-system": false} {
		err := c.List(t.Context(), secrets(), client.InNamespace(namespace))
		if permitted && err != nil || !permitted && !apierrors.IsForbidden(err) {
			t.Errorf("listing Secrets of %s: %v, permitted should be %t", namespace, err, permitted)
		}
	}
}

func TestTheAPIServerOnlyReadsAndAnnotatesProducts(t *testing.T) {
	namespaceForTest(t, "argocd")
	applied(t, "rbac/apiserver")
	applied(t, "samples/tenant")
	config := env.Management.RESTConfig()
	config.Impersonate.UserName = "system:serviceaccount:nautes:nautes-apiserver"
	c, err := client.New(config, client.Options{Scheme: admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.List(t.Context(), secrets(), client.InNamespace(systemNamespace)); !apierrors.IsForbidden(err) {
		t.Errorf("listing Secrets: %v, want it forbidden", err)
	}
	patch := func(ctx context.Context, body string) error {
		product := &unstructured.Unstructured{}
		product.SetAPIVersion("nautes.resource.nautes.io/v1alpha1")
		product.SetKind("Product")
		product.SetNamespace(systemNamespace)
		product.SetName("product-7")
		return c.Patch(ctx, product, client.RawPatch(types.MergePatchType, []byte(body)), client.DryRunAll)
	}
	eventually(t, "the policy refuses a change of the spec", func(ctx context.Context) error {
		if err := patch(ctx, `{"spec":{"name":"somebody-else"}}`); !apierrors.IsInvalid(err) &&
			!apierrors.IsForbidden(err) {
			return errors.Join(errors.New("want the patch refused"), err)
		}
		return nil
	})
	for _, body := range []string{
		`{"metadata":{"labels":{"a":"b"}}}`,
		`{"metadata":{"finalizers":["a/b"]}}`,
		`{"metadata":{"annotations":{"nautes.resource.nautes.io/approve-empty":"abc"}}}`,
		`{"metadata":{"annotations":{"nautes.resource.nautes.io/refresh":"1"}}}`,
	} {
		if err := patch(t.Context(), body); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
			t.Errorf("%s: got %v, want it refused", body, err)
		}
	}
	if err := patch(t.Context(),
		`{"metadata":{"annotations":{"refresh.nautes.resource.nautes.io/repo-3":"1"}}}`); err != nil {
		t.Errorf("asking for a refresh: %v", err)
	}
}

func secrets() *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.APIVersion, list.Kind = "v1", "SecretList"
	return list
}
