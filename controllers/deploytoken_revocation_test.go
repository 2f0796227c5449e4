package controllers_test

import (
	"context"
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	forge "gitlab.com/gitlab-org/api/client-go"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/coderepo"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// kindless is an API server whose CRDs were taken away.
type kindless struct{ client.Reader }

func (r kindless) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if _, is := into.(*apiextensionsv1.CustomResourceDefinition); is {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "customresourcedefinitions"}, key.Name)
	}
	return r.Reader.Get(ctx, key, into, opts...)
}

// stranger returns the token of a user who is a member of nothing.
func (p *gitlabPlace) stranger() string {
	GinkgoHelper()
	root, err := forge.NewClient(p.server.RootToken(), forge.WithBaseURL(p.url))
	Expect(err).NotTo(HaveOccurred())
	user, _, err := root.Users.CreateUser(&forge.CreateUserOptions{Username: ptr.To("stranger"), Name: ptr.To("S"),
		Email: ptr.To("s@example.com"), Password: ptr.To("a-long-password"), SkipConfirmation: ptr.To(true)})
	Expect(err).NotTo(HaveOccurred())
	token, _, err := root.Users.CreatePersonalAccessToken(user.ID,
		&forge.CreatePersonalAccessTokenOptions{Name: ptr.To("t"), Scopes: ptr.To([]string{"api"})})
	Expect(err).NotTo(HaveOccurred())
	return token.Token
}

var _ = Describe("The deploy token of a product that is gone", func() {
	var (
		p       *gitlabPlace
		group   githost.Group
		product *api.Product
		kept    *corev1.Secret
	)
	BeforeEach(func(ctx SpecContext) {
		p = newGitLabPlace(ctx)
		p.tokens.ArgoCDNamespace = p.argo
		group = p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		product = fetch(ctx, p.productOf(group))
		kept = secret(p.system, product.Name+"-git")
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(HaveLen(1))
	})
	// stays expects that nothing was revoked or forgotten, and another look after that time.
	stays := func(ctx SpecContext, after time.Duration) {
		GinkgoHelper()
		good := p.good(ctx, group)
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(BeNumerically("~", after, after/5))
		Expect(fetched(ctx, kept)).To(BeTrue(), "the token was forgotten while it is good")
		Expect(p.good(ctx, group)).To(Equal(good))
	}
	goes := func(ctx SpecContext) {
		GinkgoHelper()
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(BeEmpty())
		Expect(fetched(ctx, kept)).To(BeFalse())
	}

	It("is revoked, and not before", func(ctx SpecContext) {
		update(ctx, product, func(o *api.Product) { o.Finalizers = []string{"example.com/hold"} })
		Expect(k8s.Delete(ctx, product)).To(Succeed())
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(HaveLen(1))

		remove(ctx, product)
		restore := p.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodDelete,
			Status: http.StatusServiceUnavailable})
		stays(ctx, 30*time.Second)
		restore()
		goes(ctx)
	})

	It("is revoked with the one that it replaced", func(ctx SpecContext) {
		p.clock.Step(61 * 24 * time.Hour)
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(HaveLen(2))
		remove(ctx, product)
		goes(ctx)
	})

	DescribeTable("stays as long as an Application reads with it",
		func(ctx SpecContext, project func() string, record func() placement.Placement) {
			remove(ctx, product)
			app := p.record(ctx, "one", record())
			update(ctx, app, func(a *observed.Application) { a.Spec.Project = project() })
			stays(ctx, time.Minute)
			remove(ctx, app)
			goes(ctx)
		},
		Entry("by its AppProject", func() string { return product.Name },
			func() placement.Placement { return placement.Placement{} }),
		Entry("as its default.project", func() string { return "stream-" + product.Name },
			func() placement.Placement { return placement.Placement{} }),
		Entry("by its record", func() string { return "default" },
			func() placement.Placement { return p.placed(product.Name, product.Name) }),
		Entry("by a code repo that is bound to another product", func() string { return "product-9" },
			func() placement.Placement { return p.placed("product-9", product.Name) }),
	)

	It("does not wait for the Applications of others", func(ctx SpecContext) {
		remove(ctx, product)
		p.record(ctx, "one", p.placed("product-9", "product-9"))
		goes(ctx)
	})

	It("stays when all Products went with their kind", func(ctx SpecContext) {
		remove(ctx, product)
		p.tokens.Live = kindless{k8s}
		stays(ctx, time.Minute)
		p.tokens.Live = k8s
		goes(ctx)
	})

	It("stays where the git host may only hide it, until it ends by itself", func(ctx SpecContext) {
		remove(ctx, product)
		update(ctx, secret(p.system, "gitlab"), func(s *corev1.Secret) { s.Data["token"] = []byte(p.stranger()) })
		stays(ctx, 5*time.Minute)
		Expect(k8s.Delete(ctx, p.gitlab())).To(Succeed())
		stays(ctx, time.Hour)
		p.clock.Step(90 * 24 * time.Hour)
		reconciled(ctx, p.tokens, product)
		Expect(fetched(ctx, kept)).To(BeFalse())
	})
})

