// Package deploytoken keeps deploy tokens at git hosts: one of the group of every Product that has a provider, and one
// of the project of every code repo that such a Product lends.
package deploytoken

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=products;productproviders;coderepoproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products/status,verbs=patch
// +kubebuilder:rbac:groups="",namespace=nautes,resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",namespace=argocd,resources=secrets,verbs=list
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications,verbs=get;list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get

// Reconciler gives every Product that comes from a ProductProvider one read-only deploy token of its group, in the
// Secret "<product>-git" of the system namespace. From there the reconcilers of CodeRepos and Products hand it to Argo
// CD; the provider's own token never leaves this process. The token is replaced long before it expires, and the old one
// is revoked only after Argo CD had time to take the new one and holds it nowhere any more. Both are revoked when the
// Product is gone and no Application of it is left. A Secret of that name that a person made is left alone.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live   client.Reader
	Lookup rules.Lookup
	Hosts  githosts.Hosts
	Clock  clock.Clock

	SystemNamespace string
	ArgoCDNamespace string
	// Instance is the UID of the management cluster's kube-system namespace. It tells our tokens from those of another
	// installation.
	Instance string
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard
	// Recorder announces that an object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts
}

// The life of a deploy token.
const (
	// tokenLife is how long a deploy token is good for.
	tokenLife = 90 * 24 * time.Hour
	// tokenRenewal is how long before its end it is replaced.
	tokenRenewal = 30 * 24 * time.Hour
	// tokenOverlap is how long the old one stays good after it was replaced, at least.
	tokenOverlap = time.Hour
	// tokenCheck is how often the git host is asked whether it still is.
	tokenCheck = time.Hour
	// tokenJitter is how much of it comes on top, so that many tokens are not checked in one moment.
	tokenJitter = 0.2
	// tokenSettling is how long after it was made a token may be missing from the git host's list: a replica of its
	// database may be behind.
	tokenSettling = 10 * time.Minute
	// strayGrace is how long a token of our name is spared that no Secret keeps: the write that keeps it may be on its
	// way.
	strayGrace = 5 * time.Minute
	// tokenInUse is how soon to look again whether Argo CD has taken the new token, or whether the Applications of a
	// Product that is gone went.
	tokenInUse = time.Minute
)

// scope holds the facts of one reconcile.
type scope struct {
	// key is that of the Product; lent is the code repo whose project the token is for, nil for the token of the group.
	key  client.ObjectKey
	lent *client.ObjectKey
	// product is nil when the Product is gone.
	product *api.Product
	source  *api.CodeRepoProvider
	host    githost.Host
	token   secret.Token
	of      githost.Holder
	// secret is nil when there is none; kept is what its annotation says, nil when the Secret is not ours.
	secret *corev1.Secret
	kept   *keptToken
	// listed are the good tokens of our name that the git host showed, before this pass changed anything.
	listed []githost.DeployToken
	// ready is the condition when all went well.
	ready metav1.Condition
	// Again is when something is due, besides the regular check.
	phases.Again
}

// Reconcile looks after the deploy token of one product.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if req.Namespace != r.SystemNamespace {
		return ctrl.Result{}, nil
	}
	s := &scope{key: req.NamespacedName}
	var stored api.Product
	absent, err := catalog.IsAbsent(ctx, r.Live, s.key, &stored)
	if err != nil {
		return phases.Outcome(ctx, err)
	}
	if absent {
		stop := phases.Run(ctx, s, r.readSecret, r.onlyOurs, r.confirmUnused, r.revokeAll, r.forget)
		if p := problem.As(stop); p != nil { // no condition can say so, for there is no Product
			log.FromContext(ctx).Info("the deploy token of a product that is gone is not revoked yet", "reason",
				p.Reason, "message", p.Message)
			if p.After == 0 { // nothing wakes it either
				stop = p.RetryAfter(wait.Jitter(tokenCheck, tokenJitter))
			}
		}
		return phases.Outcome(ctx, stop)
	}
	s.product = stored.DeepCopy()
	stop := phases.Run(ctx, s,
		r.readSecret,
		r.findSource,
		r.leaveToPeople,
		r.connect,
		r.list,
		r.mint,
		r.repair,
		r.revokeUnkept,
	)
	if s.source == nil && isUntold(stop, stored.Status.Conditions) {
		return phases.Outcome(ctx, stop)
	}
	return r.finish(ctx, s, s.source != nil, phases.Pass{
		Stored: &stored, Object: s.product, Conditions: &s.product.Status.Conditions, Stop: stop,
	})
}

