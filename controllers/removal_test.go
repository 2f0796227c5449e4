package controllers_test

import (
	"context"
	"fmt"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// asked deletes a runtime and lets its reconciler write the intent.
func (s *stand) asked(ctx context.Context, r *api.DeploymentRuntime) (*observed.Application, placement.Teardown) {
	GinkgoHelper()
	Expect(k8s.Delete(ctx, r)).To(Succeed())
	reconciled(ctx, s.runtimes, r)
	Expect(fetched(ctx, r)).To(BeFalse(), "the runtime is still held")
	app := fetch(ctx, s.application(r.Name))
	intent, err := placement.DecodeTeardown(app.Annotations[api.AnnotationTeardown])
	Expect(err).NotTo(HaveOccurred())
	return app, intent
}

// cascaded does what Argo CD would do to an Application that is being deleted: remove what it deployed, then its own
// finalizer.
func cascaded(ctx context.Context, app *observed.Application) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) { a.Finalizers = []string{api.Finalizer} })
}

// cascading deletes a runtime and brings its removal to where Argo CD is at work.
func (s *stand) cascading(ctx context.Context, r *api.DeploymentRuntime) *observed.Application {
	GinkgoHelper()
	app, _ := s.asked(ctx, r)
	s.clock.Step(time.Hour)
	reconciled(ctx, s.teardown, app)
	reconciled(ctx, s.teardown, app)
	Expect(app.DeletionTimestamp).NotTo(BeNil())
	return app
}

// clusterIs sets whether the runtime cluster is ready.
func (s *stand) clusterIs(ctx context.Context, ready metav1.ConditionStatus) {
	GinkgoHelper()
	cluster := fetch(ctx, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: east}})
	meta.SetStatusCondition(&cluster.Status.Conditions, metav1.Condition{
		Type: api.ConditionReady, Status: ready, Reason: "Told", LastTransitionTime: metav1.NewTime(s.clock.Now()),
	})
	Expect(k8s.Status().Update(ctx, cluster)).To(Succeed())
}

// stands expects that a namespace of the runtime cluster is not being deleted.
func (s *stand) stands(ctx context.Context, namespace string) {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(s.remote.Get(ctx, client.ObjectKey{Name: namespace}, ns)).To(Succeed())
	Expect(ns.DeletionTimestamp).To(BeNil(), "namespace %s is being deleted", namespace)
}

func (s *stand) settled(ctx context.Context) metav1.Condition {
	GinkgoHelper()
	p := s.theProduct()
	reconciled(ctx, s.products, p)
	c := meta.FindStatusCondition(p.Status.Conditions, api.ConditionRuntimesSettled)
	Expect(c).NotTo(BeNil())
	return *c
}

