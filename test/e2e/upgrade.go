package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
)

// quiet is how long an operator has written nothing when it counts as settled: longer than it waits for anything here.
const quiet = 6 * time.Second

// Build is a version of the operator: its checkout, and the program that was built of it.
type Build struct{ Source, Manager string }

// Upgrade returns the story of an operator that is replaced by a newer one, and then put back, while runtimes run: as
// docs/howto/upgrade.md says.
func Upgrade(before, after Build) Scenario {
	return Scenario{"a newer operator takes over, and the older one again, and nothing restarts",
		func(t *testing.T, w *World) { upgrade(t, w, before, after) }}
}

func upgrade(t *testing.T, w *World, before, after Build) {
	t.Helper()
	u := &upgraded{Product: w.NewProduct(t), writes: w.NoteWrites(t)}
	u.Expect(w.StopOperator()).To(Succeed())
	u.group = process.NewGroup(func(err error) { u.Error(err) })
	u.Cleanup(func() {
		u.group.Stop()
		u.Expect(w.StartOperator(w.Env.Management.RESTConfig())).To(Succeed())
	})
	u.replace(before)
	u.Deploy("web", "dev")
	u.Deploy("api", "prod")
	u.Commit("app", map[string]string{"keep/web.yaml": Deployment("web", 1)})
	u.Deploy("keep", "dev", func(r *api.DeploymentRuntime) {
		r.Spec.ManifestSource.Path, r.Spec.DeletionPolicy = "keep", api.DeletionPolicyOrphan
	})
	u.settle()
	runs, tenancy := u.runs(), u.tenancy()

	const ours = "PATCH /apis/nautes.resource.nautes.io/v1alpha1/namespaces/"
	var statuses []string
	for _, name := range []string{"web", "api", "keep"} {
		statuses = append(statuses, ours+u.Name+"/deploymentruntimes/"+name+"/status")
	}
	for _, step := range []struct {
		build     Build
		explained []string
	}{
		// The new one says which Argo CD it drives. It remembers rollouts, and a moment later who made the commit.
		{after, append(statuses, ours+"nautes/productproviders/"+forge+"/status")},
		// The old one knows nothing of that.
		{before, statuses},
	} {
		first := len(u.writes.Since(0))
		u.replace(step.build)
		u.settle()
		written := u.writes.Since(first)
		u.Expect(unexplained(written, step.explained...)).To(BeEmpty(), "with %s", step.build.Source)
		u.Logf("%s wrote %d times, all of it explained", filepath.Base(step.build.Source), len(written))
		u.Expect(u.runs()).To(Equal(runs), "no pod restarts")
		u.Expect(u.tenancy()).To(Equal(tenancy), "nothing changes on the runtime clusters")
	}
	u.replace(after)
	commit := u.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	u.EventuallyDeployed("web", commit)
	u.Delete("api")
	u.EventuallyGone("api", West, u.Namespace("api"))
}

// upgraded is a product whose operator is replaced.
type upgraded struct {
	*Product
	writes  *Writes
	group   *process.Group
	process *process.Process
}

// replace ends the operator, installs what belongs to another version, CRDs first, and starts that one.
func (u *upgraded) replace(b Build) {
	u.Helper()
	if u.process != nil {
		u.Expect(u.process.Stop(operatorEnd)).To(Succeed())
	}
	for _, part := range []string{"crd", "policy", "rbac/operator"} {
		_, err := u.W.Env.Management.Kubectl(u.Ctx, "apply", "--server-side", "--force-conflicts", "-k",
			filepath.Join(b.Source, "config", filepath.FromSlash(part)))
		u.Expect(err).NotTo(HaveOccurred())
	}
	var err error
	u.process, err = u.group.Start(process.Command{Name: "operator", Path: b.Manager,
		Log: filepath.Join(u.W.Env.Dir, "upgraded-"+filepath.Base(b.Source)+".log"),
		Args: []string{"operator", "--kubeconfig", u.kubeconfig(), "--metrics-bind-address", "0",
			"--health-probe-bind-address", "0", "--argocd-repo-server", u.W.Env.ArgoCD.RepoServerAddress(),
			"--argocd-repo-server-plaintext", "--teardown-grace", "0", "--cluster-probe-interval", "2s",
			"--product-poll-interval", "2s"}})
	u.Expect(err).NotTo(HaveOccurred())
	u.Eventually(func() string { return u.holder("nautes-operator") }).ShouldNot(BeEmpty())
}

// kubeconfig leads to the proxy, with the rights of the operator.
func (u *upgraded) kubeconfig() string {
	u.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["management"] = &clientcmdapi.Cluster{Server: u.writes.URL}
	config.AuthInfos["management"] = &clientcmdapi.AuthInfo{Impersonate: "system:serviceaccount:" + systemNamespace +
		":nautes-operator"}
	config.Contexts["management"] = &clientcmdapi.Context{Cluster: "management", AuthInfo: "management"}
	config.CurrentContext = "management"
	file := filepath.Join(u.W.Env.Dir, "upgraded.kubeconfig")
	u.Expect(clientcmd.WriteToFile(*config, file)).To(Succeed())
	return file
}

// settle waits until the operator has written nothing for a while but its Lease.
func (u *upgraded) settle() {
	u.Helper()
	u.Eventually(func(g Gomega) {
		first := len(u.writes.Since(0))
		g.Consistently(func() []string { return unexplained(u.writes.Since(first)) }).
			WithTimeout(quiet).WithPolling(poll).Should(BeEmpty())
	}).Should(Succeed())
}

// runs tells of every pod of the product: its UID, and how often its containers have started.
func (u *upgraded) runs() []string {
	u.Helper()
	var out []string
	for _, cluster := range []string{East, West} {
		var pods corev1.PodList
		u.Expect(u.W.Remote(u.T, cluster).List(u.Ctx, &pods)).To(Succeed())
		for _, pod := range pods.Items {
			if !strings.HasPrefix(pod.Namespace, u.Path+"-") {
				continue
			}
			restarts := int32(0)
			for _, c := range pod.Status.ContainerStatuses {
				restarts += c.RestartCount
			}
			out = append(out, fmt.Sprintf("%s/%s/%s %s restarts %d", cluster, pod.Namespace, pod.Name, pod.UID, restarts))
		}
	}
	u.Expect(len(out)).To(BeNumerically(">=", 3))
	slices.Sort(out)
	return out
}

// tenancy tells of what the operator and Argo CD keep on the runtime clusters for the product, byte by byte.
func (u *upgraded) tenancy() []string {
	u.Helper()
	var out []string
	for _, cluster := range []string{East, West} {
		for _, list := range []client.ObjectList{&corev1.NamespaceList{}, &rbacv1.RoleBindingList{},
			&corev1.ResourceQuotaList{}, &appsv1.DeploymentList{}} {
			u.Expect(u.W.Remote(u.T, cluster).List(u.Ctx, list)).To(Succeed())
			text, err := json.Marshal(list)
			u.Expect(err).NotTo(HaveOccurred())
			var objects struct {
				Items []json.RawMessage `json:"items"`
			}
			u.Expect(json.Unmarshal(text, &objects)).To(Succeed())
			for _, o := range objects.Items {
				if strings.Contains(string(o), `"`+u.Path+"-") {
					out = append(out, cluster+" "+string(o))
				}
			}
		}
	}
	u.Expect(len(out)).To(BeNumerically(">=", 6))
	slices.Sort(out)
	return out
}
