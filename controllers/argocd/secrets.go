// Package argocd writes what configures Argo CD, and asks it to look or to sync again.
package argocd

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// LabelSecretType is Argo CD's label of the Secrets that are its configuration.
const LabelSecretType = "argocd.argoproj.io/secret-type"

// The types of these Secrets.
const (
	SecretOfCluster    = "cluster"
	SecretOfRepository = "repository"
	// SecretOfRepositories holds credentials for all repositories below an address.
	SecretOfRepositories = "repo-creds"
)

// Secrets writes Secrets that configure Argo CD. A Secret is ours by AnnotationOwner; any other is left alone, whatever
// its name and labels are.
type Secrets struct {
	Client    client.Client
	Live      client.Reader
	Namespace string
}

// New returns the Secret of a type for an owner, without its data.
func (a Secrets) New(name, secretType, owner string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   a.Namespace,
			Name:        name,
			Labels:      map[string]string{LabelSecretType: secretType, "app.kubernetes.io/managed-by": "nautes"},
			Annotations: map[string]string{api.AnnotationOwner: owner},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{},
	}
}

// Write makes the Secret hold what want holds, and nothing else but the keys in keep.
func (a Secrets) Write(ctx context.Context, want *corev1.Secret, keep ...string) error {
	key := client.ObjectKeyFromObject(want)
	var stored corev1.Secret
	err := a.Client.Get(ctx, key, &stored)
	if apierrors.IsNotFound(err) {
		err = a.Client.Create(ctx, want.DeepCopy())
		if !apierrors.IsAlreadyExists(err) {
			return phases.Refused(err)
		}
		// The cache holds Secrets with Argo CD's label only: this one has lost it, or is somebody else's.
		err = a.Live.Get(ctx, key, &stored)
	}
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", key, err)
	}
	if !SameOwner(&stored, want) {
		return problem.New(problem.Conflict, api.ReasonNameConflict,
			"a Secret named %s exists in namespace %s that was not made by this operator: it is left alone; "+
				"rename or remove it", key.Name, key.Namespace)
	}
	after := stored.DeepCopy()
	if after.Labels == nil {
		after.Labels = map[string]string{}
	}
	maps.Copy(after.Labels, want.Labels)
	after.Data = maps.Clone(want.Data)
	for _, k := range keep {
		if v, found := stored.Data[k]; found {
			after.Data[k] = v
		}
	}
	_, err = apply.Patch(ctx, a.Client, &stored, after)
	return phases.Refused(err)
}

// Remove deletes the Secret if it is the owner's.
func (a Secrets) Remove(ctx context.Context, name, owner string) error {
	var stored corev1.Secret
	absent, err := catalog.IsAbsent(ctx, a.Live, client.ObjectKey{Namespace: a.Namespace, Name: name}, &stored)
	if err != nil || absent || stored.Annotations[api.AnnotationOwner] != owner {
		return err
	}
	return client.IgnoreNotFound(apply.Delete(ctx, a.Client, &stored))
}

// List returns Argo CD's Secrets of a type, whoever wrote them.
func (a Secrets) List(ctx context.Context, from client.Reader, secretType string) ([]corev1.Secret, error) {
	var found corev1.SecretList
	if err := from.List(ctx, &found, client.InNamespace(a.Namespace),
		client.MatchingLabels{LabelSecretType: secretType}); err != nil {
		return nil, fmt.Errorf("listing the %s Secrets of Argo CD: %w", secretType, err)
	}
	return found.Items, nil
}

// SameOwner says whether two Secrets were made for the same object.
func SameOwner(a, b *corev1.Secret) bool {
	return a.Annotations[api.AnnotationOwner] == b.Annotations[api.AnnotationOwner]
}

// OwnerOf returns the value of AnnotationOwner for what was made for an object.
func OwnerOf(kind string, key client.ObjectKey, instance string) string {
	return identity.Owner(kind, key.Namespace, key.Name, instance)
}

// OwningCodeRepo returns the code repo that a Secret was made for.
func OwningCodeRepo(secret client.Object) []client.ObjectKey {
	namespace, name, ok := identity.OwningCodeRepo(secret.GetAnnotations()[api.AnnotationOwner])
	if !ok {
		return nil
	}
	return []client.ObjectKey{{Namespace: namespace, Name: name}}
}
