package controllers_test

import (
	"context"
	"errors"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// refusing is an API server that takes no Secrets.
type refusing struct{ client.Client }

func (r refusing) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, o.GetName(), errors.New("no room"))
}

// late is an API server to which another writer of each status was faster.
type late struct{ client.Client }

func (l late) Status() client.SubResourceWriter { return lateStatus{l.Client.Status()} }

type lateStatus struct{ client.SubResourceWriter }

func (lateStatus) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
	return modified("products", o)
}

// modified is the answer to a write that lost against another writer.
func modified(resource string, o client.Object) error {
	return apierrors.NewConflict(schema.GroupResource{Resource: resource}, o.GetName(), errors.New("it was modified"))
}

// gitlab returns the CodeRepoProvider that leads to the place's GitLab.
func (p *gitlabPlace) gitlab() *api.CodeRepoProvider {
	return &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "gitlab"}}
}

func credentialsOf(namespace, name, token string) *corev1.Secret {
	s := secret(namespace, name)
	s.StringData = map[string]string{"token": token}
	return s
}

var _ = Describe("The deploy token of a product", func() {
	var (
		p       *gitlabPlace
		group   githost.Group
		product *api.Product
		kept    *corev1.Secret
	)
	BeforeEach(func(ctx SpecContext) {
		p = newGitLabPlace(ctx)
		group = p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		product = fetch(ctx, p.productOf(group))
		p.tokens.ArgoCDNamespace = p.argo
		kept = secret(p.system, product.Name+"-git")
	})

	It("is made once, kept for that product and that git host only, and written down", func(ctx SpecContext) {
		reconciled(ctx, p.tokens, product)
		Expect(says(product, api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonMinted))
		fetch(ctx, kept)
		Expect(kept.Labels).To(HaveKeyWithValue(api.LabelProduct, product.Name))
		Expect(kept.Data).To(And(HaveKey("username"), HaveKey("password"),
			HaveKeyWithValue("url", []byte("https://git.example.com/"))))
		Expect(string(kept.Data["password"])).NotTo(Equal(p.server.RootToken()))
		Expect(p.good(ctx, group)).To(HaveLen(1))
		before := versions(ctx, kept, product)
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(BeNumerically(">", time.Minute))
		Expect(versions(ctx, kept, product)).To(Equal(before))
		Expect(p.good(ctx, group)).To(HaveLen(1))
	})

	It("is replaced before it ends, and the old one is good until Argo CD had time", func(ctx SpecContext) {
		reconciled(ctx, p.tokens, product)
		old, password := p.good(ctx, group), fetch(ctx, kept).Data["password"]
		p.clock.Step(59 * 24 * time.Hour)
		reconciled(ctx, p.tokens, product)
		Expect(fetch(ctx, kept).Data["password"]).To(Equal(password))
		p.clock.Step(2 * 24 * time.Hour)
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(time.Hour))
		Expect(fetch(ctx, kept).Data["password"]).NotTo(Equal(password))
		Expect(p.good(ctx, group)).To(And(HaveLen(2), ContainElement(old[0])))
		p.clock.Step(59 * time.Minute)
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(time.Minute))
		Expect(p.good(ctx, group)).To(HaveLen(2))
		p.clock.Step(time.Minute)
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(BeNumerically(">=", time.Hour))
		Expect(p.good(ctx, group)).To(And(HaveLen(1), Not(ContainElement(old[0]))))
	})

	It("is made again when somebody revoked it, but not for a list that may be behind", func(ctx SpecContext) {
		reconciled(ctx, p.tokens, product)
		first, text := p.good(ctx, group)[0], fetch(ctx, kept).ResourceVersion
		Expect(p.host.RevokeDeployToken(ctx, p.root, githost.OfGroup(group.ID), first)).To(Succeed())
		// which may not know the token
		update(ctx, p.gitlab(), func(o *api.CodeRepoProvider) { o.Spec.HTTPAddress = "https://another.example.com" })
		p.clock.Step(9 * time.Minute)
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(time.Minute))
		Expect(fetch(ctx, kept).ResourceVersion).To(Equal(text))
		Expect(p.good(ctx, group)).To(BeEmpty())
		p.clock.Step(time.Minute)
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(And(HaveLen(1), Not(ContainElement(first))))
	})

	It("that was replaced is not forgotten over the next replacement", func(ctx SpecContext) {
		reconciled(ctx, p.tokens, product)
		old := p.good(ctx, group)[0]
		p.clock.Step(61 * 24 * time.Hour)
		reconciled(ctx, p.tokens, product)
		p.clock.Step(30 * time.Minute)
		update(ctx, kept, func(s *corev1.Secret) { delete(s.Data, "password") })
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(30 * time.Minute))
		Expect(p.good(ctx, group)).To(And(HaveLen(3), ContainElement(old)))
		p.clock.Step(30 * time.Minute)
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(And(HaveLen(2), Not(ContainElement(old))))
		p.clock.Step(30 * time.Minute)
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(HaveLen(1))
	})

	It("is made again when its Secret is lost, and revoked only after that", func(ctx SpecContext) {
		reconciled(ctx, p.tokens, product)
		lost := p.good(ctx, group)[0]
		Expect(k8s.Delete(ctx, fetch(ctx, kept))).To(Succeed())
		p.clock.Step(6 * time.Minute)
		restore := p.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodPost, Path: "/deploy_tokens",
			Status: http.StatusServiceUnavailable})
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(30 * time.Second))
		Expect(p.good(ctx, group)).To(ConsistOf(lost))
		restore()
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(And(HaveLen(1), Not(ContainElement(lost))))
		Expect(fetched(ctx, kept)).To(BeTrue())

		By("a token that was made a moment ago: the write of its Secret may be on its way")
		young := p.good(ctx, group)[0]
		Expect(k8s.Delete(ctx, kept)).To(Succeed())
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(BeNumerically("~", 5*time.Minute, time.Second))
		Expect(p.good(ctx, group)).To(And(HaveLen(2), ContainElement(young)))
		p.clock.Step(6 * time.Minute)
		reconciled(ctx, p.tokens, product)
		Expect(p.good(ctx, group)).To(And(HaveLen(1), Not(ContainElement(young))))
	})

	It("is revoked at once when it could not be kept", func(ctx SpecContext) {
		p.tokens.Client = refusing{k8s}
		_, err := p.tokens.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(product)})
		Expect(err).To(HaveOccurred())
		Expect(p.good(ctx, group)).To(BeEmpty())
	})

	It("is told soon where another writer of the status was faster", func(ctx SpecContext) {
		p.tokens.Client = late{k8s}
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(phases.ConflictRetry))
		p.tokens.Client = k8s
		reconciled(ctx, p.tokens, product)
		Expect(says(product, api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonMinted))
	})

	It("is not made anew for what the Secret lost besides", func(ctx SpecContext) {
		reconciled(ctx, p.tokens, product)
		good := p.good(ctx, group)
		password := fetch(ctx, kept).Data["password"]
		update(ctx, kept, func(s *corev1.Secret) { s.Labels = nil; delete(s.Data, "url") })
		reconciled(ctx, p.tokens, product)
		Expect(fetch(ctx, kept).Labels).To(HaveKeyWithValue(api.LabelProduct, product.Name))
		Expect(kept.Data).To(And(HaveKeyWithValue("password", password),
			HaveKeyWithValue("url", []byte("https://git.example.com/"))))

		By("the git host has another address")
		update(ctx, p.gitlab(), func(o *api.CodeRepoProvider) { o.Spec.HTTPAddress = "https://code.example.com" })
		reconciled(ctx, p.tokens, product)
		Expect(fetch(ctx, kept).Data).To(And(HaveKeyWithValue("password", password),
			HaveKeyWithValue("url", []byte("https://code.example.com"))))
		Expect(p.good(ctx, group)).To(Equal(good))
	})

	DescribeTable("is made anew when the Secret holds no credentials of it",
		func(ctx SpecContext, spoil func(*corev1.Secret)) {
			reconciled(ctx, p.tokens, product)
			before := fetch(ctx, kept).Data["password"]
			update(ctx, kept, spoil)
			reconciled(ctx, p.tokens, product)
			Expect(fetch(ctx, kept).Data).To(And(HaveKey("username"), HaveKey("password")))
			Expect(kept.Data["password"]).NotTo(Equal(before))
			Expect(p.good(ctx, group)).To(HaveLen(2))
		},
		Entry("no username", func(s *corev1.Secret) { delete(s.Data, "username") }),
		Entry("no password", func(s *corev1.Secret) { delete(s.Data, "password") }),
		Entry("another username", func(s *corev1.Secret) { s.Data["username"] = []byte("somebody") }),
		Entry("nothing at all", func(s *corev1.Secret) { s.Data = nil }),
	)

	DescribeTable("that is due does not hurry a git host in trouble",
		func(ctx SpecContext, fault fakegitlab.Fault, reason string, after time.Duration) {
			reconciled(ctx, p.tokens, product)
			p.clock.Step(61 * 24 * time.Hour)
			p.server.Trouble().Add(fault)
			Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(Equal(after))
			Expect(says(product, api.ConditionCredentialsReady)).To(HavePrefix("False/" + reason + ": "))
			p.server.Trouble().Clear()
			Expect(p.good(ctx, group)).To(HaveLen(1))
		},
		Entry("it limits us", fakegitlab.Fault{Status: http.StatusTooManyRequests, RetryAfter: 7 * time.Minute},
			api.ReasonUnreachable, 7*time.Minute),
		Entry("it limits what we make", fakegitlab.Fault{Method: http.MethodPost, Status: http.StatusTooManyRequests,
			RetryAfter: 8 * time.Minute}, api.ReasonUnreachable, 8*time.Minute),
		Entry("it does not know the provider's token", fakegitlab.Fault{Status: http.StatusUnauthorized},
			api.ReasonCredentialsInvalid, 30*time.Second),
		Entry("it forbids", fakegitlab.Fault{Method: http.MethodPost, Status: http.StatusForbidden},
			api.ReasonCredentialsInvalid, 5*time.Minute),
		Entry("it does not show the group", fakegitlab.Fault{Status: http.StatusNotFound}, api.ReasonGroupGone,
			5*time.Minute),
		Entry("it refuses the values", fakegitlab.Fault{Method: http.MethodPost, Status: http.StatusBadRequest},
			api.ReasonWriteRefused, 5*time.Minute),
		Entry("it is down", fakegitlab.Fault{Status: http.StatusServiceUnavailable}, api.ReasonUnreachable,
			30*time.Second),
	)

	DescribeTable("is looked after as long as there is a Product",
		func(ctx SpecContext, lose func(context.Context)) {
			reconciled(ctx, p.tokens, product)
			password := fetch(ctx, kept).Data["password"]
			lose(ctx)
			p.clock.Step(61 * 24 * time.Hour)
			reconciled(ctx, p.tokens, product)
			Expect(fetch(ctx, kept).Data["password"]).NotTo(Equal(password))
			p.clock.Step(time.Hour)
			reconciled(ctx, p.tokens, product)
			Expect(p.good(ctx, group)).To(HaveLen(1))
			Expect(says(product, api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonMinted))
		},
		Entry("whose provider is gone", func(ctx context.Context) { Expect(k8s.Delete(ctx, p.source)).To(Succeed()) }),
		Entry("that was taken from its provider",
			func(ctx context.Context) { update(ctx, product, func(o *api.Product) { o.Labels = nil }) }),
		Entry("that waits for its deletion", func(ctx context.Context) {
			update(ctx, product, func(o *api.Product) { o.Finalizers = []string{"example.com/hold"} })
			DeferCleanup(remove, product)
			Expect(k8s.Delete(ctx, product)).To(Succeed())
		}),
	)

	It("is said to run out when the provider's token is taken away", func(ctx SpecContext) {
		update(ctx, p.gitlab(), func(o *api.CodeRepoProvider) { o.Spec.CredentialsSecretRef = nil })
		reconciled(ctx, p.tokens, product)
		Expect(says(product, api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonNotConfigured))
		update(ctx, p.gitlab(),
			func(o *api.CodeRepoProvider) { o.Spec.CredentialsSecretRef = &api.SecretRef{Name: "gitlab"} })
		reconciled(ctx, p.tokens, product)
		update(ctx, p.gitlab(), func(o *api.CodeRepoProvider) { o.Spec.CredentialsSecretRef = nil })
		Expect(reconciled(ctx, p.tokens, product).RequeueAfter).To(BeNumerically(">=", time.Hour))
		Expect(says(product, api.ConditionCredentialsReady)).To(And(HavePrefix("False/"+api.ReasonNotConfigured),
			ContainSubstring("spec.credentialsSecretRef")))
		before := versions(ctx, product)
		p.clock.Step(time.Hour)
		reconciled(ctx, p.tokens, product)
		Expect(versions(ctx, product)).To(Equal(before), "the message is not stable")
	})

	It("of another git host is left to expire there, and strangers' tokens of its id are not touched",
		func(ctx SpecContext) {
			reconciled(ctx, p.tokens, product)
			first := p.good(ctx, group)
			elsewhere := newGitLabPlace(ctx)
			Expect(elsewhere.groupWith(ctx, "strangers", "default.project").ID).To(Equal(group.ID))
			theirs, err := elsewhere.host.CreateDeployToken(ctx, elsewhere.root, githost.OfGroup(group.ID),
				githost.DeployTokenRequest{Name: "theirs", Scopes: []string{"read_repository"}})
			Expect(err).NotTo(HaveOccurred())
			Expect(theirs.ID).To(Equal(first[0]))
			create(ctx, credentialsOf(p.system, "elsewhere", elsewhere.server.RootToken()))
			create(ctx, &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "elsewhere"},
				Spec: api.CodeRepoProviderSpec{
					HTTPAddress: "https://elsewhere.example.com", APIServer: elsewhere.url, ProviderType: "gitlab",
					CredentialsSecretRef: &api.SecretRef{Name: "elsewhere"},
				}})
			update(ctx, p.source, func(o *api.ProductProvider) { o.Spec.Name = "elsewhere" })
			for range 3 {
				reconciled(ctx, p.tokens, product)
				p.clock.Step(time.Hour)
			}
			Expect(fetch(ctx, kept).Data).To(HaveKeyWithValue("url", []byte("https://elsewhere.example.com")))
			Expect(elsewhere.good(ctx, group)).To(And(HaveLen(2), ContainElement(theirs.ID)))
			Expect(p.good(ctx, group)).To(Equal(first))
		})

	It("is not made where a person keeps the credentials, nor for a Product that no provider keeps",
		func(ctx SpecContext) {
			kept.Labels, kept.StringData = map[string]string{api.LabelProduct: product.Name},
				map[string]string{"username": "u", "password": "p"}
			create(ctx, kept)
			reconciled(ctx, p.tokens, product)
			Expect(says(product, api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonKeptByHand))
			Expect(fetch(ctx, kept).Data).To(HaveKeyWithValue("password", []byte("p")))

			By("they are nobody's that is known here")
			update(ctx, kept, func(s *corev1.Secret) { s.Labels[api.LabelProduct] = "product-of-others" })
			reconciled(ctx, p.tokens, product)
			Expect(says(product, api.ConditionCredentialsReady)).
				To(And(HavePrefix("False/"+api.ReasonCredentialsNotFound),
					ContainSubstring(api.LabelProduct+"="+product.Name)))
			Expect(k8s.Delete(ctx, kept)).To(Succeed())
			update(ctx, product, func(o *api.Product) { o.Labels = nil })
			reconciled(ctx, p.tokens, product)
			Expect(fetched(ctx, kept)).To(BeFalse())
			Expect(p.good(ctx, group)).To(BeEmpty())
		})
})
