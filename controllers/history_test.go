package controllers_test

import (
	"context"
	"fmt"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/deploymentruntime"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// reportBegun makes the Application say that a sync of a revision runs.
func (s *stand) reportBegun(ctx context.Context, app *observed.Application, revision string) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		a.Operation = nil
		a.Status.Sync.Status, a.Status.Sync.Revision = argo.SyncStatusCodeOutOfSync, revision
		a.Status.OperationState = &argo.OperationState{
			Phase: synccommon.OperationRunning, StartedAt: metav1.NewTime(s.clock.Now()),
			SyncResult: &argo.SyncOperationResult{Revision: revision, Source: *a.Spec.Source},
		}
	})
}

// reportDone makes the Application say that the sync succeeded and that all is healthy.
func (s *stand) reportDone(ctx context.Context, app *observed.Application) {
	GinkgoHelper()
	begun := fetch(ctx, app).Status.OperationState.StartedAt
	update(ctx, app, func(a *observed.Application) { a.Status.Sync.Status = argo.SyncStatusCodeSynced })
	reportHealthy(ctx, app, s.clock.Now())
	update(ctx, app, func(a *observed.Application) {
		a.Status.OperationState.StartedAt, a.Status.OperationState.SyncResult.Source = begun, *a.Spec.Source
		a.Status.Summary.Images = []string{"web:2"}
	})
}

var _ = Describe("The history of a runtime", func() {
	It("tells who, when, what and how it ended, survives a restart, and costs no write", func(ctx SpecContext) {
		s := newStand(ctx)
		s.runtimes.Files = &checkout{revisions: map[string]map[string]string{"c1": {}},
			made: s.clock.Now().Add(-time.Minute)}
		var told []string
		s.runtimes.RolledOut = func(outcome string, took time.Duration) {
			told = append(told, fmt.Sprintf("%s %s", outcome, took.Round(2*time.Second)))
		}
		s.runtimes.Delivered = func(sinceCommit time.Duration) {
			told = append(told, fmt.Sprintf("delivered %s", sinceCommit.Round(2*time.Second)))
		}
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.reportLook(ctx, app, "c1")
		reconciled(ctx, s.runtimes, r)

		through, err := client.NewWithWatch(env.Management.RESTConfig(), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		var writes *[]string
		s.runtimes.Client, writes = writing(through)
		s.reportBegun(ctx, app, "c1")
		reconciled(ctx, s.runtimes, r)
		Expect(r.Status.History).To(HaveLen(1))
		Expect(r.Status.History[0].Outcome).To(Equal(api.RolloutDeploying))
		s.clock.Step(80 * time.Second)
		s.reportDone(ctx, app)
		reconciled(ctx, s.runtimes, r)
		Expect(says(r, api.ConditionReady)).To(HavePrefix("True/Ready"))
		Expect(*writes).To(HaveExactElements("patch status of DeploymentRuntime", "patch status of DeploymentRuntime"))

		By("the author, who is asked for beside the passes")
		Eventually(ctx, func(g Gomega) {
			reconciled(ctx, s.runtimes, r)
			g.Expect(r.Status.History[0].Author).To(Equal("Ada <ada@example.com>"))
		}).Should(Succeed())
		first := r.Status.History[0]
		Expect(first.Outcome).To(Equal(api.RolloutDeployed))
		Expect(first.Images).To(Equal([]string{"web:2"}))
		Expect(first.TargetRevision).To(Equal("main"))
		Expect(first.FinishedAt.Sub(first.StartedAt.Time)).To(BeNumerically("~", 80*time.Second, time.Second))

		Expect(told).To(Equal([]string{"Deployed 1m20s", "delivered 2m20s"}))
		By("a commit whose author nobody tells, that fails")
		s.clock.Step(time.Minute)
		s.reportBegun(ctx, app, "c2")
		reconciled(ctx, s.runtimes, r)
		s.clock.Step(time.Second)
		update(ctx, app, func(a *observed.Application) {
			finished := metav1.NewTime(s.clock.Now())
			a.Status.OperationState.Phase, a.Status.OperationState.FinishedAt = synccommon.OperationFailed, &finished
			a.Status.OperationState.Message = "denied"
		})
		restarted := &deploymentruntime.Reconciler{ // it remembers nothing
			Client: k8s, Live: k8s, Lookup: s.lookup(), Recorder: s.runtimes.Recorder, Clock: s.clock,
			ArgoCDNamespace: s.argo, Instance: s.instance, Timing: s.runtimes.Timing, Brakes: s.brakes(),
			Files: s.runtimes.Files, RolledOut: s.runtimes.RolledOut, Delivered: s.runtimes.Delivered,
		}
		reconciled(ctx, restarted, r)
		Expect(r.Status.History).To(HaveLen(2))
		Expect(r.Status.History[0].Outcome).To(Equal(api.RolloutFailed))
		Expect(r.Status.History[0].Message).To(ContainSubstring("denied"))
		Expect(r.Status.History[0].Author).To(BeEmpty())
		Expect(r.Status.History[1]).To(Equal(first))
		Expect(told).To(HaveLen(3), "what failed was not delivered")
		Expect(told[2]).To(HavePrefix("Failed"))
		before := versions(ctx, r)
		reconciled(ctx, restarted, r)
		Expect(versions(ctx, r)).To(Equal(before))
		Expect(told).To(HaveLen(3), "a rollout ends once")
	})
})
