package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/cluster"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const probeTimeout = 2 * time.Second

// clusterReconciler returns a reconciler of the place.
func (p place) clusterReconciler() *cluster.Reconciler {
	return &cluster.Reconciler{
		Client: k8s, Live: k8s,
		Registry:        clusters.NewRegistry(k8s, p.system, clusters.Options{Scheme: scheme, Timeout: probeTimeout}),
		SystemNamespace: p.system, ArgoCDNamespace: p.argo, HubClusterName: "in-cluster",
		Instance: p.instance, ProbeInterval: time.Minute, Clock: clock.RealClock{},
	}
}

// cluster makes a Cluster at the address of an API server of the suite, and its kubeconfig Secret.
func (p place) cluster(ctx context.Context, name string, at devenv.Access, changes ...func(*api.Cluster)) *api.Cluster {
	GinkgoHelper()
	c := &api.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: name},
		Spec: api.ClusterSpec{
			APIServer: at.Server, ClusterType: api.ClusterTypePhysical,
			Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment,
		},
	}
	for _, change := range changes {
		change(c)
	}
	s := secret(p.system, name+"-kubeconfig")
	s.Data = map[string][]byte{"value": kubeconfig(at)}
	create(ctx, s)
	return create(ctx, c)
}

func kubeconfig(at devenv.Access) []byte {
	GinkgoHelper()
	raw, err := at.Kubeconfig("")
	Expect(err).NotTo(HaveOccurred())
	return raw
}

// rotate puts another kubeconfig into the Secret of the Cluster.
func (p place) rotate(ctx context.Context, c *api.Cluster, raw []byte) {
	GinkgoHelper()
	update(ctx, secret(p.system, c.Name+"-kubeconfig"), func(s *corev1.Secret) { s.Data["value"] = raw })
}

// registration is what Argo CD is told of a cluster.
type registration struct {
	name, server, token string
}

func (p place) registration(ctx context.Context, c *api.Cluster) registration {
	GinkgoHelper()
	s := fetch(ctx, secret(p.argo, "cluster-"+c.Name))
	var config struct{ BearerToken string }
	Expect(json.Unmarshal(s.Data["config"], &config)).To(Succeed())
	return registration{string(s.Data["name"]), string(s.Data["server"]), config.BearerToken}
}

