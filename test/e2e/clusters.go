package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// movable is the cluster of the story below.
const movable = "movable"

// clusters returns the stories of clusters that are late, rotate, move or fail.
func clusters() []Scenario {
	return []Scenario{
		{"a cluster is registered late, furnishes namespaces, rotates its credentials, moves and is " +
			"mistaken for another", lifeOfACluster},
		{"a cluster that is registered twice, or not at all, takes nothing", unusableClusters},
	}
}

func lifeOfACluster(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Create(p.Environment("stage", movable))
	r := p.Runtime("web", "stage")
	r.Spec.Namespaces = []string{p.Namespace("web")}
	p.Create(r)
	p.EventuallyNotReady("web", api.ReasonClusterNotFound)

	access := registeredLate(p)
	pods := p.EventuallyPods(movable, p.Namespace("web"), 1)
	furnished(p)
	rotated(p, access, pods)
	moved(p)
	mistaken(p)
}

func movableCluster() *api.Cluster {
	return &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: movable}}
}

func kubeconfigOf(p *Product, access devenv.Access) *corev1.Secret {
	kubeconfig, err := access.Kubeconfig("")
	p.Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: movable + "-kubeconfig"},
		Data:       map[string][]byte{"value": kubeconfig},
	}
}

// registeredLate: the Cluster comes before its Secret.
func registeredLate(p *Product) devenv.Access {
	cluster := movableCluster()
	cluster.Spec = api.ClusterSpec{
		APIServer: p.W.Env.Cluster(movable).URL(), ClusterType: api.ClusterTypePhysical,
		Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment,
		NamespaceTemplate: &api.NamespaceTemplate{
			Labels: map[string]string{"cost-center": "42", "pod-security.kubernetes.io/enforce": "privileged"},
			ResourceQuota: &corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
				corev1.ResourcePods: resource.MustParse("7"),
			}},
		},
	}
	p.Create(cluster)
	p.EventuallySays(movableCluster(), api.ConditionReady, "False/"+api.ReasonKubeconfigNotFound)
	p.EventuallyNotReady("web", api.ReasonClusterNotReady)

	access, err := p.W.Env.Cluster(movable).NewAccess(p.Ctx)
	p.Expect(err).NotTo(HaveOccurred())
	p.Create(kubeconfigOf(p, access))
	p.EventuallySays(movableCluster(), api.ConditionReady, "True")
	p.Eventually(func() string { return p.Condition("web", api.ConditionApplied) }).Should(HavePrefix("True"))
	return access
}

// furnished: the namespace has what the template says, and the group of the product may work in it.
func furnished(p *Product) {
	remote := p.W.Remote(p.T, movable)
	var ns corev1.Namespace
	p.Expect(remote.Get(p.Ctx, client.ObjectKey{Name: p.Namespace("web")}, &ns)).To(Succeed())
	p.Expect(ns.Labels).To(And(HaveKeyWithValue("cost-center", "42"),
		HaveKeyWithValue("pod-security.kubernetes.io/enforce", "privileged"),
		HaveKeyWithValue(api.LabelProduct, p.Name)))
	var quotas corev1.ResourceQuotaList
	p.Expect(remote.List(p.Ctx, &quotas, client.InNamespace(ns.Name))).To(Succeed())
	p.Expect(quotas.Items).To(HaveLen(1))
	p.Expect(quotas.Items[0].Spec.Hard.Pods().Value()).To(BeEquivalentTo(7))
	var bindings rbacv1.RoleBindingList
	p.Expect(remote.List(p.Ctx, &bindings, client.InNamespace(ns.Name))).To(Succeed())
	p.Expect(bindings.Items).To(ConsistOf(And(
		HaveField("RoleRef.Name", "admin"),
		HaveField("Subjects", ConsistOf(And(HaveField("Kind", rbacv1.GroupKind), HaveField("Name", p.Path)))),
	)))
}

