package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

func refusedPods(t *testing.T, w *World) {
	p := w.NewProduct(t)
	p.Deploy("web", "dev")
	p.EventuallyReady("web")
	first := p.Get("web").Status.Revision

	p.Expect(w.Remote(t, East).Create(p.Ctx, &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace("web"), Name: "large-pods"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypePod,
			Min: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}}},
	})).To(Succeed())
	second := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 2)})
	p.EventuallyRuntimeSays("web", api.ConditionReady, "False/"+api.ReasonProgressing, "ReplicaSet "+
		p.Namespace("web")+"/web-", "its pods are refused: minimum memory usage per Pod is 1Gi")

	third := p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 1)})
	p.EventuallyDeployed("web", third)
	p.EventuallyReady("web")
	history := p.Get("web").Status.History
	p.Expect(history).To(HaveLen(3))
	for i, want := range []struct {
		revision string
		outcome  api.RolloutOutcome
	}{{third, api.RolloutDeployed}, {second, api.RolloutReplaced}, {first, api.RolloutDeployed}} {
		p.Expect(history[i].Revision).To(Equal(want.revision))
		p.Expect(history[i].Outcome).To(Equal(want.outcome), want.revision)
		p.Expect(history[i].StartedAt).NotTo(BeNil())
		p.Expect(history[i].FinishedAt).NotTo(BeNil())
	}
	p.Eventually(func() string { return p.Get("web").Status.History[0].Author }).
		ShouldNot(BeEmpty(), "Argo CD's repo-server tells it, beside the passes")
	p.Expect(history[0].Images).To(ConsistOf("example.com/web:1"))
}
