package controllers_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	events "k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/controllers/deploymentruntime"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// operator runs the whole operator of a shard for a place, until it is stopped.
func (p place) operator(name string) (stop func()) {
	GinkgoHelper()
	o := controllers.DefaultOptions()
	o.SystemNamespace, o.ArgoCDNamespace, o.Shard = p.system, p.argo, name
	o.Timing.Grace, o.ProbeInterval = 0, time.Second
	caches, err := o.CacheOptions()
	Expect(err).NotTo(HaveOccurred())
	skip := true
	cfg := rest.CopyConfig(env.Management.RESTConfig())
	cfg.UserAgent = shard.LeaseOf(name)
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Cache: caches, Metrics: metrics.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skip},
		LeaderElection: true, LeaderElectionID: shard.LeaseOf(name), LeaderElectionNamespace: p.system,
		LeaderElectionReleaseOnCancel: true,
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	Expect(controllers.SetupWithManager(ctx, mgr, o)).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		Eventually(ended).WithTimeout(30 * time.Second).Should(Receive(BeNil()))
	})
	DeferCleanup(stop)
	return stop
}

// give labels a Product with a shard.
func (p place) give(ctx context.Context, product, name string) {
	GinkgoHelper()
	o := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: product}}
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		metav1.SetMetaDataLabel(&o.ObjectMeta, api.LabelShard, name)
		return k8s.Update(ctx, o)
	}).WithContext(ctx).Should(Succeed())
}

// served waits until a shard serves a product.
func (p place) served(ctx context.Context, product, name string) {
	GinkgoHelper()
	o := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: product}}
	Eventually(func() string { return fetch(ctx, o).Status.Shard }).WithContext(ctx).
		WithTimeout(30 * time.Second).Should(Equal(name))
}

// writers returns which operators wrote an object.
func writers(ctx context.Context, obj client.Object) []string {
	GinkgoHelper()
	var out []string
	for _, f := range fetch(ctx, obj).GetManagedFields() {
		if strings.HasPrefix(f.Manager, shard.LeaseName) {
			out = append(out, f.Manager)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var _ = Describe("Shards", func() {
	// The shard that takes a product has seen the events of its objects long before, and dropped them.
	It("let nothing of a product wait that comes from a shard which is gone", func(ctx SpecContext) {
		p := newPlace(ctx)
		update(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.product}}, func(ns *corev1.Namespace) {
			ns.Labels = map[string]string{api.LabelProduct: p.product}
		})
		p.operator("")
		stopA := p.operator("a")
		p.give(ctx, p.product, "a")
		p.served(ctx, p.product, "a")
		stopA()

		By("what comes while no operator of the shard is at work")
		in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: p.product, Name: name} }
		objects := []conditioned{
			create(ctx, &api.Project{ObjectMeta: in("shop"), Spec: api.ProjectSpec{Product: p.product}}),
			create(ctx, &api.Environment{ObjectMeta: in("dev"),
				Spec: api.EnvironmentSpec{Product: p.product, Cluster: "none", EnvType: "dev"}}),
			p.codeRepo(ctx),
			create(ctx, &api.CodeRepoBinding{ObjectMeta: in("share"),
				Spec: api.CodeRepoBindingSpec{CodeRepo: "repo-3", Product: p.product, Permissions: "readonly"}}),
			create(ctx, &api.DeploymentRuntime{ObjectMeta: in("web"), Spec: api.DeploymentRuntimeSpec{
				Product: p.product, Destination: "dev",
				ManifestSource: api.ManifestSource{CodeRepo: "repo-3", Path: "web", TargetRevision: "main"},
			}}),
		}
		app := p.leaving(ctx)
		Consistently(func(g Gomega) {
			for _, o := range objects {
				g.Expect(fetch(ctx, o).GetConditions()).To(BeEmpty(), "%T is served", o)
			}
			g.Expect(fetch(ctx, app).DeletionTimestamp).To(BeNil())
		}).WithTimeout(2 * time.Second).Should(Succeed())

		By("the label is taken off")
		p.give(ctx, p.product, "")
		p.served(ctx, p.product, "")
		for _, o := range objects {
			Eventually(func() []metav1.Condition { return fetch(ctx, o).GetConditions() }).ShouldNot(BeEmpty(),
				"%T is not served", o)
			Expect(writers(ctx, o)).To(Equal([]string{"nautes-operator"}))
		}
		Eventually(func() bool { return fetched(ctx, app) }).Should(BeFalse(), "the removal waits")
	})

	It("know of no product that two of them write", func(ctx SpecContext) {
		p := newPlace(ctx)
		p.provider(ctx)
		other := p.product + "1"
		p.addProduct(ctx, other, p.group+"-other")
		p.give(ctx, other, "a")
		p.operator("")
		p.operator("a")
		p.served(ctx, other, "a")
		projects := map[string]*api.Project{}
		for product, writer := range map[string]string{p.product: "nautes-operator", other: "nautes-operator-a"} {
			projects[product] = create(ctx, &api.Project{ObjectMeta: metav1.ObjectMeta{Namespace: product, Name: "shop"},
				Spec: api.ProjectSpec{Product: product}})
			soon(ctx, projects[product], api.ReasonReady)
			Expect(writers(ctx, projects[product])).To(Equal([]string{writer}))
		}

		By("a label that names a shard which is not there")
		p.give(ctx, other, "typo")
		o := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: other}}
		soon(ctx, o, api.ReasonShardNotServed)
		Expect(o.Status.Shard).To(Equal("a"), "it is still served")
		update(ctx, projects[other], func(q *api.Project) { q.Spec.Product = p.product })
		soon(ctx, projects[other], api.ReasonProductMismatch)
		Expect(writers(ctx, projects[other])).To(Equal([]string{"nautes-operator-a"}))
	})

	It("let no more removals through together than one does", func(ctx SpecContext) {
		s := newStand(ctx)
		runtimes := s.several(ctx, 8)
		var removals []placement.Removal
		for _, r := range runtimes {
			removals = append(removals, placement.RemovalOf(s.recordOf(ctx, r.Name),
				placement.Teardown{RuntimeUID: string(r.UID), RequestedAt: s.clock.Now()}))
		}
		var passed, held atomic.Int32
		var all sync.WaitGroup
		for _, brakes := range []*record.Brakes{s.brakes(), s.brakes()} {
			mine := removals[:4]
			removals = removals[4:]
			all.Go(func() {
				defer GinkgoRecover()
				for _, r := range mine {
					hold, err := pass(ctx, brakes, r)
					Expect(err).NotTo(HaveOccurred())
					if hold == placement.HoldNone {
						passed.Add(1)
					} else {
						held.Add(1)
					}
				}
			})
		}
		all.Wait()
		Expect([]int32{passed.Load(), held.Load()}).To(Equal([]int32{3, 5}), "the floor of a product is 3")
	})

	It("leave it to the cluster whose a namespace is that two of them recorded at once", func(ctx SpecContext) {
		s := newStand(ctx)
		rival := s.neighbour(ctx)
		shared := func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{s.group + "-shared"} }
		mine, theirs := s.runtime(ctx, "web", shared), rival.runtime(ctx, "web", shared)
		once := sync.OnceFunc(func() { reconciled(ctx, rival.runtimes, theirs) })
		direct, err := client.NewWithWatch(env.Management.RESTConfig(), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		s.runtimes.Client = interceptor.NewClient(direct, interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if _, isRecord := o.(*observed.Application); isRecord {
					once() // the other shard judges, and knows nothing of this one's claim
				}
				return c.Create(ctx, o, opts...)
			},
		})
		reconciled(ctx, s.runtimes, mine)
		for _, app := range []*observed.Application{s.application("web"), rival.application("web")} {
			Expect(fetched(ctx, app)).To(BeTrue(), "both were recorded")
		}

		By("the one that comes first to the cluster has it, and the other is told")
		reconciled(ctx, rival.products, rival.theProduct())
		reconciled(ctx, s.products, s.theProduct())
		var ns corev1.Namespace
		Expect(s.remote.Get(ctx, client.ObjectKey{Name: s.group + "-shared"}, &ns)).To(Succeed())
		Expect(ns.Labels).To(HaveKeyWithValue(api.LabelProduct, rival.product))
		reconciled(ctx, s.runtimes, mine)
		reconciled(ctx, rival.runtimes, theirs)
		Expect([]string{ready(mine).Reason, ready(theirs).Reason}).To(ContainElement(
			BeElementOf(api.ReasonNamespaceNotOurs, api.ReasonNamespaceInUse)))
		Expect(fetch(ctx, s.application("web")).Spec.SyncPolicy.Automated).To(BeNil(), "nothing reaches a stranger's")

		By("who gives way is deployed, and so is the other")
		s.moves(ctx, mine, s.namespace("own"))
		s.clock.Step(11 * time.Second)
		s.passes(ctx, mine)
		s.passes(ctx, mine)
		Expect(s.recordOf(ctx, "web").Leaving).To(BeEmpty())
		rival.deployed(ctx, theirs)
		Expect(s.remote.Get(ctx, client.ObjectKeyFromObject(&ns), &ns)).To(Succeed())
		Expect(ns.DeletionTimestamp).To(BeNil())
	})
})

