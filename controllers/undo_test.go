package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// registered brings the cluster of a stand to where the ClusterReconciler keeps it.
func (s *stand) registered(ctx context.Context) *api.Cluster {
	GinkgoHelper()
	remove(ctx, fetch(ctx, secret(s.argo, "cluster-east")))
	config := secret(s.system, east+"-kubeconfig")
	config.Data = map[string][]byte{"value": kubeconfig(env.Cluster(east).Admin())}
	create(ctx, config)
	cluster := fetch(ctx, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: east}})
	cluster.Status.UID = identityOf(ctx, east)
	Expect(k8s.Status().Update(ctx, cluster)).To(Succeed())
	reconciled(ctx, s.clusterReconciler(), cluster)
	expectReady(cluster)
	return cluster
}

// undeleted does what docs/howto tells somebody to do who deleted an object by mistake: keep a copy, take the finalizer
// off, and apply the copy.
func undeleted(ctx context.Context, obj, fresh client.Object, between func()) {
	GinkgoHelper()
	fresh.SetNamespace(obj.GetNamespace())
	fresh.SetName(obj.GetName())
	fresh.SetLabels(obj.GetLabels())
	fresh.SetAnnotations(obj.GetAnnotations())
	Expect(k8s.Patch(ctx, obj,
		client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":[]}}`)))).To(Succeed())
	Expect(fetched(ctx, obj)).To(BeFalse())
	between()
	create(ctx, fresh)
}

var _ = Describe("What waits for its deletion", func() {
	It("is a Cluster that serves the runtimes that stand there, and takes no new ones", func(ctx SpecContext) {
		s := newStand(ctx)
		cluster := s.registered(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		Expect(k8s.Delete(ctx, cluster)).To(Succeed())
		reconciled(ctx, s.clusterReconciler(), cluster)
		expectRefused(cluster, api.ReasonInUse, "environment", "1 Application ("+app.Name+")", "serves them until then")

		s.reportSynced(ctx, app, s.namespace("web"))
		reconciled(ctx, s.runtimes, r)
		Expect(meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionAccepted)).To(BeTrue(), ready(r).Message)
		resolved := meta.FindStatusCondition(r.Status.Conditions, api.ConditionResolved)
		Expect(resolved.Status).To(Equal(metav1.ConditionTrue))
		Expect(resolved.Message).To(ContainSubstring("cluster %q is being removed", east))
		Expect(fetch(ctx, app).Spec.SyncPolicy.Automated).NotTo(BeNil())

		next := s.runtime(ctx, "next")
		reconciled(ctx, s.runtimes, next)
		expectRefused(next, api.ReasonClusterNotAllowed, "is being removed and takes nothing new")
		Expect(fetched(ctx, s.application("next"))).To(BeFalse())

		By("also a removal, which makes room")
		cascaded(ctx, s.cascading(ctx, r))
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
	})

	It("is a Cluster that says first what keeps it from serving", func(ctx SpecContext) {
		s := newStand(ctx)
		cluster := s.registered(ctx)
		s.deployed(ctx, s.runtime(ctx, "web"))
		Expect(k8s.Delete(ctx, cluster)).To(Succeed())
		update(ctx, secret(s.system, east+"-kubeconfig"), func(o *corev1.Secret) { o.Data = nil })
		reconciled(ctx, s.clusterReconciler(), cluster)
		expectRefused(cluster, api.ReasonKubeconfigNotFound, "1 Application")
	})

	It("is a Cluster that is taken up again where it was when it is applied anew", func(ctx SpecContext) {
		s := newStand(ctx)
		cluster := s.registered(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		project := &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: s.product}}
		before := versions(ctx, app, project, secret(s.argo, "cluster-east"))
		Expect(k8s.Delete(ctx, cluster)).To(Succeed())
		reconciled(ctx, s.clusterReconciler(), cluster)
		fresh := &api.Cluster{Spec: cluster.Spec}
		undeleted(ctx, cluster, fresh, func() {
			for range 2 {
				reconciled(ctx, s.clusterReconciler(), cluster)
				reconciled(ctx, s.runtimes, r)
				reconciled(ctx, s.products, s.theProduct())
			}
			expectRefused(r, api.ReasonClusterNotFound)
		})
		reconciled(ctx, s.clusterReconciler(), fresh)
		expectReady(fresh)
		Expect(fresh.Status.UID).To(Equal(identityOf(ctx, east)))
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		Expect(ready(r).Reason).NotTo(Equal(api.ReasonClusterNotFound))
		Expect(versions(ctx, app, project, secret(s.argo, "cluster-east"))).To(Equal(before),
			"something that Argo CD deploys by was written")
		s.stands(ctx, s.namespace("web"))
	})

	It("is a Product that is taken up again where it was when it is applied anew", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		project := &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: s.product}}
		before := versions(ctx, app, project)
		product := fetch(ctx, s.theProduct())
		Expect(k8s.Delete(ctx, product)).To(Succeed())
		reconciled(ctx, s.products, product)
		expectRefused(product, api.ReasonInUse, "1 DeploymentRuntime")
		reconciled(ctx, s.runtimes, r)
		Expect(meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionAccepted)).To(BeTrue(), ready(r).Message)
		undeleted(ctx, product, &api.Product{Spec: product.Spec}, func() {
			reconciled(ctx, s.products, product)
			reconciled(ctx, s.runtimes, r)
			expectRefused(r, api.ReasonProductNotFound)
		})
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		Expect(meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionAccepted)).To(BeTrue(), ready(r).Message)
		Expect(versions(ctx, app, project)).To(Equal(before))
		s.stands(ctx, s.namespace("web"))
	})
})
