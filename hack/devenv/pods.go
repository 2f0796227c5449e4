package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// podColumns shows what is asked of pods here: which image, and whether it is the same pod as before.
const podColumns = "custom-columns=POD:.metadata.name,IMAGE:.spec.containers[0].image,STATUS:.status.phase,UID:.metadata.uid"

// showPods shows the pods of the product on a runtime cluster.
func (s *stage) showPods(ctx context.Context, cluster string, namespaces ...string) error {
	for _, namespace := range namespaces {
		if _, err := s.kubectl(ctx, "--context="+cluster, "get", "pods", "--namespace="+namespace, "-o",
			podColumns); err != nil {
			return err
		}
	}
	return nil
}

// pods lists the pods of a namespace that are not on their way out.
func (s *stage) pods(ctx context.Context, cluster, namespace string) ([]corev1.Pod, error) {
	var list corev1.PodList
	if err := s.clients[cluster].List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing the pods of %s on %s: %w", namespace, cluster, err)
	}
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return !p.DeletionTimestamp.IsZero() }), nil
}

// identities returns the UIDs of the pods of a namespace, sorted, in one string.
func (s *stage) identities(ctx context.Context, cluster, namespace string) (string, error) {
	pods, err := s.pods(ctx, cluster, namespace)
	if err != nil {
		return "", err
	}
	var uids []string
	for i := range pods {
		uids = append(uids, string(pods[i].UID))
	}
	slices.Sort(uids)
	return strings.Join(uids, " "), nil
}

// samePods says whether the pods of a namespace are those that were there before.
func (s *stage) samePods(cluster, namespace, before string) look {
	return func(ctx context.Context) (string, bool) {
		now, err := s.identities(ctx, cluster, namespace)
		if err != nil {
			return err.Error(), false
		}
		return fmt.Sprintf("pods %q, before %q", now, before), now == before && now != ""
	}
}

// running says whether exactly so many pods run, all of them with an image.
func (s *stage) running(cluster, namespace, image string, count int) look {
	return func(ctx context.Context) (string, bool) {
		pods, err := s.pods(ctx, cluster, namespace)
		if err != nil {
			return err.Error(), false
		}
		n := 0
		for i := range pods {
			if pods[i].Status.Phase == corev1.PodRunning && pods[i].Spec.Containers[0].Image == image {
				n++
			}
		}
		return fmt.Sprintf("%d of %d pods run %s, %d wanted", n, len(pods), image, count),
			n == count && len(pods) == count
	}
}
