package controllers_test

import (
	"context"
	"net/http"
	"sync"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	events "k8s.io/client-go/tools/record"
	"k8s.io/client-go/transport"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/deploymentruntime"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/product"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/teardown"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// stand is a place in which runtimes can be deployed to the cluster "east": what the other reconcilers would have made
// is there. Argo CD is not: a spec says what it would report.
type stand struct {
	place
	clock    *clocktesting.FakeClock
	runtimes *deploymentruntime.Reconciler
	teardown *teardown.Reconciler
	products *product.Reconciler
	remote   client.Client
	// tripped are the holds of the brake.
	tripped *trips
}

// trips are written by several operators at once.
type trips struct {
	mu    sync.Mutex
	holds []string
}

func (t *trips) add(hold string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds = append(t.holds, hold)
}

// brakes returns the brake of an operator that has just started.
func (s *stand) brakes() *record.Brakes {
	return &record.Brakes{
		Client: k8s, Live: k8s, Clock: s.clock, SystemNamespace: s.system, ArgoCDNamespace: s.argo,
		Limits:  controllers.DefaultOptions().Brake,
		Tripped: s.tripped.add,
	}
}

// oneCluster gives the product reconciler the same client for every cluster. looks wraps the transport of looks at what
// is in a namespace; nil does not.
type oneCluster struct {
	remote client.Client
	looks  transport.WrapperFunc
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (o oneCluster) Contents(ctx context.Context, _ *api.Cluster, namespace string,
	skip func(schema.GroupKind) bool) (clusters.Contents, error) {
	config := rest.CopyConfig(env.Cluster(east).RESTConfig())
	if o.looks != nil {
		config.Wrap(o.looks)
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return clusters.Contents{}, err
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return clusters.Contents{}, err
	}
	return clusters.ContentsOf(ctx, kinds, objects, namespace, skip)
}

func (o oneCluster) Client(context.Context, *api.Cluster) (client.Client, error) {
	return o.remote, nil
}

func newStand(ctx context.Context) *stand {
	GinkgoHelper()
	s := &stand{place: newPlace(ctx), clock: clocktesting.NewFakeClock(time.Now()), tripped: &trips{}}
	remote, err := client.New(env.Cluster(east).RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	s.remote = remote
	s.provider(ctx)
	s.codeRepo(ctx)
	s.hosts(ctx, east, "dev")
	var own corev1.Namespace
	own.Name = s.product
	update(ctx, &own, func(ns *corev1.Namespace) { ns.Labels = map[string]string{api.LabelProduct: s.product} })

	timing, lookup, brakes := phases.DefaultTiming(), s.lookup(), s.brakes()
	timing.Patience = 0 // specs look at what a pass tells
	s.runtimes = &deploymentruntime.Reconciler{
		Client: k8s, Live: k8s, Lookup: lookup, Recorder: events.NewFakeRecorder(100), Clock: s.clock,
		ArgoCDNamespace: s.argo, Instance: s.instance, Timing: timing, Brakes: brakes,
	}
	s.teardown = &teardown.Reconciler{
		Client: k8s, Live: k8s, Lookup: lookup, Clock: s.clock, ArgoCDNamespace: s.argo, Timing: timing, Brakes: brakes,
	}
	s.products = &product.Reconciler{
		Client: k8s, Live: k8s, Lookup: lookup, Clusters: oneCluster{remote: s.remote}, Clock: s.clock,
		SystemNamespace: s.system, ArgoCDNamespace: s.argo, HubClusterName: "in-cluster", Instance: s.instance,
		ClusterRole: "admin", Timing: timing,
	}
	return s
}

// hosts registers a cluster, and makes an environment of the product that it hosts.
func (s *stand) hosts(ctx context.Context, name, environment string) {
	GinkgoHelper()
	cluster := create(ctx,
		&api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: name}, Spec: api.ClusterSpec{
			APIServer: env.Cluster(name).URL(), ClusterType: api.ClusterTypePhysical, Usage: api.ClusterUsageWorker,
			WorkerType: api.WorkerTypeDeployment,
		}})
	cluster.Status.UID = "uid-" + name
	Expect(k8s.Status().Update(ctx, cluster)).To(Succeed())
	create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: "cluster-" + name,
			Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"}},
		StringData: map[string]string{"name": name},
	})
	create(ctx, &api.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: environment},
		Spec: api.EnvironmentSpec{Product: s.product, Cluster: name, EnvType: "dev"}})
}

// runtime makes a runtime of the environment dev, in a namespace of its own.
func (s *stand) runtime(ctx context.Context, name string,
	changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
	GinkgoHelper()
	r := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: name},
		Spec: api.DeploymentRuntimeSpec{
			Product: s.product, Destination: "dev", Namespaces: []string{s.namespace(name)},
			ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: name, TargetRevision: "main"},
		}}
	for _, change := range changes {
		change(r)
	}
	return create(ctx, r)
}

func (s *stand) namespace(runtime string) string { return s.group + "-" + runtime }

// application returns the Application of a runtime, to fetch.
func (s *stand) application(runtime string) *observed.Application {
	return &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo,
		Name: identity.Application(s.product, runtime)}}
}

func (s *stand) theProduct() *api.Product {
	return &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: s.product}}
}

// deployed brings a runtime as far as the operator alone can.
func (s *stand) deployed(ctx context.Context, r *api.DeploymentRuntime) *observed.Application {
	GinkgoHelper()
	reconciled(ctx, s.runtimes, r)
	reconciled(ctx, s.products, s.theProduct())
	reconciled(ctx, s.runtimes, r)
	app := fetch(ctx, s.application(r.Name))
	Expect(app.Spec.SyncPolicy.Automated).NotTo(BeNil(), "automated sync is off")
	return app
}

