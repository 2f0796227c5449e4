// Package hardened says which manifests give a pod more than it needs.
package hardened

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// Faults returns what is wrong with the pods and the ServiceAccounts among some objects, and how many pods there are.
func Faults(objects []*unstructured.Unstructured) (pods int, faults []string) {
	for _, o := range objects {
		say := func(format string, args ...any) {
			faults = append(faults, o.GetKind()+" "+o.GetName()+": "+fmt.Sprintf(format, args...))
		}
		switch o.GetKind() {
		case "ServiceAccount":
			// Another pod that somebody runs with it has no token then.
			if mounts, set, _ := unstructured.NestedBool(o.Object, "automountServiceAccountToken"); !set || mounts {
				say("mounts its token into every pod")
			}
		case "Deployment", "Job", "StatefulSet", "DaemonSet":
			pods++
			var workload appsv1.Deployment // they have the same shape where it matters
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &workload); err != nil {
				say("%v", err)
				continue
			}
			ofPod(&workload.Spec.Template.Spec, say)
		case "Pod", "CronJob", "ReplicaSet":
			say("nobody looks at this kind yet")
		}
	}
	return pods, faults
}

func ofPod(pod *corev1.PodSpec, say func(string, ...any)) {
	// All of ours ask the API server, and say so themselves.
	if pod.AutomountServiceAccountToken == nil || pod.ServiceAccountName == "" {
		say("does not say whether it needs a token, or whose")
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		say("shares something with its node")
	}
	c := pod.SecurityContext
	if c == nil || !ptr.Deref(c.RunAsNonRoot, false) {
		say("may run as root")
	}
	if c == nil || c.SeccompProfile == nil || c.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		say("may make any system call")
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		ofContainer(&container, say)
	}
}

func ofContainer(container *corev1.Container, say func(string, ...any)) {
	if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
		say("%s has no limit of memory, or no request for CPU", container.Name)
	}
	c := container.SecurityContext
	if c == nil {
		say("%s has no security context", container.Name)
		return
	}
	if !ptr.Deref(c.ReadOnlyRootFilesystem, false) {
		say("%s may write to its root", container.Name)
	}
	if ptr.Deref(c.AllowPrivilegeEscalation, true) || ptr.Deref(c.Privileged, false) {
		say("%s may get more rights", container.Name)
	}
	if c.Capabilities == nil || !slices.Contains(c.Capabilities.Drop, "ALL") || len(c.Capabilities.Add) > 0 {
		say("%s has capabilities", container.Name)
	}
}
