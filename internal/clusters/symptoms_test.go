package clusters

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

var noon = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

func refused(kind, name, message string, age time.Duration) corev1.Event {
	return corev1.Event{Reason: "FailedCreate", Message: message, LastTimestamp: metav1.NewTime(noon.Add(-age)),
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: "web", Name: name}}
}

func podOf(owner, reason string, change ...func(*corev1.Pod)) corev1.Pod {
	controller := true
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: owner + "-x",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: owner,
			Controller: &controller}}}}
	p.Spec.Containers = []corev1.Container{{Name: "main", Image: "web:2"}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "why"}}}}
	for _, c := range change {
		c(&p)
	}
	return p
}

func TestWhyPodsDoNotRun(t *testing.T) {
	const quota = `exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0`
	for sentence, c := range map[string]struct {
		pods   []corev1.Pod
		events []corev1.Event
		want   []string
	}{
		"refused by a quota, tried twice under other names": {nil, []corev1.Event{
			refused("ReplicaSet", "web-1", `Error creating: pods "web-1-abcde" is forbidden: `+quota, time.Minute),
			refused("ReplicaSet", "web-1", `Error creating: pods "web-1-fghij" is forbidden: `+quota, time.Second)},
			[]string{"ReplicaSet web/web-1: its pods are refused: " + quota}},
		"refused by pod security": {nil, []corev1.Event{refused("StatefulSet", "db",
			`create Pod db-0 in StatefulSet db failed error: pods "db-0" is forbidden: violates PodSecurity "restricted:latest"`, 0)},
			[]string{`StatefulSet web/db: its pods are refused: violates PodSecurity "restricted:latest"`}},
		"refused long ago":      {nil, []corev1.Event{refused("ReplicaSet", "web-1", "x", time.Hour)}, nil},
		"an Event of something": {nil, []corev1.Event{{Reason: "Scheduled", LastTimestamp: metav1.NewTime(noon)}}, nil},
		"a missing image, of all pods of one owner": {[]corev1.Pod{podOf("web-1", "ErrImagePull"),
			podOf("web-1", "ImagePullBackOff")}, nil, []string{
			`ReplicaSet web/web-1: image "web:2" of container "main" cannot be pulled: correct its name, or the secret to pull it with`}},
		"a crash": {[]corev1.Pod{podOf("web-1", "CrashLoopBackOff", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 3}
		})}, nil, []string{`ReplicaSet web/web-1: container "main" ends again and again, with exit code 3: see its log`}},
		"a Secret that is not there": {[]corev1.Pod{podOf("web-1", "CreateContainerConfigError")}, nil,
			[]string{`ReplicaSet web/web-1: container "main" cannot start: why`}},
		"no node": {[]corev1.Pod{podOf("web-1", "", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse,
				Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available"}}
		})}, nil, []string{"ReplicaSet web/web-1: no node takes its pods: 0/3 nodes are available"}},
		"a pod without an owner": {[]corev1.Pod{podOf("web", "CreateContainerError", func(p *corev1.Pod) {
			p.OwnerReferences = nil
		})}, nil, []string{`Pod web/web-x: container "main" cannot start: why`}},
		"a pod that starts": {[]corev1.Pod{podOf("web-1", "ContainerCreating"), podOf("web-1", "PodInitializing")}, nil, nil},
		"a pod that goes": {[]corev1.Pod{podOf("web-1", "ErrImagePull", func(p *corev1.Pod) {
			p.DeletionTimestamp = &metav1.Time{Time: noon}
		})}, nil, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			var got []string
			for _, s := range symptomsOf(c.pods, c.events, noon) {
				got = append(got, observed.NameOf(s)+": "+s.Message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Names, images and messages are those of tenants.
func TestSymptomsAreBounded(t *testing.T) {
	var pods []corev1.Pod
	for i := range 100 {
		pods = append(pods, podOf(fmt.Sprintf("web-%03d", i), "ErrImagePull", func(p *corev1.Pod) {
			p.Spec.Containers[0].Image = strings.Repeat("x\n", 10_000)
		}))
	}
	got := symptomsOf(pods, nil, noon)
	if len(got) != observed.MaxObjects || len(got[0].Message) > maxSymptom || strings.Contains(got[0].Message, "\n") {
		t.Errorf("%d symptoms, the first with %d bytes", len(got), len(got[0].Message))
	}
}