// rotated: the old credential is worth nothing any more, and the next commit is deployed.
func rotated(p *Product, old devenv.Access, pods []string) {
	access, err := p.W.Env.Cluster(movable).NewAccess(p.Ctx)
	p.Expect(err).NotTo(HaveOccurred())
	replaceKubeconfig(p, access)
	p.Expect(p.W.Env.Cluster(movable).Revoke(p.Ctx, old)).To(Succeed())
	p.Expect(p.Pods(movable, p.Namespace("web"))).To(Equal(pods))
	next := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.EventuallyDeployed("web", next)
	p.EventuallyPods(movable, p.Namespace("web"), 2)
}

func replaceKubeconfig(p *Product, access devenv.Access) {
	secret := kubeconfigOf(p, access)
	Alter(p, secret.DeepCopy(), func(s *corev1.Secret) { s.Data = secret.Data })
}

// moved: the same cluster answers at another URL. Nothing is restarted there.
func moved(p *Product) {
	pods := p.EventuallyPods(movable, p.Namespace("web"), 2)
	cluster := p.W.Env.Cluster(movable)
	p.Expect(cluster.MoveAPIServer(p.Ctx)).To(Succeed())
	p.EventuallySays(movableCluster(), api.ConditionReady, "False/"+api.ReasonUnreachable)
	p.Expect(p.Application("web")).NotTo(BeNil())

	Alter(p, movableCluster(), func(c *api.Cluster) { c.Spec.APIServer = cluster.URL() })
	p.EventuallySays(movableCluster(), api.ConditionReady, "True")
	p.EventuallyReady("web")
	p.Expect(p.Pods(movable, p.Namespace("web"))).To(Equal(pods))
	next := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 3)})
	p.EventuallyDeployed("web", next)
	p.Expect(p.EventuallyPods(movable, p.Namespace("web"), 3)).To(ContainElements(pods))
	p.Expect(p.Get("web").Status.Placement.Server).To(Equal(cluster.URL()))
}

// mistaken: what answers at the URL is another cluster. It gets nothing.
func mistaken(p *Product) {
	cluster := p.W.Env.Cluster(movable)
	replaceKubeconfig(p, cluster.Admin())
	p.EventuallySays(movableCluster(), api.ConditionReady, "True")
	p.Expect(cluster.ReplaceWithEmpty(p.Ctx)).To(Succeed())
	p.EventuallySays(movableCluster(), api.ConditionReady, "False/"+api.ReasonClusterIdentityChanged)
	p.Consistently(func() bool { return p.NamespaceExists(movable, p.Namespace("web")) }).Should(BeFalse())
	p.Expect(p.Application("web").DeletionTimestamp.IsZero()).To(BeTrue())
}

func unusableClusters(t *testing.T, w *World) {
	p := w.NewProduct(t)
	again := &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: p.Path + "-again"}}
	kubeconfig, err := w.Env.Cluster(East).Kubeconfig()
	p.Expect(err).NotTo(HaveOccurred())
	again.Spec = api.ClusterSpec{
		APIServer: w.Env.Cluster(East).URL() + "/", ClusterType: api.ClusterTypePhysical, Usage: api.ClusterUsageWorker,
		WorkerType: api.WorkerTypeDeployment,
	}
	p.Create(again, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: again.Name + "-kubeconfig"},
		Data:       map[string][]byte{"value": kubeconfig},
	})
	p.EventuallySays(again, api.ConditionReady, "False/"+api.ReasonClusterDuplicate)
	p.Create(p.Environment("again", again.Name), p.Environment("nowhere", "nowhere"))
	for environment, reason := range map[string]string{"again": api.ReasonClusterNotReady,
		"nowhere": api.ReasonClusterNotFound} {
		r := p.Runtime(environment, environment)
		r.Spec.Namespaces = []string{p.Namespace(environment)}
		p.Create(r)
		p.EventuallyNotReady(environment, reason)
		p.Expect(p.Application(environment)).To(BeNil())
	}
	p.Deploy("web", "dev")
}
