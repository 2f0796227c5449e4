package controllers_test

import (
	"context"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/reminder"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// Argo CD overwrites its own cache of Applications and so loses a request that came at that moment.
var _ = Describe("A request that Argo CD lost, whatever it is", func() {
	It("is repeated by a write that Argo CD sees, less and less often", func(ctx SpecContext) {
		s := newStand(ctx)
		app := s.deployed(ctx, s.runtime(ctx, "web"))
		reminds := &reminder.Reconciler{Client: k8s, Clock: s.clock, Timing: phases.DefaultTiming()}
		version := func() string { return fetch(ctx, app).ResourceVersion }

		By("nothing is asked")
		update(ctx, app, func(a *observed.Application) {
			delete(a.Annotations, argo.AnnotationKeyRefresh)
			a.Status.Sync = argo.SyncStatus{Status: argo.SyncStatusCodeSynced, ComparedTo: argo.ComparedTo{
				Source: *a.Spec.Source, Destination: a.Spec.Destination, IgnoreDifferences: a.Spec.IgnoreDifferences}}
		})
		before := version()
		Expect(reconciled(ctx, reminds, app).RequeueAfter).To(BeZero())

		By("another revision")
		asked := func(change func(*observed.Application)) {
			update(ctx, app, change)
			Expect(reconciled(ctx, reminds, app).RequeueAfter).To(Equal(15 * time.Second))
			before = version()
		}
		asked(func(a *observed.Application) { a.Spec.Source.TargetRevision = "refs/heads/next" })
		s.clock.Step(14 * time.Second)
		Expect(reconciled(ctx, reminds, app).RequeueAfter).To(Equal(time.Second))
		Expect(version()).To(Equal(before), "Argo CD has its time")
		s.clock.Step(time.Second)
		for _, pause := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute,
			5 * time.Minute, 5 * time.Minute} {
			Expect(reconciled(ctx, reminds, app).RequeueAfter).To(Equal(pause))
			Expect(version()).NotTo(Equal(before), "no event for Argo CD")
			before = version()
			s.clock.Step(pause)
		}

		By("Argo CD writes, and is asked for a hard refresh")
		asked(func(a *observed.Application) {
			a.Status.Sync.ComparedTo.Source = *a.Spec.Source
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, argo.AnnotationKeyRefresh, "hard")
		})
		s.clock.Step(15 * time.Second)
		reconciled(ctx, reminds, app)
		Expect(version()).NotTo(Equal(before))
		Expect(fetch(ctx, app).Annotations).To(HaveKeyWithValue(argo.AnnotationKeyRefresh, "hard"))
	}, NodeTimeout(time.Minute))

	It("is not repeated for an Application of others, also one that has a label of ours", func(ctx SpecContext) {
		s := newStand(ctx)
		app := s.foreignApplication(ctx, "theirs")
		reminds := &reminder.Reconciler{Client: k8s, Clock: s.clock, Timing: phases.DefaultTiming(), Instance: s.instance}
		Expect(reconciled(ctx, reminds, app).RequeueAfter).To(BeZero())
		update(ctx, app, func(a *observed.Application) { a.Labels = map[string]string{api.LabelProduct: s.product} })
		Expect(reconciled(ctx, reminds, app).RequeueAfter).To(BeZero())
		update(ctx, app, func(a *observed.Application) {
			metav1.SetMetaDataAnnotation(&a.ObjectMeta, api.AnnotationOwner, desired.Owner(s.product, s.instance))
		})
		Expect(reconciled(ctx, reminds, app).RequeueAfter).To(Equal(15*time.Second), "what syncs a default.project")
	}, NodeTimeout(time.Minute))
})

// foreignApplication makes an Application that asks Argo CD for a refresh and has no label of ours.
func (s *stand) foreignApplication(ctx context.Context, name string) *observed.Application {
	GinkgoHelper()
	app := &observed.Application{Spec: argo.ApplicationSpec{Project: "default",
		Source: &argo.ApplicationSource{RepoURL: "https://git.example.com/theirs.git", TargetRevision: "main"}}}
	app.Namespace, app.Name = s.argo, name
	app.Annotations = map[string]string{argo.AnnotationKeyRefresh: "normal"}
	app.Status.Sync.Status = argo.SyncStatusCodeOutOfSync
	return create(ctx, app)
}
