package main

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// judged is an object of ours: it has conditions.
type judged interface {
	client.Object
	GetConditions() []metav1.Condition
}

// ready says whether all objects of a kind that are named are Ready, as judged after their last change.
func (s *stage) ready(of judged, namespace string, names ...string) look {
	return func(ctx context.Context) (string, bool) {
		var seen []string
		for _, name := range names {
			status, reason, said := s.condition(ctx, of, namespace, name)
			if status != metav1.ConditionTrue {
				seen = append(seen, fmt.Sprintf("%s: %s/%s: %s", name, status, reason, said))
			}
		}
		return strings.Join(seen, "; "), len(seen) == 0
	}
}

// refused says whether a runtime is not Ready, for a reason.
func (s *stage) refused(product, name, reason string) look {
	return func(ctx context.Context) (string, bool) {
		status, because, said := s.condition(ctx, &api.DeploymentRuntime{}, product, name)
		return fmt.Sprintf("%s: %s/%s: %s", name, status, because, said), status == metav1.ConditionFalse &&
			because == reason
	}
}

// condition reads the condition Ready; it is Unknown unless it speaks of the present spec.
func (s *stage) condition(ctx context.Context, of judged, namespace, name string) (status metav1.ConditionStatus,
	reason, message string) {
	if err := s.management().Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, of); err != nil {
		return metav1.ConditionUnknown, "NotRead", err.Error()
	}
	c := meta.FindStatusCondition(of.GetConditions(), api.ConditionReady)
	if c == nil || c.ObservedGeneration != of.GetGeneration() {
		return metav1.ConditionUnknown, "NotYetJudged", "the operator has not looked at the last change"
	}
	return c.Status, c.Reason, c.Message
}
