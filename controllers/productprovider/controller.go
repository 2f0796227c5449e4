// Package productprovider reconciles ProductProviders: it makes Products of the groups of a git host.
package productprovider

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=productproviders;coderepoproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=productproviders/status,verbs=patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",namespace=nautes,resources=secrets,verbs=get;list;watch

// Reconciler makes a Product of every group that has a default.project, and keeps its name and clone URL as the git
// host has them. What the git host does not show any more is only reported: an absence never deletes a Product.
type Reconciler struct {
	Client client.Client
	Lookup rules.Lookup
	Hosts  githosts.Hosts

	SystemNamespace string
	// PollInterval is how often the git host is asked.
	PollInterval time.Duration
	// Brake says how many Products may follow a move of their groups at once, where nothing proves that it is the same
	// group.
	Brake placement.Brake
	Clock clock.PassiveClock
	// ArgoCD says whether the operator was tried with the version of Argo CD.
	ArgoCD func() metav1.Condition
	// Recorder announces that an object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts

	// asked is for the one worker that there is.
	asked questions
}

// scope holds the facts of one reconcile.
type scope struct {
	provider *api.ProductProvider
	source   *api.CodeRepoProvider
	host     githost.Host
	token    secret.Token
	// groups that have a default.project, by the names of their Products.
	groups map[string]listedGroup
	// own are the Products of the provider, by name; others are the names of those that are not.
	own    map[string]*api.Product
	others map[string]bool
	// fresh names the groups that are allowed and have no Product yet, foreign those whose Product is not the
	// provider's.
	fresh, foreign []string
	// outside, doubted, replaced and unlisted name the Products of these verdicts; of the last, missing those that the
	// git host does not show when asked, unchecked counts those that it was not asked for yet.
	outside, doubted, replaced, unlisted, missing []string
	unchecked                                     int
	// settled says that the guards ran; failed is what went wrong since.
	settled bool
	failed  []error
	// argoCD is what is known of Argo CD's version.
	argoCD metav1.Condition
}

// Reconcile asks the git host of one provider for its groups.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if req.Namespace != r.SystemNamespace {
		return ctrl.Result{}, nil
	}
	var stored api.ProductProvider
	if err := r.Client.Get(ctx, req.NamespacedName, &stored); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	s := &scope{provider: stored.DeepCopy(), argoCD: r.ArgoCD()}
	stop := phases.Run(ctx, s,
		r.judge,
		r.connect,
		r.listGroups,
		r.readProducts,
		r.settle,
		r.takeNew,
		r.confirmMissing,
		r.sumUp,
	)
	result, err := phases.Finish(ctx, r.Client, phases.Pass{
		Stored: &stored, Object: s.provider, Conditions: &s.provider.Status.Conditions, Stop: stop, Tell: s.tell,
		Doubts: r.Doubts, Recorder: r.Recorder,
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if result.RequeueAfter > 0 { // the git host, or our own retry policy, says when
		return result, nil
	}
	return ctrl.Result{RequeueAfter: r.PollInterval}, nil
}

// SetupWithManager watches the providers and their Secrets.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	list, in := &api.ProductProviderList{}, client.InNamespace(r.SystemNamespace)
	err := ctrl.NewControllerManagedBy(mgr).Named("productprovider").
		For(&api.ProductProvider{}, builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.CodeRepoProvider{}, wake.All(r.Client, list, in), builder.WithPredicates(wake.SpecChanged())).
		Watches(&corev1.Secret{}, wake.Dependents(r.Client, list, r.mayHoldToken, in)).
		Complete(phases.Traced("ProductProvider", "productprovider", r))
	if err != nil {
		return fmt.Errorf("setting up the controller of ProductProviders: %w", err)
	}
	return nil
}

// mayHoldToken says whether a Secret may hold the token of a provider: it belongs to no product.
func (r *Reconciler) mayHoldToken(_ *api.ProductProvider, stored client.Object) bool {
	return stored.GetNamespace() == r.SystemNamespace && stored.GetLabels()[api.LabelProduct] == ""
}

func (s *scope) tell(stop *problem.Problem) []metav1.Condition {
	s.provider.Status.ObservedGeneration = s.provider.Generation
	ready := phases.Ready(stop, "every group that is allowed and has a default.project has its Product")
	if stop != nil && stop.Reason == api.ReasonNotConfigured {
		ready.Status = metav1.ConditionTrue // Products are made by other means
	}
	told := []metav1.Condition{ready, s.groupsFound()}
	if s.argoCD.Type != "" {
		told = append(told, s.argoCD)
	}
	return told
}

// shownNames is how many Products a message names.
const shownNames = 10

func (s *scope) groupsFound() metav1.Condition {
	c := metav1.Condition{Type: api.ConditionGroupsFound, Status: metav1.ConditionFalse}
	switch {
	case !s.settled:
		return phases.NotReached(api.ConditionGroupsFound)
	case len(s.replaced) > 0:
		c.Reason, c.Message = api.ReasonGroupReplaced, fmt.Sprintf("another group has taken the path of the group of "+
			"%s: nothing new is synced or deployed for it; "+
			"give the group its path back, or delete the Product if it is to go", text.Few(s.replaced, shownNames))
	case len(s.doubted) > 0:
		c.Reason, c.Message = api.ReasonGroupMoved, doubtOf(s.doubted)
	case len(s.outside) > 0:
		c.Reason, c.Message = api.ReasonGroupNotAllowed, fmt.Sprintf("the group of %s has moved outside of "+
			"spec.allowedGroups: the Product does not follow, and nothing new is "+
			"synced or deployed for it; add the new path to spec.allowedGroups, or give the group its path back",
			text.Few(s.outside, shownNames))
	case len(s.foreign) > 0:
		c.Reason, c.Message = api.ReasonNameConflict,
			fmt.Sprintf("%s exist already and are left as they are: to hand them over, label them %s=%s",
				text.Few(s.foreign, shownNames), api.LabelProvider, s.provider.Name)
	case len(s.missing) > 0:
		c.Reason, c.Message = api.ReasonGroupGone, fmt.Sprintf("the git host does not show the group or the "+
			"default.project of %s any more; nothing was removed: "+
			"restore it, check what the provider's token may see, or delete the Product if it is to go",
			text.Few(s.missing, shownNames))
	case s.unchecked > 0:
		return metav1.Condition{Type: api.ConditionGroupsFound, Status: metav1.ConditionUnknown,
			Reason: api.ReasonNotYetJudged, Message: "not every Product was looked after yet"}
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionTrue, api.ReasonGroupsFound,
			"every Product of the provider has its group and its default.project"
	}
	return c
}
