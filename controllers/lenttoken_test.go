package controllers_test

import (
	"context"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/coderepo"
	"github.com/nautes-labs/deployment-runtime/controllers/deploytoken"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
)

var _ = Describe("The deploy token of a lent code repo", func() {
	var (
		p         *gitlabPlace
		product   *api.Product
		ofGroup   *corev1.Secret
		projects  map[string]githost.Project
		repo      *api.CodeRepo
		binding   *api.CodeRepoBinding
		codeRepos *coderepo.Reconciler
		lent      *deploytoken.LentReconciler
	)
	BeforeEach(func(ctx SpecContext) {
		p = newGitLabPlace(ctx)
		group := p.groupWith(ctx, "shop", "default.project", "api", "other")
		reconciled(ctx, p.products, p.source)
		product = fetch(ctx, p.productOf(group))
		p.tokens.ArgoCDNamespace = p.argo
		reconciled(ctx, p.tokens, product)
		ofGroup = fetch(ctx, secret(p.system, product.Name+"-git"))
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx,
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: product.Name}}))).To(Succeed())
		projects = map[string]githost.Project{}
		for _, path := range []string{"api", "other"} {
			project, err := p.host.ProjectAt(ctx, p.root, "shop/"+path)
			Expect(err).NotTo(HaveOccurred())
			projects[path] = project
		}
		codeRepos, lent = p.codeRepoReconciler(), &deploytoken.LentReconciler{Reconciler: *p.tokens}
		repo = create(ctx, &api.CodeRepo{
			ObjectMeta: metav1.ObjectMeta{Namespace: product.Name,
				Name: "repo-" + strconv.FormatInt(projects["api"].ID, 10)},
			Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: product.Name, RepoName: "api"},
		})
		binding = &api.CodeRepoBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: product.Name, Name: "share"},
			Spec:       api.CodeRepoBindingSpec{CodeRepo: repo.Name, Product: p.product, Permissions: "readonly"},
		}
	})
	// the ids of groups are the same in every GitLab, and so are the names of these namespaces
	AfterEach(func(ctx SpecContext) {
		for _, o := range []client.Object{repo, binding} {
			remove(ctx, o)
		}
	})
	// username returns with which credential a product reads the code repo; nothing for none.
	username := func(ctx context.Context, product string) string {
		GinkgoHelper()
		var all corev1.SecretList
		Expect(k8s.List(ctx, &all, client.InNamespace(p.argo))).To(Succeed())
		for _, s := range all.Items {
			if string(s.Data["project"]) == product {
				return string(s.Data["username"])
			}
		}
		return ""
	}
	good := func(ctx context.Context, path string) []string {
		GinkgoHelper()
		all, err := p.host.DeployTokens(ctx, p.root, githost.OfProject(projects[path].ID))
		Expect(err).NotTo(HaveOccurred())
		var out []string
		for _, t := range all {
			out = append(out, t.Username)
		}
		return out
	}

	It("opens its one project, is all that a borrower gets, and goes with the loan", func(ctx SpecContext) {
		reconciled(ctx, lent, repo)
		reconciled(ctx, codeRepos, repo)
		Expect(meta.FindStatusCondition(repo.Status.Conditions, api.ConditionLent)).To(BeNil())
		create(ctx, binding)
		reconciled(ctx, codeRepos, repo)
		Expect(says(repo, api.ConditionLent)).To(HavePrefix("False/" + api.ReasonWaitingForCredentials))
		Expect(username(ctx, p.product)).To(BeEmpty(), "it got the token of the whole group")
		Expect(username(ctx, product.Name)).To(Equal(string(ofGroup.Data["username"])))

		reconciled(ctx, lent, repo)
		Expect(says(repo, api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonMinted))
		Expect(good(ctx, "api")).To(HaveLen(1))
		Expect(good(ctx, "other")).To(BeEmpty())
		reconciled(ctx, codeRepos, repo)
		Expect(says(repo, api.ConditionLent)).To(HavePrefix("True/" + api.ReasonLent))
		Expect(username(ctx, p.product)).To(Equal(good(ctx, "api")[0]))
		Expect(username(ctx, product.Name)).To(Equal(string(ofGroup.Data["username"])))

		remove(ctx, binding)
		reconciled(ctx, lent, repo)
		Expect(good(ctx, "api")).To(HaveLen(1), "it is revoked while Argo CD holds it")
		reconciled(ctx, codeRepos, repo)
		Expect(username(ctx, p.product)).To(BeEmpty())
		p.clock.Step(11 * time.Minute)
		reconciled(ctx, lent, repo)
		Expect(good(ctx, "api")).To(BeEmpty())
		Expect(says(repo, api.ConditionCredentialsReady)).To(BeEmpty())
		var kept corev1.SecretList
		Expect(k8s.List(ctx, &kept, client.InNamespace(p.system), client.MatchingLabels{api.LabelCodeRepo: repo.Name})).
			To(Succeed())
		Expect(kept.Items).To(BeEmpty())
	})

	It("is replaced before it ends, and the old one is revoked once nobody reads with it", func(ctx SpecContext) {
		create(ctx, binding)
		reconciled(ctx, lent, repo)
		reconciled(ctx, codeRepos, repo)
		first := username(ctx, p.product)
		p.clock.Step(61 * 24 * time.Hour)
		reconciled(ctx, lent, repo)
		p.clock.Step(2 * time.Hour)
		reconciled(ctx, lent, repo)
		Expect(good(ctx, "api")).To(And(HaveLen(2), ContainElement(first)), "the borrower still reads with it")
		reconciled(ctx, codeRepos, repo)
		Expect(username(ctx, p.product)).NotTo(Or(Equal(first), BeEmpty()))
		reconciled(ctx, lent, repo)
		Expect(good(ctx, "api")).To(Equal([]string{username(ctx, p.product)}))
	})

	It("takes the place of what borrowers read with before there were any, and not before it is there",
		func(ctx SpecContext) {
			create(ctx, binding)
			annotations := ofGroup.Annotations
			// credentials that people keep are lent as they are
			update(ctx, ofGroup, func(s *corev1.Secret) { s.Annotations = nil })
			reconciled(ctx, codeRepos, repo)
			old := string(ofGroup.Data["username"])
			Expect(username(ctx, p.product)).To(Equal(old))
			update(ctx, ofGroup, func(s *corev1.Secret) { s.Annotations = annotations })
			reconciled(ctx, codeRepos, repo)
			Expect(username(ctx, p.product)).To(Equal(old), "what runs lost what it reads with")
			Expect(says(repo, api.ConditionLent)).To(HavePrefix("False/"))
			reconciled(ctx, lent, repo)
			reconciled(ctx, codeRepos, repo)
			Expect(username(ctx, p.product)).To(Equal(good(ctx, "api")[0]))
		})

	It("is made for no other project than the code repo says", func(ctx SpecContext) {
		wrong := create(ctx, &api.CodeRepo{
			ObjectMeta: metav1.ObjectMeta{Namespace: product.Name,
				Name: "repo-" + strconv.FormatInt(projects["other"].ID, 10)},
			Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: product.Name, RepoName: "api"},
		})
		binding.Spec.CodeRepo = wrong.Name
		create(ctx, binding)
		reconciled(ctx, lent, wrong)
		Expect(says(wrong, api.ConditionCredentialsReady)).To(HavePrefix("False/" + api.ReasonInvalid))
		Expect(append(good(ctx, "api"), good(ctx, "other")...)).To(BeEmpty())
		remove(ctx, wrong)
	})

	It("is made by the path where the code repo has a name of its own", func(ctx SpecContext) {
		named := create(ctx, &api.CodeRepo{
			ObjectMeta: metav1.ObjectMeta{Namespace: product.Name, Name: "library"},
			Spec:       api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: product.Name, RepoName: "other"},
		})
		binding.Spec.CodeRepo = named.Name
		create(ctx, binding)
		reconciled(ctx, lent, named)
		Expect(good(ctx, "other")).To(HaveLen(1))
		remove(ctx, named)
	})
})

var _ = Describe("A runtime of a code repo that is lent to it", func() {
	It("begins once it can be read, and is not held up later", func(ctx SpecContext) {
		s := newStand(ctx)
		lender := s.lend(ctx, "repo-4")
		lent := fetch(ctx, &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: lender, Name: "repo-4"}})
		canRead := func(status metav1.ConditionStatus) {
			GinkgoHelper()
			fetch(ctx, lent)
			meta.SetStatusCondition(&lent.Status.Conditions,
				metav1.Condition{Type: api.ConditionLent, Status: status, Reason: "Any"})
			Expect(k8s.Status().Update(ctx, lent)).To(Succeed())
		}
		canRead(metav1.ConditionFalse)
		r := s.runtime(ctx, "web", from(lender+"/repo-4"))
		reconciled(ctx, s.runtimes, r)
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonWaitingForCredentials)
		Expect(fetch(ctx, s.application("web")).Spec.SyncPolicy.Automated).To(BeNil())
		canRead(metav1.ConditionTrue)
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, s.application("web")).Spec.SyncPolicy.Automated).NotTo(BeNil())
		canRead(metav1.ConditionFalse)
		update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "next" })
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, s.application("web")).Spec.Source.Path).To(Equal("next"))
	})
})
