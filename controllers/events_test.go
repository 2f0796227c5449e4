package controllers_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/judged"
)

// told returns the Events since it was asked last, as "Type Reason message".
func told(recorder *events.FakeRecorder) (out []string) {
	for {
		select {
		case e := <-recorder.Events:
			out = append(out, e)
		default:
			return out
		}
	}
}

var _ = Describe("An Event", func() {
	It("tells that a Cluster became ready, or why it is not, once", func(ctx SpecContext) {
		p := newPlace(ctx)
		r, recorder := p.clusterReconciler(), events.NewFakeRecorder(10)
		r.Recorder = recorder
		c := p.cluster(ctx, fmt.Sprintf("c-%d", p.number), env.Cluster(east).Admin())
		reconciled(ctx, r, c)
		Expect(told(recorder)).To(ConsistOf(HavePrefix("Normal Ready ")))
		reconciled(ctx, r, c)
		Expect(told(recorder)).To(BeEmpty(), "nothing has changed")

		update(ctx, c, func(c *api.Cluster) { c.Spec.APIServer = "https://127.0.0.1:1" })
		reconciled(ctx, r, c)
		Expect(told(recorder)).To(ConsistOf(HavePrefix("Warning Unreachable ")))
		reconciled(ctx, r, c)
		Expect(told(recorder)).To(BeEmpty(), "it is still away")

		update(ctx, c, func(c *api.Cluster) { c.Spec.APIServer = env.Cluster(east).URL() })
		reconciled(ctx, r, c)
		Expect(told(recorder)).To(ConsistOf(HavePrefix("Normal Ready ")))
	})

	It("raises no alarm about a new Environment whose cluster may come a moment later", func(ctx SpecContext) {
		s := newStand(ctx)
		recorder := events.NewFakeRecorder(10)
		r := &judged.Reconciler[*api.Environment]{Client: k8s, Lookup: s.lookup(), Kind: judged.Environments(),
			Recorder: recorder}
		e := create(ctx, &api.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "late"},
			Spec: api.EnvironmentSpec{Product: s.product, Cluster: "nowhere", EnvType: "dev"}})
		for range 2 {
			reconciled(ctx, r, e)
		}
		Expect(says(e, api.ConditionReady)).To(HavePrefix("False/ClusterNotFound"))
		Expect(told(recorder)).To(BeEmpty())
	})

	It("tells the same of a CodeRepo", func(ctx SpecContext) {
		s := newStand(ctx)
		recorder := events.NewFakeRecorder(10)
		r := s.codeRepoReconciler()
		r.Recorder = recorder
		repo := &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "repo-3"}}
		for range 2 {
			reconciled(ctx, r, repo)
		}
		Expect(told(recorder)).To(ConsistOf(HavePrefix("Normal Ready ")))
		update(ctx, repo, func(r *api.CodeRepo) { r.Spec.CodeRepoProvider = "none" })
		for range 2 {
			reconciled(ctx, r, repo)
		}
		Expect(told(recorder)).To(ConsistOf(HavePrefix("Warning CodeRepoProviderNotFound ")))
	})

	It("tells of a Product that a removal is held", func(ctx SpecContext) {
		s := newStand(ctx)
		recorder := events.NewFakeRecorder(10)
		s.products.Recorder = recorder
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) {
			metav1.SetMetaDataAnnotation(&r.ObjectMeta, api.AnnotationProtect, "true")
		})
		s.deployed(ctx, r)
		reconciled(ctx, s.products, s.theProduct())
		told(recorder)
		app, _ := s.asked(ctx, r)
		reconciled(ctx, s.teardown, app)
		for range 2 {
			reconciled(ctx, s.products, s.theProduct())
		}
		Expect(told(recorder)).To(ConsistOf(HavePrefix("Warning TeardownHeld ")))
	})
})
