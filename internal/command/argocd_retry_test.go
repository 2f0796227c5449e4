package command

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
)

// argoCDWhere returns a client of an installed Argo CD. Writes of its parameters fail as the function says.
func argoCDWhere(t *testing.T, refuse func() error) client.Client {
	t.Helper()
	of := func(name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name}}
	}
	all := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(all); err != nil {
		t.Fatal(err)
	}
	group := schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}
	all.AddKnownTypeWithName(group.WithKind("Application"), &metav1.PartialObjectMetadata{})
	all.AddKnownTypeWithName(group.WithKind("ApplicationList"), &metav1.PartialObjectMetadataList{})
	return fake.NewClientBuilder().WithScheme(all).WithObjects(of(argocd.ConfigMap), of(argocd.Parameters),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: "hub"}}).
		WithInterceptorFuncs(interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, o client.Object,
			_ client.Patch, opts ...client.PatchOption) error {
			dry := len((&client.PatchOptions{}).ApplyOptions(opts).DryRun) > 0
			if !dry && o.GetName() == argocd.Parameters {
				if err := refuse(); err != nil {
					return err
				}
			}
			data, _, err := unstructured.NestedStringMap(o.(*unstructured.Unstructured).Object, "data")
			if err != nil || dry {
				return err
			}
			m := of(o.GetName())
			if err := c.Get(ctx, client.ObjectKeyFromObject(m), m); err != nil {
				return err
			}
			m.Data = data
			return c.Update(ctx, m)
		}}).Build()
}

func TestASetUpOfArgoCDReportsAllThatItChanged(t *testing.T) {
	overtaken := apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, argocd.Parameters,
		errors.New("it was modified"))
	t.Run("after it had to look again", func(t *testing.T) {
		tries, out := 0, &bytes.Buffer{}
		s := argoCDSetup{namespace: "argocd", out: out, client: argoCDWhere(t, func() error {
			tries++
			if tries == 1 {
				return overtaken
			}
			return nil
		})}
		if err := s.run(t.Context()); err != nil || tries != 2 {
			t.Fatalf("%v after %d tries", err, tries)
		}
		for _, want := range []string{argocd.ConfigMap + " ", argocd.Parameters + " ", "restart argocd-application"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	})
	t.Run("before it failed", func(t *testing.T) {
		out := &bytes.Buffer{}
		s := argoCDSetup{namespace: "argocd", out: out, client: argoCDWhere(t, func() error { return errors.New("no") })}
		err := s.run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "run this again") {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(out.String(), argocd.ConfigMap+" ") {
			t.Errorf("nothing is told of what was written:\n%s", out)
		}
	})
}
