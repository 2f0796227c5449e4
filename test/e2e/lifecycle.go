package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// lifecycle returns the stories of a runtime that lives: deployed, changed, suspended, refused.
func lifecycle() []Scenario {
	return []Scenario{
		{"a runtime is deployed, changed and deleted", deployChangeDelete},
		{"another revision, path or code repo is deployed", changeSource},
		{"a suspended runtime keeps running, and deploys when it is resumed", suspendAndResume},
		{"the destination of a deployed runtime does not change", changeDestination},
		{"an environment in use stays on its cluster", repointEnvironment},
		{"a namespace that is given up goes when it is empty", changeNamespaces},
		{"of two runtimes that deploy the same the later one waits", twins},
	}
}

func deployChangeDelete(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(HaveLen(1))

	p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 3)})
	p.Eventually(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(HaveLen(3))
	p.EventuallyReady("web")

	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}

func changeSource(t *testing.T, w *World) {
	p := w.NewProduct(t)
	released := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.Expect(w.Env.Git.SetTag(p.Ctx, p.Path+"/app", "v1", released)).To(Succeed())
	newest := p.Commit("app",
		map[string]string{"deploy/web.yaml": Deployment("web", 3), "other/db.yaml": Deployment("db", 4)})
	p.Deploy("web", "dev")
	p.EventuallyDeployed("web", newest)
	p.EventuallyPods(East, p.Namespace("web"), 3)

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.TargetRevision = "v1" })
	p.EventuallyDeployed("web", released)
	p.EventuallyPods(East, p.Namespace("web"), 2)

	p.Change("web", func(r *api.DeploymentRuntime) {
		r.Spec.ManifestSource.TargetRevision, r.Spec.ManifestSource.Path = "main", "other"
	})
	p.EventuallyDeployed("web", newest)
	p.EventuallyPods(East, p.Namespace("web"), 4)

	p.Expect(w.Env.Git.CreateRepo(p.Ctx, p.Path+"/next")).To(Succeed())
	next := p.Commit("next", map[string]string{"other/web.yaml": Deployment("web", 1)})
	p.Create(p.CodeRepo("repo-next", "next", "shop"))
	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.ManifestSource.CodeRepo = "repo-next" })
	p.EventuallyDeployed("web", next)
	p.EventuallyPods(East, p.Namespace("web"), 1)
}

func suspendAndResume(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Suspend = true })
	p.Eventually(func() bool { return p.Automated("web") }).Should(BeFalse())
	next := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.EventuallyRuntimeSays("web", api.ConditionSynced, "False/"+api.ReasonSuspended, next)
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Suspend = false })
	p.EventuallyDeployed("web", next)
	p.EventuallyPods(East, p.Namespace("web"), 2)
}

func changeDestination(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Destination = "prod" })
	p.EventuallyNotReady("web", api.ReasonDestinationImmutable)
	p.Consistently(func() bool { return p.NamespaceExists(West, p.Namespace("web")) }).Should(BeFalse())
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	p.Expect(p.Get("web").Status.Placement.Cluster).To(Equal(East))

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Destination = "dev" })
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
}

func repointEnvironment(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	pods := p.EventuallyPods(East, p.Namespace("web"), 1)
	p.Expect(w.Client.Delete(p.Ctx, p.Environment("prod", West))).To(Succeed())

	dev := p.Environment("dev", East)
	Alter(p, dev, func(e *api.Environment) { e.Spec.Cluster = West })
	p.EventuallySays(dev, api.ConditionReady, "False/"+api.ReasonClusterImmutable)
	p.EventuallyNotReady("web", api.ReasonClusterImmutable)
	p.Expect(p.Application("web").Spec.Destination.Name).To(Equal(East))
	p.Expect(p.NamespaceExists(West, p.Namespace("web"))).To(BeFalse())
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))

	Alter(p, dev, func(e *api.Environment) { e.Spec.Cluster = East })
	p.EventuallySays(dev, api.ConditionReady, "True")
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
}

// A ConfigMap that somebody holds keeps the old namespace from being empty.
func changeNamespaces(t *testing.T, w *World) {
	const held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/held]}\n"
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"deploy/held.yaml": held})
	before, after := p.Namespace("web"), p.Namespace("web-after")
	p.Deploy("web", "dev")

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{after} })
	p.EventuallyPods(East, after, 1)
	p.EventuallyPods(East, before, 0)
	remote := w.Remote(t, East)
	var there corev1.ConfigMap
	p.Eventually(func() bool {
		return remote.Get(p.Ctx, client.ObjectKey{Namespace: before, Name: "held"}, &there) == nil &&
			!there.DeletionTimestamp.IsZero()
	}).Should(BeTrue(), "what the runtime left behind is being removed")
	p.Consistently(func() bool {
		var ns corev1.Namespace
		return remote.Get(p.Ctx, client.ObjectKey{Name: before}, &ns) == nil && ns.DeletionTimestamp.IsZero()
	}).Should(BeTrue(), "a namespace that is not empty stays")

	there.Finalizers = nil
	p.Expect(remote.Update(p.Ctx, &there)).To(Succeed())
	p.Eventually(func() bool { return p.NamespaceExists(East, before) }).Should(BeFalse())
	p.EventuallyReady("web")
	p.Eventually(func() []string { return p.Get("web").Status.Placement.Namespaces }).Should(Equal([]string{after}))
	p.Eventually(func() []string { return p.permitted() }).Should(Equal([]string{East + "/" + after}))
}

func twins(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("first", "dev")
	second := p.Runtime("second", "dev")
	second.Spec.Namespaces = []string{p.Namespace("second")}
	p.Create(second)
	p.EventuallyNotReady("second", api.ReasonTwinRuntime)
	p.Expect(p.Application("second")).To(BeNil())
	p.Expect(p.NamespaceExists(East, p.Namespace("second"))).To(BeFalse())

	p.Delete("first")
	p.EventuallyReady("second")
	p.EventuallyGone("first", East, p.Namespace("first"))
	p.Expect(p.Pods(East, p.Namespace("second"))).To(HaveLen(1))
}
