package deploytoken

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// productCRD is the CustomResourceDefinition whose deletion must not be mistaken for the deletion of every Product.
const productCRD = "products." + api.Group

// revokeUnkept revokes the tokens of our name that the Secret does not hold: those that were replaced, and those that a
// crash left between making one and keeping it. One that Argo CD still reads with is spared, and so is one whose write
// may be on its way.
func (r *Reconciler) revokeUnkept(ctx context.Context, s *scope) error {
	now := r.Clock.Now()
	var over []githost.DeployToken
	for _, t := range s.listed {
		if t.ID == s.kept.ID {
			continue
		}
		if left := s.kept.sparedUntil(t).Sub(now); left > 0 {
			s.again(left)
			continue
		}
		over = append(over, t)
	}
	spared, err := r.revokeUnused(ctx, s, over)
	if err != nil {
		return err
	}
	next := *s.kept
	next.Replaced = slices.DeleteFunc(slices.Clone(s.kept.Replaced), func(t replacedToken) bool {
		return !now.Before(t.RevokeAt) &&
			!slices.ContainsFunc(spared, func(o githost.DeployToken) bool { return o.ID == t.ID })
	})
	return r.keep(ctx, s, next, s.secret.Data)
}

// sparedUntil is when a token that is not the one that is kept may be revoked at the earliest.
func (k *keptToken) sparedUntil(t githost.DeployToken) time.Time {
	if i := slices.IndexFunc(k.Replaced, func(o replacedToken) bool { return o.ID == t.ID }); i >= 0 {
		return k.Replaced[i].RevokeAt
	}
	return t.ExpiresAt.Add(strayGrace - tokenLife)
}

// revokeUnused revokes those of the tokens that Argo CD holds nowhere, and returns the others.
func (r *Reconciler) revokeUnused(ctx context.Context, s *scope,
	over []githost.DeployToken) (spared []githost.DeployToken, err error) {
	if len(over) == 0 {
		return nil, nil
	}
	var live corev1.Secret
	absent, err := catalog.IsAbsent(ctx, r.Live, client.ObjectKeyFromObject(s.secret), &live)
	if err != nil {
		return nil, err
	}
	if absent || live.Annotations[api.AnnotationDeployToken] != s.secret.Annotations[api.AnnotationDeployToken] {
		s.again(tokenInUse) // somebody else is at work
		return over, nil
	}
	used, err := r.usernames(ctx, s.key.Name)
	if err != nil {
		return nil, err
	}
	for _, t := range over {
		if used[t.Username] {
			spared = append(spared, t)
			s.again(tokenInUse)
			continue
		}
		if err := r.revoke(ctx, s, t.ID); err != nil {
			return nil, err
		}
	}
	return spared, nil
}

// usernames returns those that the repository Secrets of Argo CD hold, but for those Secrets that are another
// product's: the tokens of two git hosts can have the same ones.
func (r *Reconciler) usernames(ctx context.Context, product string) (map[string]bool, error) {
	secrets, err := argocd.Secrets{Client: r.Client, Live: r.Live, Namespace: r.ArgoCDNamespace}.List(ctx, r.Live,
		argocd.SecretOfRepository)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for i := range secrets {
		if of := secrets[i].Labels[api.LabelProduct]; of == "" || of == product {
			used[string(secrets[i].Data["username"])] = true
		}
	}
	return used, nil
}

// revoke ends a token. One that the git host does not show any more is as good: were it still there, the next list
// would show it.
func (r *Reconciler) revoke(ctx context.Context, s *scope, id int64) error {
	err := s.host.RevokeDeployToken(ctx, s.token, s.of, id)
	if err == nil || problem.Is(err, problem.Missing) {
		return nil
	}
	return r.trouble(err, s)
}

// onlyOurs ends the pass for a Product that is gone and has no Secret of ours.
func (r *Reconciler) onlyOurs(_ context.Context, s *scope) error {
	if s.kept == nil {
		return phases.ErrDone
	}
	return nil
}

// confirmUnused waits where Applications still read with the token: that there is no Product is then an accident, such
// as CRDs that were taken away and brought back, or a backup that was restored in part.
func (r *Reconciler) confirmUnused(ctx context.Context, s *scope) error {
	kind, err := catalog.KindStands(ctx, r.Live, productCRD)
	if err != nil {
		return err
	}
	namespace, err := catalog.NamespaceStands(ctx, r.Live, r.SystemNamespace)
	if err != nil {
		return err
	}
	if !kind || !namespace {
		return phases.Waiting(api.ReasonInUse, "no Product can exist at the moment: nothing is revoked").
			RetryAfter(tokenInUse)
	}
	// the cache spares the API server most of the looks; it alone decides
	for _, from := range []client.Reader{r.Client, r.Live} {
		var apps observed.ApplicationList
		if err := from.List(ctx, &apps, client.InNamespace(r.ArgoCDNamespace),
			client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("listing the Applications: %w", err)
		}
		for i := range apps.Items {
			if readsAs(&apps.Items[i], s.key.Name) {
				return phases.Waiting(api.ReasonInUse, "Application %s still reads repositories of product %s: create "+
					"the Product again, or remove what is deployed",
					apps.Items[i].Name, s.key.Name).RetryAfter(tokenInUse)
			}
		}
	}
	return nil
}

// readsAs says whether an Application may read with the credentials of a product: its own, or one that its code repo is
// bound to.
func readsAs(app *observed.Application, product string) bool {
	if app.Spec.Project == identity.AppProject(product) || app.Spec.Project == identity.Stream(product) {
		return true
	}
	record, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	return err == nil && (record.Product == product || record.RepoProduct == product)
}

// revokeAll revokes the tokens of a Product that is gone. Only what the git host shows counts as known: to a token that
// has lost its membership everything looks revoked. Where nothing leads there any more, the Secret is kept to tell of
// the tokens until they end.
func (r *Reconciler) revokeAll(ctx context.Context, s *scope) (err error) {
	now := r.Clock.Now()
	if !now.Before(s.kept.ExpiresAt) {
		return nil // and those that it replaced were older
	}
	if s.source, err = resolve.Get[api.CodeRepoProvider](ctx, r.Lookup, "", s.kept.Provider); err != nil {
		return err
	}
	if s.source == nil {
		return problem.New(problem.Missing, api.ReasonCodeRepoProviderNotFound,
			"code repo provider %q, whose git host made it, does not exist", s.kept.Provider)
	}
	s.of = s.kept.of()
	if err := phases.Run(ctx, s, r.connect, r.list); err != nil {
		return err
	}
	if _, is := s.shown(); !is && now.Before(s.kept.MintedAt.Add(tokenSettling)) {
		return phases.Waiting(api.ReasonInUse, "the git host does not show the token, which is new").
			RetryAfter(tokenInUse)
	}
	for _, t := range s.listed {
		if err := r.revoke(ctx, s, t.ID); err != nil {
			return err
		}
	}
	if len(s.listed) > 0 {
		return r.confirmRevoked(ctx, s)
	}
	return nil
}

// confirmRevoked lists the tokens once more.
func (r *Reconciler) confirmRevoked(ctx context.Context, s *scope) error {
	if err := r.list(ctx, s); err != nil {
		return err
	}
	if len(s.listed) > 0 {
		return phases.Waiting(api.ReasonInUse, "the git host still shows the token").RetryAfter(tokenInUse)
	}
	return nil
}

// forget deletes the Secret of a Product that is gone.
func (r *Reconciler) forget(ctx context.Context, s *scope) error {
	return client.IgnoreNotFound(apply.Delete(ctx, r.Client, s.secret))
}
