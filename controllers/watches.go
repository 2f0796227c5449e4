package controllers

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// watches derives which runtimes and products a change concerns. Waking one too many costs a pass that writes nothing.
type watches struct {
	cache           client.Reader
	systemNamespace string
}

// selectRuntime says whether a runtime is concerned.
type selectRuntime func(r *api.DeploymentRuntime) bool

// runtimes returns a handler that wakes the runtimes that choose selects.
func (w watches) runtimes(choose func(client.Object) selectRuntime) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		concerned := choose(o)
		if concerned == nil {
			return nil
		}
		var list api.DeploymentRuntimeList
		if err := w.cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
			log.FromContext(ctx).Error(err, "listing runtimes to wake")
			return nil
		}
		var out []reconcile.Request
		for i := range list.Items {
			if concerned(&list.Items[i]) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		}
		return out
	})
}

// ofRecord selects the runtime that an Application is the record of, and, as the record is in nobody else's way any more once
// it changed or went, those that wait or are refused.
func ofRecord(o client.Object) selectRuntime {
	p, err := placement.Decode(o.GetAnnotations()[api.AnnotationPlacement])
	return func(r *api.DeploymentRuntime) bool {
		own := err == nil && r.Namespace == p.Runtime.Namespace && r.Name == p.Runtime.Name
		return own || refusedFor(r, api.ReasonNamespaceInUse, api.ReasonTwinRuntime, api.ReasonNameConflict, api.ReasonEnvironmentOnSameCluster, api.ReasonProductLimitReached)
	}
}

// ofOwnRecord selects only the runtime that an Application is the record of.
func ofOwnRecord(o client.Object) selectRuntime {
	p, err := placement.Decode(o.GetAnnotations()[api.AnnotationPlacement])
	if err != nil {
		return nil
	}
	return func(r *api.DeploymentRuntime) bool {
		return r.Namespace == p.Runtime.Namespace && r.Name == p.Runtime.Name
	}
}

func refusedFor(r *api.DeploymentRuntime, reasons ...string) bool {
	c := apimeta.FindStatusCondition(r.Status.Conditions, api.ConditionReady)
	return c != nil && slices.Contains(reasons, c.Reason)
}

// ofNamespace selects the runtimes that lie beside an object of the product scope: environments, projects, other runtimes.
func ofNamespace(o client.Object) selectRuntime {
	return func(r *api.DeploymentRuntime) bool { return r.Namespace == o.GetNamespace() }
}

// ofNeighbour selects the refused runtimes beside a runtime that changed.
func ofNeighbour(o client.Object) selectRuntime {
	return func(r *api.DeploymentRuntime) bool {
		return r.Namespace == o.GetNamespace() && r.Name != o.GetName() && refusedFor(r, api.ReasonTwinRuntime)
	}
}

func ofCodeRepo(o client.Object) selectRuntime { return readsCodeRepo(o.GetName()) }

// readsCodeRepo selects the runtimes that name a code repo, and those that are refused: what they are deployed from may be another one
// than what they name now.
func readsCodeRepo(name string) selectRuntime {
	return func(r *api.DeploymentRuntime) bool {
		_, named := r.CodeRepoRef()
		return named == name || apimeta.IsStatusConditionFalse(r.Status.Conditions, api.ConditionReady)
	}
}

func ofBinding(o client.Object) selectRuntime {
	b, ok := o.(*api.CodeRepoBinding)
	if !ok {
		return nil
	}
	return readsCodeRepo(b.Spec.CodeRepo)
}

// ofLender selects the runtimes that a product lends a code repo to.
func ofLender(o client.Object) selectRuntime {
	return func(r *api.DeploymentRuntime) bool {
		owner, _ := r.CodeRepoRef()
		return r.Namespace != o.GetName() && (owner == o.GetName() ||
			r.Status.Placement != nil && strings.HasPrefix(r.Status.Placement.CodeRepo, o.GetName()+"/"))
	}
}

