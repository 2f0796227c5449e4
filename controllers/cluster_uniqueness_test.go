package controllers_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/cluster"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

var _ = Describe("A Cluster is registered once", func() {
	var (
		p           place
		r           *cluster.Reconciler
		first, then *api.Cluster
		name        string
	)
	BeforeEach(func(ctx SpecContext) {
		p = newPlace(ctx)
		r = p.clusterReconciler()
		name = fmt.Sprintf("c-%d", p.number)
		first = p.cluster(ctx, name, env.Cluster(east).Admin())
	})

	It("by its URL, however it is spelt", func(ctx SpecContext) {
		then = p.cluster(ctx, name+"-z", env.Cluster(east).Admin(), func(c *api.Cluster) { c.Spec.APIServer += "/" })
		reconciled(ctx, r, then)
		expectRefused(then, api.ReasonClusterDuplicate, name, "URL")
		Expect(fetched(ctx, secret(p.argo, "cluster-"+then.Name))).To(BeFalse())
		reconciled(ctx, r, first)
		expectReady(first)

		Expect(k8s.Delete(ctx, first)).To(Succeed())
		reconciled(ctx, r, first)
		Expect(fetched(ctx, first)).To(BeFalse())
		reconciled(ctx, r, then)
		expectReady(then)
	})

	It("by its identity, whatever leads there", func(ctx SpecContext) {
		reconciled(ctx, r, first)
		then = p.cluster(ctx, name+"-a", env.Cluster(east).Admin(), func(c *api.Cluster) {
			c.Spec.APIServer = strings.Replace(c.Spec.APIServer, "127.0.0.1", "localhost", 1)
		})
		reconciled(ctx, r, then)
		expectRefused(then, api.ReasonClusterDuplicate, name, "identity")
		Expect(then.Status.UID).To(BeEmpty())
	})

	It("and the one that is registered stays, though another is older", func(ctx SpecContext) {
		then = p.cluster(ctx, name+"-z", env.Cluster(west).Admin())
		reconciled(ctx, r, then)
		update(ctx, first, func(c *api.Cluster) { c.Spec.APIServer = env.Cluster(west).URL() })
		p.rotate(ctx, first, kubeconfig(env.Cluster(west).Admin()))
		reconciled(ctx, r, first)
		expectRefused(first, api.ReasonClusterDuplicate, then.Name)
		reconciled(ctx, r, then)
		expectReady(then)
	})

	DescribeTable("also against what others told Argo CD",
		func(ctx SpecContext, data map[string]string) {
			foreign := secret(p.argo, "by-hand")
			foreign.Labels = map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
			foreign.StringData = map[string]string{"config": "{}"}
			for key, value := range data {
				foreign.StringData[key] = strings.NewReplacer("<name>", name, "<url>",
					env.Cluster(east).URL()).Replace(value)
			}
			create(ctx, foreign)
			reconciled(ctx, r, first)
			expectRefused(first, api.ReasonClusterDuplicate, "by-hand")
			Expect(fetched(ctx, secret(p.argo, "cluster-"+name))).To(BeFalse())
		},
		Entry("the URL", map[string]string{"name": "other", "server": "<url>/"}),
		Entry("the name", map[string]string{"name": "<name>", "server": "https://elsewhere"}),
	)

	It("and a Secret of somebody else is left alone", func(ctx SpecContext) {
		foreign := secret(p.argo, "cluster-"+name)
		foreign.StringData = map[string]string{"theirs": "x"}
		create(ctx, foreign)
		version := foreign.ResourceVersion
		reconciled(ctx, r, first)
		expectRefused(first, api.ReasonNameConflict, "cluster-"+name)
		Expect(fetch(ctx, foreign).ResourceVersion).To(Equal(version))

		Expect(k8s.Delete(ctx, first)).To(Succeed())
		reconciled(ctx, r, first)
		Expect(fetched(ctx, first)).To(BeFalse())
		Expect(fetch(ctx, foreign).ResourceVersion).To(Equal(version))
	})

	It("and never in the place of the management cluster", func(ctx SpecContext) {
		hub := p.cluster(ctx, "in-cluster", env.Cluster(west).Admin())
		reconciled(ctx, r, hub)
		expectRefused(hub, api.ReasonClusterDuplicate, "management cluster")
		Expect(fetched(ctx, secret(p.argo, "cluster-in-cluster"))).To(BeFalse())
	})

	It("and a virtual one on a host that is registered", func(ctx SpecContext) {
		guest := p.cluster(ctx, name+"-guest", env.Cluster(west).Admin(), func(c *api.Cluster) {
			c.Spec.ClusterType, c.Spec.HostCluster = api.ClusterTypeVirtual, name
		})
		reconciled(ctx, r, guest)
		expectRefused(guest, api.ReasonHostClusterNotFound, name)

		update(ctx, first, func(c *api.Cluster) { c.Spec.Usage, c.Spec.WorkerType = api.ClusterUsageHost, "" })
		reconciled(ctx, r, guest)
		expectReady(guest)
	})
})

