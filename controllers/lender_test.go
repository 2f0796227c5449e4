package controllers_test

import (
	"context"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// lend makes another product that binds a code repo of that name to the stand's own.
func (s *stand) lend(ctx context.Context, repo string) (lender string) {
	GinkgoHelper()
	lender = s.product + "1"
	s.addProduct(ctx, lender, s.group+"-lender")
	create(ctx, &api.CodeRepo{
		ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: repo}, Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: lender, RepoName: "theirs"},
	})
	create(ctx, &api.CodeRepoBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "lent"}, Spec: api.CodeRepoBindingSpec{CodeRepo: repo, Product: s.product, Permissions: "readonly"},
	})
	return lender
}

// streaming makes the Application of the product's default.project say how far Argo CD is.
func (s *stand) streaming(ctx context.Context, sync argo.SyncStatusCode, phase synccommon.OperationPhase) {
	GinkgoHelper()
	app := &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: desired.StreamName(s.product)}}
	if !fetched(ctx, app) {
		app.Spec.Project = app.Name
		create(ctx, app)
	}
	update(ctx, app, func(a *observed.Application) {
		a.Status.Sync.Status = sync
		a.Status.OperationState = &argo.OperationState{Phase: phase, StartedAt: metav1.Now()}
	})
}

func (s *stand) recordOf(ctx context.Context, runtime string) placement.Placement {
	GinkgoHelper()
	p, err := placement.Decode(fetch(ctx, s.application(runtime)).Annotations[api.AnnotationPlacement])
	Expect(err).NotTo(HaveOccurred())
	return p
}

var _ = Describe("A code repo of another product", func() {
	It("does not take the place of the product's own one, whose file is on its way", func(ctx SpecContext) {
		s := newStand(ctx)
		s.lend(ctx, "repo-4")
		s.streaming(ctx, argo.SyncStatusCodeSynced, synccommon.OperationRunning)
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "repo-4" })
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonCodeRepoUnconfirmed, "repo-4")
		Expect(fetched(ctx, s.application("web"))).To(BeFalse(), "it is deployed from what a stranger bound to the product")

		create(ctx, &api.CodeRepo{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "repo-4"}, Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: s.product, RepoName: "own"},
		})
		reconciled(ctx, s.runtimes, r)
		Expect(s.recordOf(ctx, "web").RepoProduct).To(Equal(s.product))
	})

	It("counts once default.project is applied, and goes on to count while more of it is", func(ctx SpecContext) {
		s := newStand(ctx)
		lender := s.lend(ctx, "repo-4")
		s.streaming(ctx, argo.SyncStatusCodeOutOfSync, synccommon.OperationFailed)
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "repo-4" })
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically(">", 0))
		expectRefused(r, api.ReasonCodeRepoUnconfirmed)
		s.streaming(ctx, argo.SyncStatusCodeSynced, synccommon.OperationSucceeded)
		s.deployed(ctx, r)
		Expect(s.recordOf(ctx, "web").RepoProduct).To(Equal(lender))

		s.streaming(ctx, argo.SyncStatusCodeOutOfSync, synccommon.OperationRunning)
		reconciled(ctx, s.runtimes, r)
		Expect(r.GetConditions()).NotTo(ContainElement(HaveField("Reason", api.ReasonCodeRepoUnconfirmed)))
	})
})

var _ = Describe("A group whose path strangers have taken", func() {
	It("gives its members, who are strangers now, nothing of the product", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		members := &rbacv1.RoleBinding{}
		project := &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: s.product}}
		look := func() []string {
			GinkgoHelper()
			reconciled(ctx, s.products, s.theProduct())
			Expect(s.remote.Get(ctx, client.ObjectKey{Namespace: s.namespace("web"), Name: "nautes-members"}, members)).To(Succeed())
			var got []string
			for _, subject := range members.Subjects {
				got = append(got, subject.Name)
			}
			return append(got, fetch(ctx, project).Spec.Roles[0].Groups...)
		}
		Expect(look()).To(Equal([]string{s.group, s.group}))
		p := s.theProduct()
		update(ctx, p, func(p *api.Product) { p.Annotations = map[string]string{api.AnnotationGroupReplaced: "42"} })
		Expect(look()).To(BeEmpty())
		update(ctx, p, func(p *api.Product) { p.Annotations = nil })
		Expect(look()).To(Equal([]string{s.group, s.group}))
	})
})
