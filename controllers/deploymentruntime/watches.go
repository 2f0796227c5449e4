package deploymentruntime

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// SetupWithManager watches everything that decides about a runtime.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("deploymentruntime").
		Watches(&api.DeploymentRuntime{}, wake.Self(found), builder.WithPredicates(wake.SpecChanged())).
		Watches(&observed.Application{}, wake.Reported(ofOwnRecord), builder.WithPredicates(wake.ApplicationChanged())).
		Watches(&observed.Application{}, r.wake(inTheWayOf), builder.WithPredicates(recordGivesUp())).
		Watches(&observed.AppProject{}, r.ofProject(),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&api.DeploymentRuntime{}, r.wake(ofNeighbour), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Environment{}, r.wake(r.ofEnvironment), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Project{}, r.wake(ofProjectRef), builder.WithPredicates(wake.ExistenceChanged())).
		Watches(&api.CodeRepo{}, r.wake(ofCodeRepo), builder.WithPredicates(codeRepoChanged())).
		Watches(&api.CodeRepoBinding{}, r.wake(ofBinding), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Product{}, r.wake(ofProduct),
			builder.WithPredicates(predicate.Or(productChanged(), r.Shard.Gained()))).
		Watches(&api.Product{}, r.wake(ofLender), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Cluster{}, r.wake(r.ofCluster), builder.WithPredicates(wake.ClusterChanged())).
		Watches(&api.CodeRepoProvider{}, r.wake(r.ofProvider), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.ProductProvider{}, r.wake(r.ofProductProvider), builder.WithPredicates(wake.SpecChanged())).
		WithOptions(wake.Fairly(8, wake.ByNamespace)).
		Complete(r.Shard.Only(phases.Traced("DeploymentRuntime", "deploymentruntime", r),
			shard.Of(wake.ByNamespace)))
	if err != nil {
		return fmt.Errorf("setting up the controller of DeploymentRuntimes: %w", err)
	}
	return nil
}

// found says how soon a runtime is looked at that was there when the operator started. One whose status speaks of what
// is wanted now can wait.
func found(o client.Object) wake.Haste {
	r, ok := o.(*api.DeploymentRuntime)
	switch {
	case ok && r.DeletionTimestamp.IsZero() && r.Status.ObservedGeneration == r.Generation:
		return wake.Later
	case ok && r.Status.Placement != nil:
		return wake.Soon
	}
	return wake.Usual
}

// runtimes are those that an event concerns.
type runtimes = []wake.Of[*api.DeploymentRuntime]

// among returns all runtimes that the cache finds.
func among(options ...client.ListOption) runtimes { return runtimes{{Among: options}} }

// wake returns a handler that wakes the runtimes that choose names.
func (r *Reconciler) wake(choose func(context.Context, client.Object) runtimes) handler.EventHandler {
	return wake.Those(r.Client, &api.DeploymentRuntimeList{}, choose)
}

// ofOwnRecord returns the runtime that an Application is the record of.
func ofOwnRecord(_ context.Context, o client.Object) []client.ObjectKey {
	p, err := placement.Decode(o.GetAnnotations()[api.AnnotationPlacement])
	if err != nil {
		return nil
	}
	return []client.ObjectKey{{Namespace: p.Runtime.Namespace, Name: p.Runtime.Name}}
}

// recordGivesUp passes what may leave a place to others: an Application that goes, and one whose record changes. One
// that comes is in the way of others, and ends no refusal.
func recordGivesUp() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[api.AnnotationPlacement] !=
				e.ObjectNew.GetAnnotations()[api.AnnotationPlacement]
		},
	}
}

// inTheWayOf returns the refused runtimes that a record may have been in the way of: those of its product, and those of
// others that want one of its namespaces. An Application without a record may have had the name of another.
func inTheWayOf(_ context.Context, o client.Object) runtimes {
	text, marked := o.GetAnnotations()[api.AnnotationPlacement]
	p, err := placement.Decode(text)
	ofName := slices.Concat(among(by(refusedFor, api.ReasonNameConflict)), among(by(refusedFor, api.ReasonRecordMismatch)))
	for i := range ofName {
		ofName[i].If = func(r *api.DeploymentRuntime) bool {
			return slices.Contains(identity.Applications(r.Namespace, r.Name), o.GetName())
		}
	}
	switch {
	case !marked:
		return ofName
	case err != nil: // nobody knows in whose way it was
		return slices.Concat(ofName, among(by(refusedFor, api.ReasonNamespaceInUse)),
			among(by(refusedFor, api.ReasonTwinRuntime)), among(by(refusedFor, api.ReasonProductLimitReached)),
			among(by(refusedFor, api.ReasonEnvironmentOnSameCluster)))
	}
	own := client.InNamespace(p.Product)
	return append(ofName, runtimes{
		{Among: []client.ListOption{by(refusedFor, api.ReasonNamespaceInUse)}, If: func(r *api.DeploymentRuntime) bool {
			return slices.ContainsFunc(r.EffectiveNamespaces(), p.Holds)
		}},
		{Among: []client.ListOption{own, by(refusedFor, api.ReasonTwinRuntime)}},
		{Among: []client.ListOption{own, by(refusedFor, api.ReasonProductLimitReached)}},
		{Among: []client.ListOption{own, by(refusedFor, api.ReasonEnvironmentOnSameCluster)}},
	}...)
}

