package deploytoken

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=coderepoes;coderepobindings,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=coderepoes/status,verbs=patch

// LentReconciler gives every CodeRepo that is lent to another product a read-only deploy token of its one project,
// where its own product reads with the deploy token of the whole group: what a borrower's manifests can make Argo CD
// send elsewhere then opens nothing but what was lent. It looks after these tokens by the same rules as the Reconciler
// does, and revokes them once nothing is lent and Argo CD holds them nowhere.
type LentReconciler struct{ Reconciler }

// Reconcile looks after the deploy token of one code repo.
func (r *LentReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s := &scope{key: client.ObjectKey{Namespace: r.SystemNamespace, Name: req.Namespace}, lent: &req.NamespacedName}
	if nothing, err := r.nothingToDo(ctx, s); err != nil || nothing {
		return phases.Outcome(ctx, err)
	}
	var stored api.CodeRepo
	absent, err := catalog.IsAbsent(ctx, r.Live, req.NamespacedName, &stored)
	if err != nil {
		return phases.Outcome(ctx, err)
	}
	var repo *api.CodeRepo
	if !absent {
		repo = stored.DeepCopy()
	}
	stop := r.lookAfter(ctx, s, repo)
	if repo == nil {
		result, err := phases.Outcome(ctx, stop)
		return s.check(result, err, stop, s.kept != nil)
	}
	if stop == nil && s.ready.Type == "" { // a code repo that has no such token has no such condition
		apimeta.RemoveStatusCondition(&repo.Status.Conditions, api.ConditionCredentialsReady)
	}
	return r.finish(ctx, s, s.kept != nil, phases.Pass{
		Stored: &stored, Object: repo, Conditions: &repo.Status.Conditions, Stop: stop,
	})
}

// nothingToDo spares the API server most of the looks: the cache knows of nothing that was lent, and of no token. What
// it does not know yet wakes the code repo again.
func (r *LentReconciler) nothingToDo(ctx context.Context, s *scope) (bool, error) {
	var repo api.CodeRepo
	if err := r.Client.Get(ctx, *s.lent, &repo); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("getting code repo %s: %w", s.lent, err)
	}
	var bindings api.CodeRepoBindingList
	if err := r.Client.List(ctx, &bindings, client.InNamespace(s.lent.Namespace),
		client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing the bindings of %s: %w", s.lent.Namespace, err)
	}
	if isLent(&repo, bindings.Items) ||
		apimeta.FindStatusCondition(repo.Status.Conditions, api.ConditionCredentialsReady) != nil {
		return false, nil
	}
	err := r.Client.Get(ctx, r.secretKey(s), &corev1.Secret{})
	return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
}

// lookAfter keeps a token as long as the code repo is lent, or Argo CD reads with it.
func (r *LentReconciler) lookAfter(ctx context.Context, s *scope, repo *api.CodeRepo) error {
	if err := r.readSecret(ctx, s); err != nil {
		return err
	}
	path, err := r.lentPath(ctx, s, repo)
	if err != nil {
		return err
	}
	keep := []phases.Phase[scope]{r.list, r.mint, r.repair, r.revokeUnkept}
	if path != "" {
		find := func(ctx context.Context, s *scope) error { return r.findProject(ctx, s, path) }
		return phases.Run(ctx, s, append([]phases.Phase[scope]{r.leaveToPeople, r.connect, find}, keep...)...)
	}
	if s.kept == nil {
		return nil
	}
	used, err := r.usernames(ctx, s.key.Name)
	if err != nil {
		return err
	}
	if !used[string(s.secret.Data["username"])] {
		if err := r.revokeAll(ctx, s); err != nil {
			return err
		}
		s.kept = nil
		return r.forget(ctx, s)
	}
	s.of = s.kept.of()
	s.again(tokenInUse)
	if err := r.setSource(ctx, s, s.kept.Provider); err != nil {
		return err
	}
	return phases.Run(ctx, s, append([]phases.Phase[scope]{r.connect}, keep...)...)
}

// lentPath returns the path of the project behind a code repo that is lent and whose product reads with a deploy token
// of its group; nothing of any other. It finds the provider on its way.
func (r *LentReconciler) lentPath(ctx context.Context, s *scope, repo *api.CodeRepo) (string, error) {
	if repo == nil || !repo.DeletionTimestamp.IsZero() || repo.Spec.CredentialsSecretRef != nil {
		return "", nil
	}
	var bindings api.CodeRepoBindingList
	if err := r.Live.List(ctx, &bindings, client.InNamespace(repo.Namespace)); err != nil {
		return "", fmt.Errorf("listing the bindings of %s: %w", repo.Namespace, err)
	}
	if !isLent(repo, bindings.Items) {
		return "", nil
	}
	var ofGroup corev1.Secret
	absent, err := catalog.IsAbsent(ctx, r.Live,
		client.ObjectKey{Namespace: r.SystemNamespace, Name: identity.Credentials(repo.Namespace)}, &ofGroup)
	if err != nil || absent {
		return "", err
	}
	kept, err := keptIn(&ofGroup, argocd.OwnerOf("Product", s.key, r.Instance))
	if err != nil || kept == nil {
		return "", err
	}
	if err := rules.CodeRepo(ctx, r.Lookup, repo); err != nil {
		return "", err
	}
	url, err := rules.CodeRepoURL(ctx, r.Lookup, repo)
	if err != nil || !githosts.IsFor(&ofGroup, url) {
		return "", err
	}
	if err := r.setSource(ctx, s, kept.Provider); err != nil {
		return "", err
	}
	base := strings.TrimSuffix(string(ofGroup.Data["url"]), "/") + "/"
	return strings.TrimSuffix(strings.TrimPrefix(url, base), ".git"), nil
}

