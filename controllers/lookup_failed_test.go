package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/deploytoken"
	"github.com/nautes-labs/deployment-runtime/controllers/judged"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
)

// unreliable is a client of the management cluster that fails to read objects, or lists, of one type, such as
// *v1alpha1.ProductList.
type unreliable struct {
	client.Client
	failing string
	err     error
}

func (u *unreliable) fails(obj any) error {
	if fmt.Sprintf("%T", obj) == u.failing {
		return u.err
	}
	return nil
}

func (u *unreliable) Get(ctx context.Context, key client.ObjectKey, obj client.Object, o ...client.GetOption) error {
	if err := u.fails(obj); err != nil {
		return err
	}
	return u.Client.Get(ctx, key, obj, o...)
}

func (u *unreliable) List(ctx context.Context, list client.ObjectList, o ...client.ListOption) error {
	if err := u.fails(list); err != nil {
		return err
	}
	return u.Client.List(ctx, list, o...)
}

// subject is an object with the reconciler that looks after it.
type subject struct {
	reconciler reconcile.Reconciler
	object     conditioned
}

var _ = Describe("A pass that an error ended", func() {
	runtime := func(ctx context.Context, c client.Client) subject {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		s.runtimes.Client, s.runtimes.Live, s.runtimes.Lookup = c, c, catalog.New(c, s.system, s.argo)
		return subject{s.runtimes, r}
	}
	product := func(ctx context.Context, c client.Client) subject {
		s := newStand(ctx)
		s.deployed(ctx, s.runtime(ctx, "web"))
		s.products.Client, s.products.Live, s.products.Lookup = c, c, catalog.New(c, s.system, s.argo)
		return subject{s.products, s.theProduct()}
	}

	It("leaves a deploy token good that was found good before", func(ctx SpecContext) {
		p := newGitLabPlace(ctx)
		shop := p.groupWith(ctx, "shop", "default.project")
		reconciled(ctx, p.products, p.source)
		product := p.productOf(shop)
		reconciled(ctx, p.tokens, product)
		_, err := p.host.CreateDeployToken(ctx, p.root, githost.OfGroup(shop.ID), githost.DeployTokenRequest{
			Name: "nautes-" + p.instance[:8] + "-" + product.Name, Scopes: []string{"read_repository"},
			ExpiresAt: p.clock.Now().Add(80 * 24 * time.Hour),
		})
		Expect(err).NotTo(HaveOccurred())
		live := &unreliable{Client: k8s, failing: "*v1.SecretList",
			err: apierrors.NewServiceUnavailable("etcd has no leader")}
		p.tokens.Live = live
		_, err = p.tokens.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(product)})
		Expect(err).To(MatchError(live.err), "the other token is not revoked yet")
		Expect(says(fetch(ctx, product), api.ConditionCredentialsReady)).To(HavePrefix("True/" + api.ReasonMinted))
	})

	It("is told once that lasted a while, and leaves other conditions their generation", func(ctx SpecContext) {
		c := &unreliable{Client: k8s, err: apierrors.NewServiceUnavailable("etcd has no leader")}
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		s.runtimes.Doubts = &phases.Doubts{Clock: s.clock, Untold: 15 * time.Second}
		s.runtimes.Lookup = catalog.New(c, s.system, s.argo)
		s.reportLook(ctx, fetch(ctx, s.application("web")), "c1")
		reconciled(ctx, s.runtimes, r)
		reportHealthy(ctx, fetch(ctx, s.application("web")), s.clock.Now())
		reconciled(ctx, s.runtimes, r)
		Expect(says(r, api.ConditionReady)).To(HavePrefix("True/"))
		earlier := r.Generation
		update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.Path = "manifests/next" })

		c.failing = "*v1alpha1.Environment"
		fails := func() string {
			_, err := s.runtimes.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(r)})
			Expect(err).To(MatchError(c.err))
			return says(fetch(ctx, r), api.ConditionReady)
		}
		Expect(fails()).To(HavePrefix("True/"))
		s.clock.Step(14 * time.Second)
		Expect(fails()).To(HavePrefix("True/"))
		s.clock.Step(time.Second)
		Expect(fails()).To(HavePrefix("Unknown/" + api.ReasonLookupFailed))
		Expect(r.Status.ObservedGeneration).To(Equal(earlier))
		for _, is := range r.Status.Conditions {
			want := earlier
			if is.Type == api.ConditionReady || is.Type == api.ConditionResolved {
				want = r.Generation
			}
			Expect(is.ObservedGeneration).To(Equal(want), is.Type)
		}
		before := versions(ctx, r)
		fails()
		Expect(versions(ctx, r)).To(Equal(before), "told once")

		c.failing = ""
		reconciled(ctx, s.runtimes, r)
		Expect(says(r, api.ConditionReady)).NotTo(ContainSubstring(api.ReasonLookupFailed))
		c.failing = "*v1alpha1.Environment"
		Expect(fails()).NotTo(ContainSubstring(api.ReasonLookupFailed), "a new doubt begins anew")
	})

	DescribeTable("is told by the condition that it was about, and changes nothing else",
		func(ctx SpecContext, prepare func(context.Context, client.Client) subject, failing, condition string) {
			c := &unreliable{Client: k8s}
			s := prepare(ctx, c)
			reconciled(ctx, s.reconciler, s.object)
			before := s.object.GetConditions()
			Expect(meta.FindStatusCondition(before, condition)).NotTo(BeNil())

			for reason, err := range map[string]error{
				api.ReasonLookupFailed: apierrors.NewServiceUnavailable("etcd has no leader"),
				api.ReasonInternal:     errors.New("an error that nobody has thought of"),
			} {
				c.failing, c.err = failing, err
				_, got := s.reconciler.Reconcile(ctx,
					reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s.object)})
				Expect(got).To(MatchError(err), "it is tried again with a backoff")
				fetch(ctx, s.object)
				for _, is := range s.object.GetConditions() {
					if is.Type == condition || is.Type == api.ConditionReady &&
						condition != api.ConditionCredentialsReady {
						Expect(is.Status).To(Equal(metav1.ConditionUnknown), is.Type)
						Expect(is.ObservedGeneration).To(Equal(s.object.GetGeneration()), is.Type)
						Expect(is.Reason).To(Equal(reason), is.Type)
						Expect(is.Message).NotTo(ContainSubstring(err.Error()), "that is for the log")
						continue
					}
					Expect(is).To(Equal(*meta.FindStatusCondition(before, is.Type)))
				}
			}

			c.failing = ""
			reconciled(ctx, s.reconciler, s.object)
			for _, is := range s.object.GetConditions() {
				was := meta.FindStatusCondition(before, is.Type)
				Expect(is.Reason).To(Equal(was.Reason), is.Type)
				Expect(is.Status).To(Equal(was.Status), is.Type)
			}
		},
		Entry("of a DeploymentRuntime, whose record could not be read", runtime, "*v1alpha1.Application",
			api.ConditionApplied),
		Entry("of a DeploymentRuntime, whose environment could not be looked up", runtime, "*v1alpha1.Environment",
			api.ConditionResolved),
		Entry("of a DeploymentRuntime that could not be judged", runtime, "*v1alpha1.ApplicationList",
			api.ConditionAccepted),
		Entry("of a Product, whose records could not be read", product, "*v1alpha1.ApplicationList",
			api.ConditionReady),
		Entry("of a Product, whose stream could not be looked at", product, "*v1alpha1.Application",
			api.ConditionSynced),
		Entry("of a Product, whose clusters could not be looked up", product, "*v1alpha1.Cluster",
			api.ConditionTenancyReady),
		Entry("of a Product, whose runtimes could not be looked up", product, "*v1alpha1.DeploymentRuntime",
			api.ConditionRuntimesSettled),
		Entry("of a Cluster", func(ctx context.Context, c client.Client) subject {
			p := newPlace(ctx)
			r := p.clusterReconciler()
			r.Client, r.Live = c, c
			return subject{r, p.cluster(ctx, fmt.Sprintf("c-%d", p.number), env.Cluster(east).Admin())}
		}, "*v1alpha1.ProductList", api.ConditionReady),
		Entry("of a CodeRepo", func(ctx context.Context, c client.Client) subject {
			p := newPlace(ctx)
			p.provider(ctx)
			r := p.codeRepoReconciler()
			r.Client, r.Live, r.Lookup = c, c, catalog.New(c, p.system, p.argo)
			return subject{r, p.codeRepo(ctx)}
		}, "*v1alpha1.CodeRepoProvider", api.ConditionReady),
		Entry("of an Environment", func(ctx context.Context, c client.Client) subject {
			p := newPlace(ctx)
			r := &judged.Reconciler[*api.Environment]{
				Client: c, Lookup: catalog.New(c, p.system, p.argo), Kind: judged.Environments(),
			}
			return subject{r, create(ctx, &api.Environment{
				ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "dev"},
				Spec:       api.EnvironmentSpec{Product: p.product, Cluster: "nowhere", EnvType: "dev"},
			})}
		}, "*v1alpha1.Cluster", api.ConditionReady),
		Entry("of a ProductProvider", func(ctx context.Context, c client.Client) subject {
			p := newGitLabPlace(ctx)
			p.groupWith(ctx, "shop", "default.project")
			p.products.Client = c
			return subject{p.products, p.source}
		}, "*v1alpha1.ProductList", api.ConditionReady),
		Entry("of a deploy token", func(ctx context.Context, c client.Client) subject {
			p := newGitLabPlace(ctx)
			shop := p.groupWith(ctx, "shop", "default.project")
			reconciled(ctx, p.products, p.source)
			p.tokens.Client, p.tokens.Live = c, c
			return subject{p.tokens, fetch(ctx, p.productOf(shop))}
		}, "*v1alpha1.ProductProvider", api.ConditionCredentialsReady),
		Entry("of the deploy token of a lent code repo", func(ctx context.Context, c client.Client) subject {
			p := newGitLabPlace(ctx)
			shop := p.groupWith(ctx, "shop", "default.project", "api")
			reconciled(ctx, p.products, p.source)
			owner := p.productOf(shop).Name
			p.tokens.ArgoCDNamespace = p.argo
			reconciled(ctx, p.tokens, p.productOf(shop))
			// another spec may have had a group of that id
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: owner}}
			Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, ns))).To(Succeed())
			project, err := p.host.ProjectAt(ctx, p.root, "shop/api")
			Expect(err).NotTo(HaveOccurred())
			repo := create(ctx, &api.CodeRepo{
				ObjectMeta: metav1.ObjectMeta{Namespace: owner, Name: "repo-" + strconv.FormatInt(project.ID, 10)},
				Spec:       api.CodeRepoSpec{CodeRepoProvider: "gitlab", Product: owner, RepoName: "api"},
			})
			binding := create(ctx, &api.CodeRepoBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: owner, Name: "share"},
				Spec:       api.CodeRepoBindingSpec{CodeRepo: repo.Name, Product: p.product, Permissions: "readonly"},
			})
			DeferCleanup(func(ctx SpecContext) {
				remove(ctx, repo)
				remove(ctx, binding)
			})
			r := &deploytoken.LentReconciler{Reconciler: *p.tokens}
			r.Live = c
			return subject{r, repo}
		}, "*v1.Secret", api.ConditionCredentialsReady),
	)
})
