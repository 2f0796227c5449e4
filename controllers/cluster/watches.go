package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// workers is how many clusters are probed side by side: one that does not answer must not hold up the others.
const workers = 10

// SetupWithManager watches everything that a Cluster's registration depends on.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).Named("cluster").
		For(&api.Cluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&api.Cluster{}, r.wake(relatedCluster)).
		Watches(&corev1.Secret{}, r.wake(r.dependsOnSecret)).
		Watches(&api.Product{}, r.wake(pinsProduct), builder.WithPredicates(wake.SpecChanged())).
		Watches(&api.Environment{}, r.wake(waitsForEnvironment), builder.WithPredicates(wake.SpecChanged())).
		Watches(&observed.Application{}, r.wake(waitsForApplication), builder.WithPredicates(wake.ExistenceChanged())).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: wake.Backoff()}).
		Complete(phases.Traced("Cluster", "cluster", r))
	if err != nil {
		return fmt.Errorf("setting up the controller of Clusters: %w", err)
	}
	return nil
}

// wake returns a handler that wakes the Clusters which depend on an object.
func (r *Reconciler) wake(depends func(*api.Cluster, client.Object) bool) handler.EventHandler {
	return wake.Dependents(r.Client, &api.ClusterList{}, depends, client.InNamespace(r.SystemNamespace))
}

// relatedCluster: rivals, host and guest.
func relatedCluster(c *api.Cluster, obj client.Object) bool {
	other, ok := obj.(*api.Cluster)
	if !ok || other.Name == c.Name {
		return false
	}
	sameURL := clusters.SameURL(other.Spec.APIServer, c.Spec.APIServer)
	sameIdentity := other.Status.UID != "" && other.Status.UID == c.Status.UID
	return sameURL || sameIdentity || isDuplicate(c) || c.Spec.HostCluster == other.Name ||
		other.Spec.HostCluster == c.Name
}

// dependsOnSecret: the kubeconfig, our Secret for Argo CD, and those of others that stand in the way.
func (r *Reconciler) dependsOnSecret(c *api.Cluster, obj client.Object) bool {
	secret, ok := obj.(*corev1.Secret)
	if !ok {
		return false
	}
	if kubeconfig, _ := c.KubeconfigSecret(); secret.Namespace == r.SystemNamespace && secret.Name == kubeconfig {
		return true
	}
	if secret.Namespace != r.ArgoCDNamespace || secret.Labels[argocd.LabelSecretType] != argocd.SecretOfCluster {
		return false
	}
	return secret.Name == secretName(c.Name) || isDuplicate(c) ||
		string(secret.Data["name"]) == c.Name || clusters.SameURL(string(secret.Data["server"]), c.Spec.APIServer)
}

// pinsProduct: a grant names the path of a product that is not pinned yet.
func pinsProduct(c *api.Cluster, obj client.Object) bool {
	product, ok := obj.(*api.Product)
	return ok && len(rules.PinProducts(c, []api.Product{*product})) != len(c.Status.PinnedProducts)
}

func waitsForEnvironment(c *api.Cluster, obj client.Object) bool {
	environment, ok := obj.(*api.Environment)
	return ok && !c.DeletionTimestamp.IsZero() && environment.Spec.Cluster == c.Name
}

func waitsForApplication(c *api.Cluster, obj client.Object) bool {
	app, ok := obj.(*observed.Application)
	return ok && !c.DeletionTimestamp.IsZero() && deploysTo(app, c.Name)
}

func isDuplicate(c *api.Cluster) bool {
	ready := meta.FindStatusCondition(c.Status.Conditions, api.ConditionReady)
	return ready != nil && ready.Reason == api.ReasonClusterDuplicate
}