// ofNeighbour returns the runtimes that are refused because they deploy the same as one that changed.
func ofNeighbour(_ context.Context, o client.Object) runtimes {
	changed, ok := o.(*api.DeploymentRuntime)
	if !ok {
		return nil
	}
	return runtimes{{
		Among: []client.ListOption{client.InNamespace(o.GetNamespace()), by(refusedFor, api.ReasonTwinRuntime)},
		If: func(r *api.DeploymentRuntime) bool {
			return r.Name != o.GetName() && resolve.DeploymentOf(r).MayBe(resolve.DeploymentOf(changed))
		},
	}}
}

// ofEnvironment returns the runtimes of an environment, and of those that claim the same cluster.
func (r *Reconciler) ofEnvironment(ctx context.Context, o client.Object) runtimes {
	changed, ok := o.(*api.Environment)
	if !ok {
		return nil
	}
	own := client.InNamespace(o.GetNamespace())
	out := among(own, by(anEnvironment, o.GetName()))
	for _, e := range listed[api.Environment](ctx, r.Lookup, o.GetNamespace()) {
		if e.Name != changed.Name && e.Spec.Cluster == changed.Spec.Cluster {
			out = append(out, among(own, by(anEnvironment, e.Name))...)
		}
	}
	return out
}

// listed returns all objects of a product, or of the platform team. Where they cannot be listed that is logged.
func listed[O any, T resolve.Object[O]](ctx context.Context, l rules.Lookup, product string) []*O {
	all, err := resolve.List[O, T](ctx, l, product)
	if err != nil {
		log.FromContext(ctx).Error(err, "listing what an event concerns")
	}
	return all
}

func ofProjectRef(_ context.Context, o client.Object) runtimes {
	return among(client.InNamespace(o.GetNamespace()), by(aProject, o.GetName()))
}

func ofCodeRepo(_ context.Context, o client.Object) runtimes { return reading(o.GetName()) }

// reading returns the runtimes that name a code repo, and those that are deployed from it, which may name another one by
// now. A status may not say what a runtime is deployed from.
func reading(codeRepo string) runtimes {
	return slices.Concat(among(by(aCodeRepo, codeRepo)), among(by(aCodeRepo, "")))
}

func ofBinding(_ context.Context, o client.Object) runtimes {
	b, ok := o.(*api.CodeRepoBinding)
	if !ok {
		return nil
	}
	return reading(b.Spec.CodeRepo)
}

// ofLender returns the runtimes that a product lends a code repo to.
func ofLender(_ context.Context, o client.Object) runtimes { return among(by(aLender, o.GetName())) }

// ofProduct returns the runtimes of a Product, which has the name of their namespace.
func ofProduct(_ context.Context, o client.Object) runtimes {
	return among(client.InNamespace(o.GetName()))
}

// ofCluster returns the runtimes that are deployed to a cluster, and those in the environments on it.
func (r *Reconciler) ofCluster(ctx context.Context, o client.Object) runtimes {
	out := among(by(aCluster, o.GetName()))
	var all api.EnvironmentList
	if err := r.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "listing the environments on a cluster that changed")
	}
	for i := range all.Items {
		if e := &all.Items[i]; e.Spec.Cluster == o.GetName() {
			out = append(out, among(client.InNamespace(e.Namespace), by(anEnvironment, e.Name))...)
		}
	}
	return out
}

// ofProvider returns the runtimes of the code repos at a git host, and of the products that come from it.
func (r *Reconciler) ofProvider(ctx context.Context, o client.Object) runtimes {
	var out runtimes
	var repos api.CodeRepoList
	if err := r.Client.List(ctx, &repos, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "listing the code repos of a git host that changed")
	}
	for i := range repos.Items {
		if repo := &repos.Items[i]; repo.Spec.CodeRepoProvider == o.GetName() {
			out = append(out, reading(repo.Name)...)
		}
	}
	for _, p := range listed[api.ProductProvider](ctx, r.Lookup, "") {
		if p.Spec.Name == o.GetName() {
			out = append(out, r.ofProductProvider(ctx, p)...)
		}
	}
	return out
}

// ofProductProvider returns the runtimes of the products that come from it, and of those that they lend code repos to.
func (r *Reconciler) ofProductProvider(ctx context.Context, o client.Object) runtimes {
	var out runtimes
	for _, p := range listed[api.Product](ctx, r.Lookup, "") {
		if p.Labels[api.LabelProvider] == o.GetName() {
			out = slices.Concat(out, ofProduct(ctx, p), ofLender(ctx, p))
		}
	}
	return out
}