// isLent says whether one of the bindings binds the code repo to another product.
func isLent(repo *api.CodeRepo, bindings []api.CodeRepoBinding) bool {
	for i := range bindings {
		if b := &bindings[i]; b.Spec.CodeRepo == repo.Name && b.Spec.Product != repo.Namespace &&
			b.DeletionTimestamp.IsZero() {
			return true
		}
	}
	return false
}

// findProject finds the project where the code repo says that it lies, and makes sure that it has the id in the code
// repo's name, where there is one: the token must open what is lent and nothing else.
func (r *LentReconciler) findProject(ctx context.Context, s *scope, path string) error {
	project, err := s.host.ProjectAt(ctx, s.token, path)
	id, _ := identity.ProjectOf(s.lent.Name)
	switch {
	case problem.Is(err, problem.Missing) || err == nil && id != 0 && project.ID != id:
		return problem.New(problem.Missing, api.ReasonInvalid,
			"the git host has no project of the code repo's name and clone URL, or does not show it to the "+
				"provider's token: "+
				"correct spec.repoName or spec.url").RetryAfter(githosts.RefusalRetry)
	case err != nil:
		return githosts.Trouble(err, s.source.Name)
	}
	s.of = githost.OfProject(project.ID)
	return nil
}

// SetupWithManager watches the code repos, what lends them, and what leads to the provider's token.
func (r *LentReconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("lenttoken").
		For(&api.CodeRepo{}, builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.CodeRepoBinding{}, handler.EnqueueRequestsFromMapFunc(ofLoan),
			builder.WithPredicates(wake.SpecChanged())).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofSecret)).
		Watches(&api.Product{}, handler.EnqueueRequestsFromMapFunc(r.ofProduct),
			builder.WithPredicates(r.Shard.Gained())).
		Watches(&api.CodeRepoProvider{}, handler.EnqueueRequestsFromMapFunc(r.allLent),
			builder.WithPredicates(ownerChanged())).
		WithOptions(wake.Fairly(1, wake.ByNamespace)).
		Complete(r.Shard.Only(phases.Traced("CodeRepo", "lenttoken", r), shard.Of(wake.ByNamespace)))
	if err != nil {
		return fmt.Errorf("setting up the controller of deploy tokens of lent code repos: %w", err)
	}
	return nil
}

func ofLoan(ctx context.Context, binding client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, key := range wake.BoundCodeRepo(ctx, binding) {
		out = append(out, reconcile.Request{NamespacedName: key})
	}
	return out
}

// ofSecret returns what a Secret wakes: the code repo whose token it keeps, and what is lent by the products that read
// with it.
func (r *LentReconciler) ofSecret(ctx context.Context, o client.Object) []reconcile.Request {
	if o.GetNamespace() != r.SystemNamespace {
		return nil
	}
	var out []reconcile.Request
	for _, key := range argocd.OwningCodeRepo(o) {
		out = append(out, reconcile.Request{NamespacedName: key})
	}
	for _, product := range r.Reconciler.ofSecret(ctx, o) {
		out = append(out, r.lentBy(ctx, product.Name)...)
	}
	return out
}

// ofProduct returns what a product lends, and the code repos of whose tokens a Secret tells, whether they exist or not.
func (r *LentReconciler) ofProduct(ctx context.Context, product client.Object) []reconcile.Request {
	out := r.lentBy(ctx, product.GetName())
	var secrets corev1.SecretList
	if err := r.Client.List(ctx, &secrets, client.InNamespace(r.SystemNamespace),
		client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "listing Secrets to wake code repos whose tokens they keep")
		return out
	}
	for i := range secrets.Items {
		for _, key := range argocd.OwningCodeRepo(&secrets.Items[i]) {
			if key.Namespace == product.GetName() {
				out = append(out, reconcile.Request{NamespacedName: key})
			}
		}
	}
	return out
}

func (r *LentReconciler) allLent(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.lentBy(ctx, "")
}

// lentBy returns the code repos that a product lends, or that any does.
func (r *LentReconciler) lentBy(ctx context.Context, product string) []reconcile.Request {
	var bindings api.CodeRepoBindingList
	if err := r.Client.List(ctx, &bindings, client.InNamespace(product), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "listing CodeRepoBindings to wake what they lend")
		return nil
	}
	var out []reconcile.Request
	for i := range bindings.Items {
		if b := &bindings.Items[i]; b.Spec.Product != b.Namespace {
			out = append(out, ofLoan(ctx, b)...)
		}
	}
	return out
}
