package controllers_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// reportSynced makes the Application say that its revision is applied and that it has something in each of the
// namespaces, and nowhere else.
func (s *stand) reportSynced(ctx context.Context, app *observed.Application, namespaces ...string) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		now := metav1.NewTime(s.clock.Now())
		a.Operation, a.Status.ReconciledAt = nil, &now
		a.Status.Sync = argo.SyncStatus{
			Status: argo.SyncStatusCodeSynced, Revision: "r1",
			ComparedTo: argo.ComparedTo{Source: *a.Spec.Source, Destination: a.Spec.Destination},
		}
		a.Status.OperationState = &argo.OperationState{
			Phase: synccommon.OperationSucceeded, StartedAt: now, FinishedAt: &now,
			SyncResult: &argo.SyncOperationResult{Revision: "r1"},
		}
		a.Status.Resources = nil
		for _, ns := range namespaces {
			a.Status.Resources = append(a.Status.Resources,
				argo.ResourceStatus{Kind: "Deployment", Namespace: ns, Name: "web", Status: argo.SyncStatusCodeSynced})
		}
	})
}

// moves has a runtime name another namespace, and Argo CD deploy it there and prune what it had in the old one.
func (s *stand) moves(ctx context.Context, r *api.DeploymentRuntime, namespace string) *observed.Application {
	GinkgoHelper()
	update(ctx, r, func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{namespace} })
	app := s.deployed(ctx, r)
	s.reportSynced(ctx, app, namespace)
	reconciled(ctx, s.runtimes, r)
	return fetch(ctx, app)
}

// claimed makes a PersistentVolumeClaim in a namespace of the runtime cluster, as a StatefulSet leaves one behind.
func (s *stand) claimed(ctx context.Context, namespace string) *corev1.PersistentVolumeClaim {
	GinkgoHelper()
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "data-db-0"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	Expect(s.remote.Create(ctx, claim)).To(Succeed())
	return claim
}

// says runs a pass of the product and expects that it keeps something, for reasons that contain the words. It returns
// the value of the approval that it prints for the namespace.
func (s *stand) says(ctx context.Context, namespace string, words ...string) (approval string) {
	GinkgoHelper()
	c := s.settled(ctx)
	Expect(c.Reason).To(Equal(api.ReasonTeardownHeld), c.Message)
	for _, w := range append(words, namespace) {
		Expect(c.Message).To(ContainSubstring(w))
	}
	printed := regexp.MustCompile(regexp.QuoteMeta(api.AnnotationApproveNamespace+namespace+"=") + `([^ ;]+)`).
		FindStringSubmatch(c.Message)
	Expect(printed).To(HaveLen(2), c.Message)
	return printed[1]
}

// approve does what the printed command does.
func approve(ctx context.Context, app *observed.Application, namespace, value string) {
	GinkgoHelper()
	update(ctx, app, func(a *observed.Application) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, api.AnnotationApproveNamespace+namespace, value)
	})
}

// goes expects that a namespace of the runtime cluster is being deleted, or gone.
func (s *stand) goes(ctx context.Context, namespace string) {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	err := s.remote.Get(ctx, client.ObjectKey{Name: namespace}, ns)
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	Expect(err != nil || ns.DeletionTimestamp != nil).To(BeTrue(), "namespace %s stands", namespace)
}

// passes runs what happens to a runtime and its product in an hour.
func (s *stand) passes(ctx context.Context, r *api.DeploymentRuntime) {
	GinkgoHelper()
	s.clock.Step(time.Hour)
	reconciled(ctx, s.runtimes, r)
	reconciled(ctx, s.products, s.theProduct())
}

func (s *stand) mayEnter(ctx context.Context, namespace string) bool {
	GinkgoHelper()
	err := s.remote.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "nautes-members"}, &rbacv1.RoleBinding{})
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	return err == nil
}

func protect(r *api.DeploymentRuntime) {
	r.Annotations = map[string]string{api.AnnotationProtect: "true"}
}

