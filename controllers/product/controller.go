// Package product reconciles Products: the namespace, the stream of default.project, the tenancy on runtime clusters.
package product

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	events "k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// RuntimeClusters gives access to the runtime clusters. An error is a *problem.Problem.
type RuntimeClusters interface {
	Client(ctx context.Context, cluster *api.Cluster) (client.Client, error)
	// Contents looks at everything in a namespace of the cluster, but for the kinds that are skipped.
	Contents(ctx context.Context, cluster *api.Cluster, namespace string,
		skip func(schema.GroupKind) bool) (clusters.Contents, error)
}

// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=nautes.resource.nautes.io,namespace=nautes,resources=products/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",namespace=nautes,resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups=argoproj.io,namespace=argocd,resources=applications;appprojects,verbs=get;list;watch;create;patch;delete

// Reconciler gives a product its place: its namespace in the management cluster, the stream of its default.project, and
// its tenancy, which is the AppProject and the namespaces on the runtime clusters. It is the only writer of all of
// these, and it lets an Application go that was torn down once its namespaces are gone.
type Reconciler struct {
	Client client.Client
	// Live reads from the API server itself.
	Live     client.Reader
	Lookup   rules.Lookup
	Clusters RuntimeClusters
	Clock    clock.Clock

	SystemNamespace string
	ArgoCDNamespace string
	// HubClusterName is the name under which Argo CD knows the management cluster.
	HubClusterName string
	Instance       string
	// ClusterRole that the group of the product gets in its namespaces on runtime clusters.
	ClusterRole string
	Timing      phases.Timing
	// MaxObjects bounds the objects in the namespace of a product, by the plural of their kind.
	MaxObjects map[string]int64
	// Shard is the part of the products that this operator serves; nil for all.
	Shard *shard.Shard
	// Recorder announces that an object became ready, or why it is not; nil announces nothing.
	Recorder events.EventRecorder
	// Doubts say how long errors that are no problem stay untold; nil is not at all.
	Doubts *phases.Doubts

	Gate  Gate
	views views
	// looks remembers for a moment what keeps a namespace, so that a busy product does not look into it all the time.
	looks looks
}

// tenancyRecheck is how often the operator lists what it has on a runtime cluster, where it watches nothing.
const tenancyRecheck = 2 * time.Minute

// scope holds the facts of one reconcile. The stream, the tenancy and the teardowns don't wait for each other: each
// phase stores its own condition.
type scope struct {
	product *api.Product
	// apps are the Applications that have, or may have, a record of the product, as the pass read them.
	apps []observed.Application
	// records of the product, and what is wrong with those that cannot be read.
	records []*record.Record
	damaged []*problem.Problem
	// givers has, for each namespace that is given up, the record where a person approves that.
	givers map[desired.Destination]*record.Record
	// tenancy is what was found and done on the runtime clusters.
	tenancy tenancy

	// standing says what a Product that is being deleted waits for.
	standing []string
	// groupGone says that the git host does not show the group of the product.
	groupGone bool

	synced, tenancyReady, settled metav1.Condition
	phases.Again
}

// Reconcile brings one product closer to what is wanted.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if req.Namespace != r.SystemNamespace {
		return ctrl.Result{}, nil
	}
	var stored api.Product
	if err := r.Client.Get(ctx, req.NamespacedName, &stored); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	s := &scope{product: stored.DeepCopy()}
	stop := phases.Run(ctx, s,
		r.deleteUnused,
		r.holdOn,
		r.readRecords,
		r.prepareNamespace,
		phases.About(api.ConditionSynced, r.syncStream),
		phases.About(api.ConditionTenancyReady, r.prepareTenancy),
		phases.About(api.ConditionTenancyReady, r.writeAppProject),
		r.releaseTornDown,
		phases.About(api.ConditionRuntimesSettled, r.settle),
		r.passOnRefreshes,
		r.findGroup,
		r.limitObjects,
	)
	return phases.Finish(ctx, r.Client, phases.Pass{
		Stored: &stored, Object: s.product, Conditions: &s.product.Status.Conditions, Stop: stop,
		Tell: s.tell, Again: &s.Again, Doubts: r.Doubts, Recorder: r.Recorder,
	})
}

// shortestPause and longestPause bound the pause after a pass in which events gather: one pass and one AppProject serve
// all runtimes that come together.
const shortestPause, longestPause = 250 * time.Millisecond, 2 * time.Second

// SetupWithManager watches everything that a product's place depends on.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("product").
		For(&api.Product{}, builder.WithPredicates(predicate.Or(wake.SpecChanged(), r.Shard.Gained(),
			wake.TurnedFalse(api.ConditionCredentialsReady, api.ConditionServed)))).
		Watches(&observed.Application{}, r.wake(productOfApplication), builder.WithPredicates(applicationChanged())).
		Watches(&observed.AppProject{}, r.wake(productLabel),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&api.DeploymentRuntime{}, r.wake(ownNamespace), builder.WithPredicates(runtimeWent())).
		Watches(&api.DeploymentRuntime{}, r.missing(), builder.WithPredicates(runtimeCame())).
		Watches(&corev1.Namespace{}, r.wake(ownName), builder.WithPredicates(wake.SpecChanged())).
		Watches(&corev1.ResourceQuota{}, r.wake(ownNamespace), builder.WithPredicates(quotaChanged())).
		Watches(&corev1.Secret{}, r.wake(productLabel)).
		Watches(&api.ProductProvider{}, wake.Dependents(r.Client, &api.ProductList{}, lostAt,
			client.InNamespace(r.SystemNamespace)), builder.WithPredicates(wake.ExistenceChanged())).
		Watches(&api.Cluster{}, r.deployedTo(), builder.WithPredicates(wake.ClusterChanged())).
		WithOptions(wake.Fairly(workers, wake.ByName)).
		Complete(r.Shard.Only(&wake.Paced{Reconciler: phases.Traced("Product", "product", r), Clock: r.Clock,
			Least: shortestPause, Most: longestPause}, shard.Of(wake.ByName)))
	if err != nil {
		return fmt.Errorf("setting up the controller of Products: %w", err)
	}
	return nil
}

