package controllers_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/coderepo"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

func (p place) codeRepoReconciler() *coderepo.Reconciler {
	return &coderepo.Reconciler{
		Client: k8s, Live: k8s, Lookup: p.lookup(),
		SystemNamespace: p.system, ArgoCDNamespace: p.argo, Instance: p.instance,
	}
}

// provider makes the git host "gitlab".
func (p place) provider(ctx context.Context) *api.CodeRepoProvider {
	GinkgoHelper()
	return create(ctx, &api.CodeRepoProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "gitlab"},
		Spec: api.CodeRepoProviderSpec{
			HTTPAddress: "https://gitlab.example.com", SSHAddress: "ssh://git@gitlab.example.com",
			ProviderType: "gitlab",
		},
	})
}

// codeRepo makes a CodeRepo "repo-3" of the place's product.
func (p place) codeRepo(ctx context.Context, changes ...func(*api.CodeRepo)) *api.CodeRepo {
	GinkgoHelper()
	r := &api.CodeRepo{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "repo-3"},
		Spec: api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: p.product, RepoName: "api",
			DeploymentRuntime: true},
	}
	for _, change := range changes {
		change(r)
	}
	return create(ctx, r)
}

// credentials makes a Secret of the system namespace, labelled with a product.
func (p place) credentials(ctx context.Context, name, product string, data map[string]string) *corev1.Secret {
	GinkgoHelper()
	s := secret(p.system, name)
	s.Labels, s.StringData = map[string]string{api.LabelProduct: product}, data
	return create(ctx, s)
}

func deployToken() map[string]string {
	return map[string]string{"username": "deploy", "password": "s3cret", "unrelated": "x"}
}

// repositories returns the URLs that Argo CD has credentials for, by the AppProject that they serve.
func (p place) repositories(ctx context.Context) map[string][]string {
	GinkgoHelper()
	var all corev1.SecretList
	Expect(k8s.List(ctx, &all, client.InNamespace(p.argo),
		client.MatchingLabels{"argocd.argoproj.io/secret-type": "repository"})).To(Succeed())
	urls := map[string][]string{}
	for _, s := range all.Items {
		urls[string(s.Data["project"])] = append(urls[string(s.Data["project"])], string(s.Data["url"]))
	}
	return urls
}