// finish does what Kubernetes' namespace controller would do: a bare API server never ends a namespace.
func (s *stand) finish(ctx context.Context, namespace string) {
	GinkgoHelper()
	c, err := kubernetes.NewForConfig(env.Cluster(east).RESTConfig())
	Expect(err).NotTo(HaveOccurred())
	ns, err := c.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(ns.DeletionTimestamp).NotTo(BeNil(), "namespace %s is not being deleted", namespace)
	ns.Spec.Finalizers = nil
	_, err = c.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

// versions returns the resourceVersions of objects: what did not change was not written.
func versions(ctx context.Context, objects ...client.Object) []string {
	GinkgoHelper()
	var out []string
	for _, o := range objects {
		out = append(out, fetch(ctx, o).GetResourceVersion())
	}
	return out
}

var _ = Describe("A DeploymentRuntime", func() {
	It("is recorded before anything else exists, and deployed once the AppProject permits it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		reconciled(ctx, s.runtimes, r)

		app := fetch(ctx, s.application("web"))
		Expect(app.Spec.SyncPolicy.Automated).To(BeNil())
		Expect(r.Finalizers).To(ContainElement(api.Finalizer))
		expectRefused(r, api.ReasonWaitingForTenancy)
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace("web")}}
		Expect(s.remote.Get(ctx, client.ObjectKeyFromObject(ns), ns)).NotTo(Succeed())

		reconciled(ctx, s.products, s.theProduct())
		Expect(s.remote.Get(ctx, client.ObjectKeyFromObject(ns), ns)).To(Succeed())
		Expect(ns.Labels).To(HaveKeyWithValue(api.LabelProduct, s.product))

		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, app).Spec.SyncPolicy.Automated).NotTo(BeNil())
		Expect(r.Status.Placement.Cluster).To(Equal(east))
	})

	It("is written once: further passes write nothing", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		project := &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: s.product}}
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		before := versions(ctx, r, app, project, s.theProduct())
		for range 3 {
			s.clock.Step(time.Hour)
			reconciled(ctx, s.runtimes, r)
			reconciled(ctx, s.products, s.theProduct())
			reconciled(ctx, s.teardown, app)
		}
		Expect(versions(ctx, r, app, project, s.theProduct())).To(Equal(before))
	})

	It("is refused without a trace when a rule is violated", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.Product = "product-0" })
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonProductMismatch, "product-0")
		Expect(r.Finalizers).To(BeEmpty())
		Expect(fetched(ctx, s.application("web"))).To(BeFalse())
	})

	It("leaves an Application of its name alone that somebody else made", func(ctx SpecContext) {
		s := newStand(ctx)
		foreign := s.application("web")
		foreign.Spec.Project = "theirs"
		create(ctx, foreign)
		before := versions(ctx, foreign)
		r := s.runtime(ctx, "web")
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonNameConflict, foreign.Name)
		Expect(k8s.Delete(ctx, r)).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		Expect(fetched(ctx, r)).To(BeFalse())
		Expect(versions(ctx, foreign)).To(Equal(before))
	})

	It("asks for another sync when one failed, and waits longer every time", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		reportFailedSync(ctx, app, s.clock.Now())
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("~", 10*time.Second, time.Second))
		Expect(fetch(ctx, app).Operation).To(BeNil())
		s.clock.Step(11 * time.Second)
		reconciled(ctx, s.runtimes, r)
		Expect(fetch(ctx, app).Operation).NotTo(BeNil())
		Expect(app.Operation.Sync.Revision).To(Equal("r1"))

		update(ctx, app, func(a *observed.Application) { a.Operation = nil })
		reportFailedSync(ctx, app, s.clock.Now())
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("~", 20*time.Second, time.Second))
		expectRefused(r, api.ReasonSyncFailed, "Deployment x/y is SyncFailed: no")
	})

	It("keeps what runs and gets nothing new when its permission is revoked", func(ctx SpecContext) {
		s := newStand(ctx)
		create(ctx, &api.Project{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "shop"},
			Spec: api.ProjectSpec{Product: s.product}})
		binding := create(ctx, &api.CodeRepoBinding{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "b"},
			Spec: api.CodeRepoBindingSpec{
				CodeRepo: "repo-3", Product: s.product, Projects: []string{"shop"}, Permissions: "readonly",
			}})
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.ProjectsRef = []string{"shop"} })
		app := s.deployed(ctx, r)
		remove(ctx, binding)
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonPermissionRevoked, "shop", "repo-3")
		Expect(r.Status.IllegalProjectRefs).To(HaveLen(1))
		Expect(fetch(ctx, app).Spec.SyncPolicy.Automated).To(BeNil())
		Expect(app.DeletionTimestamp).To(BeNil())
	})
})

// reportFailedSync makes the Application say that the sync of revision r1 failed.
func reportFailedSync(ctx context.Context, app *observed.Application, at time.Time) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		finished := metav1.NewTime(at)
		a.Status.ReconciledAt = &finished
		a.Status.Sync = argo.SyncStatus{
			Status: argo.SyncStatusCodeOutOfSync, Revision: "r1",
			ComparedTo: argo.ComparedTo{Source: *a.Spec.Source, Destination: a.Spec.Destination},
		}
		a.Status.OperationState = &argo.OperationState{
			Phase: synccommon.OperationFailed, StartedAt: finished, FinishedAt: &finished,
			SyncResult: &argo.SyncOperationResult{Revision: "r1", Resources: argo.ResourceResults{
				{Kind: "Deployment", Namespace: "x", Name: "y", Status: synccommon.ResultCodeSyncFailed, Message: "no"},
			}},
		}
	})
}
