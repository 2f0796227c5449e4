package deploymentruntime

import (
	"fmt"
	"slices"
	"strings"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// SetupWithManager watches everything that decides about a runtime.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("deploymentruntime").
		For(&api.DeploymentRuntime{}, builder.WithPredicates(wake.SpecChanged())).
		Watches(&observed.Application{}, r.wake(ofOwnRecord), builder.WithPredicates(wake.ApplicationChanged())).
		Watches(&observed.Application{}, r.wake(ofRecord), builder.WithPredicates(wake.RecordChanged())).
		Watches(&observed.AppProject{}, r.wake(ofProduct),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&api.DeploymentRuntime{}, r.wake(ofNeighbour), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Environment{}, r.wake(ofNamespace), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Project{}, r.wake(ofNamespace), builder.WithPredicates(wake.ExistenceChanged())).
		Watches(&api.CodeRepo{}, r.wake(ofCodeRepo), builder.WithPredicates(codeRepoChanged())).
		Watches(&api.CodeRepoBinding{}, r.wake(ofBinding), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Product{}, r.wake(ofProduct),
			builder.WithPredicates(predicate.Or(productChanged(), r.Shard.Gained()))).
		Watches(&api.Product{}, r.wake(ofLender), builder.WithPredicates(productChanged())).
		Watches(&api.Cluster{}, r.wake(everyRuntime), builder.WithPredicates(wake.ClusterChanged())).
		Watches(&api.CodeRepoProvider{}, r.wake(everyRuntime), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.ProductProvider{}, r.wake(everyRuntime), builder.WithPredicates(wake.SpecChanged())).
		WithOptions(wake.Fairly(8, wake.ByNamespace)).
		Complete(r.Shard.Only(r, shard.Of(wake.ByNamespace)))
	if err != nil {
		return fmt.Errorf("setting up the controller of DeploymentRuntimes: %w", err)
	}
	return nil
}

// selectRuntime says whether a runtime is concerned.
type selectRuntime = func(r *api.DeploymentRuntime) bool

// wake returns a handler that wakes the runtimes that choose selects.
func (r *Reconciler) wake(choose func(client.Object) selectRuntime) handler.EventHandler {
	return wake.Those(r.Client, &api.DeploymentRuntimeList{}, choose)
}

// ofRecord selects the runtime that an Application is the record of, and, as the record is in nobody else's way any
// more once it changed or went, those that wait or are refused.
func ofRecord(o client.Object) selectRuntime {
	p, err := placement.Decode(o.GetAnnotations()[api.AnnotationPlacement])
	return func(r *api.DeploymentRuntime) bool {
		own := err == nil && r.Namespace == p.Runtime.Namespace && r.Name == p.Runtime.Name
		return own || refusedFor(r, api.ReasonNamespaceInUse, api.ReasonTwinRuntime, api.ReasonNameConflict,
			api.ReasonEnvironmentOnSameCluster, api.ReasonProductLimitReached)
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

// ofNamespace selects the runtimes that lie beside an object of the product scope: environments, projects, other
// runtimes.
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

// readsCodeRepo selects the runtimes that name a code repo, and those that are refused: what they are deployed from may
// be another one than what they name now.
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

// ofProduct selects the runtimes of a product, by the Product or by its AppProject: both have the name of the
// namespace.
func ofProduct(o client.Object) selectRuntime {
	return func(r *api.DeploymentRuntime) bool { return r.Namespace == o.GetName() }
}

func everyRuntime(client.Object) selectRuntime {
	return func(*api.DeploymentRuntime) bool { return true }
}

// codeRepoChanged passes the spec, the clone URL that follows from it, also of a group that was renamed or that lost
// its path, whether that leads to another project, and whether those that the code repo is lent to can read it.
func codeRepoChanged() predicate.Predicate {
	return predicate.Or(wake.SpecChanged(), predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*api.CodeRepo)
		after, okAfter := e.ObjectNew.(*api.CodeRepo)
		return !okBefore || !okAfter || before.Status.URL != after.Status.URL ||
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
