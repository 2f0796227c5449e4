package deploytoken

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

func TestWhatASecretWakesOfTheDeployTokens(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := errors.Join(api.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "nautes", Name: name} }
	r := &Reconciler{SystemNamespace: "nautes", Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		&api.Product{ObjectMeta: meta("product-1")}, &api.Product{ObjectMeta: meta("product-2")},
		&api.CodeRepoProvider{ObjectMeta: meta("gitlab"),
			Spec: api.CodeRepoProviderSpec{CredentialsSecretRef: &api.SecretRef{Name: "token"}}},
		&api.CodeRepoProvider{ObjectMeta: meta("anonymous")},
	).Build()}
	labelled := meta("product-1-git")
	labelled.Labels = map[string]string{api.LabelProduct: "product-2"}
	for sentence, c := range map[string]struct {
		secret metav1.ObjectMeta
		want   []string
	}{
		"the token of a provider wakes every product": {meta("token"),
			[]string{"product-1", "product-2"}},
		"credentials wake their product": {meta("product-1-git"),
			[]string{"product-1"}},
		"credentials of a product that is gone wake it": {meta("product-9-git"),
			[]string{"product-9"}},
		"credentials with another label wake the product of their name": {labelled, []string{"product-1"}},
		"a Secret that no provider names wakes nobody":                  {meta("east-kubeconfig"), nil},
		"a Secret of another namespace wakes nobody, whatever its name is": {metav1.ObjectMeta{Namespace: "argocd",
			Name: "token"}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			var got []string
			for _, request := range r.ofSecret(t.Context(), &corev1.Secret{ObjectMeta: c.secret}) {
				got = append(got, request.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPushDoesNotWakeTheDeployToken(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*api.Product)
		want   bool
	}{
		"an annotation, as every push writes one": {func(p *api.Product) {
			p.Annotations = map[string]string{api.AnnotationRefresh + "app": "now"}
		}, false},
		"a status": {func(p *api.Product) { p.Status.Runtimes = 3 }, false},
		"the label of a provider": {func(p *api.Product) { p.Labels = map[string]string{api.LabelProvider: "source"} },
			true},
		"a spec, or the deletion": {func(p *api.Product) { p.Generation++ }, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			before := &api.Product{}
			after := before.DeepCopy()
			c.change(after)
			if got := ownerChanged().Update(event.UpdateEvent{ObjectOld: client.Object(before),
				ObjectNew: after}); got != c.want {
				t.Errorf("wakes: %v, want %v", got, c.want)
			}
		})
	}
}
