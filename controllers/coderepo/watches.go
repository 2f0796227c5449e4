package coderepo

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// SetupWithManager watches everything that the Secrets of a code repo depend on.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("coderepo").
		For(&api.CodeRepo{}, builder.WithPredicates(predicate.Or(wake.SpecChanged(),
			wake.TurnedFalse(api.ConditionCredentialsReady)))).
		Watches(&api.Product{}, r.wake(ofOwnProduct),
			builder.WithPredicates(predicate.Or(wake.SpecChanged(), r.Shard.Gained()))).
		Watches(&api.Product{}, r.wakeOwners(r.keptOfProduct), builder.WithPredicates(r.Shard.Gained())).
		Watches(&api.Product{}, wake.Mapped(r.boundTo), builder.WithPredicates(wake.ExistenceChanged())).
		Watches(&api.CodeRepoProvider{}, r.wake(ofProvider), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.ProductProvider{}, r.wake(everyCodeRepo), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Project{}, r.wake(ofProject), builder.WithPredicates(wake.ExistenceChanged())).
		Watches(&api.CodeRepoBinding{}, wake.Mapped(wake.BoundCodeRepo), builder.WithPredicates(wake.SpecChanged())).
		Watches(&corev1.Secret{}, r.wake(r.ofCredentials)).
		Watches(&corev1.Secret{}, r.wakeOwners(r.ownerOfSecret)).
		Watches(&corev1.Secret{}, wake.Mapped(r.keptOf)).
		Watches(&observed.Application{}, wake.Mapped(recordedCodeRepo), builder.WithPredicates(wake.RecordChanged())).
		WithOptions(wake.Fairly(4, wake.ByNamespace)).
		Complete(r.Shard.Only(phases.Traced("CodeRepo", "coderepo", r), shard.Of(wake.ByNamespace)))
	if err != nil {
		return fmt.Errorf("setting up the controller of CodeRepos: %w", err)
	}
	return nil
}

// wake returns a handler that wakes the CodeRepos which depend on an object.
func (r *Reconciler) wake(depends func(*api.CodeRepo, client.Object) bool) handler.EventHandler {
	return wake.Dependents(r.Client, &api.CodeRepoList{}, depends)
}

func ofOwnProduct(r *api.CodeRepo, product client.Object) bool {
	return r.Namespace == product.GetName()
}

func ofProvider(r *api.CodeRepo, provider client.Object) bool {
	return r.Spec.CodeRepoProvider == provider.GetName()
}

// everyCodeRepo: which git host a product comes from decides about all of its code repos.
func everyCodeRepo(*api.CodeRepo, client.Object) bool { return true }

func ofProject(r *api.CodeRepo, project client.Object) bool {
	return r.Namespace == project.GetNamespace() && r.Spec.Project == project.GetName()
}

// ofCredentials: a Secret of the system namespace that is labelled with the product, or that has the name of what a
// code repo names or defaults to: without its label that one is in the way.
func (r *Reconciler) ofCredentials(repo *api.CodeRepo, secret client.Object) bool {
	if secret.GetNamespace() != r.SystemNamespace {
		return false
	}
	name := identity.Credentials(repo.Namespace)
	if ref := repo.Spec.CredentialsSecretRef; ref != nil {
		name = ref.Name
	}
	return repo.Namespace == secret.GetLabels()[api.LabelProduct] || secret.GetName() == name
}

// wakeOwners enqueues code repos by their keys, whether they exist or not. Those of the Secrets that are there when the
// operator starts are looked at too: of a CodeRepo that is gone, nothing else tells.
func (r *Reconciler) wakeOwners(owners func(context.Context, client.Object) []client.ObjectKey) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		var requests []reconcile.Request
		for _, key := range owners(ctx, obj) {
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
		return requests
	})
}

// boundTo returns the code repos that are bound to a product.
func (r *Reconciler) boundTo(ctx context.Context, product client.Object) []client.ObjectKey {
	var all api.CodeRepoBindingList
	if err := r.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "CodeRepos that are bound to a product are not woken", "product",
			product.GetName())
		return nil
	}
	var keys []client.ObjectKey
	for i := range all.Items {
		if all.Items[i].Spec.Product == product.GetName() {
			keys = append(keys, wake.BoundCodeRepo(ctx, &all.Items[i])...)
		}
	}
	return keys
}

// ownerOfSecret returns the code repo that one of our repository Secrets was made for.
func (r *Reconciler) ownerOfSecret(_ context.Context, secret client.Object) []client.ObjectKey {
	if secret.GetNamespace() != r.ArgoCDNamespace {
		return nil
	}
	return argocd.OwningCodeRepo(secret)
}

// keptOf returns the code repos, whether they exist or not, whose repository Secrets hold the credentials of a product,
// or those that they are lent with: one that is only kept for an Application needs the token that there is now.
func (r *Reconciler) keptOf(ctx context.Context, credentials client.Object) []client.ObjectKey {
	if credentials.GetNamespace() != r.SystemNamespace {
		return nil
	}
	product, is := identity.ProductOfCredentials(credentials.GetName())
	if !is {
		return argocd.OwningCodeRepo(credentials)
	}
	return r.keptFor(ctx, product)
}

// keptOfProduct returns the same for a Product, which another operator may have served until now.
func (r *Reconciler) keptOfProduct(ctx context.Context, product client.Object) []client.ObjectKey {
	return r.keptFor(ctx, product.GetName())
}

// keptFor returns the code repos of a product, whether they exist or not, that have repository Secrets.
func (r *Reconciler) keptFor(ctx context.Context, product string) []client.ObjectKey {
	secrets, err := r.secrets().List(ctx, r.Client, argocd.SecretOfRepository)
	if err != nil {
		log.FromContext(ctx).Error(err, "CodeRepos whose Secrets are kept are not woken", "product", product)
		return nil
	}
	var keys []client.ObjectKey
	for i := range secrets {
		for _, key := range r.ownerOfSecret(ctx, &secrets[i]) {
			if key.Namespace == product {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// recordedCodeRepo returns the code repo that an Application's record names. A record that was written again from the
// status does not know the owner: mostly that is the product itself.
func recordedCodeRepo(_ context.Context, app client.Object) []client.ObjectKey {
	record, err := placement.Decode(app.GetAnnotations()[api.AnnotationPlacement])
	if err != nil || record.CodeRepo == "" {
		return nil
	}
	return []client.ObjectKey{{Namespace: cmp.Or(record.RepoProduct, record.Product), Name: record.CodeRepo}}
}