var _ = Describe("A Cluster", func() {
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
	})

	Describe("that answers", func() {
		BeforeEach(func(ctx SpecContext) { c = p.cluster(ctx, name, env.Cluster(east).Admin()) })

		It("is registered with Argo CD", func(ctx SpecContext) {
			result := reconciled(ctx, r, c)
			expectReady(c)
			Expect(result.RequeueAfter).To(And(BeNumerically(">=", time.Minute), BeNumerically("<=", 66*time.Second)))
			Expect(c.Finalizers).To(ConsistOf(api.Finalizer))
			Expect(c.Status.Version).To(HavePrefix("v1."))
			Expect(c.Status.UID).To(Equal(identityOf(ctx, east)))
			Expect(c.Status.ObservedGeneration).To(Equal(c.Generation))

			s := fetch(ctx, secret(p.argo, "cluster-"+name))
			Expect(s.Labels).To(HaveKeyWithValue("argocd.argoproj.io/secret-type", "cluster"))
			Expect(s.Labels).To(HaveKeyWithValue(api.LabelCluster, name))
			Expect(s.Labels).To(HaveKeyWithValue(api.LabelInstance, p.instance))
			Expect(s.Data).To(HaveLen(3), "no project key, or Argo CD ignores the AppProject's destinations")
			Expect(string(s.Data["name"])).To(Equal(name))
			Expect(string(s.Data["server"])).To(Equal(env.Cluster(east).URL()))
			var config map[string]any
			Expect(json.Unmarshal(s.Data["config"], &config)).To(Succeed())
			Expect(config).To(HaveKeyWithValue("bearerToken", env.Cluster(east).Admin().Token))
			Expect(config["tlsClientConfig"]).To(And(HaveKeyWithValue("insecure", false), HaveKey("caData")))
		})

		It("is counted by how long it took to answer", func(ctx SpecContext) {
			var told []string
			r.Probed = func(cluster, outcome string, took time.Duration) {
				Expect(took).To(And(BeNumerically(">", 0), BeNumerically("<", time.Minute)))
				told = append(told, cluster+" "+outcome)
			}
			r.Forgotten = func(cluster string) { told = append(told, cluster+" is gone") }
			reconciled(ctx, r, c)
			Expect(told).To(Equal([]string{name + " OK"}))
			remove(ctx, c)
			reconciled(ctx, r, c)
			Expect(told).To(Equal([]string{name + " OK", name + " is gone"}))
		})

		It("is not written again while nothing changes", func(ctx SpecContext) {
			reconciled(ctx, r, c)
			before, registered := c.ResourceVersion, fetch(ctx, secret(p.argo, "cluster-"+name)).ResourceVersion
			reconciled(ctx, r, c)
			Expect(c.ResourceVersion).To(Equal(before))
			Expect(fetch(ctx, secret(p.argo, "cluster-"+name)).ResourceVersion).To(Equal(registered))
		})

		It("is registered under one spelling of its URL", func(ctx SpecContext) {
			update(ctx, c, func(c *api.Cluster) { c.Spec.APIServer += "/" })
			reconciled(ctx, r, c)
			Expect(p.registration(ctx, c).server).To(Equal(env.Cluster(east).URL()))
		})

		It("keeps its registration as it should be", func(ctx SpecContext) {
			reconciled(ctx, r, c)
			update(ctx, secret(p.argo, "cluster-"+name), func(s *corev1.Secret) {
				s.Data["project"], s.Data["shard"], s.Data["server"] = []byte("default"), []byte("1"),
					[]byte("https://elsewhere")
				delete(s.Labels, "argocd.argoproj.io/secret-type")
			})
			reconciled(ctx, r, c)
			expectReady(c)
			s := fetch(ctx, secret(p.argo, "cluster-"+name))
			Expect(s.Data).NotTo(HaveKey("project"))
			Expect(s.Data).To(HaveKeyWithValue("shard", []byte("1")),
				"which shard works on it is the business of who runs Argo CD")
			Expect(s.Labels).To(HaveKeyWithValue("argocd.argoproj.io/secret-type", "cluster"))
			Expect(p.registration(ctx, c).server).To(Equal(env.Cluster(east).URL()))

			Expect(k8s.Delete(ctx, s)).To(Succeed())
			reconciled(ctx, r, c)
			Expect(p.registration(ctx, c).name).To(Equal(name))
		})

		It("counts in the system namespace only", func(ctx SpecContext) {
			stray := create(ctx,
				&api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: p.product, Name: name}, Spec: c.Spec})
			reconciled(ctx, r, stray)
			Expect(stray.Status.Conditions).To(BeEmpty())
			Expect(fetched(ctx, secret(p.argo, "cluster-"+name))).To(BeFalse())
		})

		It("pins the paths of its grants to products", func(ctx SpecContext) {
			update(ctx, c, func(c *api.Cluster) { c.Spec.AllowedProducts = []string{p.group, "nobody"} })
			reconciled(ctx, r, c)
			pins := []api.PinnedProduct{{Path: p.group, Product: p.product}}
			Expect(c.Status.PinnedProducts).To(Equal(pins))

			update(ctx, &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: p.system, Name: p.product}},
				func(o *api.Product) { o.Spec.Name = "renamed" })
			p.addProduct(ctx, p.product+"1", p.group)
			reconciled(ctx, r, c)
			Expect(c.Status.PinnedProducts).To(Equal(pins), "another group took the path, not the grant")
		})
	})

	Describe("whose kubeconfig", func() {
		It("is missing waits for it", func(ctx SpecContext) {
			c = p.cluster(ctx, name, env.Cluster(east).Admin())
			Expect(k8s.Delete(ctx, secret(p.system, name+"-kubeconfig"))).To(Succeed())
			reconciled(ctx, r, c)
			expectRefused(c, api.ReasonKubeconfigNotFound, name+"-kubeconfig")

			s := secret(p.system, name+"-kubeconfig")
			s.Data = map[string][]byte{"value": kubeconfig(env.Cluster(east).Admin())}
			create(ctx, s)
			reconciled(ctx, r, c)
			expectReady(c)
		})

		It("lies under another name and key is found there", func(ctx SpecContext) {
			s := secret(p.system, "elsewhere")
			s.Data = map[string][]byte{"config": kubeconfig(env.Cluster(east).Admin())}
			create(ctx, s)
			c = p.cluster(ctx, name, env.Cluster(east).Admin(), func(c *api.Cluster) {
				c.Spec.KubeconfigSecretRef = &api.SecretKeyRef{Name: "elsewhere", Key: "config"}
			})
			p.rotate(ctx, c, []byte("not a kubeconfig"))
			reconciled(ctx, r, c)
			expectReady(c)
		})

		It("runs a program is refused, and what Argo CD has stays", func(ctx SpecContext) {
			c = p.cluster(ctx, name, env.Cluster(east).Admin())
			reconciled(ctx, r, c)
			before := p.registration(ctx, c)
			exec := strings.Replace(string(kubeconfig(env.Cluster(east).Admin())), "    token: ",
				"    exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, interactiveMode: "+
					"Never}\n    token: ", 1)
			p.rotate(ctx, c, []byte(exec))
			reconciled(ctx, r, c)
			expectRefused(c, api.ReasonKubeconfigInvalid, "exec")
			Expect(p.registration(ctx, c)).To(Equal(before))
		})

		It("is rotated reaches Argo CD once it was seen to work", func(ctx SpecContext) {
			c = p.cluster(ctx, name, env.Cluster(east).Admin())
			reconciled(ctx, r, c)
			before := p.registration(ctx, c)

			broken := env.Cluster(east).Admin()
			broken.Token = "no-such-token"
			p.rotate(ctx, c, kubeconfig(broken))
			reconciled(ctx, r, c)
			expectRefused(c, api.ReasonUnauthorized, "credentials")
			Expect(ready(c).Message).NotTo(ContainSubstring("no-such-token"))
			Expect(p.registration(ctx, c)).To(Equal(before), "Argo CD got credentials that nobody tried")

			fresh, err := env.Cluster(east).NewAccess(ctx)
			Expect(err).NotTo(HaveOccurred())
			p.rotate(ctx, c, kubeconfig(fresh))
			reconciled(ctx, r, c)
			expectReady(c)
			Expect(p.registration(ctx, c).token).To(Equal(fresh.Token))
			_, err = r.Registry.Client(ctx, c)
			Expect(err).NotTo(HaveOccurred())
		})
	})

	Describe("that is in trouble", func() {
		BeforeEach(func(ctx SpecContext) {
			c = p.cluster(ctx, name, env.Cluster(west).Admin())
			reconciled(ctx, r, c)
			expectReady(c)
		})

		It("keeps its registration while it is down, and is ready when it is back", func(ctx SpecContext) {
			before, status := p.registration(ctx, c), c.Status
			Expect(env.Cluster(west).StopAPIServer()).To(Succeed())
			down := true
			DeferCleanup(func(ctx SpecContext) {
				if down {
					Expect(env.Cluster(west).StartAPIServer(ctx)).To(Succeed())
				}
			})
			result := reconciled(ctx, r, c)
			expectRefused(c, api.ReasonUnreachable, "refused")
			Expect(result.RequeueAfter).To(BeNumerically(">", 0))
			Expect(p.registration(ctx, c)).To(Equal(before))
			Expect(c.Status.UID).To(Equal(status.UID))
			Expect(c.Status.Version).To(Equal(status.Version))

			written := c.ResourceVersion
			reconciled(ctx, r, c)
			Expect(c.ResourceVersion).To(Equal(written), "the message changes from pass to pass")

			Expect(env.Cluster(west).StartAPIServer(ctx)).To(Succeed())
			down = false
			reconciled(ctx, r, c)
			expectReady(c)
		})

		It("does not hold up the operator when it hangs", func(ctx SpecContext) {
			Expect(env.Cluster(west).FreezeAPIServer()).To(Succeed())
			DeferCleanup(func() { Expect(env.Cluster(west).ThawAPIServer()).To(Succeed()) })
			began := time.Now()
			reconciled(ctx, r, c)
			Expect(time.Since(began)).To(BeNumerically("<", 3*probeTimeout))
			expectRefused(c, api.ReasonUnreachable, "within 2s")
		})

		It("that moved is registered at its new URL", func(ctx SpecContext) {
			uid := c.Status.UID
			Expect(env.Cluster(west).MoveAPIServer(ctx)).To(Succeed())
			update(ctx, c, func(c *api.Cluster) { c.Spec.APIServer = env.Cluster(west).URL() })
			reconciled(ctx, r, c)
			expectReady(c)
			Expect(c.Status.UID).To(Equal(uid))
			Expect(p.registration(ctx, c).server).To(Equal(env.Cluster(west).URL()))
		})

		It("is not replaced by another cluster", func(ctx SpecContext) {
			before, uid := p.registration(ctx, c), c.Status.UID
			update(ctx, c, func(c *api.Cluster) { c.Spec.APIServer = env.Cluster(east).URL() })
			p.rotate(ctx, c, kubeconfig(env.Cluster(east).Admin()))
			reconciled(ctx, r, c)
			expectRefused(c, api.ReasonClusterIdentityChanged, name+"-kubeconfig",
				"delete this Cluster and register it again")
			Expect(c.Status.UID).To(Equal(uid))
			Expect(p.registration(ctx, c)).To(Equal(before))
			_, err := r.Registry.Client(ctx, c)
			Expect(err).To(HaveOccurred(), "a client of the wrong cluster was handed out")

			update(ctx, c, func(c *api.Cluster) { c.Spec.APIServer = env.Cluster(west).URL() })
			p.rotate(ctx, c, kubeconfig(env.Cluster(west).Admin()))
			reconciled(ctx, r, c)
			expectReady(c)
		})
	})
})

func identityOf(ctx context.Context, name string) string {
	GinkgoHelper()
	uid, err := env.Cluster(name).Identity(ctx)
	Expect(err).NotTo(HaveOccurred())
	return string(uid)
}
