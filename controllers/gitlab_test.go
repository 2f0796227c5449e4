package controllers_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	forge "gitlab.com/gitlab-org/api/client-go"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/deploytoken"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/product"
	"github.com/nautes-labs/deployment-runtime/controllers/productprovider"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	tokens "github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// gitlabPlace is a place with a GitLab, to which a ProductProvider leads.
type gitlabPlace struct {
	place
	server *fakegitlab.Server
	url    string
	host   githost.Host
	root   tokens.Token
	clock  *clocktesting.FakeClock

	source   *api.ProductProvider
	products *productprovider.Reconciler
	argoCD   string // its version
	tokens   *deploytoken.Reconciler
}

func newGitLabPlace(ctx context.Context, changes ...func(*fakegitlab.Options)) *gitlabPlace {
	GinkgoHelper()
	p := &gitlabPlace{place: newPlace(ctx), clock: clocktesting.NewFakeClock(time.Now())}
	options := fakegitlab.Options{RequestsPerMinute: -1}
	for _, change := range changes {
		change(&options)
	}
	server, err := fakegitlab.New(options)
	Expect(err).NotTo(HaveOccurred())
	p.server, p.root = server, tokens.New(server.RootToken())
	p.url, err = server.Start(context.Background())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Close)
	p.host, err = gitlab.New(gitlab.Options{URL: p.url, Timeout: time.Minute})
	Expect(err).NotTo(HaveOccurred())

	token := secret(p.system, "gitlab")
	token.StringData = map[string]string{"token": server.RootToken() + "\n"}
	create(ctx, token)
	create(ctx, &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "gitlab"},
		Spec: api.CodeRepoProviderSpec{
			HTTPAddress: "https://git.example.com/", APIServer: p.url + "/api/v4", ProviderType: "gitlab",
			CredentialsSecretRef: &api.SecretRef{Name: "gitlab"},
		}})
	p.source = create(ctx, &api.ProductProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "source"},
		Spec:       api.ProductProviderSpec{Type: "coderepo", Name: "gitlab"},
	})
	hosts := githosts.New(k8s, p.system)
	p.products = &productprovider.Reconciler{Client: k8s, Lookup: p.lookup(), Hosts: hosts, SystemNamespace: p.system,
		PollInterval: time.Minute,
		Brake:        controllers.DefaultOptions().Brake, Clock: p.clock,
		ArgoCD: func() metav1.Condition { return observed.VersionTested(p.argoCD) }}
	p.tokens = &deploytoken.Reconciler{
		Client: k8s, Live: k8s, Lookup: p.lookup(), Hosts: hosts, Clock: p.clock, SystemNamespace: p.system,
		Instance: p.instance,
	}
	return p
}

// allow has the provider take a group, and what lies below it.
func (p *gitlabPlace) allow(ctx context.Context, path string) {
	GinkgoHelper()
	update(ctx, p.source, func(o *api.ProductProvider) {
		if !slices.Contains(o.Spec.AllowedGroups, path) {
			o.Spec.AllowedGroups = append(o.Spec.AllowedGroups, path)
		}
	})
}

// groupWith makes a group with projects, which the provider takes.
func (p *gitlabPlace) groupWith(ctx context.Context, path string, projects ...string) githost.Group {
	GinkgoHelper()
	group, err := p.host.CreateGroup(ctx, p.root, githost.NewGroup{Path: path})
	Expect(err).NotTo(HaveOccurred())
	p.allow(ctx, path)
	for _, project := range projects {
		_, err := p.host.CreateProject(ctx, p.root, githost.NewProject{NamespaceID: group.ID, Path: project})
		Expect(err).NotTo(HaveOccurred())
	}
	return group
}

// defaultProject returns the default.project of a group.
func (p *gitlabPlace) defaultProject(ctx context.Context, group string) githost.Project {
	GinkgoHelper()
	project, err := p.host.ProjectAt(ctx, p.root, group+"/default.project")
	Expect(err).NotTo(HaveOccurred())
	return project
}

