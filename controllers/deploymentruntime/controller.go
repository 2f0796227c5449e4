// Package deploymentruntime reconciles DeploymentRuntimes: it records them, deploys them through Argo CD, and tells how
// they fare.
package deploymentruntime

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
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
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts

	// Files are asked why objects are to be removed.
	Files   ManifestFiles
	judging judgements
	commits reposerver.Commits

	// RolledOut is told of each rollout that ends: its outcome, and how long it took. Nil tells nobody.
	RolledOut func(outcome string, took time.Duration)
	// Delivered is told how long after its commit a rollout made the runtime Ready, where that is known. Nil tells nobody.
	Delivered func(sinceCommit time.Duration)

	// Pods are asked why a runtime does not become healthy; nil for none.
	Pods PodLooks

	// claims are the records that are on their way, so that two rivals never both find the place free.
	claims record.Claims
	// untold are the waits that no status tells of yet.
	untold phases.Since[wait]
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
	// objects are those in question that Argo CD does not tell of: what stays, and what has pods that do not run.
	objects []api.ResourceStatus
	// unsettled is why Synced is not True although all phases were reached.
	unsettled *problem.Problem
	// ended is the rollout whose outcome this pass has seen.
	ended *rolledOut
	// sinceCommit is how long after its commit the newest rollout was Ready, if this pass is the one that tells.
	sinceCommit time.Duration
	phases.Again
}

// Reconcile brings one runtime closer to what is wanted.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var stored api.DeploymentRuntime
	if err := r.Client.Get(ctx, req.NamespacedName, &stored); err != nil {
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
		phases.About(api.ConditionHealthy, r.lookAtPods),
	)
	if left := r.patience(ctx, &stored, stop); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	return phases.Finish(ctx, r.Client, phases.Pass{
		Stored: &stored, Object: s.runtime, Conditions: &s.runtime.Status.Conditions, Stop: stop, Again: &s.Again,
		Doubts: r.Doubts,
		Tell: func(*problem.Problem) []metav1.Condition {
			if s.runtime.DeletionTimestamp.IsZero() {
				s.runtime.Status = s.status(&stored, stop, r.Clock.Now(), r.Timing.Dwell)
				if why := refusal(s.runtime); why != "" && why != refusal(&stored) {
					s.LookAgain(rivalRetry) // what went before the cache shows the refusal wakes nobody
				}
				r.endRollout(ctx, s, stored.Status.History)
			}
			return nil
		},
		Told: func() { r.count(s) }, Recorder: r.Recorder,
	})
}

// wait is that of a runtime, in one generation of its spec, for one thing.
type wait struct {
	runtime    types.UID
	generation int64
	what       waitsFor
}

type waitsFor int

const (
	// forTenancy is for namespaces and the AppProject.
	forTenancy waitsFor = iota
	// forStream is for what default.project may still bring, while Argo CD applies it. afterStream is for what it has
	// brought, and the cache does not have yet.
	forStream
	afterStream
)

// patience returns how long a runtime that the phases stopped at need not tell why; 0 is that it must tell now. What may
// pass at once stays untold for a while: with thousands of runtimes it would be one write of five.
func (r *Reconciler) patience(ctx context.Context, runtime *api.DeploymentRuntime, stop error) time.Duration {
	why := problem.As(stop)
	if r.Timing.Patience <= 0 || stop != nil && why == nil {
		return 0
	}
	wait := func(what waitsFor) wait { return wait{runtime.UID, runtime.Generation, what} }
	switch {
	case why != nil && why.Reason == api.ReasonWaitingForTenancy:
		return r.untoldFor(wait(forTenancy), r.Timing.Patience)
	case why != nil && mayArrive(runtime, why) && r.isArriving(ctx, runtime.Namespace):
		r.untold.End(wait(afterStream))
		return r.untoldFor(wait(forStream), max(r.Timing.Patience, r.Timing.Arrival))
	case why != nil && mayArrive(runtime, why):
		return r.untoldFor(wait(afterStream), r.Timing.Patience)
	}
	for what := forTenancy; what <= afterStream; what++ {
		r.untold.End(wait(what))
	}
	return 0
}

// untoldFor returns when to look again at a wait that may stay untold for so long; 0 is that it is over.
func (r *Reconciler) untoldFor(w wait, limit time.Duration) time.Duration {
	lasted, known := r.untold.Lasts(w, r.Clock.Now())
	if !known {
		return 0
	}
	return min(r.Timing.Patience, max(0, limit-lasted))
}

// mayArrive says whether a new runtime lacks what the same push may bring: Argo CD applies one file after the other.
func mayArrive(r *api.DeploymentRuntime, why *problem.Problem) bool {
	isNew := len(r.Status.Conditions) == 0
	return isNew && (why.Class == problem.Missing || why.Reason == api.ReasonPermissionDenied)
}

// isArriving says whether Argo CD is still applying the product's default.project.
func (r *Reconciler) isArriving(ctx context.Context, product string) bool {
	var stream observed.Application
	key := client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: identity.Stream(product)}
	return r.Client.Get(ctx, key, &stream) == nil && observed.FactsOf(&stream).Running
}

// applicationKey returns the key of a new Application of the runtime. One that was deleted by hand gets its name again.
func (r *Reconciler) applicationKey(runtime *api.DeploymentRuntime) client.ObjectKey {
	names := identity.Applications(runtime.Namespace, runtime.Name)
	name := names[0]
	if was := runtime.Status.Placement; was != nil && slices.Contains(names, was.Application) {
		name = was.Application
	}
	return client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: name}
}

// applicationAbsent reads the runtime's Application, whichever of its names it has.
func (r *Reconciler) applicationAbsent(ctx context.Context, from client.Reader, runtime *api.DeploymentRuntime,
	into *observed.Application) (bool, error) {
	for _, name := range identity.Applications(runtime.Namespace, runtime.Name) {
		absent, err := catalog.IsAbsent(ctx, from, client.ObjectKey{Namespace: r.ArgoCDNamespace, Name: name}, into)
		if err != nil || !absent {
			return false, err
		}
	}
	return true, nil
}
