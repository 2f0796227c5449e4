package apis

import (
	"context"
	"errors"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
)

// withApplications installs the kind Application of Argo CD, as far as a policy looks at it.
func withApplications(t *testing.T) {
	t.Helper()
	preserve := true
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "applications.argoproj.io"}}
	crd.Spec = apiextensionsv1.CustomResourceDefinitionSpec{
		Group: "argoproj.io", Scope: apiextensionsv1.NamespaceScoped,
		Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "applications", Singular: "application",
			Kind: "Application", ListKind: "ApplicationList"},
		Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
			Name: "v1alpha1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{
				OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &preserve},
			},
		}},
	}
	if err := admin.Create(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.Delete(context.WithoutCancel(t.Context()), crd); err != nil {
			t.Error(err)
		}
	})
	if err := waitUntilServed(t.Context(), crd.Name); err != nil {
		t.Fatal(err)
	}
}

func application(name string, annotations map[string]string, finalizers ...string) *unstructured.Unstructured {
	app := &unstructured.Unstructured{}
	app.SetAPIVersion("argoproj.io/v1alpha1")
	app.SetKind("Application")
	app.SetNamespace("argocd")
	app.SetName(name)
	app.SetAnnotations(annotations)
	app.SetFinalizers(finalizers)
	return app
}

// spellings returns a finalizer as Argo CD writes it.
func spellings(name string) []string { return []string{name, name + "/cleanup", name + "/background"} }

// TestNothingArmsAnApplicationOfOurs holds the policy to the table of internal/desired, whoever writes.
func TestNothingArmsAnApplicationOfOurs(t *testing.T) {
	namespaceForTest(t, "argocd")
	withApplications(t)
	record := map[string]string{api.AnnotationPlacement: "{}"}
	owner := map[string]string{api.AnnotationOwner: desired.Owner("product-7", "i"), "other": "x"}
	var hooks []string
	for _, f := range desired.HookFinalizers() {
		hooks = append(hooks, spellings(f)...)
	}
	cascades := spellings(desired.CascadeFinalizer)
	removed(t, "policy") // another test may have left it
	early := application("early", owner, hooks[0], cascades[0])
	for _, app := range []*unstructured.Unstructured{early, application("runtime", record),
		application("stream", owner), application("foreign", nil)} {
		eventually(t, app.GetName()+" is made while there is no policy",
			func(ctx context.Context) error { return admin.Create(ctx, app) })
	}
	applied(t, "policy")
	for name, c := range map[string]struct {
		annotations       map[string]string
		denied, permitted []string
	}{
		"runtime": {record, hooks, append(cascades, api.Finalizer, "other.example.com/x")},
		"stream":  {owner, slices.Concat(hooks, cascades), []string{"other.example.com/x"}},
		"foreign": {nil, nil, slices.Concat(hooks, cascades)},
	} {
		for _, f := range c.denied {
			for how, write := range map[string]func(context.Context) error{
				"an update": func(ctx context.Context) error {
					return armed(ctx, name,
						c.annotations, f)
				},
				"an update that takes the record": func(ctx context.Context) error { return armed(ctx, name, nil, f) },
				"a creation": func(ctx context.Context) error {
					return admin.Create(ctx, application("new-"+name, c.annotations, f), client.DryRunAll)
				},
			} {
				eventually(t, name+": "+f+" by "+how+" is denied", func(ctx context.Context) error {
					err := write(ctx)
					if err == nil {
						return errors.New("it is accepted")
					}
					return mentions(err.Error(), f)
				})
			}
		}
		for _, f := range c.permitted {
			if err := armed(t.Context(), name, c.annotations, f); err != nil {
				t.Errorf("%s: %s: %v", name, f, err)
			}
		}
	}
	early.SetLabels(map[string]string{"a": "b"})
	if err := admin.Update(t.Context(), early, client.DryRunAll); err != nil {
		t.Errorf("an Application that was armed before cannot be changed any more: %v", err)
	}
	for _, app := range []*unstructured.Unstructured{early, application("runtime", nil), application("stream", nil),
		application("foreign", nil)} {
		app.SetFinalizers(nil)
		if err := admin.Patch(t.Context(), app,
			client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
			t.Errorf("disarming %s: %v", app.GetName(), err)
		}
	}
}

// armed tries to give an Application a finalizer, and these annotations.
func armed(ctx context.Context, name string, annotations map[string]string, finalizer string) error {
	app := application(name, nil)
	if err := admin.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil {
		return err
	}
	app.SetAnnotations(annotations)
	app.SetFinalizers([]string{finalizer})
	return admin.Update(ctx, app, client.DryRunAll)
}
