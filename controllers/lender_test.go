package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// lend makes another product that binds a code repo of that name to the stand's own.
func (s *stand) lend(ctx context.Context, repo string) (lender string) {
	GinkgoHelper()
	lender = s.product + "1"
	s.addProduct(ctx, lender, s.group+"-lender")
	create(ctx, &api.CodeRepo{
		ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: repo},
		Spec:       api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: lender, RepoName: "theirs"},
	})
	create(ctx, &api.CodeRepoBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "lent"},
		Spec:       api.CodeRepoBindingSpec{CodeRepo: repo, Product: s.product, Permissions: "readonly"},
	})
	return lender
}

func (s *stand) recordOf(ctx context.Context, runtime string) placement.Placement {
	GinkgoHelper()
	p, err := placement.Decode(fetch(ctx, s.application(runtime)).Annotations[api.AnnotationPlacement])
	Expect(err).NotTo(HaveOccurred())
	return p
}

// from returns a change of the code repo that a runtime names.
func from(codeRepo string) func(*api.DeploymentRuntime) {
	return func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = codeRepo }
}

var _ = Describe("A code repo of another product", func() {
	It("serves only who names its owner", func(ctx SpecContext) {
		s := newStand(ctx)
		lender := s.lend(ctx, "repo-4")
		r := s.runtime(ctx, "web", from("repo-4"))
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonCodeRepoNotFound, "repo-4", "<product>/<code repo>")
		Expect(fetched(ctx, s.application("web"))).To(BeFalse(),
			"it is deployed from what a stranger bound to the product")

		update(ctx, r, from(lender+"/repo-4"))
		s.deployed(ctx, r)
		record := s.recordOf(ctx, "web")
		Expect([]string{record.RepoProduct, record.CodeRepo, r.Status.Placement.CodeRepo}).
			To(Equal([]string{lender, "repo-4", lender + "/repo-4"}))
	})

	It("takes no runtime over by a wrong name", func(ctx SpecContext) {
		s := newStand(ctx)
		s.lend(ctx, "repo-31")
		r := s.runtime(ctx, "web")
		before := s.deployed(ctx, r).Spec
		update(ctx, r, from("repo-31"))
		for range 3 {
			reconciled(ctx, s.runtimes, r)
			reconciled(ctx, s.products, s.theProduct())
		}
		Expect(fetch(ctx, s.application("web")).Spec).To(Equal(before),
			"the Application points at what a stranger bound to the product")
		expectRefused(r, api.ReasonCodeRepoNotFound)
	})

	It("goes on serving what was deployed from it before owners were named, and says how to name it",
		func(ctx SpecContext) {
			s := newStand(ctx)
			lender := s.lend(ctx, "repo-4")
			r := s.runtime(ctx, "web", from(lender+"/repo-4"))
			before := s.deployed(ctx, r)
			update(ctx, r, from("repo-4"))
			reconciled(ctx, s.runtimes, r)
			after := fetch(ctx, s.application("web"))
			Expect(after.Spec).To(Equal(before.Spec))
			Expect(after.Annotations).To(Equal(before.Annotations))
			resolved := meta.FindStatusCondition(r.Status.Conditions, api.ConditionResolved)
			Expect(resolved.Status).To(Equal(metav1.ConditionTrue))
			Expect(resolved.Message).To(ContainSubstring("status.placement.codeRepo"))
			Expect(r.Status.Placement.CodeRepo).To(Equal(lender + "/repo-4"))

			update(ctx, r, from(r.Status.Placement.CodeRepo))
			reconciled(ctx, s.runtimes, r)
			Expect(meta.FindStatusCondition(r.Status.Conditions, api.ConditionResolved).Message).
				NotTo(ContainSubstring("status.placement.codeRepo"))

			update(ctx, r, from("repo-4"))
			remove(ctx, &api.CodeRepoBinding{ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "lent"}})
			reconciled(ctx, s.runtimes, r)
			expectRefused(r, api.ReasonPermissionRevoked)
			Expect(fetch(ctx, s.application("web")).Spec.SyncPolicy.Automated).To(BeNil())
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
			Expect(s.remote.Get(ctx, client.ObjectKey{Namespace: s.namespace("web"), Name: "nautes-members"}, members)).
				To(Succeed())
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
