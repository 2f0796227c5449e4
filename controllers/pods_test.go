package controllers_test

import (
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

var _ = Describe("Pods that do not run", func() {
	It("are told of by the runtime that does not become healthy, within a minute", func(ctx SpecContext) {
		s := newStand(ctx)
		s.runtimes.Pods = &clusters.Pods{Clients: oneCluster{remote: s.remote}, Clock: s.clock}
		r := s.runtime(ctx, "web")
		app := s.deployed(ctx, r)
		s.reportLook(ctx, app, "c1")
		reconciled(ctx, s.runtimes, r)
		reportHealthy(ctx, app, s.clock.Now())
		update(ctx, app, func(a *argo.Application) { a.Status.Health.Status = health.HealthStatusProgressing })
		ns := s.namespace("web")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web-1-x"},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "web:2"}}}}
		Expect(s.remote.Create(ctx, pod)).To(Succeed())
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
		Expect(s.remote.Status().Update(ctx, pod)).To(Succeed())
		now := metav1.NewTime(s.clock.Now())
		Expect(s.remote.Create(ctx, &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "refused"}, Type: corev1.EventTypeWarning,
			Reason: "FailedCreate", LastTimestamp: now, Message: `Error creating: pods "db-1-y" is forbidden: quota`,
			InvolvedObject: corev1.ObjectReference{Kind: "ReplicaSet", Namespace: ns, Name: "db-1"},
		})).To(Succeed())

		again := reconciled(ctx, s.runtimes, r).RequeueAfter
		Expect(says(r, api.ConditionHealthy)).To(HavePrefix("False/" + api.ReasonProgressing))
		Expect(again).To(BeNumerically("<=", 20*time.Second))
		Eventually(func(g Gomega) {
			s.clock.Step(again)
			again = reconciled(ctx, s.runtimes, r).RequeueAfter
			g.Expect(again).To(BeNumerically(">", 0))
			g.Expect(says(r, api.ConditionReady)).To(ContainSubstring(`image "web:2"`))
		}).Should(Succeed())
		Expect(says(r, api.ConditionHealthy)).To(Equal("False/Progressing: Pod " + ns + "/web-1-x is NotRunning: " +
			"image \"web:2\" of container \"main\" cannot be pulled: correct its name, or the secret to pull it with; " +
			"and 1 more, see status.resources"))
		Expect(r.Status.Resources).To(ConsistOf(
			And(HaveField("Kind", "Pod"), HaveField("Name", "web-1-x"), HaveField("State", observed.StateNotRunning)),
			And(HaveField("Kind", "ReplicaSet"), HaveField("Name", "db-1"), HaveField("State", observed.StateNotRunning),
				HaveField("Message", "its pods are refused: quota"))))
	})
})
