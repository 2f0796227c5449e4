// Package deploymentruntime reconciles DeploymentRuntimes: it records them, deploys them through Argo CD, and tells how
// they fare.
package deploymentruntime

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=deploymentruntimes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=deploymentruntimes/status,verbs=patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,resources=environments;projects;coderepoes;coderepobindings;coderepoproviders;clusters;products,verbs=get;list;watch
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=appprojects,verbs=get;list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=get
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch

// Reconciler records runtimes, deploys them through Argo CD, and tells how they fare. It writes the runtime's
// Application while it lives; the removal is the business of the teardown.Reconciler.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live     client.Reader
	Lookup   rules.Lookup
	Recorder events.EventRecorder
	Clock    clock.Clock

	ArgoCDNamespace string
	// Instance is the UID of the management cluster's kube-system namespace.
	Instance         string
	SystemNamespaces rules.SystemNamespaces
	Timing           phases.Timing
	Brakes           *record.Brakes
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard

	// Files are asked why objects are to be removed.
	Files   ManifestFiles
	judging judgements

	// claims are the records that are on their way, so that two rivals never both find the place free.
	claims record.Claims
	// untold are the waits that no status tells of yet.
	untold patience
}

// scope holds the facts of one reconcile. A phase may use what the phases before it have found.
type scope struct {
	runtime *api.DeploymentRuntime
	// record is what stands under the runtime's name: as the cache has it at first, then as it was written. Nil:
	// nothing.
	record *record.Record
	// judged says that the rules were asked.
	judged bool
	// resolution, violations and illegal are known from the phase judge on.
	resolution resolve.Resolution
	violations []*problem.Problem
	illegal    []api.IllegalProjectRef
	// outside says that the manifests wrote into namespaces that are not the runtime's; known from the phase judge on.
	outside *problem.Problem
	// unsettled is why Synced is not True although all phases were reached.
	unsettled *problem.Problem
	phases.Again
}

// Reconcile brings one runtime closer to what is wanted.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var stored api.DeploymentRuntime
	if err := r.Client.Get(ctx, req.NamespacedName, &stored); err != nil {
		r.untold.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	s := &scope{runtime: stored.DeepCopy()}
	stop := phases.Run(ctx, s,
		phases.About(api.ConditionApplied, r.readRecord),
		phases.About(api.ConditionApplied, r.requestTeardown),
		phases.About(api.ConditionResolved, r.resolve),
		phases.About(api.ConditionAccepted, r.stayWhereItWas),
		phases.About(api.ConditionApplied, r.meetRecord),
		phases.About(api.ConditionApplied, r.followSwitches),
		phases.About(api.ConditionAccepted, r.judge),
		phases.About(api.ConditionResolved, r.findAll),
		phases.About(api.ConditionApplied, r.writeRecord),
		phases.About(api.ConditionApplied, r.deploy),
		phases.About(api.ConditionApplied, r.leaveNamespaces),
		phases.About(api.ConditionSynced, r.stayInside),
		phases.About(api.ConditionApplied, r.askArgo),
		phases.About(api.ConditionApplied, r.removeWhatWent),
	)
	if left := r.untold.left(req.NamespacedName, &stored, stop, r.Clock.Now(), r.Timing.Patience); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	return phases.Finish(ctx, r.Client, phases.Pass{
		Stored: &stored, Object: s.runtime, Conditions: &s.runtime.Status.Conditions, Stop: stop, Again: &s.Again,
		Tell: func(*problem.Problem) []metav1.Condition {
			if s.runtime.DeletionTimestamp.IsZero() {
				s.runtime.Status = s.status(&stored, stop, r.Clock.Now(), r.Timing.Dwell)
			}
			return nil
		},
		Told: func() { r.announce(&stored, s.runtime) },
	})
}
