package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/product"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

var _ = Describe("A cluster that passes of other products hang in", func() {
	It("keeps no other cluster waiting, and takes nothing away", func(ctx SpecContext) {
		s := newStand(ctx)
		s.deployed(ctx, s.runtime(ctx, "web"))
		s.hosts(ctx, west, "far")
		reconciled(ctx, s.runtimes, s.runtime(ctx, "next"))
		reconciled(ctx, s.runtimes,
			s.runtime(ctx, "away", func(r *api.DeploymentRuntime) { r.Spec.Destination = "far" }))
		reach := func() (places []string) {
			project := fetch(ctx, &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo,
				Name: identity.AppProject(s.product)}})
			for _, d := range project.Spec.Destinations {
				places = append(places, d.Name+"/"+d.Namespace)
			}
			return places
		}
		before := fetch(ctx, s.theProduct())
		wasReady := meta.FindStatusCondition(before.Status.Conditions, api.ConditionTenancyReady)
		Expect(wasReady.Status).To(Equal(metav1.ConditionTrue))

		leave, err := occupy(ctx, s.products, east)
		Expect(err).NotTo(HaveOccurred())
		own := s.theProduct()
		result := reconciled(ctx, s.products, own)
		Expect(reach()).To(ConsistOf(east+"/"+s.namespace("web"), west+"/"+s.namespace("away")))
		Expect(meta.FindStatusCondition(own.Status.Conditions, api.ConditionTenancyReady)).To(Equal(wasReady),
			"nothing is wrong")
		Expect(result.RequeueAfter).To(BeNumerically("<=", product.BusyRetry))

		leave()
		reconciled(ctx, s.products, own)
		Expect(reach()).To(ConsistOf(east+"/"+s.namespace("web"), east+"/"+s.namespace("next"),
			west+"/"+s.namespace("away")))
	})

	It("goes on being reported with what was wrong there", func(ctx SpecContext) {
		s := newStand(ctx)
		s.deployed(ctx, s.runtime(ctx, "web"))
		Expect(s.remote.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace("next")}})).
			To(Succeed())
		reconciled(ctx, s.runtimes, s.runtime(ctx, "next"))
		own := s.theProduct()
		reconciled(ctx, s.products, own)
		problems := own.Status.NamespaceProblems
		Expect(problems).To(HaveLen(1))

		leave, err := occupy(ctx, s.products, east)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(leave)
		reconciled(ctx, s.products, own)
		Expect(own.Status.NamespaceProblems).To(Equal(problems))
		Expect(ready(own).Status).To(Equal(metav1.ConditionFalse))
	})

	It("goes on being reported with what stays there until somebody approves", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		s.claimed(ctx, s.namespace("web"))
		cascaded(ctx, s.cascading(ctx, r))
		s.says(ctx, s.namespace("web"), "PersistentVolumeClaim data-db-0")
		before := fetch(ctx, s.theProduct()).Status.Conditions

		leave, err := occupy(ctx, s.products, east)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(leave)
		own := s.theProduct()
		reconciled(ctx, s.products, own)
		Expect(own.Status.Conditions).To(Equal(before))
	})
})

// occupy takes all places with a cluster, as passes do that hang there.
func occupy(ctx context.Context, r *product.Reconciler, cluster string) (leave func(), err error) {
	var all []func(error)
	leave = func() {
		for _, one := range all {
			one(nil)
		}
	}
	for range product.Slots {
		one, err := r.Gate.Enter(ctx, cluster, clock.RealClock{})
		if err != nil {
			leave()
			return nil, err
		}
		all = append(all, one)
	}
	return leave, nil
}
