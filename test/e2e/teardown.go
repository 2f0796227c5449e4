package e2e

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// fragile is the runtime cluster whose API server these scenarios stop.
const fragile = "fragile"

// teardown returns the stories of removals.
func teardown() []Scenario {
	return slices.Concat(removals(), comebacks(), hooks(), tampering())
}

// removals returns the stories of runtimes that are deleted.
func removals() []Scenario {
	return []Scenario{
		{"a runtime goes although all that it refers to went before", referencesGone},
		{"a runtime on a dead cluster keeps no other waiting and goes when the cluster is back", clusterUnreachable},
		{"a runtime with the policy Orphan leaves its pods and its namespace", orphan},
		{"the policy counts that was set right before the deletion", orphanAtLast},
		{"the policy Orphan counts also while the rules refuse the runtime", orphanRefused},
		{"a namespace that two runtimes share goes with the last of them", sharedNamespace},
		{"a namespace that was granted is neither labelled nor deleted", grantedNamespace},
	}
}

func referencesGone(t *testing.T, w *World) {
	p := w.NewProduct(t)
	git := &api.CodeRepoProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: p.Path + "-git"},
		Spec:       api.CodeRepoProviderSpec{HTTPAddress: w.Env.Git.BaseURL(), ProviderType: "gitlab"},
	}
	repo := p.CodeRepo(p.Repo+"-own", "app", "shop")
	repo.Spec.CodeRepoProvider = git.Name
	p.Create(git, repo)
	p.Deploy("web", "dev", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = repo.Name })
	pods := p.Pods(East, p.Namespace("web"))

	p.Remove(p.Environment("dev", East), repo, p.Project("shop"), git)
	p.EventuallyNotReady("web", api.ReasonProjectNotFound)
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))

	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}

func clusterUnreachable(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Expect(w.RegisterCluster(p.Ctx, fragile, nil)).To(Succeed())
	p.Create(p.Environment("far", fragile))
	p.Deploy("web", "far")
	p.Deploy("near", "dev")
	cluster := w.Env.Cluster(fragile)
	p.Expect(cluster.StopAPIServer()).To(Succeed())

	p.Delete("web")
	p.Delete("near")
	p.EventuallyVanished("web")
	p.EventuallyGone("near", East, p.Namespace("near"))
	p.Expect(p.Application("web")).NotTo(BeNil())

	p.Expect(cluster.StartAPIServer(p.Ctx)).To(Succeed())
	p.EventuallyGone("web", fragile, p.Namespace("web"))
}

func keep(r *api.DeploymentRuntime) { r.Spec.DeletionPolicy = api.DeletionPolicyOrphan }

func orphan(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev", keep)
	p.expectOrphanedByDeletion("web")
}

func orphanAtLast(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	p.Change("web", keep)
	p.expectOrphanedByDeletion("web")
}

func orphanRefused(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	p.Remove(p.Project("shop"))
	p.EventuallyNotReady("web", api.ReasonProjectNotFound)
	p.Change("web", keep)
	p.Eventually(func() api.DeletionPolicy { return p.Record("web").DeletionPolicy }).
		Should(Equal(api.DeletionPolicyOrphan))
	p.expectOrphanedByDeletion("web")
}

// expectOrphanedByDeletion deletes a runtime on East and expects that only the Application goes.
func (p *Product) expectOrphanedByDeletion(name string) {
	p.Helper()
	pods := p.Pods(East, p.Namespace(name))
	p.Delete(name)
	p.Eventually(func() any { return p.Application(name) }).Should(BeNil())
	p.Expect(p.Pods(East, p.Namespace(name))).To(Equal(pods))
	ns := p.RemoteNamespace(East, p.Namespace(name))
	p.Expect(ns.Annotations).To(HaveKeyWithValue(api.AnnotationRetain, "true"))
	p.Expect(ns.DeletionTimestamp).To(BeNil())
}

func sharedNamespace(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"api/api.yaml": Deployment("api", 2)})
	shared := p.Namespace("shared")
	in := func(path string) func(*api.DeploymentRuntime) {
		return func(r *api.DeploymentRuntime) { r.Spec.Namespaces, r.Spec.ManifestSource.Path = []string{shared}, path }
	}
	p.Deploy("api", "dev", in("api"))
	pods := p.Pods(East, shared)
	p.Deploy("web", "dev", in("deploy"))

	p.Delete("web")
	p.Eventually(func() any { return p.Application("web") }).Should(BeNil())
	p.Eventually(func() []string { return p.Pods(East, shared) }).Should(Equal(pods),
		"the pods of the other runtime run on")
	p.Expect(p.RemoteNamespace(East, shared).DeletionTimestamp).To(BeNil())
	p.EventuallyReady("api")

	p.Delete("api")
	p.EventuallyGone("api", East, shared)
}

func grantedNamespace(t *testing.T, w *World) {
	p := w.NewProduct(t)
	platform := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Path + "-platform"}}
	p.Expect(w.Remote(t, East).Create(p.Ctx, platform)).To(Succeed())
	p.Eventually(func() error {
		var cluster api.Cluster
		if err := w.Client.Get(p.Ctx, client.ObjectKey{Namespace: systemNamespace, Name: East}, &cluster); err != nil {
			return err
		}
		if cluster.Spec.ReservedNamespacesAllowedProducts == nil {
			cluster.Spec.ReservedNamespacesAllowedProducts = map[string][]string{}
		}
		cluster.Spec.ReservedNamespacesAllowedProducts[platform.Name] = []string{p.Name}
		return w.Client.Update(p.Ctx, &cluster)
	}).Should(Succeed())

	p.Deploy("web", "dev", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{platform.Name} })
	p.Expect(p.Pods(East, platform.Name)).To(HaveLen(1))
	p.Delete("web")
	p.Eventually(func() any { return p.Application("web") }).Should(BeNil())
	p.Expect(p.Pods(East, platform.Name)).To(BeEmpty())

	after := p.RemoteNamespace(East, platform.Name)
	p.Expect(after.DeletionTimestamp).To(BeNil())
	p.Expect(after.Labels).To(Equal(platform.Labels))
	p.Expect(after.Annotations).To(Equal(platform.Annotations))
}
