package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// confirmGone ends the reconcile when the API server still has the CodeRepo: the cache was early or late.
func (r *CodeRepoReconciler) confirmGone(ctx context.Context, s *codeRepoScope) error {
	absent, err := catalog.IsAbsent(ctx, r.Live, s.key, &api.CodeRepo{})
	if err != nil {
		return err
	}
	if !absent {
		return errDone
	}
	return nil
}

// judge asks the rules. What was written for a CodeRepo that is refused stays, and is kept good.
func (r *CodeRepoReconciler) judge(ctx context.Context, s *codeRepoScope) error {
	stop := rules.CodeRepo(ctx, r.Lookup, s.repo)
	if stop == nil {
		s.url, stop = rules.CodeRepoURL(ctx, r.Lookup, s.repo)
	}
	if problem.As(stop) == nil {
		return stop
	}
	own, err := r.unwanted(ctx, s)
	if err != nil {
		return err
	}
	for i := range own {
		if err := r.refresh(ctx, s, &own[i]); err != nil {
			return err
		}
	}
	return stop
}

// planSecrets finds the products that may use the code repo: its own, and those that it is bound to.
func (r *CodeRepoReconciler) planSecrets(ctx context.Context, s *codeRepoScope) error {
	if s.credentials == nil {
		return nil
	}
	products := []string{s.key.Namespace}
	bindings, err := r.Lookup.Bindings(ctx, s.key.Namespace)
	if err != nil {
		return fmt.Errorf("looking up the bindings of %s: %w", s.key.Namespace, err)
	}
	for _, b := range bindings {
		if b.Spec.CodeRepo == s.key.Name && b.DeletionTimestamp.IsZero() && !slices.Contains(products, b.Spec.Product) {
			products = append(products, b.Spec.Product)
		}
	}
	for _, name := range products {
		product, err := r.Lookup.Product(ctx, name)
		if err != nil {
			return fmt.Errorf("looking up product %s: %w", name, err)
		}
		if product == nil {
			continue // a Secret for an AppProject that is no product's would widen somebody else's
		}
		secret := r.secrets().argoSecret(repoSecretName(s.key, name, s.url), argoSecretRepository, r.owner(s.key))
		secret.Labels[api.LabelProduct] = s.key.Namespace
		secret.Labels[api.LabelCodeRepo] = s.key.Name
		secret.Labels[api.LabelInstance] = r.Instance
		secret.Data = maps.Clone(s.credentials)
		secret.Data["type"] = []byte("git")
		secret.Data["url"] = []byte(s.url)
		secret.Data["project"] = []byte(desired.AppProjectName(name))
		s.wanted[secret.Name] = secret
	}
	return nil
}

func (r *CodeRepoReconciler) writeSecrets(ctx context.Context, s *codeRepoScope) error {
	for _, name := range slices.Sorted(maps.Keys(s.wanted)) {
		if err := r.secrets().write(ctx, s.wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

// removeUnneeded deletes those of our Secrets that are not wanted any more and that no Application needs. An Application goes on
// needing what it was deployed with: an earlier URL, a permission that was revoked, a CodeRepo that is gone.
func (r *CodeRepoReconciler) removeUnneeded(ctx context.Context, s *codeRepoScope) error {
	secrets, err := r.unwanted(ctx, s)
	if err != nil || len(secrets) == 0 {
		return err
	}
	var apps observed.ApplicationList
	if err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace)); err != nil {
		return fmt.Errorf("listing the Applications: %w", err)
	}
	for i := range secrets {
		secret := &secrets[i]
		project, url := string(secret.Data["project"]), string(secret.Data["url"])
		isNeeded := func(app observed.Application) bool { return readsFrom(&app, project, url) }
		if slices.ContainsFunc(apps.Items, isNeeded) {
			err = r.refresh(ctx, s, secret)
		} else {
			err = client.IgnoreNotFound(apply.Delete(ctx, r.Client, secret))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unwanted returns those of our Secrets that are not wanted any more.
func (r *CodeRepoReconciler) unwanted(ctx context.Context, s *codeRepoScope) ([]corev1.Secret, error) {
	secrets, err := r.secrets().list(ctx, r.Client, argoSecretRepository)
	return slices.DeleteFunc(secrets, func(secret corev1.Secret) bool {
		_, wanted := s.wanted[secret.Name]
		return wanted || secret.Annotations[api.AnnotationOwner] != r.owner(s.key)
	}), err
}

// readsFrom says whether the Application needs the repository: by its source, or by its record.
func readsFrom(app *observed.Application, project, url string) bool {
	for _, source := range app.Spec.GetSources() {
		if app.Spec.Project == project && source.RepoURL == url {
			return true
		}
	}
	record, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	return err == nil && desired.AppProjectName(record.Product) == project && record.RepoURL == url
}

func (r *CodeRepoReconciler) owner(key client.ObjectKey) string {
	return ownerOf("CodeRepo", key, r.Instance)
}
