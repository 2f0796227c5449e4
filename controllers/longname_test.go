package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

var _ = Describe("A runtime with a long name", func() {
	long := "w" + strings.Repeat("x", 59)
	stand := func(ctx SpecContext) (s *stand, r *api.DeploymentRuntime, is func(int) *observed.Application) {
		s = newStand(ctx)
		r = s.runtime(ctx, long, func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{s.namespace("web")} })
		names := identity.Applications(s.product, long)
		return s, r, func(i int) *observed.Application {
			app := s.application("")
			app.Name = names[i]
			return app
		}
	}

	It("has an Application whose name is one of a Helm release", func(ctx SpecContext) {
		s, r, is := stand(ctx)
		app := s.deployed(ctx, r)
		Expect(len(app.Name)).To(BeNumerically("<=", 53))
		Expect(fetched(ctx, is(1))).To(BeFalse())
	})

	It("keeps the Application that an earlier operator made, by its name", func(ctx SpecContext) {
		s, r, is := stand(ctx)
		By("deleted by hand: it gets its name again")
		r.Status.Placement = &api.PlacementStatus{Environment: "dev", Cluster: east, Application: is(1).Name}
		Expect(k8s.Status().Update(ctx, r)).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		app := fetch(ctx, is(1))
		uid := app.UID

		By("found although no status tells its name")
		r.Status = api.DeploymentRuntimeStatus{}
		Expect(k8s.Status().Update(ctx, r)).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		fetch(ctx, app)
		Expect(app.UID).To(Equal(uid))
		Expect(app.Spec.SyncPolicy.Automated).NotTo(BeNil(), "it is deployed")
		Expect(r.Status.Placement.Application).To(Equal(app.Name))
		Expect(fetched(ctx, is(0))).To(BeFalse())

		By("removed with the runtime")
		Expect(k8s.Delete(ctx, r)).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		Expect(fetched(ctx, r)).To(BeFalse())
		Expect(fetch(ctx, app).Annotations).To(HaveKey(api.AnnotationTeardown))
		Expect(fetched(ctx, is(0))).To(BeFalse())
	})
})