// wake returns a handler that wakes the product of that name.
func (r *Reconciler) wake(name func(client.Object) string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		n := name(o)
		if n == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: r.SystemNamespace, Name: n}}}
	})
}

// deployedTo returns a handler that wakes the products that have records of runtimes on a cluster. Not when the operator
// starts: it would ask for each product with each cluster, and all products are looked at then anyway.
func (r *Reconciler) deployedTo() handler.EventHandler {
	return wake.Those(r.Client, &api.ProductList{},
		func(ctx context.Context, cluster client.Object) []wake.Of[*api.Product] {
			return []wake.Of[*api.Product]{{
				Among: []client.ListOption{client.InNamespace(r.SystemNamespace)},
				If: func(p *api.Product) bool {
					recorded, err := r.Lookup.Total(ctx, p.Name)
					return err != nil || recorded.RuntimesOn(cluster.GetName()) > 0
				},
			}}
		})
}

// missing returns a handler that wakes the product of a runtime where a pass has missed runtimes. Elsewhere one that is
// new has no record yet, and there is nothing to do.
func (r *Reconciler) missing() handler.EventHandler {
	return wake.Mapped(func(ctx context.Context, o client.Object) []client.ObjectKey {
		var p api.Product
		key := client.ObjectKey{Namespace: r.SystemNamespace, Name: o.GetNamespace()}
		if err := r.Client.Get(ctx, key, &p); err != nil {
			return nil // there is no product, or it is not known yet: then it is going to be looked at
		}
		c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionRuntimesSettled)
		if c == nil || c.Reason != api.ReasonOrphaned {
			return nil
		}
		return []client.ObjectKey{key}
	})
}

// productOfApplication returns the product that an Application belongs to, by its record, or by its label.
func productOfApplication(o client.Object) string {
	if p, err := placement.Decode(o.GetAnnotations()[api.AnnotationPlacement]); err == nil {
		return p.Product
	}
	return o.GetLabels()[api.LabelProduct]
}

func ownName(o client.Object) string      { return o.GetName() }
func ownNamespace(o client.Object) string { return o.GetNamespace() }
func productLabel(o client.Object) string { return o.GetLabels()[api.LabelProduct] }

// applicationChanged passes what a pass uses. Of the record of a runtime that is no sync and no health, which change all
// the time. Of an Application that is no record, such as that of default.project, it is all that Argo CD says.
func applicationChanged() predicate.Predicate {
	ofUse := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*observed.Application)
		after, okAfter := e.ObjectNew.(*observed.Application)
		return !okBefore || !okAfter || !isRecord(before) || !isRecord(after) || !sameRecord(before, after)
	}}
	return predicate.And(ofUse, wake.ApplicationChanged())
}

func isRecord(app *observed.Application) bool {
	_, marked := app.Annotations[api.AnnotationPlacement]
	return marked
}

func sameRecord(a, b *observed.Application) bool {
	return maps.Equal(a.Labels, b.Labels) && slices.Equal(a.Finalizers, b.Finalizers) &&
		a.DeletionTimestamp.Equal(b.DeletionTimestamp) &&
		maps.Equal(recordOf(a.Annotations), recordOf(b.Annotations)) &&
		a.Spec.Project == b.Spec.Project && a.Spec.Destination.Name == b.Spec.Destination.Name &&
		a.Spec.Destination.Server == b.Spec.Destination.Server && repoURL(a) == repoURL(b) &&
		failsToGo(a) == failsToGo(b)
}

// recordOf returns the annotations that make a record, and with which a person approves.
func recordOf(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if k == api.AnnotationPlacement || k == api.AnnotationTeardown || k == api.AnnotationApproveTeardown ||
			strings.HasPrefix(k, api.AnnotationApproveNamespace) {
			out[k] = v
		}
	}
	return out
}

func repoURL(app *observed.Application) string {
	if app.Spec.Source == nil {
		return ""
	}
	return app.Spec.Source.RepoURL
}

// failsToGo says why Argo CD cannot remove what the Application deployed.
func failsToGo(app *observed.Application) string {
	if app.DeletionTimestamp.IsZero() {
		return ""
	}
	return observed.FactsOf(app).Errors[observed.ErrorDeletion]
}

// runtimeWent passes that a runtime is being deleted, or gone.
func runtimeWent() predicate.Predicate {
	return predicate.And(wake.ExistenceChanged(), predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }})
}

// runtimeCame passes that a runtime is new.
func runtimeCame() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// quotaChanged passes what a person changes of a quota, which has no generation; not what Kubernetes counts.
func quotaChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*corev1.ResourceQuota)
		after, okAfter := e.ObjectNew.(*corev1.ResourceQuota)
		return !okBefore || !okAfter || !equality.Semantic.DeepEqual(before.Spec, after.Spec)
	}}
}
