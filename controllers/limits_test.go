package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// noted returns the Applications that a namespace of the runtime cluster names, in order.
func (s *stand) noted(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(s.remote.Get(ctx, client.ObjectKey{Name: namespace}, ns)).To(Succeed())
	return strings.Split(ns.Annotations[api.AnnotationApplications], ",")
}

var _ = Describe("The namespaces of a runtime", func() {
	It("are noted with the Applications that record them, before these are deployed and until they are gone",
		func(ctx SpecContext) {
			s := newStand(ctx)
			shared := s.namespace("shared")
			in := func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{shared} }
			first := s.runtime(ctx, "first", in)
			s.deployed(ctx, first)
			Expect(s.noted(ctx, shared)).To(Equal([]string{s.application("first").Name}))

			By("a second runtime, whose namespace and repository are permitted already")
			second := s.runtime(ctx, "second", in)
			reconciled(ctx, s.runtimes, second)
			reconciled(ctx, s.runtimes, second)
			Expect(fetch(ctx, s.application("second")).Spec.SyncPolicy.Automated).To(BeNil(),
				"it is deployed before it may write there")
			expectRefused(second, api.ReasonWaitingForTenancy)
			s.deployed(ctx, second)
			Expect(s.noted(ctx, shared)).To(Equal([]string{s.application("first").Name, s.application("second").Name}))

			By("the removal of the first")
			app := s.cascading(ctx, first)
			reconciled(ctx, s.products, s.theProduct())
			Expect(s.noted(ctx, shared)).To(HaveLen(2), "while Argo CD removes what it deployed")
			cascaded(ctx, app)
			reconciled(ctx, s.products, s.theProduct())
			Expect(fetched(ctx, app)).To(BeFalse())
			s.stands(ctx, shared)
			Expect(s.noted(ctx, shared)).To(Equal([]string{s.application("second").Name}))
		})

	It("are all that it may write into: what reached further gets nothing new, says so, and goes on once "+
		"it is corrected", func(ctx SpecContext) {
		s := newStand(ctx)
		s.deployed(ctx, s.runtime(ctx, "other"))
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		own, other := s.namespace("web"), s.namespace("other")
		says := func() metav1.Condition {
			GinkgoHelper()
			reconciled(ctx, s.runtimes, r)
			fetch(ctx, app)
			c := meta.FindStatusCondition(r.Status.Conditions, api.ConditionSynced)
			Expect(c).NotTo(BeNil())
			return *c
		}
		s.reportSynced(ctx, app, own, other)
		says()
		s.reportSynced(ctx, app, own, other) // as it is compared without automated sync
		synced := says()
		Expect(synced.Status).To(Equal(metav1.ConditionFalse))
		Expect(synced.Reason).To(Equal(api.ReasonOutsideNamespaces))
		Expect(synced.Message).To(And(ContainSubstring("Deployment "+other+"/web"),
			ContainSubstring("spec.namespaces")))
		expectRefused(r, api.ReasonOutsideNamespaces)
		Expect(app.Spec.SyncPolicy.Automated).To(BeNil())
		before := versions(ctx, r, app)
		for range 3 {
			s.clock.Step(time.Minute)
			Expect(says()).To(Equal(synced))
		}
		Expect(versions(ctx, r, app)).To(Equal(before))

		By("correcting the manifests")
		s.reportSynced(ctx, app, own)
		Expect(says().Status).To(Equal(metav1.ConditionTrue))
		Expect(app.Spec.SyncPolicy.Automated).NotTo(BeNil())

		By("naming the namespace")
		s.reportSynced(ctx, app, own, other)
		Expect(says().Reason).To(Equal(api.ReasonOutsideNamespaces))
		update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{own, other} })
		Expect(says().Reason).To(Equal(api.ReasonSynced))
		Expect(app.Spec.SyncPolicy.Automated).NotTo(BeNil())
	})

	It("are no more than the product may have, and those that were kept count", func(ctx SpecContext) {
		s := newStand(ctx)
		update(ctx, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: east}}, func(c *api.Cluster) {
			c.Spec.ProductLimits = &api.ProductLimits{ProductLimit: api.ProductLimit{Namespaces: 2}}
		})
		s.deployed(ctx, s.runtime(ctx, "web"))
		Expect(s.remote.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name:   s.namespace("kept"),
			Labels: map[string]string{api.LabelProduct: s.product, api.LabelInstance: s.instance},
		}})).To(Succeed())
		s.clock.Step(time.Hour) // nobody told the operator of it

		r := s.runtime(ctx, "third")
		reconciled(ctx, s.runtimes, r)
		p := s.theProduct()
		reconciled(ctx, s.products, p)
		Expect(p.Status.NamespaceProblems).To(ConsistOf(HaveField("Reason", api.ReasonProductLimitReached)))
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonProductLimitReached, "productLimits")
		ns := &corev1.Namespace{}
		Expect(s.remote.Get(ctx, client.ObjectKey{Name: s.namespace("third")}, ns)).NotTo(Succeed())
		s.stands(ctx, s.namespace("web"))

		fourth := s.runtime(ctx, "fourth")
		reconciled(ctx, s.runtimes, fourth)
		expectRefused(fourth, api.ReasonProductLimitReached)
		Expect(fetched(ctx, s.application("fourth"))).To(BeFalse(),
			"by the records alone it is refused before it is recorded")
	})
})