// ofProject returns a handler that wakes the runtimes of an AppProject, which has the name of their namespace. Where the
// AppProject changed it wakes only those whose own namespaces, repository or entry changed: otherwise each of n runtimes
// that is added would wake all n.
func (r *Reconciler) ofProject() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	every := func(placement.Placement) bool { return true }
	add := func(ctx context.Context, q queue, project client.Object, concerns func(placement.Placement) bool) {
		var requests []reconcile.Request
		records, err := r.Lookup.RecordsOf(ctx, project.GetName())
		if err != nil {
			log.FromContext(ctx).Error(err, "listing the records of an AppProject that changed")
		}
		for i := range records {
			if at := records[i].Runtime; concerns(records[i].Placement) {
				requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{
					Namespace: at.Namespace, Name: at.Name}})
			}
		}
		wake.Add(q, requests)
	}
	return wake.Handler{
		OnCreate: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				add(ctx, q, e.Object, every)
			}
		},
		OnUpdate: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, okBefore := e.ObjectOld.(*observed.AppProject)
			after, okAfter := e.ObjectNew.(*observed.AppProject)
			if okBefore && okAfter {
				changed := desired.ChangedFor(before, after)
				add(ctx, q, after, func(p placement.Placement) bool {
					at := append(record.Destinations(p), record.Destinations(placement.Placement{
						Destination: p.Destination, Namespaces: p.Leaving})...)
					return slices.ContainsFunc(identity.Applications(p.Runtime.Namespace, p.Runtime.Name),
						func(app string) bool { return changed(app, p.RepoURL, at) })
				})
			}
		},
		OnDelete: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, q, e.Object, every) },
	}
}

// codeRepoChanged passes the spec, the clone URL that follows from it, also of a group that was renamed or that lost
// its path, whether that leads to another project, whether those that the code repo is lent to can read it, and the
// default branch, from which it follows whether two runtimes are twins.
func codeRepoChanged() predicate.Predicate {
	return predicate.Or(wake.SpecChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.CodeRepo)
		after, okAfter := e.ObjectNew.(*api.CodeRepo)
		return !okBefore || !okAfter || before.Status.URL != after.Status.URL ||
			before.Status.DefaultBranch != after.Status.DefaultBranch ||
			rules.IsReplaced(before) != rules.IsReplaced(after) || cannotBeRead(before) != cannotBeRead(after)
	}})
}

// productChanged passes the spec, and the namespaces that cannot be prepared.
func productChanged() predicate.Predicate {
	return predicate.Or(wake.SpecChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.Product)
		after, okAfter := e.ObjectNew.(*api.Product)
		return !okBefore || !okAfter || !slices.Equal(before.Status.NamespaceProblems, after.Status.NamespaceProblems)
	}})
}

// fieldConcern is the field index of runtimes by what concerns them.
const fieldConcern = "concern"

// What a runtime may be concerned with. The functions below return the values of the index.
const (
	anEnvironment = "environment"
	aProject      = "project"
	aCodeRepo     = "codeRepo"
	aLender       = "lender"
	aCluster      = "cluster"
	refusedFor    = "refused"
)

func concern(with, name string) string { return with + "/" + name }

// by lets the cache find the runtimes that something concerns.
func by(with, name string) client.ListOption {
	return client.MatchingFields{fieldConcern: concern(with, name)}
}

// Index adds the field index of runtimes to a cache.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &api.DeploymentRuntime{}, fieldConcern, func(o client.Object) []string {
		if r, ok := o.(*api.DeploymentRuntime); ok {
			return concerns(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing the DeploymentRuntimes: %w", err)
	}
	return nil
}

// concerns returns what a runtime names, what it is deployed from and to by its status, and why it is refused, if
// others may end that.
func concerns(r *api.DeploymentRuntime) []string {
	owner, repo := identity.CodeRepoOf(r)
	all := []string{concern(anEnvironment, r.Spec.Destination), concern(aCodeRepo, repo)}
	if owner != r.Namespace {
		all = append(all, concern(aLender, owner))
	}
	for _, project := range r.Spec.ProjectsRef {
		all = append(all, concern(aProject, project))
	}
	if was := r.Status.Placement; was != nil {
		all = append(all, concern(aCluster, was.Cluster))
		lender, deployed, lent := strings.Cut(was.CodeRepo, "/")
		if !lent {
			deployed = was.CodeRepo
		} else if lender != r.Namespace {
			all = append(all, concern(aLender, lender))
		}
		all = append(all, concern(aCodeRepo, deployed))
	}
	if reason := refusal(r); reason != "" {
		all = append(all, concern(refusedFor, reason))
	}
	return all
}

// refusal returns why a runtime is refused, if what is in its way may go without an event of its own.
func refusal(r *api.DeploymentRuntime) string {
	if c := apimeta.FindStatusCondition(r.Status.Conditions, api.ConditionReady); c != nil {
		switch c.Reason {
		case api.ReasonNamespaceInUse, api.ReasonTwinRuntime, api.ReasonNameConflict, api.ReasonRecordMismatch,
			api.ReasonEnvironmentOnSameCluster, api.ReasonProductLimitReached:
			return c.Reason
		}
	}
	return ""
}