var _ = Describe("A namespace that a runtime gives up", func() {
	It("waits out the grace, and goes only then", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		s.moves(ctx, r, s.namespace("next"))
		Expect(s.recordOf(ctx, "web").Departures).To(HaveLen(1))
		s.clock.Step(9 * time.Second)
		Expect(reconciled(ctx, s.runtimes, r).RequeueAfter).To(BeNumerically("<=", time.Second))
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		s.clock.Step(2 * time.Second)
		reconciled(ctx, s.runtimes, r)
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
		s.finish(ctx, s.namespace("web"))
		reconciled(ctx, s.products, s.theProduct())
		reconciled(ctx, s.runtimes, r)
		Expect(s.recordOf(ctx, "web").Leaving).To(BeEmpty())
		Expect(s.recordOf(ctx, "web").Departures).To(BeEmpty())
	})

	It("stays while the runtime is protected, until the printed approval is given", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web", protect)
		s.deployed(ctx, r)
		app := s.moves(ctx, r, s.namespace("typo"))
		s.passes(ctx, r)
		s.passes(ctx, r)
		s.stands(ctx, s.namespace("web"))
		value := s.says(ctx, s.namespace("web"), "runtime web", "the runtime is protected",
			"annotate --overwrite application "+app.Name)
		Expect(value).To(Equal(string(r.UID)))
		approve(ctx, app, s.namespace("web"), "another")
		s.passes(ctx, r)
		s.stands(ctx, s.namespace("web"))
		approve(ctx, app, s.namespace("web"), value)
		s.passes(ctx, r)
		s.goes(ctx, s.namespace("web"))
	})

	It("is taken back when the runtime names it again, and an old approval counts no more", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web", protect)
		app := s.deployed(ctx, r)
		claim := s.claimed(ctx, s.namespace("web"))
		s.moves(ctx, r, s.namespace("typo"))
		s.passes(ctx, r)
		approve(ctx, app, s.namespace("web"), string(r.UID)) // and the mistake is seen a moment later
		s.moves(ctx, r, s.namespace("web"))
		Expect(fetch(ctx, app).Annotations).NotTo(HaveKey(api.AnnotationApproveNamespace + s.namespace("web")))
		Expect(s.recordOf(ctx, "web").Namespaces).To(ContainElement(s.namespace("web")))
		for range 3 {
			s.passes(ctx, r)
		}
		s.stands(ctx, s.namespace("web"))
		uid := claim.UID
		Expect(s.remote.Get(ctx, client.ObjectKeyFromObject(claim), claim)).To(Succeed())
		Expect(claim.UID).To(Equal(uid))

		By("the same mistake again")
		s.moves(ctx, r, s.namespace("typo"))
		s.passes(ctx, r)
		s.passes(ctx, r)
		s.stands(ctx, s.namespace("web"))
		s.says(ctx, s.namespace("web"), "the runtime is protected")
	})

	It("was given up just now where an earlier version wrote it down", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.moves(ctx, r, s.namespace("next"))
		s.clock.Step(time.Hour)
		update(ctx, app, func(a *observed.Application) {
			p := s.recordOf(ctx, "web")
			p.Departures = nil
			a.Annotations[api.AnnotationPlacement] = p.Encode()
		})
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		reconciled(ctx, s.runtimes, r)
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		s.passes(ctx, r)
		s.goes(ctx, s.namespace("web"))
	})

	It("is counted by the brake together with the removals", func(ctx SpecContext) {
		s := newStand(ctx)
		for _, name := range []string{"a", "b"} {
			r := s.runtime(ctx, name)
			s.deployed(ctx, r)
			s.asked(ctx, r)
		}
		var left []*api.DeploymentRuntime
		for _, name := range []string{"c", "d"} {
			r := s.runtime(ctx, name)
			s.deployed(ctx, r)
			s.moves(ctx, r, s.namespace("next-"+name))
			left = append(left, r)
		}
		for _, r := range left {
			s.passes(ctx, r)
			s.passes(ctx, r)
			s.stands(ctx, s.namespace(r.Name))
		}
		s.says(ctx, s.namespace("d"),
			"many runtimes of the product were deleted at once: 4 within 10m0s, and 3 go without an approval")
	})

	It("stays held also when the removal of the runtime is approved", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web", protect)
		s.deployed(ctx, r)
		s.moves(ctx, r, s.namespace("typo"))
		s.passes(ctx, r)
		s.passes(ctx, r)
		app, intent := s.asked(ctx, r)
		update(ctx, app,
			func(a *observed.Application) { a.Annotations[api.AnnotationApproveTeardown] = intent.RuntimeUID })
		s.clock.Step(time.Hour)
		reconciled(ctx, s.teardown, app)
		reconciled(ctx, s.teardown, app)
		cascaded(ctx, app)
		value := s.says(ctx, s.namespace("web"), "the runtime is protected")
		s.goes(ctx, s.namespace("typo"))
		s.finish(ctx, s.namespace("typo"))
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		Expect(fetched(ctx, app)).To(BeTrue(), "nothing would say that the namespace is held")
		approve(ctx, app, s.namespace("web"), value)
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
	})
})

