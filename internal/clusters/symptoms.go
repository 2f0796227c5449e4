package clusters

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	// refusalAge is how long a refused pod counts: a controller tries again after 17 minutes at the latest.
	refusalAge = 20 * time.Minute
	// maxSymptom bounds each message, in bytes: names and messages are those of tenants.
	maxSymptom = 300
)

// symptomsOf names the objects whose pods do not run, and says why: refusals from Events of what makes pods, and what
// the pods wait for. The same cause always has the same words.
func symptomsOf(pods []corev1.Pod, events []corev1.Event, now time.Time) []api.ResourceStatus {
	var out []api.ResourceStatus
	for i := range events {
		of := events[i].InvolvedObject
		if events[i].Reason == "FailedCreate" && now.Sub(lastSeen(&events[i])) < refusalAge {
			out = append(out, symptom(of.APIVersion, of.Kind, of.Namespace, of.Name, refusal(events[i].Message)))
		}
	}
	for i := range pods {
		pod := &pods[i]
		why, owner := waitsFor(pod), metav1.GetControllerOf(pod)
		switch {
		case why == "" || !pod.DeletionTimestamp.IsZero():
		case owner != nil:
			out = append(out, symptom(owner.APIVersion, owner.Kind, pod.Namespace, owner.Name, why))
		default:
			out = append(out, symptom("v1", "Pod", pod.Namespace, pod.Name, why))
		}
	}
	return observed.InQuestion(out)
}

func symptom(apiVersion, kind, namespace, name, why string) api.ResourceStatus {
	return api.ResourceStatus{Group: schema.FromAPIVersionAndKind(apiVersion, kind).Group, Kind: kind,
		Namespace: namespace, Name: name, State: observed.StateNotRunning,
		Message: text.Cut(text.OneLine(why), maxSymptom, "...")}
}

func lastSeen(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// refusal leaves out the name of the pod, which is another one at each try.
func refusal(message string) string {
	if _, why, found := strings.Cut(message, " is forbidden: "); found {
		return "its pods are refused: " + why
	}
	return "its pods cannot be made: " + strings.TrimPrefix(message, "Error creating: ")
}

// waitsFor returns what a pod waits for that does not come by itself; nothing for a pod that merely starts.
func waitsFor(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return "no node takes its pods: " + c.Message
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		waiting := c.State.Waiting
		if waiting == nil {
			continue
		}
		switch waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
			"RegistryUnavailable":
			return fmt.Sprintf("image %q of container %q cannot be pulled: correct its name, or the secret to pull it with",
				imageOf(pod, c.Name), c.Name)
		case "CrashLoopBackOff":
			why := ""
			if ended := c.LastTerminationState.Terminated; ended != nil {
				why = fmt.Sprintf(", with exit code %d", ended.ExitCode)
			}
			return fmt.Sprintf("container %q ends again and again%s: see its log", c.Name, why)
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return fmt.Sprintf("container %q cannot start: %s", c.Name, cmp.Or(waiting.Message, waiting.Reason))
		}
	}
	return ""
}

// imageOf returns the image as the manifest names it.
func imageOf(pod *corev1.Pod, container string) string {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name == container {
			return c.Image
		}
	}
	return ""
}
