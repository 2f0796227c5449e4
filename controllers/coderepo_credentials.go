package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// findCredentials looks in the system namespace only, and takes only what is labelled with the product: a tenant who writes the
// name of another Secret gets nothing, and does not learn whether it exists.
func (r *CodeRepoReconciler) findCredentials(ctx context.Context, s *codeRepoScope) error {
	name, named := productCredentials(s.key.Namespace), false
	if ref := s.repo.Spec.CredentialsSecretRef; ref != nil {
		name, named = ref.Name, true
	}
	var secret corev1.Secret
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.SystemNamespace, Name: name}, &secret)
	switch {
	case apierrors.IsNotFound(err) && !named:
		return nil
	case err != nil && !apierrors.IsNotFound(err):
		return fmt.Errorf("reading the credentials of code repo %s: %w", s.key, err)
	case secret.Labels[api.LabelProduct] != s.key.Namespace: // also when it was not found
		return problem.New(problem.Missing, api.ReasonCredentialsNotFound,
			"namespace %s has no Secret %q with the label %s=%s: ask the platform team to create or to label it",
			r.SystemNamespace, name, api.LabelProduct, s.key.Namespace)
	}
	if !named && !isFor(&secret, s.url) {
		return nil // the product's credentials are for another git host, or another protocol
	}
	var p *problem.Problem
	if s.credentials, p = credentialsFor(s.url, &secret); p != nil {
		return p
	}
	s.minted = !named && r.isMinted(&secret, s.key.Namespace)
	return nil
}

// isMinted says whether a Secret holds the deploy token of a product's group that the operator made.
func (r *CodeRepoReconciler) isMinted(secret *corev1.Secret, product string) bool {
	owner := argocd.OwnerOf("Product", client.ObjectKey{Namespace: r.SystemNamespace, Name: product}, r.Instance)
	return secret.Annotations[api.AnnotationDeployToken] != "" && secret.Annotations[api.AnnotationOwner] == owner
}

// toLend returns the credentials with which another product reads the code repo: never the deploy token of the whole group, but one of its
// project. Nil where there is none yet.
func (r *CodeRepoReconciler) toLend(ctx context.Context, s *codeRepoScope) (map[string][]byte, error) {
	if !s.minted {
		return s.credentials, nil
	}
	var secret corev1.Secret
	absent, err := catalog.IsAbsent(ctx, r.Client, client.ObjectKey{Namespace: r.SystemNamespace, Name: lentCredentials(s.key)}, &secret)
	if err != nil || absent || secret.Labels[api.LabelProduct] != s.key.Namespace {
		return nil, err
	}
	credentials, _ := credentialsFor(s.url, &secret) // what is wrong with it is said by the condition CredentialsReady
	return credentials, nil
}

// refresh gives a Secret of ours that is only kept for what still reads with it the deploy token that there is now, of the product for its own, of the
// project for others: the one that it holds is going to end. Credentials that the CodeRepo names itself are not the product's.
func (r *CodeRepoReconciler) refresh(ctx context.Context, s *codeRepoScope, kept *corev1.Secret) error {
	if s.repo != nil && s.repo.Spec.CredentialsSecretRef != nil {
		return nil
	}
	name, owner := productCredentials(s.key.Namespace), argocd.OwnerOf("Product", client.ObjectKey{Namespace: r.SystemNamespace, Name: s.key.Namespace}, r.Instance)
	if string(kept.Data["project"]) != desired.AppProjectName(s.key.Namespace) {
		name, owner = lentCredentials(s.key), r.owner(s.key)
	}
	var token corev1.Secret
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.SystemNamespace, Name: name}, &token)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if token.Annotations[api.AnnotationDeployToken] == "" || token.Annotations[api.AnnotationOwner] != owner ||
		token.Labels[api.LabelProduct] != s.key.Namespace || len(token.Data["url"]) == 0 || !isFor(&token, string(kept.Data["url"])) {
		return nil
	}
	after := kept.DeepCopy()
	for _, key := range []string{"username", "password"} {
		if len(token.Data[key]) == 0 || len(kept.Data[key]) == 0 {
			return nil
		}
		after.Data[key] = token.Data[key]
	}
	_, err = apply.Patch(ctx, r.Client, kept, after)
	return phases.Refused(err)
}

// isFor says whether the credentials of a Secret may be sent to a URL: its key url, where it has one, is what the URL must lie below.
func isFor(secret *corev1.Secret, url string) bool {
	base := strings.TrimSuffix(string(secret.Data["url"]), "/")
	return base == "" || strings.HasPrefix(url, base+"/")
}

// credentialsFor takes from a Secret what the scheme of the URL needs.
func credentialsFor(url string, secret *corev1.Secret) (map[string][]byte, *problem.Problem) {
	if !isFor(secret, url) {
		return nil, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
			"Secret %q is for repositories below %s only, and %s is not: name another Secret", secret.Name, secret.Data["url"], url)
	}
	keys := []string{"username", "password"}
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		keys = []string{"sshPrivateKey"}
	}
	credentials := map[string][]byte{}
	for _, key := range keys {
		if len(secret.Data[key]) == 0 {
			return nil, problem.New(problem.Invalid, api.ReasonCredentialsInvalid,
				"Secret %q has no key %s, which a code repo at %s needs: ask the platform team to add it", secret.Name, key, url)
		}
		credentials[key] = secret.Data[key]
	}
	return credentials, nil
}

// repoSecretName returns the name of the Secret by which the AppProject of a product reads a code repo at a URL. Different ones have
// different names: the hash covers the lengths too.
func repoSecretName(repo client.ObjectKey, product, url string) string {
	hash := sha256.New()
	for _, part := range []string{repo.Namespace, repo.Name, product, url} {
		fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	return "repo-" + hex.EncodeToString(hash.Sum(nil))[:20]
}