var _ = Describe("A namespace at the end of a removal", func() {
	It("stays while it holds what somebody may want, and an approval is for nothing else", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		s.claimed(ctx, s.namespace("web"))
		app := s.cascading(ctx, r)
		cascaded(ctx, app)
		value := s.says(ctx, s.namespace("web"), "PersistentVolumeClaim data-db-0")
		update(ctx, app, func(a *observed.Application) { a.Annotations[api.AnnotationApproveTeardown] = string(r.UID) })
		approve(ctx, app, s.namespace("web"), string(r.UID)) // for the removal, not for the data
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))

		made := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("web"), Name: "by-hand"}}
		Expect(s.remote.Create(ctx, made)).To(Succeed())
		approve(ctx, app, s.namespace("web"), value) // the Secret was not told of
		again := s.says(ctx, s.namespace("web"), "PersistentVolumeClaim data-db-0, Secret by-hand")
		Expect(again).NotTo(Equal(value))
		approve(ctx, app, s.namespace("web"), again)
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
		s.finish(ctx, s.namespace("web"))
		reconciled(ctx, s.products, s.theProduct())
		Expect(fetched(ctx, app)).To(BeFalse())
	})

	It("goes by itself when somebody has cleared it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace("web"), Name: "data",
			Annotations: map[string]string{"helm.sh/resource-policy": "keep"},
		}}
		Expect(s.remote.Create(ctx, kept)).To(Succeed())
		cascaded(ctx, s.cascading(ctx, r))
		s.says(ctx, s.namespace("web"), "ConfigMap data")
		Expect(s.remote.Delete(ctx, kept)).To(Succeed())
		s.clock.Step(time.Minute)
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
	})

	It("stays while nobody can say what is in it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		cascaded(ctx, s.cascading(ctx, r))
		refuse := func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.WriteString(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
			return w.Result(), nil
		}
		s.products.Clusters = oneCluster{remote: s.remote, looks: func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				if refuse != nil && strings.HasSuffix(r.URL.Path, "/persistentvolumeclaims") {
					return refuse(r)
				}
				return next.RoundTrip(r)
			})
		}}
		s.says(ctx, s.namespace("web"), "does not list PersistentVolumeClaim")
		s.stands(ctx, s.namespace("web"))

		refuse = func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") }
		s.clock.Step(time.Minute)
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		refuse = nil
		s.clock.Step(time.Minute)
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
	})

	It("stays where a record names it that the cache has not seen", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		cascaded(ctx, s.cascading(ctx, r))
		s.products.Client = stale(ctx, s.argo)
		reconciled(ctx, s.runtimes,
			s.runtime(ctx, "next", func(n *api.DeploymentRuntime) { n.Spec.Namespaces = r.Spec.Namespaces }))
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
	})

	It("goes with the next runtime, though it was kept when the last one went", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web", func(r *api.DeploymentRuntime) { r.Spec.DeletionPolicy = api.DeletionPolicyOrphan })
		s.deployed(ctx, r)
		s.cascading(ctx, r)
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))

		next := s.runtime(ctx, "next", func(n *api.DeploymentRuntime) { n.Spec.Namespaces = r.Spec.Namespaces })
		s.deployed(ctx, next)
		cascaded(ctx, s.cascading(ctx, next))
		reconciled(ctx, s.products, s.theProduct())
		s.goes(ctx, s.namespace("web"))
	})

	It("stays where a record was damaged that the cache has whole, also one without labels", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		next := s.deployed(ctx, s.runtime(ctx, "next"))
		cascaded(ctx, s.cascading(ctx, r))
		s.products.Client = stale(ctx, s.argo)
		update(ctx, next, func(a *observed.Application) { a.Labels, a.Annotations[api.AnnotationPlacement] = nil, "{" })
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
	})

	It("stays where an Application of somebody else deploys to it", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		cascaded(ctx, s.cascading(ctx, r))
		foreign := s.application("platform")
		foreign.Spec.Project = "default"
		foreign.Name = "theirs"
		foreign.Spec.Destination.Name, foreign.Spec.Destination.Namespace = east, s.namespace("web")
		create(ctx, foreign)
		Expect(reconciled(ctx, s.products, s.theProduct()).RequeueAfter).To(BeNumerically(">", 5*time.Second),
			"it is looked into all the time")
		s.stands(ctx, s.namespace("web"))
		Expect(s.settled(ctx).Message).To(ContainSubstring("Application of somebody else"))
	})

	It("is not kept in silence because of an annotation that no record asked for", func(ctx SpecContext) {
		s := newStand(ctx)
		r := s.runtime(ctx, "web")
		s.deployed(ctx, r)
		ns := &corev1.Namespace{}
		Expect(s.remote.Get(ctx, client.ObjectKey{Name: s.namespace("web")}, ns)).To(Succeed())
		metav1.SetMetaDataAnnotation(&ns.ObjectMeta, api.AnnotationRetain, "true")
		Expect(s.remote.Update(ctx, ns)).To(Succeed())
		app := s.cascading(ctx, r)
		cascaded(ctx, app)
		value := s.says(ctx, s.namespace("web"), api.AnnotationRetain)
		s.stands(ctx, s.namespace("web"))
		Expect(fetched(ctx, app)).To(BeTrue(), "nothing names the namespace any more")
		Expect(s.mayEnter(ctx, s.namespace("web"))).To(BeTrue())

		approve(ctx, app, s.namespace("web"), value)
		reconciled(ctx, s.products, s.theProduct())
		s.stands(ctx, s.namespace("web"))
		Expect(fetched(ctx, app)).To(BeFalse())
		Expect(s.mayEnter(ctx, s.namespace("web"))).To(BeFalse(),
			"the group still works in a namespace that no record names")
	})

	It("takes the access of the product's group with it, also where it stays", func(ctx SpecContext) {
		s := newStand(ctx)
		orphan := s.runtime(ctx, "web",
			func(r *api.DeploymentRuntime) { r.Spec.DeletionPolicy = api.DeletionPolicyOrphan })
		reserved := s.runtime(ctx, "platform")
		for _, r := range []*api.DeploymentRuntime{orphan, reserved} {
			s.deployed(ctx, r)
			Expect(s.mayEnter(ctx, s.namespace(r.Name))).To(BeTrue())
		}
		update(ctx, &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: s.system, Name: east}}, func(c *api.Cluster) {
			c.Spec.ReservedNamespacesAllowedProducts = map[string][]string{s.namespace("platform"): {"product-0"}}
		})
		s.cascading(ctx, orphan)
		cascaded(ctx, s.cascading(ctx, reserved))
		reconciled(ctx, s.products, s.theProduct())
		for _, r := range []*api.DeploymentRuntime{orphan, reserved} {
			Expect(fetched(ctx, s.application(r.Name))).To(BeFalse())
			s.stands(ctx, s.namespace(r.Name))
			Expect(s.mayEnter(ctx, s.namespace(r.Name))).To(BeFalse(),
				"the group still works in a namespace that no record names")
		}
	})
})

// stale returns a client whose Applications stay as they are now, as a cache that gets no events.
func stale(ctx context.Context, argoNamespace string) client.Client {
	GinkgoHelper()
	var then observed.ApplicationList
	Expect(k8s.List(ctx, &then, client.InNamespace(argoNamespace))).To(Succeed())
	watching, err := client.NewWithWatch(env.Management.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return interceptor.NewClient(watching, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if apps, ok := list.(*observed.ApplicationList); ok {
				then.DeepCopyInto(apps)
				return nil
			}
			return c.List(ctx, list, opts...)
		},
	})
}
