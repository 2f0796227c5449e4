package coderepo

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// confirmGone ends the reconcile when the API server still has the CodeRepo: the cache was early or late.
func (r *Reconciler) confirmGone(ctx context.Context, s *scope) error {
	absent, err := catalog.IsAbsent(ctx, r.Live, s.key, &api.CodeRepo{})
	if err != nil {
		return err
	}
	if !absent {
		return phases.ErrDone
	}
	return nil
}

// judge asks the rules. What was written for a CodeRepo that is refused stays, and is kept good; but what nobody may
// deploy from is not kept for other products.
func (r *Reconciler) judge(ctx context.Context, s *scope) error {
	stop := rules.CodeRepo(ctx, r.Lookup, s.repo)
	if stop == nil {
		s.url, stop = rules.CodeRepoURL(ctx, r.Lookup, s.repo)
	}
	refusal := problem.As(stop)
	if refusal == nil {
		return stop
	}
	products, err := r.users(ctx, s)
	if err != nil {
		return err
	}
	err = r.removeOrRefresh(ctx, s, func(project string) bool {
		return project != identity.AppProject(s.key.Namespace) &&
			(refusal.Class == problem.Forbidden || !slices.Contains(products, project))
	})
	if err != nil {
		return err
	}
	return stop
}

// users finds the products that may use the code repo: its own, and those that it is bound to.
func (r *Reconciler) users(ctx context.Context, s *scope) ([]string, error) {
	products := []string{s.key.Namespace}
	bindings, err := resolve.List[api.CodeRepoBinding](ctx, r.Lookup, s.key.Namespace)
	if err != nil {
		return nil, fmt.Errorf("looking up the bindings of %s: %w", s.key.Namespace, err)
	}
	for _, b := range bindings {
		if b.Spec.CodeRepo == s.key.Name && b.DeletionTimestamp.IsZero() && !slices.Contains(products, b.Spec.Product) {
			products = append(products, b.Spec.Product)
		}
	}
	return products, nil
}

// planSecrets makes a Secret for every product that may use the code repo.
func (r *Reconciler) planSecrets(ctx context.Context, s *scope) error {
	if s.credentials == nil {
		return nil
	}
	products, err := r.users(ctx, s)
	if err != nil {
		return err
	}
	toLend, err := r.toLend(ctx, s)
	if err != nil {
		return err
	}
	for _, name := range products {
		product, err := resolve.Get[api.Product](ctx, r.Lookup, "", name)
		if err != nil {
			return fmt.Errorf("looking up product %s: %w", name, err)
		}
		if product == nil {
			continue // a Secret for an AppProject that is no product's would widen somebody else's
		}
		secret := r.secrets().New(githosts.RepositorySecret(s.key, name, s.url), argocd.SecretOfRepository,
			r.owner(s.key))
		secret.Labels[api.LabelProduct] = s.key.Namespace
		secret.Labels[api.LabelCodeRepo] = s.key.Name
		secret.Labels[api.LabelInstance] = r.Instance
		secret.Data = maps.Clone(s.credentials)
		if name != s.key.Namespace {
			s.lent = s.lent || s.minted
			secret.Data = maps.Clone(toLend)
		}
		if secret.Data == nil {
			if err := r.leaveAsItIs(ctx, s, secret); err != nil {
				return err
			}
			continue
		}
		secret.Data["type"] = []byte("git")
		secret.Data["url"] = []byte(s.url)
		secret.Data["project"] = []byte(identity.AppProject(name))
		s.wanted[secret.Name] = secret
	}
	return nil
}

// leaveAsItIs keeps what a product reads with that the code repo was lent to before there were deploy tokens of
// projects. Whoever has nothing yet waits.
func (r *Reconciler) leaveAsItIs(ctx context.Context, s *scope, secret *corev1.Secret) error {
	s.waiting = true
	var stored corev1.Secret
	absent, err := catalog.IsAbsent(ctx, r.Client, client.ObjectKeyFromObject(secret), &stored)
	if err != nil || absent || !argocd.SameOwner(&stored, secret) {
		return err
	}
	s.wanted[stored.Name] = &stored
	return nil
}

func (r *Reconciler) writeSecrets(ctx context.Context, s *scope) error {
	for _, name := range slices.Sorted(maps.Keys(s.wanted)) {
		if err := r.secrets().Write(ctx, s.wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

// removeUnneeded deletes those of our Secrets that are not wanted any more and that no Application needs. An
// Application goes on needing what it was deployed with: an earlier URL, a permission that was revoked, a CodeRepo that
// is gone.
func (r *Reconciler) removeUnneeded(ctx context.Context, s *scope) error {
	return r.removeOrRefresh(ctx, s, func(string) bool { return true })
}

// removeOrRefresh goes over those of our Secrets that are not wanted now. One that may go, as mayGo says of its
// AppProject, goes unless an Application needs it; the others are kept good.
func (r *Reconciler) removeOrRefresh(ctx context.Context, s *scope, mayGo func(project string) bool) error {
	secrets, err := r.unwanted(ctx, s)
	if err != nil || len(secrets) == 0 {
		return err
	}
	goes := func(secret corev1.Secret) bool { return mayGo(string(secret.Data["project"])) }
	var apps observed.ApplicationList
	if slices.ContainsFunc(secrets, goes) {
		if err := r.Live.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace)); err != nil {
			return fmt.Errorf("listing the Applications: %w", err)
		}
	}
	for i := range secrets {
		secret := &secrets[i]
		if goes(*secret) && !slices.ContainsFunc(apps.Items,
			func(app observed.Application) bool { return needs(&app, s.key, secret) }) {
			err = client.IgnoreNotFound(apply.Delete(ctx, r.Client, secret))
		} else {
			err = r.refresh(ctx, s, secret)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// needs says whether an Application needs the Secret of a code repo. What is halted needs nothing that is another
// product's.
func needs(app *observed.Application, repo client.ObjectKey, secret *corev1.Secret) bool {
	project := string(secret.Data["project"])
	if !readsFrom(app, project, string(secret.Data["url"])) {
		return false
	}
	rec, p := record.Read(app)
	return project == identity.AppProject(repo.Namespace) || p != nil || !rec.Halted()
}

// unwanted returns those of our Secrets that are not wanted any more.
func (r *Reconciler) unwanted(ctx context.Context, s *scope) ([]corev1.Secret, error) {
	secrets, err := r.secrets().List(ctx, r.Client, argocd.SecretOfRepository)
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
	p, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	return err == nil && identity.AppProject(p.Product) == project && p.RepoURL == url
}

func (r *Reconciler) owner(key client.ObjectKey) string {
	return argocd.OwnerOf("CodeRepo", key, r.Instance)
}
