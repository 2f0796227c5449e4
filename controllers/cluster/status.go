package cluster

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// tell says how the cluster is. What was learnt earlier, such as version and identity, stays when it does not answer.
func (s *scope) tell(stop *problem.Problem) []metav1.Condition {
	s.cluster.Status.ObservedGeneration = s.cluster.Generation
	ready := phases.Ready(stop, "the cluster answers and is registered with Argo CD")
	if s.usedBy != "" {
		waits := "the Cluster is being deleted, but is still needed by " + s.usedBy +
			": it goes when these are gone, and serves them until then"
		if ready.Status == metav1.ConditionTrue {
			ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, api.ReasonInUse, waits
		} else {
			ready.Message += "; " + waits // what keeps it from serving comes first
		}
	}
	return []metav1.Condition{ready}
}