func (p *gitlabPlace) productOf(group githost.Group) *api.Product {
	return &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system,
		Name: "product-" + strconv.FormatInt(group.ID, 10)}}
}

// good returns the ids of the group's deploy tokens that are still good.
func (p *gitlabPlace) good(ctx context.Context, group githost.Group) []int64 {
	GinkgoHelper()
	all, err := p.host.DeployTokens(ctx, p.root, githost.OfGroup(group.ID))
	Expect(err).NotTo(HaveOccurred())
	var out []int64
	for _, t := range all {
		if !t.Ended {
			out = append(out, t.ID)
		}
	}
	return out
}

func says(obj conditioned, condition string) string {
	c := meta.FindStatusCondition(obj.GetConditions(), condition)
	if c == nil {
		return ""
	}
	return string(c.Status) + "/" + c.Reason + ": " + c.Message
}

var _ = Describe("A ProductProvider", func() {
	It("makes a Product of every group with a default.project, and follows its path", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop, empty := p.groupWith(ctx, "shop", "default.project", "app"),
			p.groupWith(ctx, "empty", "other.default.project")
		reconciled(ctx, p.products, p.source)
		expectReady(p.source)
		product := fetch(ctx, p.productOf(shop))
		Expect(product.Spec).
			To(Equal(api.ProductSpec{Name: "shop", MetaDataPath: "https://git.example.com/shop/default.project.git"}))
		Expect(product.Labels).To(HaveKeyWithValue(api.LabelProvider, "source"))
		Expect(fetched(ctx, p.productOf(empty))).To(BeFalse())

		p.rename(ctx, shop, "store")
		reconciled(ctx, p.products, p.source)
		Expect(fetch(ctx, product).Spec.Name).To(Equal("store"))
		before := versions(ctx, product, p.source)
		reconciled(ctx, p.products, p.source)
		Expect(versions(ctx, product, p.source)).To(Equal(before))
	})

	It("never deletes a Product, whatever the git host answers", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		product := fetch(ctx, p.productOf(shop))
		unchanged := func() {
			GinkgoHelper()
			before := product.ResourceVersion
			reconciled(ctx, p.products, p.source)
			Expect(fetch(ctx, product).ResourceVersion).To(Equal(before))
		}

		for what, fault := range map[string]fakegitlab.Fault{
			"it is broken": {Status: http.StatusInternalServerError},
			"it limits us": {Status: http.StatusTooManyRequests, RetryAfter: time.Minute},
			"it hangs up":  {Drop: true}, "half a list": {Partial: true},
		} {
			By(what)
			restore := p.server.Trouble().Add(fault)
			unchanged()
			expectRefused(p.source, api.ReasonUnreachable)
			restore()
		}

		By("the provider's token is refused")
		update(ctx, secret(p.system, "gitlab"),
			func(s *corev1.Secret) { s.Data["token"] = []byte("glpat-wrong-canary") })
		unchanged()
		expectRefused(p.source, api.ReasonCredentialsInvalid)
		Expect(ready(p.source).Message).NotTo(ContainSubstring("canary"))
		update(ctx, secret(p.system, "gitlab"),
			func(s *corev1.Secret) { s.Data["token"] = []byte(p.server.RootToken()) })

		By("its default.project is gone")
		Expect(p.host.DeleteProject(ctx, p.root, p.defaultProject(ctx, "shop").ID)).To(Succeed())
		reconciled(ctx, p.products, p.source)
		expectRefused(p.source, api.ReasonGroupGone)
		Expect(p.annotation(ctx, shop, api.AnnotationGroupGone)).NotTo(BeEmpty())
		Expect(says(p.source, api.ConditionGroupsFound)).To(HavePrefix("False/" + api.ReasonGroupGone + ": "))
		Expect(says(p.source, api.ConditionGroupsFound)).To(ContainSubstring(product.Name))
		fetch(ctx, product)
		unchanged()

		By("it is there again")
		_, err := p.host.CreateProject(ctx, p.root, githost.NewProject{NamespaceID: shop.ID, Path: "default.project"})
		Expect(err).NotTo(HaveOccurred())
		reconciled(ctx, p.products, p.source)
		expectReady(p.source)
		Expect(p.annotation(ctx, shop, api.AnnotationGroupGone)).To(BeEmpty())
	})

	It("is told which Argo CD is driven, which decides nothing", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		p.groupWith(ctx, "shop", "default.project")
		for told, want := range map[string]string{"": "Unknown/" + api.ReasonVersionUnknown,
			"v3.5.7+f1a9a7d": "True/" + api.ReasonInTestedRange, "v4.0.0": "False/" + api.ReasonOutsideTestedRange} {
			p.argoCD = told
			reconciled(ctx, p.products, p.source)
			Expect(says(p.source, api.ConditionArgoCDTested)).To(HavePrefix(want))
			expectReady(p.source)
		}
		before := fetch(ctx, p.source).ResourceVersion
		reconciled(ctx, p.products, p.source)
		Expect(fetch(ctx, p.source).ResourceVersion).To(Equal(before))
	})

	It("keeps a Product with its own group, whoever takes the path", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		product := fetch(ctx, p.productOf(shop))

		By("a group that waits for its deletion under another name, which nobody allowed")
		Expect(p.host.DeleteGroup(ctx, p.root, shop.ID)).To(Succeed())
		other := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		Expect(p.annotation(ctx, shop, api.AnnotationGroupMoved)).To(HavePrefix("shop-"))
		Expect(fetch(ctx, p.productOf(other)).Spec.Name).To(Equal("shop"))

		By("the new name is allowed")
		p.allow(ctx, p.annotation(ctx, shop, api.AnnotationGroupMoved))
		reconciled(ctx, p.products, p.source)
		Expect(fetch(ctx, product).Spec.Name).To(HavePrefix("shop-"))
		Expect(p.annotation(ctx, shop, api.AnnotationGroupMoved)).To(BeEmpty())
	})

	It("stops what would come from another group at the path of a Product's own one", func(ctx SpecContext) {
		p := newGitLabPlace(ctx, func(o *fakegitlab.Options) { o.DeleteAtOnce = true })
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		own := fetch(ctx, p.productOf(shop))
		stream := &product.Reconciler{
			Client: k8s, Live: k8s, Lookup: p.lookup(), Clock: p.clock, SystemNamespace: p.system,
			ArgoCDNamespace: p.argo, HubClusterName: "in-cluster", Instance: p.instance,
		}
		// another spec may have had a group of that id
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: own.Name}}
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, ns))).To(Succeed())
		update(ctx, ns, func(o *corev1.Namespace) { o.Labels = map[string]string{api.LabelProduct: own.Name} })
		reconciled(ctx, stream, own)
		app := &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: p.argo, Name: identity.Stream(own.Name)}}
		Expect(fetch(ctx, app).Spec.SyncPolicy.Automated).NotTo(BeNil())

		Expect(p.host.DeleteGroup(ctx, p.root, shop.ID)).To(Succeed())
		other := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		Expect(says(p.source, api.ConditionGroupsFound)).To(And(HavePrefix("False/"+api.ReasonGroupReplaced),
			ContainSubstring(own.Name)))
		Expect(fetch(ctx, own).Annotations).To(HaveKeyWithValue(api.AnnotationGroupReplaced,
			strconv.FormatInt(other.ID, 10)))
		reconciled(ctx, stream, own)
		Expect(fetch(ctx, app).Spec.SyncPolicy.Automated).To(BeNil())
		Expect(says(own, api.ConditionSynced)).To(HavePrefix("False/" + api.ReasonGroupReplaced))
	})

	It("follows no move of many groups at once, nor one together with the git host's address", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		var groups []githost.Group
		for i := range 5 {
			groups = append(groups, p.groupWith(ctx, "g"+strconv.Itoa(i), "default.project"))
		}
		reconciled(ctx, p.products, p.source)
		rename := func(g githost.Group) { p.rename(ctx, g, "moved-"+g.Path) }
		for _, g := range groups[:4] {
			rename(g)
			// as before the repository was written down
			update(ctx, p.productOf(g), func(o *api.Product) { o.Annotations = nil })
		}
		reconciled(ctx, p.products, p.source)
		expectRefused(p.source, api.ReasonTooManyMoves)
		Expect(fetch(ctx, p.productOf(groups[0])).Spec.Name).To(Equal("g0"))

		for _, g := range groups[:3] {
			update(ctx, p.productOf(g), func(o *api.Product) {
				o.Spec = api.ProductSpec{Name: "moved-" + g.Path,
					MetaDataPath: "https://git.example.com/moved-" + g.Path + "/default.project.git"}
			})
		}
		reconciled(ctx, p.products, p.source)
		expectReady(p.source)
		Expect(fetch(ctx, p.productOf(groups[3])).Spec.Name).To(Equal("moved-g3"))

		rename(groups[4])
		update(ctx, &api.CodeRepoProvider{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "gitlab"}},
			func(o *api.CodeRepoProvider) { o.Spec.HTTPAddress = "https://staging.example.com" })
		reconciled(ctx, p.products, p.source)
		expectRefused(p.source, api.ReasonTooManyMoves)
		Expect(fetch(ctx, p.productOf(groups[4])).Spec.Name).To(Equal("g4"))
	})

	It("makes no Product of a group that is only visible to its token", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		root, err := forge.NewClient(p.server.RootToken(), forge.WithBaseURL(p.url))
		Expect(err).NotTo(HaveOccurred())
		user, _, err := root.Users.CreateUser(&forge.CreateUserOptions{Username: ptr.To("bot"), Name: ptr.To("Bot"),
			Email: ptr.To("bot@example.com"), Password: ptr.To("a-long-password"), SkipConfirmation: ptr.To(true)})
		Expect(err).NotTo(HaveOccurred())
		token, _, err := root.Users.CreatePersonalAccessToken(user.ID,
			&forge.CreatePersonalAccessTokenOptions{Name: ptr.To("t"), Scopes: ptr.To([]string{"api"})})
		Expect(err).NotTo(HaveOccurred())
		update(ctx, secret(p.system, "gitlab"), func(s *corev1.Secret) { s.Data["token"] = []byte(token.Token) })
		strange, err := p.host.CreateGroup(ctx, p.root, githost.NewGroup{Path: "strange", Visibility: githost.Public})
		Expect(err).NotTo(HaveOccurred())
		p.allow(ctx, "strange")
		_, err = p.host.CreateProject(ctx, p.root,
			githost.NewProject{NamespaceID: strange.ID, Path: "default.project", Visibility: githost.Public})
		Expect(err).NotTo(HaveOccurred())
		reconciled(ctx, p.products, p.source)
		expectReady(p.source)
		Expect(fetched(ctx, p.productOf(strange))).To(BeFalse())

		_, _, err = root.GroupMembers.AddGroupMember(int(strange.ID),
			&forge.AddGroupMemberOptions{UserID: ptr.To(user.ID), AccessLevel: ptr.To(forge.OwnerPermissions)})
		Expect(err).NotTo(HaveOccurred())
		p.clock.Step(11 * time.Minute)
		reconciled(ctx, p.products, p.source)
		Expect(fetched(ctx, p.productOf(strange))).To(BeTrue())
	})

	It("leaves a Product alone that was made by other means, until it is handed over", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop := p.groupWith(ctx, "shop", "default.project")
		byHand := p.productOf(shop)
		byHand.Spec.Name = "by-hand"
		create(ctx, byHand)
		reconciled(ctx, p.products, p.source)
		Expect(fetch(ctx, byHand).Spec.Name).To(Equal("by-hand"))
		Expect(says(p.source, api.ConditionGroupsFound)).To(And(HavePrefix("False/"+api.ReasonNameConflict),
			ContainSubstring(api.LabelProvider+"=source")))
		update(ctx, byHand, func(o *api.Product) { o.Labels = map[string]string{api.LabelProvider: "source"} })
		reconciled(ctx, p.products, p.source)
		Expect(fetch(ctx, byHand).Spec.Name).To(Equal("shop"))
		Expect(says(p.source, api.ConditionGroupsFound)).To(HavePrefix("True/"))
	})
})
