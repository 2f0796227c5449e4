package controllers_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// removed deletes a runtime, lets the grace pass under an operator that has just started, and says whether its removal
// began. What it deployed, and its record, are gone then.
func (s *stand) removed(ctx context.Context, r *api.DeploymentRuntime) bool {
	GinkgoHelper()
	app, _ := s.asked(ctx, r)
	s.clock.Step(11 * time.Second)
	s.teardown.Brakes = s.brakes()
	reconciled(ctx, s.teardown, app)
	reconciled(ctx, s.teardown, app)
	if app.DeletionTimestamp.IsZero() {
		return false
	}
	remove(ctx, app)
	return true
}

func (s *stand) several(ctx context.Context, n int) (runtimes []*api.DeploymentRuntime) {
	GinkgoHelper()
	for i := range n {
		r := s.runtime(ctx, fmt.Sprintf("web-%d", i))
		s.deployed(ctx, r)
		runtimes = append(runtimes, r)
	}
	return runtimes
}

// overtaken is an API server to which another writer of each object was faster.
type overtaken struct{ client.Client }

func (overtaken) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
	return modified("applications", o)
}

var _ = Describe("The brake", func() {
	It("counts a trip once its hold is written, however often it was judged before", func(ctx SpecContext) {
		s := newStand(ctx)
		runtimes := s.several(ctx, 5)
		for _, r := range runtimes[:3] {
			Expect(s.removed(ctx, r)).To(BeTrue())
		}
		app, _ := s.asked(ctx, runtimes[3])
		s.clock.Step(11 * time.Second)
		s.tripped.holds = nil
		s.teardown.Client = overtaken{k8s}
		for range 3 {
			reconciled(ctx, s.teardown, app)
		}
		Expect(s.tripped.holds).To(BeEmpty())
		s.teardown.Client = k8s
		for range 3 {
			reconciled(ctx, s.teardown, app)
		}
		Expect(s.tripped.holds).To(Equal([]string{"TooManyAtOnce"}))
	})

	It("counts removals that are over already, also after a restart, and forgets them after a while",
		func(ctx SpecContext) {
			s := newStand(ctx)
			runtimes := s.several(ctx, 5)
			for _, r := range runtimes[:3] {
				Expect(s.removed(ctx, r)).To(BeTrue())
			}
			Expect(s.removed(ctx, runtimes[3])).To(BeFalse(), "a removal every few seconds goes on for ever")
			held := fetch(ctx, s.application(runtimes[3].Name))
			Expect(held.Spec.SyncPolicy.Automated).To(BeNil())
			c := s.settled(ctx)
			Expect(c.Message).
				To(ContainSubstring("many runtimes of the product were deleted at once: 4 within 10m0s, and " +
					"3 go without an approval"))
			Expect(c.Message).To(ContainSubstring("annotate application %s %s=%s", held.Name,
				api.AnnotationApproveTeardown,
				runtimes[3].UID))

			By("the hold stays, the window goes on")
			s.clock.Step(11 * time.Minute)
			reconciled(ctx, s.teardown, held)
			Expect(held.DeletionTimestamp).To(BeNil())
			Expect(s.removed(ctx, runtimes[4])).To(BeTrue())
		})

	It("counts each removal once, however often an operator dies of it", func(ctx SpecContext) {
		s := newStand(ctx)
		runtimes := s.several(ctx, 3)
		app, _ := s.asked(ctx, runtimes[0])
		s.clock.Step(time.Hour)
		removal := placement.RemovalOf(s.recordOf(ctx, runtimes[0].Name),
			placement.Teardown{RuntimeUID: string(runtimes[0].UID), RequestedAt: s.clock.Now()})
		for range 5 { // it was let through, and the operator died before it deleted anything
			hold, _, err := s.brakes().Pass(ctx, removal)
			Expect(err).NotTo(HaveOccurred())
			Expect(hold).To(BeEmpty())
		}
		reconciled(ctx, s.teardown, app)
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).NotTo(BeNil())
		remove(ctx, app)
		for _, r := range runtimes[1:] {
			Expect(s.removed(ctx, r)).To(BeTrue())
		}
	})

	It("counts what goes of all products, as when a tree of groups is deleted", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.several(ctx, 1)[0]
		for i := range 10 {
			other := fmt.Sprintf("%s%d", s.product, i)
			app := s.record(ctx, identity.Application(other, "web"), placement.Placement{
				Runtime: placement.RuntimeRef{Namespace: other, Name: "web", UID: other}, Product: other,
				Destination: placement.Destination{Environment: "dev", Cluster: "another"},
			})
			update(ctx, app, func(a *observed.Application) {
				a.Annotations[api.AnnotationTeardown] = placement.Teardown{RuntimeUID: other,
					RequestedAt: s.clock.Now()}.Encode()
			})
		}
		Expect(s.removed(ctx, r)).To(BeFalse())
		Expect(s.settled(ctx).Message).To(ContainSubstring("many runtimes were deleted at once: 11 of all products " +
			"within 10m0s, and 10 go without an approval"))
	})

	It("lets nothing through when it cannot read what it remembers", func(ctx SpecContext) {
		s := newStand(ctx)
		app, _ := s.asked(ctx, s.several(ctx, 1)[0])
		create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: record.RemovalsConfigMap},
			Data:       map[string]string{"removals.json": "{"},
		})
		s.clock.Step(time.Hour)
		_, err := s.teardown.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(app)})
		Expect(err).To(MatchError(ContainSubstring(record.RemovalsConfigMap)))
		Expect(fetch(ctx, app).DeletionTimestamp).To(BeNil())
	})
})