// placed returns the record of a runtime of a product that deploys from a repository of another one.
func (p place) placed(product, owner string) placement.Placement {
	return placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: product, Name: "web", UID: "u"}, Product: product,
		Destination: placement.Destination{Environment: "dev", Cluster: "c1"},
		CodeRepo:    "repo-" + strconv.FormatInt(p.number, 10), RepoProduct: owner,
		RepoURL: "https://git.example.com/shop/app.git",
	}
}

var _ = Describe("The deploy token of a product, at Argo CD,", func() {
	var (
		p       *gitlabPlace
		group   githost.Group
		product *api.Product
		repos   *coderepo.Reconciler
	)
	BeforeEach(func(ctx SpecContext) {
		p = newGitLabPlace(ctx)
		p.tokens.ArgoCDNamespace = p.argo
		group = p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		product = fetch(ctx, p.productOf(group))
		reconciled(ctx, p.tokens, product)
		// another spec may have had a group of that id
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: product.Name}}
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, ns))).To(Succeed())
		repos = &coderepo.Reconciler{Client: k8s, Live: k8s, Lookup: p.lookup(), SystemNamespace: p.system,
			ArgoCDNamespace: p.argo, Instance: p.instance}
	})
	codeRepo := func(ctx SpecContext, name, provider string) *api.CodeRepo {
		GinkgoHelper()
		repo := create(ctx, &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: product.Name, Name: name},
			Spec: api.CodeRepoSpec{
				CodeRepoProvider: provider, Product: product.Name, RepoName: "app",
			}})
		DeferCleanup(remove, repo)
		reconciled(ctx, repos, repo)
		expectReady(repo)
		return repo
	}
	secretsOf := func(ctx SpecContext, repo *api.CodeRepo) []corev1.Secret {
		GinkgoHelper()
		var found corev1.SecretList
		Expect(k8s.List(ctx, &found, client.InNamespace(p.argo), client.MatchingLabels{api.LabelCodeRepo: repo.Name})).
			To(Succeed())
		return found.Items
	}

	It("reaches repositories of that git host only", func(ctx SpecContext) {
		create(ctx, &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "elsewhere"},
			Spec: api.CodeRepoProviderSpec{
				HTTPAddress: "https://elsewhere.example.com", ProviderType: "gitlab",
			}})
		Expect(secretsOf(ctx, codeRepo(ctx, "repo-gitlab", "gitlab"))).To(HaveLen(1))

		By("a code repo of another git host than the product's")
		repo := create(ctx, &api.CodeRepo{ObjectMeta: metav1.ObjectMeta{Namespace: product.Name,
			Name: "repo-elsewhere"}, Spec: api.CodeRepoSpec{
			CodeRepoProvider: "elsewhere", Product: product.Name, RepoName: "app",
		}})
		DeferCleanup(remove, repo)
		reconciled(ctx, repos, repo)
		expectRefused(repo, api.ReasonRepoOutsideProduct)
		Expect(secretsOf(ctx, repo)).To(BeEmpty())

		By("a product that is a person's now may have one")
		update(ctx, product, func(o *api.Product) { o.Labels = nil })
		reconciled(ctx, repos, repo)
		expectReady(repo)
		Expect(secretsOf(ctx, repo)).To(BeEmpty())
	})

	DescribeTable("is replaced also where it is only kept for what still runs",
		func(ctx SpecContext, lose func(context.Context, *api.CodeRepo)) {
			placed := p.placed(product.Name, product.Name)
			repo := codeRepo(ctx, placed.CodeRepo, "gitlab")
			p.record(ctx, "one", placed)
			first := secretsOf(ctx, repo)
			Expect(first).To(HaveLen(1))
			lose(ctx, repo)
			p.clock.Step(61 * 24 * time.Hour)
			reconciled(ctx, p.tokens, product)
			p.clock.Step(2 * time.Hour)
			Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(time.Minute))
			Expect(p.good(ctx, group)).To(HaveLen(2), "it was revoked while Argo CD reads with it")

			reconciled(ctx, repos, repo)
			token := fetch(ctx, secret(p.system, product.Name+"-git"))
			after := secretsOf(ctx, repo)
			Expect(after).To(HaveLen(1))
			Expect(after[0].Data["password"]).NotTo(Equal(first[0].Data["password"]))
			for _, key := range []string{"username", "password"} {
				Expect(after[0].Data[key]).To(Equal(token.Data[key]))
				delete(after[0].Data, key)
				delete(first[0].Data, key)
			}
			Expect(after[0].Data).To(Equal(first[0].Data))
			reconciled(ctx, p.tokens, product)
			Expect(p.good(ctx, group)).To(HaveLen(1))
		},
		Entry("of a CodeRepo that is gone",
			func(ctx context.Context, repo *api.CodeRepo) { Expect(k8s.Delete(ctx, repo)).To(Succeed()) }),
		Entry("of one that is refused", func(ctx context.Context, repo *api.CodeRepo) {
			update(ctx, repo, func(r *api.CodeRepo) { r.Spec.URL = "https://git.example.com/other/app.git" })
		}),
		Entry("of one that has another URL", func(ctx context.Context, repo *api.CodeRepo) {
			update(ctx, repo, func(r *api.CodeRepo) { r.Spec.URL = "ssh://git@git.example.com/shop/app.git" })
			update(ctx, p.gitlab(), func(o *api.CodeRepoProvider) { o.Spec.SSHAddress = "ssh://git@git.example.com" })
		}),
	)

	DescribeTable("does not come to a Secret that is only kept, and is not for it",
		func(ctx SpecContext, change func(context.Context, *api.CodeRepo)) {
			placed := p.placed(product.Name, product.Name)
			repo := codeRepo(ctx, placed.CodeRepo, "gitlab")
			p.record(ctx, "one", placed)
			before := secretsOf(ctx, repo)
			update(ctx, repo, func(r *api.CodeRepo) { r.Spec.URL = "https://git.example.com/other/app.git" })
			change(ctx, repo)
			reconciled(ctx, repos, repo)
			expectRefused(repo, api.ReasonRepoOutsideProduct)
			Expect(secretsOf(ctx, repo)).To(Equal(before))
		},
		Entry("it is for another git host", func(ctx context.Context, _ *api.CodeRepo) {
			update(ctx, secret(p.system, product.Name+"-git"), func(s *corev1.Secret) {
				s.Data["url"], s.Data["password"] = []byte("https://elsewhere.example.com"), []byte("new")
			})
		}),
		Entry("the CodeRepo names its own", func(ctx context.Context, repo *api.CodeRepo) {
			update(ctx, repo, func(r *api.CodeRepo) { r.Spec.CredentialsSecretRef = &api.SecretRef{Name: "own"} })
			update(ctx, secret(p.system, product.Name+"-git"),
				func(s *corev1.Secret) { s.Data["password"] = []byte("new") })
		}),
		Entry("a person keeps the product's", func(ctx context.Context, _ *api.CodeRepo) {
			update(ctx, secret(p.system, product.Name+"-git"),
				func(s *corev1.Secret) { s.Annotations, s.Data["password"] = nil, []byte("new") })
		}),
	)
})
