package controllers_test

import (
	"context"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// reportLook makes the Application say what Argo CD found under the name that it is asked for: nothing, if there is no
// commit.
func (s *stand) reportLook(ctx context.Context, app *observed.Application, commit string) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		delete(a.Annotations, argo.AnnotationKeyRefresh)
		a.Status.Conditions = nil
		a.Status.Sync = argo.SyncStatus{
			Status: argo.SyncStatusCodeSynced, Revision: commit,
			ComparedTo: argo.ComparedTo{Source: *a.Spec.Source, Destination: a.Spec.Destination},
		}
		if commit == "" {
			a.Status.Sync.Status = argo.SyncStatusCodeUnknown
			a.Status.Conditions = []argo.ApplicationCondition{{
				Type:    argo.ApplicationConditionComparisonError,
				Message: "x: unable to resolve '" + a.Spec.Source.TargetRevision + "' to a commit SHA",
			}}
		}
	})
}

// reportHealthy makes the Application say that its last sync succeeded and that all is healthy.
func reportHealthy(ctx context.Context, app *observed.Application, at time.Time) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		finished := metav1.NewTime(at)
		a.Status.ReconciledAt, a.Status.Health.Status = &finished, health.HealthStatusHealthy
		a.Status.Resources = []argo.ResourceStatus{{Kind: "Deployment", Namespace: "x", Name: "y"}}
		a.Status.OperationState = &argo.OperationState{
			Phase: synccommon.OperationSucceeded, StartedAt: finished, FinishedAt: &finished,
			SyncResult: &argo.SyncOperationResult{Revision: a.Status.Sync.Revision},
		}
	})
}

var _ = Describe("The name of a revision", func() {
	target := func(ctx context.Context, app *observed.Application) string {
		return fetch(ctx, app).Spec.Source.TargetRevision
	}

	It("is a branch's as long as there is one, and what it is when it was found", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		Expect(target(ctx, app)).To(Equal("refs/heads/main"))
		s.reportLook(ctx, app, "c1")
		reconciled(ctx, s.runtimes, r)
		before := versions(ctx, app)
		reconciled(ctx, s.runtimes, r)
		Expect(versions(ctx, app)).To(Equal(before), "it is written once")

		By("a branch that is gone, perhaps for a tag of its name")
		s.reportLook(ctx, app, "")
		s.clock.Step(time.Hour)
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonManifestError, "no branch", "main")
		Expect(target(ctx, app)).To(Equal("refs/heads/main"))
	})

	It("is a tag's where there is no branch, and nobody is alarmed meanwhile", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.reportLook(ctx, app, "")
		reconciled(ctx, s.runtimes, r)
		Expect(target(ctx, app)).To(Equal("refs/tags/main"))
		Expect(app.Annotations).To(HaveKey(argo.AnnotationKeyRefresh))
		Expect(app.Annotations).NotTo(HaveKey(api.AnnotationSyncAttempts))
		expectRefused(r, api.ReasonSyncing, "looking for the branch or the tag", "main")

		s.reportLook(ctx, app, "c1")
		reconciled(ctx, s.runtimes, r)
		s.reportLook(ctx, app, "")
		s.clock.Step(time.Hour)
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonManifestError, "no tag", "main")
		Expect(target(ctx, app)).To(Equal("refs/tags/main"), "a tag that is gone")
	})

	It("is looked for again, at once after a push, where nothing has it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		both := func() {
			for target(ctx, app) == "refs/heads/main" {
				s.reportLook(ctx, app, "")
				reconciled(ctx, s.runtimes, r)
			}
			s.reportLook(ctx, app, "")
		}
		both()
		reconciled(ctx, s.runtimes, r)
		Expect(target(ctx, app)).To(Equal("refs/heads/main"), "the first time at once")
		both()
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically(">", time.Second))
		expectRefused(r, api.ReasonManifestError, "neither a branch nor a tag", "main")
		Expect(target(ctx, app)).To(Equal("refs/tags/main"), "then not before its time")

		update(ctx, s.theProduct(),
			func(p *api.Product) { p.Annotations = map[string]string{api.AnnotationRefresh + "repo-3": "now"} })
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		Expect(target(ctx, app)).To(Equal("refs/heads/main"))
	})

	It("of a runtime of before is written out without disturbing it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.reportLook(ctx, app, "c1")
		reportHealthy(ctx, app, s.clock.Now())
		reconciled(ctx, s.runtimes, r)
		Expect(r.Status.Conditions).
			To(ContainElement(And(HaveField("Type", api.ConditionReady), HaveField("Status", BeEquivalentTo("True")))))
		p := s.recordOf(ctx, "web")
		p.Ref, p.RefFound = "", false
		update(ctx, app, func(a *observed.Application) {
			*a = *desired.WithRecord(a, p.Encode())
			a.Spec.Source.TargetRevision = "main"
			a.Status.Sync.ComparedTo.Source = *a.Spec.Source
		})
		for range 3 {
			reconciled(ctx, s.runtimes, r)
			Expect(r.Status.Conditions).To(ContainElement(And(HaveField("Type", api.ConditionReady),
				HaveField("Status", BeEquivalentTo("True")))))
			Expect(target(ctx, app)).To(Equal("refs/heads/main"))
			Expect(app.Operation).To(BeNil())
			s.reportLook(ctx, app, "c1")
		}
	})
})