var _ = Describe("A Cluster that is deleted", func() {
	var (
		p    place
		r    *cluster.Reconciler
		c    *api.Cluster
		name string
	)
	BeforeEach(func(ctx SpecContext) {
		p = newPlace(ctx)
		r = p.clusterReconciler()
		name = fmt.Sprintf("c-%d", p.number)
		c = p.cluster(ctx, name, env.Cluster(east).Admin())
		reconciled(ctx, r, c)
		expectReady(c)
	})
	deleted := func(ctx SpecContext) {
		GinkgoHelper()
		Expect(k8s.Delete(ctx, c)).To(Succeed())
		reconciled(ctx, r, c)
	}
	expectGone := func(ctx SpecContext) {
		GinkgoHelper()
		reconciled(ctx, r, c)
		Expect(fetched(ctx, c)).To(BeFalse())
		Expect(fetched(ctx, secret(p.argo, "cluster-"+name))).To(BeFalse())
	}

	It("takes its registration along", func(ctx SpecContext) {
		deleted(ctx)
		expectGone(ctx)
	})

	It("goes also when it does not answer and was never registered", func(ctx SpecContext) {
		c = p.cluster(ctx, name+"-b", env.Cluster(east).Admin(),
			func(c *api.Cluster) { c.Spec.APIServer = "https://127.0.0.1:1" })
		reconciled(ctx, r, c)
		expectRefused(c, api.ReasonUnreachable)
		deleted(ctx)
		Expect(fetched(ctx, c)).To(BeFalse())
	})

	It("stays while an environment names it", func(ctx SpecContext) {
		e := create(ctx, &api.Environment{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: "env-dev"},
			Spec:       api.EnvironmentSpec{Product: p.product, Cluster: name, EnvType: "dev"},
		})
		deleted(ctx)
		expectRefused(c, api.ReasonInUse, "1 environment ("+p.product+"/env-dev)")
		Expect(p.registration(ctx, c).name).To(Equal(name))
		Expect(k8s.Delete(ctx, e)).To(Succeed())
		expectGone(ctx)
	})

	It("stays, and is looked after, while a runtime is recorded on it", func(ctx SpecContext) {
		app := p.record(ctx, "dr-web", placement.Placement{
			Runtime: placement.RuntimeRef{Namespace: p.product, Name: "web", UID: "u"}, Product: p.product,
			Destination: placement.Destination{Environment: "env-dev", Cluster: name},
		})
		deleted(ctx)
		expectRefused(c, api.ReasonInUse, "1 Application (dr-web)")

		fresh, err := env.Cluster(east).NewAccess(ctx)
		Expect(err).NotTo(HaveOccurred())
		p.rotate(ctx, c, kubeconfig(fresh))
		reconciled(ctx, r, c)
		Expect(p.registration(ctx, c).token).To(Equal(fresh.Token),
			"the removal of what runs there needs credentials that work")

		remove(ctx, app)
		expectGone(ctx)
	})

	It("stays while a virtual cluster lies on it", func(ctx SpecContext) {
		guest := create(ctx, &api.Cluster{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: name + "-guest"},
			Spec: api.ClusterSpec{
				APIServer: "https://127.0.0.1:1", ClusterType: api.ClusterTypeVirtual, HostCluster: name,
				Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment,
			},
		})
		deleted(ctx)
		expectRefused(c, api.ReasonInUse, "1 virtual cluster")
		remove(ctx, guest)
		expectGone(ctx)
	})

	It("leaves a Secret alone that somebody took over", func(ctx SpecContext) {
		update(ctx, secret(p.argo, "cluster-"+name), func(s *corev1.Secret) { s.Annotations = nil })
		deleted(ctx)
		Expect(fetched(ctx, c)).To(BeFalse())
		Expect(fetched(ctx, secret(p.argo, "cluster-"+name))).To(BeTrue())
	})
})
