package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// comebacks returns the stories of runtimes that are deleted and created again.
func comebacks() []Scenario {
	return []Scenario{
		{"a protected runtime is removed when a person approves", protectedApproved},
		{"a protected runtime that comes back is taken over", protectedComesBack},
		{"a runtime that comes back for another environment waits until the old one is gone", comesBackElsewhere},
		{"a runtime that comes back during its removal waits and is deployed anew", comesBackTooLate},
	}
}

const becauseProtected = "the runtime is protected"

func protectedApproved(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev", protected)
	pods := p.Pods(East, p.Namespace("web"))
	p.Delete("web")
	p.EventuallyVanished("web")
	command := p.EventuallyHeld("web", becauseProtected)
	p.Expect(p.Application("web").Spec.SyncPolicy.Automated).To(BeNil(), "nothing new is deployed meanwhile")
	p.Consistently(func() []string { return p.Pods(East, p.Namespace("web")) }).Should(Equal(pods))

	p.Type(command)
	p.EventuallyGone("web", East, p.Namespace("web"))
	p.Eventually(p.Settled).Should(HavePrefix("True/"))
}

func protectedComesBack(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev", protected)
	pods := p.Pods(East, p.Namespace("web"))
	p.Delete("web")
	p.EventuallyHeld("web", becauseProtected)

	web.Annotations = nil
	p.Recreate(web)
	p.EventuallyReady("web")
	p.expectTakenOver(web, pods)
	p.Delete("web")
	p.EventuallyGone("web", East, p.Namespace("web"))
}

// expectTakenOver expects that a runtime on East that was created again took over what an earlier life deployed.
func (p *Product) expectTakenOver(r *api.DeploymentRuntime, pods []string) {
	p.Helper()
	p.Expect(p.Record(r.Name).Runtime.UID).To(BeEquivalentTo(r.UID))
	p.Expect(p.Application(r.Name).Annotations).NotTo(HaveKey(api.AnnotationTeardown))
	p.Expect(p.Pods(East, r.Spec.Namespaces[0])).To(Equal(pods))
	p.Eventually(p.Settled).Should(HavePrefix("True/"))
}

func comesBackElsewhere(t *testing.T, w *World) {
	p := w.NewProduct(t)
	web := p.Deploy("web", "dev", protected)
	pods := p.Pods(East, p.Namespace("web"))
	p.Delete("web")
	command := p.EventuallyHeld("web", becauseProtected)

	web.Spec.Destination = "prod"
	p.Recreate(web)
	p.EventuallyNotReady("web", api.ReasonWaitingForTeardown)
	p.Expect(p.Pods(East, p.Namespace("web"))).To(Equal(pods))
	p.Expect(p.NamespaceExists(West, p.Namespace("web"))).To(BeFalse())

	p.Type(command)
	p.EventuallyReady("web")
	p.Expect(p.NamespaceExists(East, p.Namespace("web"))).To(BeFalse())
	p.Expect(p.Pods(West, p.Namespace("web"))).To(HaveLen(1))
	p.Expect(p.Record("web").Destination.Cluster).To(Equal(West))
}

// busy is a manifest that somebody's finalizer keeps from going, so that a removal takes as long as the scenario wants.
const busy = `apiVersion: v1
kind: ConfigMap
metadata: {name: busy, finalizers: [example.com/busy]}
`

func comesBackTooLate(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Commit("app", map[string]string{"deploy/busy.yaml": busy})
	web := p.Deploy("web", "dev")
	pods := p.Pods(East, p.Namespace("web"))
	p.Delete("web")
	remote, key := w.Remote(t, East), client.ObjectKey{Namespace: p.Namespace("web"), Name: "busy"}
	var cm corev1.ConfigMap
	p.Eventually(func() *metav1.Time {
		p.Expect(remote.Get(p.Ctx, key, &cm)).To(Succeed())
		return cm.DeletionTimestamp
	}).ShouldNot(BeNil())

	p.Recreate(web)
	p.EventuallyNotReady("web", api.ReasonTeardownInProgress)
	free := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	p.Expect(remote.Patch(p.Ctx, &cm, free)).To(Succeed())
	p.EventuallyReady("web")
	p.Expect(p.Pods(East, p.Namespace("web"))).To(And(HaveLen(1), Not(Equal(pods))))
	p.Expect(p.Record("web").Runtime.UID).To(BeEquivalentTo(web.UID))
}
