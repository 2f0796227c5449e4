package controllers_test

import (
	"context"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	events "k8s.io/client-go/tools/record"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

const refusal = "application destination does not match any of the allowed destinations in project"

// reportRefusal makes the Application say that Argo CD looked at it and refuses it.
func reportRefusal(ctx context.Context, app *observed.Application) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		delete(a.Annotations, argo.AnnotationKeyRefresh)
		a.Status.Conditions = []argo.ApplicationCondition{{Type: observed.ErrorInvalidSpec, Message: refusal}}
		a.Status.Sync.Status = argo.SyncStatusCodeUnknown
	})
}

// streaming returns the Product with a default.project, and the Application that syncs it.
func (s *stand) streaming(ctx context.Context) (*api.Product, *observed.Application) {
	GinkgoHelper()
	p := s.theProduct()
	update(ctx, p, func(p *api.Product) {
		p.Spec.MetaDataPath = "https://git.example.com/" + s.group + "/default.project.git"
	})
	reconciled(ctx, s.products, p)
	stream := &observed.Application{}
	stream.Namespace, stream.Name = s.argo, identity.Stream(s.product)
	return p, fetch(ctx, stream)
}

// alarms returns the Warnings that were written since.
func (s *stand) alarms() (out []string) {
	recorder := s.runtimes.Recorder.(*events.FakeRecorder)
	for len(recorder.Events) > 0 {
		if e := <-recorder.Events; e[:len("Warning")] == "Warning" {
			out = append(out, e)
		}
	}
	return out
}

var _ = Describe("A refusal of Argo CD", func() {
	It("is no alarm in an ordinary first deployment, where Argo CD looked before it saw the AppProject",
		func(ctx SpecContext) {
			s := newStand(ctx)
			r := s.runtime(ctx, "web")
			reconciled(ctx, s.runtimes, r)
			app := fetch(ctx, s.application("web"))
			reportRefusal(ctx, app)
			reconciled(ctx, s.runtimes, r)
			reconciled(ctx, s.products, s.theProduct())
			for range 2 { // the refusal that there was, then one of a look that came too early
				reconciled(ctx, s.runtimes, r)
				Expect(says(r, api.ConditionReady)).To(HavePrefix("False/" + api.ReasonSyncing))
				Expect(fetch(ctx, app).Annotations).To(HaveKey(argo.AnnotationKeyRefresh))
				reportRefusal(ctx, app)
			}
			reconciled(ctx, s.runtimes, r)
			update(ctx, app, func(a *observed.Application) { a.Status.Conditions = nil })
			s.reportLook(ctx, app, "c1")
			reconciled(ctx, s.runtimes, r)
			reportHealthy(ctx, app, s.clock.Now())
			reconciled(ctx, s.runtimes, r)
			Expect(says(r, api.ConditionReady)).To(HavePrefix("True/"))
			Expect(s.alarms()).To(BeEmpty())
		})

	It("is told once, where Argo CD looked with the AppProject and stays with it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		for range 6 {
			reportRefusal(ctx, app)
			s.clock.Step(reconciled(ctx, s.runtimes, r).RequeueAfter)
			reconciled(ctx, s.runtimes, r)
		}
		Expect(says(r, api.ConditionReady)).To(And(HavePrefix("False/"+api.ReasonSpecRefused), ContainSubstring(refusal)))
		Expect(s.alarms()).To(HaveLen(1))
	})

	It("is told at once, where the AppProject does not permit the Application", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		project := &observed.AppProject{}
		project.Namespace, project.Name = s.argo, identity.AppProject(s.product)
		update(ctx, project, func(p *observed.AppProject) { p.Spec.Destinations = nil })
		reportRefusal(ctx, app)
		reconciled(ctx, s.runtimes, r)
		Expect(says(r, api.ConditionReady)).To(HavePrefix("False/" + api.ReasonSpecRefused))
	})

	It("of the stream of default.project is told once Argo CD looked again", func(ctx SpecContext) {
		s := newStand(ctx)
		p, stream := s.streaming(ctx)
		synced := func() string { return says(fetch(ctx, p), api.ConditionSynced) }
		reportRefusal(ctx, stream)
		again := reconciled(ctx, s.products, p).RequeueAfter
		Expect(synced()).To(HavePrefix("False/" + api.ReasonSyncing))
		for range 2 {
			reportRefusal(ctx, stream)
			s.clock.Step(max(again, 3*time.Second))
			again = reconciled(ctx, s.products, p).RequeueAfter
		}
		reportRefusal(ctx, stream)
		reconciled(ctx, s.products, p)
		Expect(synced()).To(HavePrefix("False/" + api.ReasonSpecRefused))
		By("a push, which has nothing to do with it")
		update(ctx, p, func(p *api.Product) {
			p.Annotations = map[string]string{api.AnnotationRefresh + "default.project": "now"}
		})
		reconciled(ctx, s.products, p)
		reportRefusal(ctx, stream)
		reconciled(ctx, s.products, p)
		Expect(synced()).To(HavePrefix("False/" + api.ReasonSpecRefused))
	})
})

var _ = Describe("What a new runtime refers to", func() {
	It("may come a moment later, and nobody is told of that", func(ctx SpecContext) {
		s := newStand(ctx)
		s.runtimes.Timing.Patience = 2 * time.Second
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) {
			r.Spec.Destination, r.Spec.ProjectsRef = "late", []string{"shop"}
		})
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(Equal(2 * time.Second))
		Expect(r.Status.Conditions).To(BeEmpty())
		s.clock.Step(2 * time.Second)
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonProjectNotFound)
		Expect(s.alarms()).To(HaveLen(1))
	})

	It("may come as long as Argo CD applies default.project, and is told when that takes too long", func(ctx SpecContext) {
		s := newStand(ctx)
		s.runtimes.Timing.Patience, s.runtimes.Timing.Arrival = 2*time.Second, 30*time.Second
		_, stream := s.streaming(ctx)
		update(ctx, stream, func(a *observed.Application) {
			a.Operation = nil
			a.Status.OperationState = &argo.OperationState{Phase: synccommon.OperationRunning,
				StartedAt: metav1.NewTime(s.clock.Now())}
		})
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"shop"} })
		for range 15 {
			Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(Equal(2 * time.Second))
			Expect(r.Status.Conditions).To(BeEmpty())
			s.clock.Step(2 * time.Second)
		}
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonProjectNotFound)
	})
})