// finish tells of the token, and returns when to look again: regularly, where there is a token to look after, and
// sooner where something is due. A token that was found good is told to be good, whatever fails after that, such as the
// revocation of others.
func (r *Reconciler) finish(ctx context.Context, s *scope, tended bool, pass phases.Pass) (ctrl.Result, error) {
	stop := pass.Stop
	if s.ready.Type != "" && problem.As(stop) == nil {
		pass.Stop = nil
	}
	pass.Summary, pass.Tell, pass.Doubts = api.ConditionCredentialsReady, s.tell, r.Doubts
	pass.Recorder = r.Recorder
	result, err := phases.Finish(ctx, r.Client, pass)
	if err == nil && pass.Stop == nil && result.RequeueAfter == 0 { // else the status is not written yet
		result, err = phases.Outcome(ctx, stop)
	}
	return s.check(result, err, stop, tended)
}

// isUntold says whether a pass ended with an error before it was known whether there is a token to look after: then
// there is no condition that could tell.
func isUntold(stop error, conditions []metav1.Condition) bool {
	return stop != nil && problem.As(stop) == nil &&
		meta.FindStatusCondition(conditions, api.ConditionCredentialsReady) == nil
}

// check adds the next look at a token to the outcome of a pass.
func (s *scope) check(result ctrl.Result, err, stop error, tended bool) (ctrl.Result, error) {
	if err == nil && result.RequeueAfter == 0 && tended {
		result.RequeueAfter = wait.Jitter(tokenCheck, tokenJitter)
		if stop == nil { // else what is due fails, and being due must not hurry it
			result = s.Sooner(result)
		}
	}
	return result, err
}

// again asks for another look after d at the latest.
func (s *scope) again(d time.Duration) { s.LookAgain(max(d, time.Second)) }

// tell returns the one condition that is this reconciler's; the others of a Product, or of a CodeRepo, are told by
// their own reconcilers.
func (s *scope) tell(stop *problem.Problem) []metav1.Condition {
	c := s.ready
	if stop != nil {
		c = metav1.Condition{Type: api.ConditionCredentialsReady, Status: metav1.ConditionFalse, Reason: stop.Reason,
			Message: stop.Message}
		if s.lent == nil && stop.Reason == api.ReasonNotConfigured && s.kept == nil {
			c.Status = metav1.ConditionTrue // repositories are read without credentials, or with those that people keep
		}
	}
	if c.Type == "" {
		return nil
	}
	return []metav1.Condition{c}
}

// SetupWithManager watches the Products, their Secrets, and what leads to the provider's token.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("deploytoken").
		For(&api.Product{}, builder.WithPredicates(predicate.Or(ownerChanged(), r.Shard.Gained()))).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofSecret)).
		Watches(&api.ProductProvider{}, handler.EnqueueRequestsFromMapFunc(r.all),
			builder.WithPredicates(ownerChanged())).
		Watches(&api.CodeRepoProvider{}, handler.EnqueueRequestsFromMapFunc(r.all),
			builder.WithPredicates(ownerChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: 4, RateLimiter: wake.Backoff()}).
		Complete(r.Shard.Only(phases.Traced("Product", "deploytoken", r), shard.Of(wake.ByName)))
	if err != nil {
		return fmt.Errorf("setting up the controller of deploy tokens: %w", err)
	}
	return nil
}

// ownerChanged passes the spec, the deletion and the labels, but no annotations: every push writes one into a Product,
// and each pass asks the git host.
func ownerChanged() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{})
}

// ofSecret returns what a Secret wakes: the product whose credentials it holds by its name, and all of them where it
// holds the token of a provider.
func (r *Reconciler) ofSecret(ctx context.Context, o client.Object) []reconcile.Request {
	if o.GetNamespace() != r.SystemNamespace {
		return nil
	}
	var providers api.CodeRepoProviderList
	if err := r.Client.List(ctx, &providers, client.InNamespace(r.SystemNamespace)); err != nil {
		log.FromContext(ctx).Error(err, "listing CodeRepoProviders to wake their Products")
		return nil
	}
	for _, p := range providers.Items {
		if ref := p.Spec.CredentialsSecretRef; ref != nil && ref.Name == o.GetName() {
			return r.all(ctx, o)
		}
	}
	if product, is := identity.ProductOfCredentials(o.GetName()); is {
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: r.SystemNamespace, Name: product}}}
	}
	return nil
}

// all returns every Product: also one that no provider keeps any more may have a token of ours.
func (r *Reconciler) all(ctx context.Context, _ client.Object) []reconcile.Request {
	every := func(client.Object) bool { return true }
	return wake.Requests(ctx, r.Client, &api.ProductList{}, every, client.InNamespace(r.SystemNamespace))
}