// ofProduct selects the runtimes of a product, by the Product or by its AppProject: both have the name of the namespace.
func ofProduct(o client.Object) selectRuntime {
	return func(r *api.DeploymentRuntime) bool { return r.Namespace == o.GetName() }
}

func everyRuntime(client.Object) selectRuntime {
	return func(*api.DeploymentRuntime) bool { return true }
}

// removals returns a handler that wakes the removals on a cluster: the Applications that are being deleted.
func (w watches) removals(argoNamespace string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		var apps observed.ApplicationList
		if err := w.cache.List(ctx, &apps, client.InNamespace(argoNamespace), client.UnsafeDisableDeepCopy); err != nil {
			log.FromContext(ctx).Error(err, "listing removals to wake")
			return nil
		}
		var out []reconcile.Request
		for i := range apps.Items {
			app := &apps.Items[i]
			if p, err := placement.Decode(app.Annotations[api.AnnotationPlacement]); err == nil && !app.DeletionTimestamp.IsZero() && p.Destination.Cluster == o.GetName() {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(app)})
			}
		}
		return out
	})
}

// product returns a handler that wakes the product of that name.
func (w watches) product(name func(client.Object) string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		n := name(o)
		if n == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: w.systemNamespace, Name: n}}}
	})
}

// products returns a handler that wakes every product.
func (w watches) products() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request {
		var list api.ProductList
		if err := w.cache.List(ctx, &list, client.InNamespace(w.systemNamespace), client.UnsafeDisableDeepCopy); err != nil {
			log.FromContext(ctx).Error(err, "listing products to wake")
			return nil
		}
		var out []reconcile.Request
		for i := range list.Items {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
		return out
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

// specChanged passes what a person changes: the spec, labels, annotations, the deletion; not what status writers do.
func specChanged() predicate.Predicate {
	return predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{})
}

// existenceChanged passes creations and deletions.
func existenceChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}

// applicationChanged leaves out the updates by which Argo CD only says that it looked again.
func applicationChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*observed.Application)
		after, okAfter := e.ObjectNew.(*observed.Application)
		return !okBefore || !okAfter || !observed.SaysTheSame(before, after)
	}}
}

// clusterChanged passes what matters to runtimes and products: the spec, the identity, the pins, and whether it is ready.
func clusterChanged() predicate.Predicate {
	return predicate.Or(specChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.Cluster)
		after, okAfter := e.ObjectNew.(*api.Cluster)
		return !okBefore || !okAfter || before.Status.UID != after.Status.UID ||
			!slices.Equal(before.Status.PinnedProducts, after.Status.PinnedProducts) ||
			serving(before) != serving(after)
	}})
}

func serving(c *api.Cluster) bool {
	_, yes := serves(c)
	return yes
}

// quotaChanged passes what a person changes of a quota, which has no generation; not what Kubernetes counts.
func quotaChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*corev1.ResourceQuota)
		after, okAfter := e.ObjectNew.(*corev1.ResourceQuota)
		return !okBefore || !okAfter || !equality.Semantic.DeepEqual(before.Spec, after.Spec)
	}}
}

// codeRepoChanged passes the spec, the clone URL that follows from it, also of a group that was renamed or that lost its path, whether that leads to
// another project, and whether those that the code repo is lent to can read it.
func codeRepoChanged() predicate.Predicate {
	return predicate.Or(specChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.CodeRepo)
		after, okAfter := e.ObjectNew.(*api.CodeRepo)
		return !okBefore || !okAfter || before.Status.URL != after.Status.URL ||
			rules.IsReplaced(before) != rules.IsReplaced(after) || cannotBeRead(before) != cannotBeRead(after)
	}})
}

// productChanged passes the spec, and the namespaces that cannot be prepared.
func productChanged() predicate.Predicate {
	return predicate.Or(specChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.Product)
		after, okAfter := e.ObjectNew.(*api.Product)
		return !okBefore || !okAfter || !slices.Equal(before.Status.NamespaceProblems, after.Status.NamespaceProblems)
	}})
}
