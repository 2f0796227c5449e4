package clusters

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Serves says whether the cluster answers and is registered with Argo CD, and since when. A cluster that waits for its
// deletion may still serve. A pass over the Cluster that failed says nothing about the cluster: one that was verified
// before is taken to serve.
func Serves(cluster *api.Cluster) (since metav1.Time, yes bool) {
	c := meta.FindStatusCondition(cluster.Status.Conditions, api.ConditionReady)
	switch {
	case c == nil:
		return metav1.Time{}, false
	case c.Status == metav1.ConditionTrue || c.Reason == api.ReasonInUse:
		return c.LastTransitionTime, true
	case c.Reason == api.ReasonLookupFailed || c.Reason == api.ReasonInternal:
		return c.LastTransitionTime, cluster.Status.UID != ""
	}
	return metav1.Time{}, false
}
