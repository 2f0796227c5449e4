package devenv

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// createNodes registers the nodes that kwok plays. Those of an earlier start stay.
func (c *Cluster) createNodes(ctx context.Context) error {
	client, err := c.clientset()
	if err != nil {
		return err
	}
	for i := range c.plan.nodes {
		_, err := client.CoreV1().Nodes().Create(ctx, node(fmt.Sprintf("%s-node-%d", c.Name, i+1)),
			metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating a node in %s: %w", c.Name, err)
		}
	}
	return nil
}

func node(name string) *corev1.Node {
	size := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("1000"),
		corev1.ResourceMemory: resource.MustParse("1Ti"),
		corev1.ResourcePods:   resource.MustParse("10000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"},
			Labels:      map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux"},
		},
		Status: corev1.NodeStatus{Allocatable: size, Capacity: size},
	}
}

// awaitWorkers waits until a pod created now would run: its service account is there and its node ready.
func (c *Cluster) awaitWorkers(ctx context.Context) error {
	client, err := c.clientset()
	if err != nil {
		return err
	}
	var missing error
	err = wait.PollUntilContextTimeout(ctx, poll, startLimit, true, func(ctx context.Context) (bool, error) {
		missing = c.missingForPods(ctx, client)
		return missing == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until pods can run in %s (%w): %w", c.Name, missing, err)
	}
	return nil
}

// missingForPods says what a pod would lack now.
func (c *Cluster) missingForPods(ctx context.Context, client kubernetes.Interface) error {
	if c.plan.controllers != "" {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		if err != nil {
			return err
		}
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if ready := countReady(nodes.Items); ready < c.plan.nodes {
		return fmt.Errorf("%d of %d nodes are ready", ready, c.plan.nodes)
	}
	return nil
}

// countReady counts the nodes that are ready and that the scheduler may use.
func countReady(nodes []corev1.Node) int {
	ready := 0
	for i := range nodes {
		if len(nodes[i].Spec.Taints) > 0 {
			continue
		}
		for _, c := range nodes[i].Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				ready++
			}
		}
	}
	return ready
}
