// Package teardown removes what deleted runtimes deployed, from their records.
package teardown

import (
	"context"
	"fmt"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=appprojects,verbs=get
// +kubebuilder:rbac:groups="",namespace=argocd,resources=secrets,verbs=get;list

// Reconciler removes what a deleted runtime deployed. It works on Applications, from their record alone, and only where
// the deletion of the runtime was written down as an intent: an absence, an error or an empty list never starts it.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live   client.Reader
	Lookup rules.Lookup
	Clock  clock.Clock

	ArgoCDNamespace string
	Timing          phases.Timing
	Brakes          *record.Brakes
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard
}

// scope holds the facts of one reconcile.
type scope struct {
	record *record.Record
}

// Reconcile takes one removal a step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var app observed.Application
	if err := r.Client.Get(ctx, req.NamespacedName, &app); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if _, ours := app.Annotations[api.AnnotationPlacement]; !ours {
		return ctrl.Result{}, nil
	}
	rec, p := record.Read(&app)
	if p != nil {
		return ctrl.Result{}, nil //nolint:nilerr // what is damaged is not touched; the runtime and the product say so
	}
	s := &scope{record: rec}
	return phases.Outcome(ctx, phases.Run(ctx, s,
		r.letGoByHand,
		r.askAgain,
		r.onlyIfAsked,
		r.onlyWhileAway,
		r.hold,
		r.grace,
		r.endOperation,
		r.arm,
		r.pass,
		r.remove,
	))
}

// SetupWithManager watches the Applications, and the clusters that removals wait for.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	removals := wake.Dependents(r.Client, &observed.ApplicationList{}, onCluster, client.InNamespace(r.ArgoCDNamespace))
	ofProduct := wake.Dependents(r.Client, &observed.ApplicationList{}, recordedOf,
		client.InNamespace(r.ArgoCDNamespace))
	err := ctrl.NewControllerManagedBy(mgr).Named("teardown").
		For(&observed.Application{}, builder.WithPredicates(wake.ApplicationChanged())).
		Watches(&api.Cluster{}, removals, builder.WithPredicates(wake.ClusterChanged())).
		Watches(&api.Product{}, ofProduct, builder.WithPredicates(r.Shard.Gained())).
		WithOptions(wake.Fairly(4, wake.ByApplication)).
		Complete(r.Shard.Only(phases.Traced("Application", "teardown", r), r.productOf))
	if err != nil {
		return fmt.Errorf("setting up the controller of removals: %w", err)
	}
	return nil
}

// productOf returns the product of the runtime that an Application is the record of: names of Applications do not say
// where that of the product ends.
func (r *Reconciler) productOf(ctx context.Context, req ctrl.Request) string {
	var app observed.Application
	if err := r.Client.Get(ctx, req.NamespacedName, &app); err != nil {
		return "" // gone, and a pass finds that out
	}
	p, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	if err != nil {
		return "" // not ours, or damaged: no pass touches it
	}
	return p.Product
}

// recordedOf says whether an Application is the record of a runtime of a product.
func recordedOf(app *observed.Application, product client.Object) bool {
	p, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	return err == nil && p.Product == product.GetName()
}

// onCluster says whether an Application is being deleted from a cluster.
func onCluster(app *observed.Application, cluster client.Object) bool {
	if app.DeletionTimestamp.IsZero() {
		return false
	}
	p, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
	return err == nil && p.Destination.Cluster == cluster.GetName()
}