// leaving makes the record of a runtime of the product whose removal was asked for.
func (p place) leaving(ctx context.Context) *observed.Application {
	GinkgoHelper()
	at := placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: p.product, Name: "old", UID: "old"}, Product: p.product,
		Destination: placement.Destination{Environment: "dev", Cluster: "none"}, Namespaces: []string{"old"},
		Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyOrphan},
	}
	asked := placement.Teardown{RuntimeUID: "old", RequestedAt: time.Now()}
	app := &observed.Application{ObjectMeta: metav1.ObjectMeta{
		Namespace: p.argo, Name: identity.Application(p.product, "old"), Finalizers: []string{api.Finalizer},
		Annotations: map[string]string{api.AnnotationPlacement: at.Encode(), api.AnnotationTeardown: asked.Encode()},
	}}
	app.Spec.Project, app.Spec.Destination.Name = p.product, "none"
	return create(ctx, app)
}

// pass asks the brake until no other operator is faster.
func pass(ctx context.Context, b *record.Brakes, r placement.Removal) (placement.Hold, error) {
	for {
		hold, _, err := b.Pass(ctx, r)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return hold, err
		}
	}
}

// neighbour returns the stand of another product in the same place, whose runtimes are served by another operator.
func (s *stand) neighbour(ctx context.Context) *stand {
	GinkgoHelper()
	other := *s
	other.product, other.group = s.product+"2", s.group+"-neighbour"
	other.addProduct(ctx, other.product, other.group)
	update(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other.product}}, func(ns *corev1.Namespace) {
		ns.Labels = map[string]string{api.LabelProduct: other.product}
	})
	other.codeRepo(ctx)
	create(ctx, &api.Environment{ObjectMeta: metav1.ObjectMeta{Namespace: other.product, Name: "dev"},
		Spec: api.EnvironmentSpec{Product: other.product, Cluster: east, EnvType: "dev"}})
	other.runtimes = &deploymentruntime.Reconciler{
		Client: k8s, Live: k8s, Lookup: s.lookup(), Recorder: events.NewFakeRecorder(100), Clock: s.clock,
		ArgoCDNamespace: s.argo, Instance: s.instance, Timing: phases.DefaultTiming(), Brakes: s.brakes(),
	}
	return &other
}