var _ = Describe("The budget of a product", func() {
	It("bounds its objects by a quota that is kept", func(ctx SpecContext) {
		s := newStand(ctx)
		s.products.MaxObjects = map[string]int64{"deploymentruntimes": 2}
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "nautes"}}
		hard := func() int64 {
			GinkgoHelper()
			reconciled(ctx, s.products, s.theProduct())
			q := fetch(ctx, quota).Spec.Hard["count/deploymentruntimes.nautes.resource.nautes.io"]
			return q.Value()
		}
		Expect(hard()).To(Equal(int64(2)))
		before := versions(ctx, quota)
		Expect(hard()).To(Equal(int64(2)))
		Expect(versions(ctx, quota)).To(Equal(before))
		update(ctx, quota, func(q *corev1.ResourceQuota) { q.Spec.Hard, q.Labels = nil, nil })
		Expect(hard()).To(Equal(int64(2)))

		By("what Kubernetes does with it: a bare API server counts nothing by itself")
		web := s.runtime(ctx, "web")
		s.runtime(ctx, "shop")
		fetch(ctx, quota)
		quota.Status.Hard = quota.Spec.Hard
		quota.Status.Used = corev1.ResourceList{"count/deploymentruntimes.nautes.resource.nautes.io": resource.MustParse("3")}
		Expect(k8s.Status().Update(ctx, quota)).To(Succeed())
		third := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: s.product, Name: "third"},
			Spec: web.Spec}
		Eventually(func() error { return k8s.Create(ctx, third.DeepCopy(), client.DryRunAll) }).
			Should(MatchError(ContainSubstring("exceeded quota")))
		update(ctx, web, func(r *api.DeploymentRuntime) { r.Spec.Suspend = true })
	})

	It("is not spent by a cluster that does not answer, and loses nothing there", func(ctx SpecContext) {
		s := newStand(ctx)
		s.products.Clock = clock.RealClock{}
		const products = 12
		hanging := &hangingCluster{remote: s.remote}
		s.products.Clusters = hanging
		var requests []reconcile.Request
		for i := range products {
			name := fmt.Sprintf("%s-%d", s.product, i)
			p := s.addProduct(ctx, name, fmt.Sprint(s.group, "-", i))
			update(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
				func(ns *corev1.Namespace) { ns.Labels = map[string]string{api.LabelProduct: name} })
			s.record(ctx, identity.Application(name, "web"), placement.Placement{
				Runtime: placement.RuntimeRef{Namespace: name, Name: "web", UID: "u"}, Product: name,
				Instance:    s.instance,
				Destination: placement.Destination{Environment: "dev", Cluster: east}, ClusterUID: "uid-east",
				Namespaces: []string{name + "-web"},
				RepoURL:    "https://git.example.com/x.git", Path: "p", Revision: "main",
			})
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		}
		started := time.Now()
		var wait sync.WaitGroup
		work := make(chan reconcile.Request)
		for range 8 {
			wait.Add(1)
			go func() {
				defer GinkgoRecover()
				defer wait.Done()
				for r := range work {
					_, err := s.products.Reconcile(ctx, r)
					Expect(err).NotTo(HaveOccurred())
				}
			}()
		}
		for range 3 {
			for _, r := range requests {
				work <- r
			}
		}
		close(work)
		wait.Wait()
		GinkgoWriter.Printf("36 passes over a cluster that hangs for 1 s took %s, and asked it %d times\n",
			time.Since(started), hanging.asked())
		Expect(hanging.asked()).To(BeNumerically("<=", 5), "every pass waits for it")
	})
})

// hangingCluster takes a second to fail.
type hangingCluster struct {
	oneCluster
	remote client.Client
	mu     sync.Mutex
	times  int
}

func (h *hangingCluster) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.times
}

func (h *hangingCluster) Client(context.Context, *api.Cluster) (client.Client, error) {
	watching, err := client.NewWithWatch(env.Cluster(east).RESTConfig(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	return interceptor.NewClient(watching, interceptor.Funcs{
		List: func(ctx context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
			h.mu.Lock()
			h.times++
			h.mu.Unlock()
			timeout, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			<-timeout.Done()
			return timeout.Err()
		},
	}), nil
}
