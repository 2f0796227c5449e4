package controllers

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
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const (
	// argoSecretType is Argo CD's label of the Secrets that are its configuration.
	argoSecretType       = "argocd.argoproj.io/secret-type"
	argoSecretCluster    = "cluster"
	argoSecretRepository = "repository"
	// argoSecretTemplate is credentials for all repositories below an address.
	argoSecretTemplate = "repo-creds"
)

// argoSecrets writes Secrets that configure Argo CD. A Secret is ours by AnnotationOwner; any other is left alone, whatever its
// name and labels are.
type argoSecrets struct {
	client    client.Client
	live      client.Reader
	namespace string
}

// argoSecret returns the Secret of a type for an owner, without its data.
func (a argoSecrets) argoSecret(name, secretType, owner string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   a.namespace,
			Name:        name,
			Labels:      map[string]string{argoSecretType: secretType, "app.kubernetes.io/managed-by": "nautes"},
			Annotations: map[string]string{api.AnnotationOwner: owner},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{},
	}
}

// write makes the Secret hold what want holds, and nothing else but the keys in keep.
func (a argoSecrets) write(ctx context.Context, want *corev1.Secret, keep ...string) error {
	key := client.ObjectKeyFromObject(want)
	var stored corev1.Secret
	err := a.client.Get(ctx, key, &stored)
	if apierrors.IsNotFound(err) {
		err = a.client.Create(ctx, want.DeepCopy())
		if !apierrors.IsAlreadyExists(err) {
			return phases.Refused(err)
		}
		// The cache holds Secrets with Argo CD's label only: this one has lost it, or is somebody else's.
		err = a.live.Get(ctx, key, &stored)
	}
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", key, err)
	}
	if !sameOwner(&stored, want) {
		return problem.New(problem.Conflict, api.ReasonNameConflict,
			"a Secret named %s exists in namespace %s that was not made by this operator: it is left alone; rename or remove it", key.Name, key.Namespace)
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
	_, err = apply.Patch(ctx, a.client, &stored, after)
	return phases.Refused(err)
}

// remove deletes the Secret if it is the owner's.
func (a argoSecrets) remove(ctx context.Context, name, owner string) error {
	var stored corev1.Secret
	absent, err := catalog.IsAbsent(ctx, a.live, client.ObjectKey{Namespace: a.namespace, Name: name}, &stored)
	if err != nil || absent || stored.Annotations[api.AnnotationOwner] != owner {
		return err
	}
	return client.IgnoreNotFound(apply.Delete(ctx, a.client, &stored))
}

// list returns Argo CD's Secrets of a type, whoever wrote them.
func (a argoSecrets) list(ctx context.Context, from client.Reader, secretType string) ([]corev1.Secret, error) {
	var found corev1.SecretList
	if err := from.List(ctx, &found, client.InNamespace(a.namespace), client.MatchingLabels{argoSecretType: secretType}); err != nil {
		return nil, fmt.Errorf("listing the %s Secrets of Argo CD: %w", secretType, err)
	}
	return found.Items, nil
}

func sameOwner(a, b *corev1.Secret) bool {
	return a.Annotations[api.AnnotationOwner] == b.Annotations[api.AnnotationOwner]
}

// ownerOf returns the value of AnnotationOwner for what was made for an object.
func ownerOf(kind string, key client.ObjectKey, instance string) string {
	return kind + "/" + key.Namespace + "/" + key.Name + "/" + instance
}
