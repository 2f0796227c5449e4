package controllers_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// rights returns what the product's group may do with its Applications in Argo CD, as its AppProject says after a look
// of the product.
func (s *stand) rights(ctx context.Context) []string {
	GinkgoHelper()
	reconciled(ctx, s.products, s.theProduct())
	project := fetch(ctx, &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: s.product}})
	var rights []string
	for _, policy := range project.Spec.Roles[0].Policies {
		rights = append(rights, strings.Join(strings.Split(policy, ", ")[2:4], " "))
	}
	return rights
}

var _ = Describe("What may not be deployed any more", func() {
	all, halted := []string{"applications get", "applications sync", "logs get"},
		[]string{"applications get", "logs get"}

	It("cannot be synced by hand, and loses what was lent, until the permission is back", func(ctx SpecContext) {
		s := newStand(ctx)
		lender := s.lend(ctx, "repo-4")
		s.credentials(ctx, lender+"-git", lender, deployToken())
		codeRepos, lent := s.codeRepoReconciler(),
			&api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "repo-4"}}
		reconciled(ctx, codeRepos, lent)
		r := s.runtime(ctx, "web", from(lender+"/repo-4"))
		before := s.deployed(ctx, r)
		Expect(s.rights(ctx)).To(Equal(all))
		Expect(s.repositories(ctx)).To(HaveKey(s.product))

		binding := fetch(ctx, &api.CodeRepoBinding{ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "lent"}})
		remove(ctx, binding)
		reconciled(ctx, codeRepos, lent)
		Expect(s.repositories(ctx)).To(HaveKey(s.product),
			"it is taken away before anybody has judged what is deployed")
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonPermissionRevoked)
		reconciled(ctx, codeRepos, lent)
		Expect(s.recordOf(ctx, "web").Halted).To(Equal(api.ReasonPermissionRevoked))
		Expect(fetch(ctx, s.application("web")).Spec.Source).To(Equal(before.Spec.Source))
		Expect(s.rights(ctx)).To(Equal(halted))
		Expect(s.repositories(ctx)).NotTo(HaveKey(s.product))
		Expect(s.repositories(ctx)).To(HaveKey(lender))

		binding.ResourceVersion = ""
		create(ctx, binding)
		reconciled(ctx, codeRepos, lent)
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, s.application("web")).Spec).To(Equal(before.Spec))
		Expect(s.recordOf(ctx, "web").Halted).To(BeEmpty())
		Expect(s.rights(ctx)).To(Equal(all))
		Expect(s.repositories(ctx)).To(HaveKey(s.product))
	})

	It("loses what a group whose path strangers have taken lends, though its CodeRepo is refused as well",
		func(ctx SpecContext) {
			s := newStand(ctx)
			lender := s.lend(ctx, "repo-4")
			s.credentials(ctx, lender+"-git", lender, deployToken())
			codeRepos, lent := s.codeRepoReconciler(),
				&api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "repo-4"}}
			reconciled(ctx, codeRepos, lent)
			r := s.runtime(ctx, "web", from(lender+"/repo-4"))
			s.deployed(ctx, r)
			update(ctx, &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: lender}},
				func(p *api.Product) {
					p.Annotations = map[string]string{api.AnnotationGroupReplaced: "42"}
				})
			reconciled(ctx, codeRepos, lent)
			expectRefused(lent, api.ReasonGroupReplaced)
			Expect(s.repositories(ctx)).To(HaveKey(s.product))
			reconciled(ctx, s.runtimes, r)
			reconciled(ctx, codeRepos, lent)
			Expect(s.rights(ctx)).To(Equal(halted))
			Expect(s.repositories(ctx)).NotTo(HaveKey(s.product))
			Expect(s.repositories(ctx)).To(HaveKey(lender))
		})

	It("is what lies at a clone URL that is not the product's any more", func(ctx SpecContext) {
		s := newStand(ctx)
		repo := fetch(ctx, &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "repo-3"}})
		update(ctx, repo, func(r *api.CodeRepo) { r.Spec.URL = "https://gitlab.example.com/" + s.group + "/api.git" })
		r := s.runtime(ctx, "web")
		before := s.deployed(ctx, r)
		product := s.theProduct()
		update(ctx, product, func(p *api.Product) { p.Spec.Name = s.group + "-renamed" })
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonRepoOutsideProduct, "keeps running")
		after := fetch(ctx, s.application("web"))
		Expect(after.Spec.SyncPolicy.Automated).To(BeNil(), "whoever has the path now is deployed")
		Expect(after.Spec.Source).To(Equal(before.Spec.Source))
		Expect(s.rights(ctx)).To(Equal(halted))

		update(ctx, product, func(p *api.Product) { p.Spec.Name = s.group })
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, s.application("web")).Spec).To(Equal(before.Spec))
		Expect(s.rights(ctx)).To(Equal(all))
	})

	It("is what the runtime is leaving, from the moment when its record names another code repo",
		func(ctx SpecContext) {
			s := newStand(ctx)
			r := s.runtime(ctx, "web")
			s.deployed(ctx, r)
			create(ctx, &api.CodeRepo{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "repo-5"},
				Spec:       api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: s.product, RepoName: "next"},
			})
			update(ctx, r, from("repo-5"))
			reconciled(ctx, s.runtimes, r)
			expectRefused(r, api.ReasonWaitingForTenancy)
			Expect(s.recordOf(ctx, "web").CodeRepo).To(Equal("repo-5"))
			app := fetch(ctx, s.application("web"))
			Expect(app.Spec.SyncPolicy.Automated).To(BeNil(), "nobody judges repo-3 any more, and it is synced")
			Expect(s.recordOf(ctx, "web").Halted).To(Equal(placement.HaltedMoving),
				"nobody judges repo-3 any more, and whoever may sync can deploy it")
			reconciled(ctx, s.products, s.theProduct())
			reconciled(ctx, s.runtimes, r)
			app = fetch(ctx, app)
			Expect(app.Spec.SyncPolicy.Automated).NotTo(BeNil())
			Expect(app.Spec.Source.RepoURL).To(HaveSuffix("/next.git"))
			Expect(s.rights(ctx)).To(Equal(all))
		})

	It("stays halted until a runtime that names another code repo has arrived there", func(ctx SpecContext) {
		s := newStand(ctx)
		lender := s.lend(ctx, "repo-4")
		r := s.runtime(ctx, "web", from(lender+"/repo-4"))
		s.deployed(ctx, r)
		Expect(k8s.DeleteAllOf(ctx, &api.CodeRepoBinding{}, client.InNamespace(lender))).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		Expect(s.rights(ctx)).To(Equal(halted))
		update(ctx, r, func(r *api.DeploymentRuntime) {
			r.Spec.ManifestSource.CodeRepo, r.Spec.Namespaces = "repo-3",
				[]string{s.namespace("web"), s.namespace("more")}
		})
		for range 2 {
			reconciled(ctx, s.runtimes, r)
			Expect(fetch(ctx, s.application("web")).Spec.Source.RepoURL).To(ContainSubstring("lender"),
				"it has arrived, and this shows nothing")
			Expect(s.recordOf(ctx, "web").Halted).NotTo(BeEmpty())
		}
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, s.application("web")).Spec.Source.RepoURL).NotTo(ContainSubstring("lender"))
		Expect(s.rights(ctx)).To(Equal(all))
	})

	It("is what a held removal keeps", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web",
			func(r *api.DeploymentRuntime) { r.Annotations = map[string]string{api.AnnotationProtect: "true"} })
		s.deployed(ctx, r)
		Expect(s.rights(ctx)).To(Equal(all))
		Expect(k8s.Delete(ctx, r)).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		Expect(s.rights(ctx)).To(Equal(halted))

		r = s.runtime(ctx, "web")
		reconciled(ctx, s.runtimes, r)
		Expect(s.rights(ctx)).To(Equal(all))
	})
})
