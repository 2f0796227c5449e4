package controllers_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/cluster"
	"github.com/nautes-labs/deployment-runtime/controllers/coderepo"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/judged"
	"github.com/nautes-labs/deployment-runtime/controllers/productprovider"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// watched runs the reconcilers of clusters, code repos and the judged kinds for a place until the spec ends. Nothing in
// them polls: what happens in these specs is the doing of a watch.
func (p place) watched() {
	GinkgoHelper()
	options := controllers.DefaultOptions()
	options.SystemNamespace, options.ArgoCDNamespace = p.system, p.argo
	caches, err := options.CacheOptions()
	Expect(err).NotTo(HaveOccurred())
	skip := true
	mgr, err := ctrl.NewManager(env.Management.RESTConfig(), ctrl.Options{
		Scheme: scheme, Cache: caches, Metrics: metrics.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skip},
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, stop := context.WithCancel(context.Background())
	Expect(controllers.Index(ctx, mgr.GetFieldIndexer())).To(Succeed())
	c, live, lookup := mgr.GetClient(), mgr.GetAPIReader(), catalog.New(mgr.GetClient(), p.system, p.argo)
	for _, r := range []interface{ SetupWithManager(ctrl.Manager) error }{
		&cluster.Reconciler{
			Client: c, Live: live, Registry: clusters.NewRegistry(c, p.system, clusters.Options{Scheme: scheme}),
			SystemNamespace: p.system, ArgoCDNamespace: p.argo, HubClusterName: "in-cluster", Instance: p.instance,
			ProbeInterval: time.Hour, Clock: clock.RealClock{},
		},
		&coderepo.Reconciler{
			Client: c, Live: live, Lookup: lookup, SystemNamespace: p.system, ArgoCDNamespace: p.argo,
			Instance: p.instance,
		},
		&judged.Reconciler[*api.Environment]{Client: c, Lookup: lookup, Kind: judged.Environments()},
		&judged.Reconciler[*api.Project]{Client: c, Lookup: lookup, Kind: judged.Projects()},
		&judged.Reconciler[*api.CodeRepoBinding]{Client: c, Lookup: lookup, Kind: judged.CodeRepoBindings()},
		&judged.Reconciler[*api.CodeRepoProvider]{Client: c, Lookup: lookup, Kind: judged.CodeRepoProviders(p.system)},
		&productprovider.Reconciler{
			Client: c, Lookup: lookup, Hosts: githosts.New(c, p.system), SystemNamespace: p.system,
			PollInterval: time.Hour, Clock: clock.RealClock{},
			ArgoCD: func() metav1.Condition { return observed.VersionTested("") },
		},
	} {
		Expect(r.SetupWithManager(mgr)).To(Succeed())
	}
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	DeferCleanup(func() {
		stop()
		Eventually(ended).WithTimeout(30 * time.Second).Should(Receive(BeNil()))
	})
}

// soon waits until the object is ready, or not, for the reason.
func soon(ctx context.Context, obj conditioned, reason string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
		g.Expect(obj.GetConditions()).To(ContainElement(HaveField("Reason", reason)))
	}).WithContext(ctx).WithTimeout(20 * time.Second).Should(Succeed())
}

