package deploymentruntime

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// PodLooks tells why pods do not run, without waiting for a cluster: asked says that an answer is on its way.
type PodLooks interface {
	Of(ctx context.Context, cluster *api.Cluster, namespaces []string) (found []api.ResourceStatus, asked bool)
}

const (
	// firstLook is how long a runtime may be starting before its pods are looked at: most need less.
	firstLook = 20 * time.Second
	// answerLook is how soon an answer is looked for that is on its way, nextLook when it is asked for again.
	answerLook, nextLook = 3 * time.Second, 30 * time.Second
)

// lookAtPods finds out why the pods of a runtime do not run. Argo CD knows what it deployed, and often not why pods
// are refused, or wait.
func (r *Reconciler) lookAtPods(ctx context.Context, s *scope) error {
	f := observed.FactsOf(s.record.App)
	starting := slices.Contains([]string{"Progressing", "Degraded", "Missing"}, f.Health)
	if r.Pods == nil || s.resolution.Cluster == nil || !starting || !f.Current || f.Running {
		return nil
	}
	was := meta.FindStatusCondition(s.runtime.Status.Conditions, api.ConditionHealthy)
	if was == nil || was.Status != metav1.ConditionFalse {
		s.LookAgain(firstLook)
		return nil
	}
	if left := firstLook - r.Clock.Now().Sub(was.LastTransitionTime.Time); left > 0 {
		s.LookAgain(left)
		return nil
	}
	found, asked := r.Pods.Of(ctx, s.resolution.Cluster, s.record.Placement.Namespaces)
	s.objects = append(s.objects, found...)
	s.LookAgain(nextLook)
	if asked {
		s.LookAgain(answerLook)
	}
	return nil
}
