package coderepo

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
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

func TestWhichSecretsAreKeptWithTheCredentialsOfAProduct(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := errors.Join(api.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	kept := func(name, owner string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: "argocd", Name: name,
			Labels:      map[string]string{argocd.LabelSecretType: argocd.SecretOfRepository},
			Annotations: map[string]string{api.AnnotationOwner: owner},
		}}
	}
	r := &Reconciler{SystemNamespace: "nautes", ArgoCDNamespace: "argocd",
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(
			kept("repo-1", "CodeRepo/product-7/repo-3/i"), kept("repo-2", "CodeRepo/product-70/repo-3/i"),
			kept("stream-product-7", "Product//product-7/i"), kept("by-hand", ""),
		).Build()}
	for sentence, c := range map[string]struct {
		secret metav1.ObjectMeta
		want   []client.ObjectKey
	}{
		"the credentials of a product": {metav1.ObjectMeta{Namespace: "nautes", Name: "product-7-git"},
			[]client.ObjectKey{{Namespace: "product-7", Name: "repo-3"}}},
		"those of a product without any":         {metav1.ObjectMeta{Namespace: "nautes", Name: "product-8-git"}, nil},
		"another Secret":                         {metav1.ObjectMeta{Namespace: "nautes", Name: "product-7"}, nil},
		"a Secret of that name in another place": {metav1.ObjectMeta{Namespace: "argocd", Name: "product-7-git"}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			if diff := cmp.Diff(c.want, r.keptOf(t.Context(), &corev1.Secret{ObjectMeta: c.secret})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhoseCredentialsASecretMayBe(t *testing.T) {
	r := &Reconciler{SystemNamespace: "nautes"}
	repo := &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: "product-7", Name: "repo-3"}}
	names := repo.DeepCopy()
	names.Spec.CredentialsSecretRef = &api.SecretRef{Name: "own"}
	secret := func(name string, labels map[string]string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "nautes", Name: name, Labels: labels}}
	}
	for sentence, c := range map[string]struct {
		repo   *api.CodeRepo
		secret *corev1.Secret
		want   bool
	}{
		"what is labelled with the product": {repo,
			secret("x", map[string]string{api.LabelProduct: "product-7"}), true},
		"what has the default name, without a label": {repo, secret("product-7-git", nil), true},
		"what the code repo names":                   {names, secret("own", nil), true},
		"the default of one that names another":      {names, secret("product-7-git", nil), false},
		"what is another product's": {repo,
			secret("product-8-git", map[string]string{api.LabelProduct: "product-8"}), false},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := r.ofCredentials(c.repo, c.secret); got != c.want {
				t.Errorf("wakes: %v, want %v", got, c.want)
			}
		})
	}
}

func TestARecordWithoutAnOwnerWakesTheProductsOwnCodeRepo(t *testing.T) {
	record := placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: "product-7", Name: "web"}, Product: "product-7",
		Destination: placement.Destination{Environment: "dev", Cluster: "c1"}, CodeRepo: "repo-3",
	}
	for owner, want := range map[string]string{"": "product-7", "product-8": "product-8"} {
		record.RepoProduct = owner
		app := &observed.Application{ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{api.AnnotationPlacement: record.Encode()}}}
		if diff := cmp.Diff([]client.ObjectKey{{Namespace: want, Name: "repo-3"}},
			recordedCodeRepo(t.Context(), app)); diff != "" {
			t.Error(diff)
		}
	}
}

// What is halted, or a removal that is held, needs no credential of others any more.
func TestWhatHaltsARecordWakesItsCodeRepo(t *testing.T) {
	app := func(annotations map[string]string) client.Object {
		return &observed.Application{ObjectMeta: metav1.ObjectMeta{Annotations: annotations}}
	}
	before := app(map[string]string{api.AnnotationPlacement: "{}"})
	for sentence, c := range map[string]struct {
		after client.Object
		want  bool
	}{
		"the record": {app(map[string]string{api.AnnotationPlacement: `{"halted":"PermissionRevoked"}`}), true},
		"the removal": {app(map[string]string{api.AnnotationPlacement: "{}",
			api.AnnotationTeardown: `{"hold":"Protected"}`}), true},
		"nothing of either": {app(map[string]string{api.AnnotationPlacement: "{}", "x": "y"}), false},
	} {
		if got := wake.RecordChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: c.after}); got != c.want {
			t.Errorf("%s wakes: %v", sentence, got)
		}
	}
}
