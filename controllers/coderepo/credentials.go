package coderepo

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// findCredentials looks in the system namespace only, and takes only what is labelled with the product: a tenant who
// writes the name of another Secret gets nothing, and does not learn whether it exists.
func (r *Reconciler) findCredentials(ctx context.Context, s *scope) error {
	name, named := identity.Credentials(s.key.Namespace), false
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
	if !named && !githosts.IsFor(&secret, s.url) {
		return nil // the product's credentials are for another git host, or another protocol
	}
	var p *problem.Problem
	if s.credentials, p = githosts.CredentialsFor(s.url, &secret); p != nil {
		return p
	}
	s.minted = !named && r.isMinted(&secret, s.key.Namespace)
	return nil
}

// isMinted says whether a Secret holds the deploy token of a product's group that the operator made.
func (r *Reconciler) isMinted(secret *corev1.Secret, product string) bool {
	owner := argocd.OwnerOf("Product", client.ObjectKey{Namespace: r.SystemNamespace, Name: product}, r.Instance)
	return secret.Annotations[api.AnnotationDeployToken] != "" && secret.Annotations[api.AnnotationOwner] == owner
}

// toLend returns the credentials with which another product reads the code repo: never the deploy token of the whole
// group, but one of its project. Nil where there is none yet.
func (r *Reconciler) toLend(ctx context.Context, s *scope) (map[string][]byte, error) {
	if !s.minted {
		return s.credentials, nil
	}
	var secret corev1.Secret
	absent, err := catalog.IsAbsent(ctx, r.Client,
		client.ObjectKey{Namespace: r.SystemNamespace, Name: githosts.LentCredentials(s.key)}, &secret)
	if err != nil || absent || secret.Labels[api.LabelProduct] != s.key.Namespace {
		return nil, err
	}
	// what is wrong with it is said by the condition CredentialsReady
	credentials, _ := githosts.CredentialsFor(s.url, &secret)
	return credentials, nil
}

// refresh gives a Secret of ours that is only kept for what still reads with it the deploy token that there is now, of
// the product for its own, of the project for others: the one that it holds is going to end. Credentials that the
// CodeRepo names itself are not the product's.
func (r *Reconciler) refresh(ctx context.Context, s *scope, kept *corev1.Secret) error {
	if s.repo != nil && s.repo.Spec.CredentialsSecretRef != nil {
		return nil
	}
	name, owner := identity.Credentials(s.key.Namespace),
		argocd.OwnerOf("Product", client.ObjectKey{Namespace: r.SystemNamespace, Name: s.key.Namespace}, r.Instance)
	if string(kept.Data["project"]) != identity.AppProject(s.key.Namespace) {
		name, owner = githosts.LentCredentials(s.key), r.owner(s.key)
	}
	var token corev1.Secret
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.SystemNamespace, Name: name}, &token)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if token.Annotations[api.AnnotationDeployToken] == "" || token.Annotations[api.AnnotationOwner] != owner ||
		token.Labels[api.LabelProduct] != s.key.Namespace || len(token.Data["url"]) == 0 ||
		!githosts.IsFor(&token, string(kept.Data["url"])) {
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