var _ = Describe("A CodeRepo", func() {
	const url = "https://gitlab.example.com/group/api.git"
	var (
		p    place
		r    *coderepo.Reconciler
		repo *api.CodeRepo
		at   string // url in the place's own group
	)
	BeforeEach(func(ctx SpecContext) {
		p = newPlace(ctx)
		r = p.codeRepoReconciler()
		p.provider(ctx)
		at = strings.Replace(url, "group", p.group, 1)
	})
	// uses makes an Application of the product that was deployed from the URL.
	uses := func(ctx SpecContext, product, url string) client.Object {
		GinkgoHelper()
		return p.record(ctx, "dr-"+product, placement.Placement{
			Runtime: placement.RuntimeRef{Namespace: product, Name: "web", UID: "u"}, Product: product,
			Destination: placement.Destination{Environment: "env-dev", Cluster: "c1"},
			CodeRepo:    "repo-3", RepoProduct: p.product, RepoURL: url,
		})
	}

	It("without credentials is read anonymously", func(ctx SpecContext) {
		repo = p.codeRepo(ctx)
		reconciled(ctx, r, repo)
		expectReady(repo)
		Expect(repo.Status.URL).To(Equal(at))
		Expect(ready(repo).Message).To(ContainSubstring("without credentials"))
		Expect(p.repositories(ctx)).To(BeEmpty())
	})

	It("gives Argo CD the credentials of its product, for the product's AppProject alone", func(ctx SpecContext) {
		p.credentials(ctx, p.product+"-git", p.product, deployToken())
		repo = p.codeRepo(ctx)
		reconciled(ctx, r, repo)
		expectReady(repo)

		var all corev1.SecretList
		Expect(k8s.List(ctx, &all, client.InNamespace(p.argo))).To(Succeed())
		Expect(all.Items).To(HaveLen(1))
		s := all.Items[0]
		Expect(s.Name).To(HavePrefix("repo-"))
		Expect(s.Labels).To(HaveKeyWithValue("argocd.argoproj.io/secret-type", "repository"))
		Expect(s.Labels).To(HaveKeyWithValue(api.LabelProduct, p.product))
		Expect(s.Labels).To(HaveKeyWithValue(api.LabelCodeRepo, "repo-3"))
		Expect(s.Labels).To(HaveKeyWithValue(api.LabelInstance, p.instance))
		Expect(s.Data).To(Equal(map[string][]byte{
			"type": []byte("git"), "url": []byte(at), "project": []byte(p.product), "username": []byte("deploy"),
			"password": []byte("s3cret"),
		}))

		version := repo.ResourceVersion
		reconciled(ctx, r, repo)
		Expect(repo.ResourceVersion).To(Equal(version))
		Expect(fetch(ctx, secret(p.argo, s.Name)).ResourceVersion).To(Equal(s.ResourceVersion),
			"written though nothing changed")
	})

	It("passes rotated credentials on", func(ctx SpecContext) {
		s := p.credentials(ctx, p.product+"-git", p.product, deployToken())
		repo = p.codeRepo(ctx)
		reconciled(ctx, r, repo)
		update(ctx, s, func(s *corev1.Secret) { s.Data["password"] = []byte("rotated") })
		reconciled(ctx, r, repo)
		var all corev1.SecretList
		Expect(k8s.List(ctx, &all, client.InNamespace(p.argo))).To(Succeed())
		Expect(all.Items).To(HaveLen(1))
		Expect(all.Items[0].Data).To(HaveKeyWithValue("password", []byte("rotated")))
	})

	DescribeTable("takes no credentials that are not its product's",
		func(ctx SpecContext, name, label string) {
			if label != "" {
				p.credentials(ctx, name, label, deployToken())
			}
			repo = p.codeRepo(ctx, func(r *api.CodeRepo) { r.Spec.CredentialsSecretRef = &api.SecretRef{Name: name} })
			reconciled(ctx, r, repo)
			expectRefused(repo, api.ReasonCredentialsNotFound, name, "label")
			Expect(p.repositories(ctx)).To(BeEmpty())
		},
		Entry("those of another product", "theirs", "product-8"),
		Entry("those of nobody", "platform", "none"),
		Entry("those that do not exist, with the same words", "nothing", ""),
	)

	It("says what its credentials lack", func(ctx SpecContext) {
		p.credentials(ctx, p.product+"-git", p.product, deployToken())
		repo = p.codeRepo(ctx,
			func(r *api.CodeRepo) { r.Spec.URL = "ssh://git@gitlab.example.com/" + p.group + "/api.git" })
		reconciled(ctx, r, repo)
		expectRefused(repo, api.ReasonCredentialsInvalid, "sshPrivateKey")
		Expect(ready(repo).Message).NotTo(ContainSubstring("s3cret"))
	})

	It("outside its product reaches nothing", func(ctx SpecContext) {
		p.credentials(ctx, p.product+"-git", p.product, deployToken())
		repo = p.codeRepo(ctx, func(r *api.CodeRepo) { r.Spec.URL = "https://gitlab.example.com/other/api.git" })
		reconciled(ctx, r, repo)
		expectRefused(repo, api.ReasonRepoOutsideProduct)
		Expect(repo.Status.URL).To(BeEmpty())
		Expect(p.repositories(ctx)).To(BeEmpty())
	})

	It("leaves a Secret of somebody else alone", func(ctx SpecContext) {
		p.credentials(ctx, p.product+"-git", p.product, deployToken())
		repo = p.codeRepo(ctx)
		reconciled(ctx, r, repo)
		var all corev1.SecretList
		Expect(k8s.List(ctx, &all, client.InNamespace(p.argo))).To(Succeed())
		taken := &all.Items[0]
		update(ctx, taken, func(s *corev1.Secret) { s.Annotations, s.Labels = nil, nil })
		version := taken.ResourceVersion
		reconciled(ctx, r, repo)
		expectRefused(repo, api.ReasonNameConflict, taken.Name)
		Expect(fetch(ctx, taken).ResourceVersion).To(Equal(version))
	})

	Describe("that is bound to another product", func() {
		var (
			other   string
			binding *api.CodeRepoBinding
		)
		BeforeEach(func(ctx SpecContext) {
			other = p.product + "1"
			p.addProduct(ctx, other, p.group+"-other")
			p.credentials(ctx, p.product+"-git", p.product, deployToken())
			binding = create(ctx, &api.CodeRepoBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "share"},
				Spec:       api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: other, Permissions: "readonly"},
			})
			repo = p.codeRepo(ctx)
			reconciled(ctx, r, repo)
			expectReady(repo)
		})
		both := func() map[string][]string { return map[string][]string{p.product: {at}, other: {at}} }

		It("serves both, each by its own Secret", func(ctx SpecContext) {
			Expect(p.repositories(ctx)).To(Equal(both()))
		})

		It("serves it no longer when the binding goes", func(ctx SpecContext) {
			Expect(k8s.Delete(ctx, binding)).To(Succeed())
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).To(Equal(map[string][]string{p.product: {at}}))
		})

		It("serves it as long as something runs there that was deployed from it", func(ctx SpecContext) {
			app := uses(ctx, other, at)
			Expect(k8s.Delete(ctx, binding)).To(Succeed())
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).To(Equal(both()))
			remove(ctx, app)
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).NotTo(HaveKey(other))
		})

		It("serves nobody who is no product", func(ctx SpecContext) {
			update(ctx, binding, func(b *api.CodeRepoBinding) { b.Spec.Product = "default" })
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).To(Equal(map[string][]string{p.product: {at}}))
		})
	})

	Describe("that goes", func() {
		BeforeEach(func(ctx SpecContext) {
			p.credentials(ctx, p.product+"-git", p.product, deployToken())
			repo = p.codeRepo(ctx)
			reconciled(ctx, r, repo)
		})

		It("takes its Secret along", func(ctx SpecContext) {
			Expect(k8s.Delete(ctx, repo)).To(Succeed())
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).To(BeEmpty())
		})

		It("leaves it to the Application that needs it", func(ctx SpecContext) {
			app := uses(ctx, p.product, at)
			Expect(k8s.Delete(ctx, repo)).To(Succeed())
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).To(HaveKey(p.product))
			remove(ctx, app)
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)).To(BeEmpty())
		})

		It("to another URL keeps the old one for what still uses it", func(ctx SpecContext) {
			app := uses(ctx, p.product, at)
			update(ctx, repo, func(r *api.CodeRepo) { r.Spec.RepoName = "web" })
			reconciled(ctx, r, repo)
			moved := strings.Replace(at, "api", "web", 1)
			Expect(p.repositories(ctx)[p.product]).To(ConsistOf(at, moved))
			remove(ctx, app)
			reconciled(ctx, r, repo)
			Expect(p.repositories(ctx)[p.product]).To(ConsistOf(moved))
		})

		It("out of its product keeps what it had", func(ctx SpecContext) {
			update(ctx, repo, func(r *api.CodeRepo) { r.Spec.URL = "https://gitlab.example.com/other/api.git" })
			reconciled(ctx, r, repo)
			expectRefused(repo, api.ReasonRepoOutsideProduct)
			Expect(p.repositories(ctx)).To(Equal(map[string][]string{p.product: {at}}))
		})
	})
})