var _ = Describe("The removal of a runtime", func() {
	It("waits out the grace, arms, cascades, deletes the namespace, and only then forgets", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		app, intent := s.asked(ctx, r)
		Expect(intent.RuntimeUID).To(Equal(string(r.UID)))
		Expect(intent.Hold).To(BeEmpty())

		By("grace")
		Expect(reconciled(ctx, s.teardown, app).RequeueAfter).To(BeNumerically(">", 8*time.Second))
		Expect(app.DeletionTimestamp).To(BeNil())

		By("arming")
		s.clock.Step(11 * time.Second)
		reconciled(ctx, s.teardown, app) // ends automated sync
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).NotTo(BeNil())
		Expect(app.Finalizers).To(ConsistOf(api.Finalizer, desired.CascadeFinalizer))
		Expect(app.Spec.SyncPolicy.Automated).To(BeNil())

		By("the cascade")
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace("web")}}
		reconciled(ctx, s.products, s.theProduct())
		Expect(s.remote.Get(ctx, client.ObjectKeyFromObject(ns), ns)).To(Succeed())
		Expect(ns.DeletionTimestamp).To(BeNil(), "the namespace went before Argo CD was done")
		cascaded(ctx, app)

		By("the namespace")
		reconciled(ctx, s.products, s.theProduct())
		Expect(s.remote.Get(ctx, client.ObjectKeyFromObject(ns), ns)).To(Succeed())
		Expect(ns.DeletionTimestamp).NotTo(BeNil())
		Expect(fetched(ctx, app)).To(BeTrue(), "the record went before the namespace")
		s.finish(ctx, ns.Name)

		By("the end")
		reconciled(ctx, s.products, s.theProduct())
		Expect(fetched(ctx, app)).To(BeFalse())
		reconciled(ctx, s.products, s.theProduct())
		project := fetch(ctx, &observed.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: s.argo, Name: s.product}})
		Expect(project.Spec.Destinations).To(BeEmpty())
	})

	It("is called off when the runtime comes back, and nothing is restarted", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		app, _ := s.asked(ctx, r)
		uid := app.UID
		s.clock.Step(time.Hour)
		back := s.runtime(ctx, "web")
		reconciled(ctx, s.teardown, app) // too late for the grace, but the runtime is back
		Expect(app.DeletionTimestamp).To(BeNil())
		reconciled(ctx, s.runtimes, back)
		Expect(fetch(ctx, app).UID).To(Equal(uid))
		Expect(app.Annotations).NotTo(HaveKey(api.AnnotationTeardown))
		Expect(app.Spec.SyncPolicy.Automated).NotTo(BeNil())
		p, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
		Expect(err).NotTo(HaveOccurred())
		Expect(p.Runtime.UID).To(Equal(string(back.UID)))
	})

	It("is held for a protected runtime until the printed approval is given", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web",
			func(r *api.DeploymentRuntime) { r.Annotations = map[string]string{api.AnnotationProtect: "true"} })
		s.deployed(ctx, r)
		app, intent := s.asked(ctx, r)
		Expect(intent.Hold).To(Equal(placement.HoldProtected))
		s.clock.Step(time.Hour)
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).To(BeNil())
		c := s.settled(ctx)
		Expect(c.Reason).To(Equal(api.ReasonTeardownHeld))
		Expect(c.Message).To(ContainSubstring("annotate application %s %s=%s", app.Name, api.AnnotationApproveTeardown,
			intent.RuntimeUID))

		update(ctx, app, func(a *observed.Application) { a.Annotations[api.AnnotationApproveTeardown] = "another" })
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).To(BeNil(), "an approval of another deletion was taken")
		update(ctx, app,
			func(a *observed.Application) { a.Annotations[api.AnnotationApproveTeardown] = intent.RuntimeUID })
		reconciled(ctx, s.teardown, app)
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).NotTo(BeNil())
	})

	It("is held when many go at once, labelled or not, and stays held when others are approved", func(ctx SpecContext) {
		s := newStand(ctx)
		var apps []*observed.Application
		var intents []placement.Teardown
		var runtimes []*api.DeploymentRuntime
		for i := range 5 {
			r := s.runtime(ctx, fmt.Sprintf("web-%d", i))
			s.deployed(ctx, r)
			runtimes = append(runtimes, r)
		}
		for _, r := range runtimes[:4] {
			app, intent := s.asked(ctx, r)
			update(ctx, app, func(a *observed.Application) { a.Labels = nil })
			apps, intents = append(apps, app), append(intents, intent)
		}
		s.clock.Step(time.Hour)
		for _, app := range apps {
			reconciled(ctx, s.teardown, app)
			Expect(app.DeletionTimestamp).To(BeNil())
			Expect(app.Spec.SyncPolicy.Automated).To(BeNil())
		}
		update(ctx, apps[0],
			func(a *observed.Application) { a.Annotations[api.AnnotationApproveTeardown] = intents[0].RuntimeUID })
		for _, app := range apps {
			reconciled(ctx, s.teardown, app)
		}
		Expect(apps[0].DeletionTimestamp).NotTo(BeNil())
		for _, app := range apps[1:] {
			Expect(app.DeletionTimestamp).To(BeNil(), "a hold went although nobody approved it")
		}
	})

	It("is held when the Product is being deleted, and the Product waits", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		p := s.theProduct()
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		reconciled(ctx, s.products, p)
		expectRefused(p, api.ReasonInUse, "1 DeploymentRuntime", "1 Environment")
		_, intent := s.asked(ctx, r)
		Expect(intent.Hold).To(Equal(placement.HoldProductDeleted))
	})

	It("is not armed while Argo CD would not find what is recorded", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		app, _ := s.asked(ctx, r)
		s.clock.Step(time.Hour)
		registration := fetch(ctx, secret(s.argo, "cluster-east"))
		Expect(k8s.Delete(ctx, registration.DeepCopy())).To(Succeed())
		for range 3 {
			Expect(reconciled(ctx, s.teardown, app).RequeueAfter).To(BeNumerically(">", 0))
			Expect(app.DeletionTimestamp).To(BeNil())
		}
		registration.ResourceVersion = ""
		create(ctx, registration)
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).NotTo(BeNil())
	})

	It("keeps everything under the policy Orphan, and marks the namespace", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.DeletionPolicy = api.DeletionPolicyOrphan })
		s.deployed(ctx, r)
		app, _ := s.asked(ctx, r)
		s.clock.Step(time.Hour)
		reconciled(ctx, s.teardown, app)
		reconciled(ctx, s.teardown, app)
		Expect(app.Finalizers).To(ConsistOf(api.Finalizer), "Argo CD would cascade")
		reconciled(ctx, s.products, s.theProduct())
		Expect(fetched(ctx, app)).To(BeFalse())
		ns := &corev1.Namespace{}
		Expect(s.remote.Get(ctx, client.ObjectKey{Name: s.namespace("web")}, ns)).To(Succeed())
		Expect(ns.DeletionTimestamp).To(BeNil())
		Expect(ns.Annotations).To(HaveKeyWithValue(api.AnnotationRetain, "true"))
	})

	It("never starts because a runtime is not there", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		remove(ctx, r) // somebody took the finalizer off
		s.clock.Step(time.Hour)
		reconciled(ctx, s.teardown, app)
		Expect(app.DeletionTimestamp).To(BeNil())
		c := s.settled(ctx)
		Expect(c.Reason).To(Equal(api.ReasonOrphaned))
		Expect(c.Message).To(ContainSubstring(app.Name))
	})

	It("lets an Application go that was deleted by hand, and touches no namespace", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		Expect(k8s.Delete(ctx, app.DeepCopy())).To(Succeed())
		reconciled(ctx, s.runtimes, r)
		expectRefused(r, api.ReasonApplicationDeleted)
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.teardown, app)
		Expect(fetched(ctx, app)).To(BeFalse())
		reconciled(ctx, s.products, s.theProduct())
		ns := &corev1.Namespace{}
		Expect(s.remote.Get(ctx, client.ObjectKey{Name: s.namespace("web")}, ns)).To(Succeed())
		Expect(ns.DeletionTimestamp).To(BeNil())
		s.deployed(ctx, r)
	})

	It("finds what was deployed also when the Application was lost", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		lost := s.deployed(ctx, r)
		reconciled(ctx, s.runtimes, r)
		Expect(r.Status.Placement).NotTo(BeNil())
		remove(ctx, lost)
		app, _ := s.asked(ctx, r)
		Expect(app.UID).NotTo(Equal(lost.UID))
		p, err := placement.Decode(app.Annotations[api.AnnotationPlacement])
		Expect(err).NotTo(HaveOccurred())
		Expect(p.Destination.Cluster).To(Equal(east))
		Expect(p.Namespaces).To(ConsistOf(s.namespace("web")))
	})

	It("leaves a namespace that was reserved for the platform meanwhile", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		update(ctx, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: east}}, func(c *api.Cluster) {
			c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{s.namespace("web"): {s.product}}
		})
		app := s.cascading(ctx, r)
		cascaded(ctx, app)
		reconciled(ctx, s.products, s.theProduct())
		Expect(fetched(ctx, app)).To(BeFalse())
		s.stands(ctx, s.namespace("web"))
	})

	It("leaves its namespace while a record of the product cannot be read, and says so", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		other := s.runtime(ctx, "other", func(o *api.DeploymentRuntime) { o.Spec.Namespaces = r.Spec.Namespaces })
		damaged := s.deployed(ctx, other)
		var record string
		update(ctx, damaged, func(a *observed.Application) {
			record, a.Annotations[api.AnnotationPlacement] = a.Annotations[api.AnnotationPlacement], "{"
		})
		app := s.cascading(ctx, r)
		Expect(s.settled(ctx).Message).To(ContainSubstring(damaged.Name))
		cascaded(ctx, app)
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		Expect(fetched(ctx, app)).To(BeTrue(), "nothing would give the namespace up any more")

		update(ctx, damaged, func(a *observed.Application) { a.Annotations[api.AnnotationPlacement] = record })
		reconciled(ctx, s.products, s.theProduct())
		Expect(fetched(ctx, app)).To(BeFalse())
		s.stands(ctx, s.namespace("web")) // the other one uses it
	})

	It("says what it waits for", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		app, _ := s.asked(ctx, r)
		Expect(s.settled(ctx).Message).To(Equal("being removed: web"))
		registration := fetch(ctx, secret(s.argo, "cluster-east"))
		Expect(k8s.Delete(ctx, registration.DeepCopy())).To(Succeed())
		Expect(s.settled(ctx).Message).To(ContainSubstring("web (Argo CD knows 0 clusters"))
		registration.ResourceVersion = ""
		create(ctx, registration)

		s.clock.Step(time.Hour)
		reconciled(ctx, s.teardown, app)
		reconciled(ctx, s.teardown, app)
		Expect(s.settled(ctx).Message).To(ContainSubstring("web (Argo CD removes what it deployed)"))
		cascaded(ctx, app)
		Expect(s.settled(ctx).Message).To(ContainSubstring("web (its namespaces are being deleted)"))
	})

	It("asks Argo CD again as soon as the cluster is there", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		app := s.cascading(ctx, r)
		update(ctx, app, func(a *observed.Application) {
			a.Status.Conditions = []argo.ApplicationCondition{{Type: observed.ErrorDeletion,
				Message: "connection refused"}}
			delete(a.Annotations, argo.AnnotationKeyRefresh)
		})
		asked := func() bool {
			_, ok := fetch(ctx, app).Annotations[argo.AnnotationKeyRefresh]
			return ok
		}
		Expect(reconciled(ctx, s.teardown, app).RequeueAfter).To(BeZero(),
			"there is nothing to wait for but the cluster")
		Expect(asked()).To(BeFalse(), "the cluster is not there")

		s.clusterIs(ctx, metav1.ConditionTrue)
		Expect(reconciled(ctx, s.teardown, app).RequeueAfter).NotTo(BeZero())
		Expect(asked()).To(BeTrue())

		By("in vain")
		update(ctx, app, func(a *observed.Application) { delete(a.Annotations, argo.AnnotationKeyRefresh) })
		for range 20 { // in the end as seldom as everything else
			s.clock.Step(reconciled(ctx, s.teardown, app).RequeueAfter)
		}
		Expect(reconciled(ctx, s.teardown, app).RequeueAfter).To(BeNumerically(">", time.Minute))
		update(ctx, app, func(a *observed.Application) { delete(a.Annotations, argo.AnnotationKeyRefresh) })

		By("the cluster goes and comes")
		s.clusterIs(ctx, metav1.ConditionFalse)
		s.clock.Step(time.Second)
		s.clusterIs(ctx, metav1.ConditionTrue)
		reconciled(ctx, s.teardown, app)
		Expect(asked()).To(BeTrue())
	})

	It("says that the cluster refuses to delete a namespace", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		cascaded(ctx, s.cascading(ctx, r))
		watching, err := client.NewWithWatch(env.Cluster(east).RESTConfig(), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		s.products.Clusters = oneCluster{remote: interceptor.NewClient(watching, interceptor.Funcs{
			Delete: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.DeleteOption) error {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, o.GetName(), nil)
			},
		})}
		Expect(s.settled(ctx).Message).
			To(ContainSubstring("web (its namespaces wait: cluster %q refuses to delete namespace", east))
	})

	It("does not hurry an Application that was deleted by hand and cannot go", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		update(ctx, app, func(a *observed.Application) { a.Finalizers = append(a.Finalizers, "example.com/theirs") })
		Expect(k8s.Delete(ctx, app)).To(Succeed())
		Expect(k8s.Delete(ctx, r)).To(Succeed())
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically(">=", time.Second))
		Expect(fetched(ctx, r)).To(BeTrue())
	})
})