var _ = Describe("A watch", func() {
	var p place
	BeforeEach(func(ctx SpecContext) {
		p = newPlace(ctx)
		p.watched()
	})

	It("wakes a Cluster and what depends on it", func(ctx SpecContext) {
		e := create(ctx, &api.Environment{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "env-dev"},
			Spec:       api.EnvironmentSpec{Product: p.product, Cluster: "c1", EnvType: "dev"},
		})
		soon(ctx, e, api.ReasonClusterNotFound)

		By("the kubeconfig")
		c := create(ctx,
			&api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "c1"}, Spec: api.ClusterSpec{
				APIServer: env.Cluster(east).URL(), ClusterType: api.ClusterTypePhysical,
				Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment,
				AllowedProducts: []string{p.group, "later"},
			}})
		soon(ctx, c, api.ReasonKubeconfigNotFound)
		s := secret(p.system, "c1-kubeconfig")
		s.Data = map[string][]byte{"value": kubeconfig(env.Cluster(east).Admin())}
		create(ctx, s)
		soon(ctx, c, api.ReasonReady)
		soon(ctx, e, api.ReasonReady)

		By("its rotation")
		fresh, err := env.Cluster(east).NewAccess(ctx)
		Expect(err).NotTo(HaveOccurred())
		p.rotate(ctx, c, kubeconfig(fresh))
		Eventually(func() string { return p.registration(ctx, c).token }).Should(Equal(fresh.Token))

		By("its Secret in Argo CD's namespace")
		registration := fetch(ctx, secret(p.argo, "cluster-c1"))
		Expect(k8s.Delete(ctx, registration)).To(Succeed())
		Eventually(func() bool { return fetched(ctx, secret(p.argo, "cluster-c1")) }).Should(BeTrue())

		By("a product that takes a granted path")
		later := p.addProduct(ctx, p.product+"1", "later")
		Eventually(func() []api.PinnedProduct { return fetch(ctx, c).Status.PinnedProducts }).
			Should(ContainElement(api.PinnedProduct{Path: "later", Product: later.Name}))

		By("the end of a rival")
		twin := p.cluster(ctx, "c2", env.Cluster(east).Admin())
		soon(ctx, twin, api.ReasonClusterDuplicate)

		By("the end of what uses it")
		Expect(k8s.Delete(ctx, c)).To(Succeed())
		soon(ctx, c, api.ReasonInUse)
		Expect(k8s.Delete(ctx, e)).To(Succeed())
		Eventually(func() bool { return fetched(ctx, c) }).Should(BeFalse())
		soon(ctx, twin, api.ReasonReady)
	})

	It("wakes a code repo and what depends on it", func(ctx SpecContext) {
		binding := create(ctx, &api.CodeRepoBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "share"},
			Spec:       api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: p.product + "1", Permissions: "readonly"},
		})
		soon(ctx, binding, api.ReasonCodeRepoNotFound)
		repo := p.codeRepo(ctx, func(r *api.CodeRepo) { r.Spec.Project = "api" })
		soon(ctx, binding, api.ReasonReady)

		By("its provider and its project")
		source := create(ctx, &api.ProductProvider{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: "source"},
			Spec:       api.ProductProviderSpec{Type: "coderepo", Name: "gitlab"},
		})
		soon(ctx, source, api.ReasonCodeRepoProviderNotFound)
		soon(ctx, repo, api.ReasonCodeRepoProviderNotFound)
		soon(ctx, p.provider(ctx), api.ReasonReady)
		soon(ctx, source, api.ReasonNotConfigured)
		soon(ctx, repo, api.ReasonProjectNotFound)
		project := create(ctx, &api.Project{ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "api"},
			Spec: api.ProjectSpec{Product: p.product}})
		soon(ctx, project, api.ReasonReady)
		soon(ctx, repo, api.ReasonReady)

		By("its credentials")
		served := func() map[string][]string { return p.repositories(ctx) }
		credentials := p.credentials(ctx, p.product+"-git", p.product, deployToken())
		Eventually(served).Should(HaveKey(p.product))

		By("the product that it is bound to, and the end of the binding")
		other := p.addProduct(ctx, p.product+"1", p.group+"-other")
		Eventually(served).Should(HaveKey(other.Name))
		Expect(k8s.Delete(ctx, binding)).To(Succeed())
		Eventually(served).ShouldNot(HaveKey(other.Name))

		By("a Secret of Argo CD that somebody deletes")
		var all corev1.SecretList
		Expect(k8s.List(ctx, &all, client.InNamespace(p.argo))).To(Succeed())
		Expect(k8s.Delete(ctx, &all.Items[0])).To(Succeed())
		Eventually(served).Should(HaveKey(p.product))

		By("the end of the Application that needed it")
		app := p.record(ctx, "dr-web", placement.Placement{
			Runtime: placement.RuntimeRef{Namespace: p.product, Name: "web", UID: "u"}, Product: p.product,
			Destination: placement.Destination{Environment: "env-dev", Cluster: "c1"},
			CodeRepo:    "repo-3", RepoProduct: p.product, RepoURL: repo.Status.URL,
		})
		Expect(k8s.Delete(ctx, repo)).To(Succeed())
		update(ctx, credentials, func(s *corev1.Secret) { s.Data["password"] = []byte("rotated") })
		Consistently(served).WithTimeout(300 * time.Millisecond).Should(HaveKey(p.product))
		remove(ctx, app)
		Eventually(served).Should(BeEmpty())
	})

	It("wakes a code repo that is gone, whose Secret is kept, when the product's token is replaced",
		func(ctx SpecContext) {
			p.provider(ctx)
			token := p.credentials(ctx, p.product+"-git", p.product, deployToken())
			update(ctx, token, func(s *corev1.Secret) {
				s.Annotations = map[string]string{
					api.AnnotationDeployToken: "{}",
					api.AnnotationOwner: "Product/" + p.system + "/" + p.product + "/" +
						p.instance,
				}
				s.Data["url"] = []byte("https://gitlab.example.com")
			})
			repo := p.codeRepo(ctx)
			soon(ctx, repo, api.ReasonReady)
			p.record(ctx, "dr-web", placement.Placement{
				Runtime: placement.RuntimeRef{Namespace: p.product, Name: "web", UID: "u"}, Product: p.product,
				Destination: placement.Destination{Environment: "env-dev", Cluster: "c1"},
				CodeRepo:    "repo-3", RepoProduct: p.product, RepoURL: repo.Status.URL,
			})
			Expect(k8s.Delete(ctx, repo)).To(Succeed())
			Eventually(func() bool { return fetched(ctx, repo) }).Should(BeFalse())
			update(ctx, token, func(s *corev1.Secret) { s.Data["password"] = []byte("replaced") })
			Eventually(func(g Gomega) {
				var kept corev1.SecretList
				g.Expect(k8s.List(ctx, &kept, client.InNamespace(p.argo), client.HasLabels{api.LabelCodeRepo})).
					To(Succeed())
				g.Expect(kept.Items).To(ConsistOf(HaveField("Data", HaveKeyWithValue("password", []byte("replaced")))))
			}).WithContext(ctx).Should(Succeed())
		})

	It("wakes a code repo when a Secret of its default name, without the label, comes and goes", func(ctx SpecContext) {
		p.provider(ctx)
		repo := p.codeRepo(ctx)
		soon(ctx, repo, api.ReasonReady)
		stray := create(ctx, secret(p.system, p.product+"-git"))
		soon(ctx, repo, api.ReasonCredentialsNotFound)
		Expect(k8s.Delete(ctx, stray)).To(Succeed())
		soon(ctx, repo, api.ReasonReady)
	})

	It("wakes what waits for its product", func(ctx SpecContext) {
		namespace := create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.product + "2"}}).Name
		project := create(ctx, &api.Project{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api"},
			Spec: api.ProjectSpec{Product: namespace}})
		soon(ctx, project, api.ReasonProductNotFound)
		create(ctx, &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: namespace},
			Spec: api.ProductSpec{Name: "late"}})
		soon(ctx, project, api.ReasonReady)
	})
})
