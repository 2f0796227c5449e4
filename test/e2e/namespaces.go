package e2e

import (
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// namespaces returns the stories of what is in a namespace.
func namespaces() []Scenario {
	return []Scenario{{"the data in a namespace outlives a typo, and goes when somebody approves exactly that",
		dataStays}}
}

// dataStays tells of a claim that Argo CD does not know of, as a StatefulSet makes one, and of one that is marked to be
// kept.
func dataStays(t *testing.T, w *World) {
	const kept = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: kept, annotations: " +
		"{helm.sh/resource-policy: keep}}\n" +
		"spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
	p := w.NewProduct(t)
	p.Deploy("web", "dev", protected)
	right, typo := p.Namespace("web"), p.Namespace("wbe")
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: right, Name: "data-db-0"},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	p.Expect(w.Remote(t, East).Create(p.Ctx, claim)).To(Succeed())

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{typo} })
	p.EventuallyPods(East, typo, 1)
	p.eventuallyKept(right, "the runtime is protected")
	p.Expect(p.uidOf(claim)).To(Equal(claim.UID))

	p.Change("web", func(r *api.DeploymentRuntime) { r.Spec.Namespaces = []string{right} })
	p.EventuallyPods(East, right, 1)
	p.EventuallyReady("web")
	p.Type(p.eventuallyKept(typo, "the runtime is protected"))
	p.Eventually(func() bool { return p.NamespaceExists(East, typo) }).Should(BeFalse())
	p.Eventually(p.Settled).Should(HavePrefix("True"))
	p.Expect(p.uidOf(claim)).To(Equal(claim.UID), "it is the same claim, with the same data")

	p.Commit("app", map[string]string{"deploy/kept.yaml": kept})
	marked := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: right, Name: "kept"}}
	p.Eventually(func() error { return w.Remote(t, East).Get(p.Ctx, client.ObjectKeyFromObject(marked), marked) }).
		Should(Succeed())
	p.Delete("web")
	p.Type(p.EventuallyHeld("web", "the runtime is protected"))
	p.EventuallyPods(East, right, 0)
	approval := p.eventuallyKept(right, "PersistentVolumeClaim data-db-0, PersistentVolumeClaim kept")
	p.Expect(p.uidOf(claim)).To(Equal(claim.UID))
	p.Type(approval)
	p.EventuallyGone("web", East, right)
}

// eventuallyKept waits until the Product says that a namespace is kept, and why, and returns the command that it prints
// to approve its deletion.
func (p *Product) eventuallyKept(namespace, because string) (command string) {
	p.Helper()
	entry := regexp.MustCompile(`namespace ` + namespace + ` on cluster [^;]*` + because +
		`[^;]*: (kubectl [^;]*approve-namespace[^;]*)`)
	p.Eventually(p.Settled).Should(And(HavePrefix("False/"+api.ReasonTeardownHeld+":"), MatchRegexp(entry.String())))
	return entry.FindStringSubmatch(p.Settled())[1]
}

// uidOf reads an object of East anew and returns which life of it that is; nothing where it is being deleted.
func (p *Product) uidOf(claim *corev1.PersistentVolumeClaim) any {
	p.Helper()
	var now corev1.PersistentVolumeClaim
	p.Expect(p.W.Remote(p.T, East).Get(p.Ctx, client.ObjectKeyFromObject(claim), &now)).To(Succeed())
	p.Expect(now.DeletionTimestamp).To(BeNil())
	return now.UID
}
