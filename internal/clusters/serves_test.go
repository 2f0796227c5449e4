package clusters_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
)

// What an error of the operator says about itself is no word about the cluster.
func TestAFailedPassDoesNotMakeAClusterServeNoMore(t *testing.T) {
	for sentence, c := range map[string]struct {
		status metav1.ConditionStatus
		reason string
		uid    string
		want   bool
	}{
		"ready":                             {metav1.ConditionTrue, api.ReasonReady, "uid", true},
		"deleted, and still used":           {metav1.ConditionFalse, api.ReasonInUse, "uid", true},
		"it does not answer":                {metav1.ConditionFalse, api.ReasonUnreachable, "uid", false},
		"a look-up failed":                  {metav1.ConditionUnknown, api.ReasonLookupFailed, "uid", true},
		"an error that nobody knows":        {metav1.ConditionUnknown, api.ReasonInternal, "uid", true},
		"a look-up failed from the start":   {metav1.ConditionUnknown, api.ReasonLookupFailed, "", false},
		"its registration is not there yet": {metav1.ConditionFalse, api.ReasonWaitingForCredentials, "uid", false},
	} {
		cluster := &api.Cluster{}
		cluster.Status.UID = c.uid
		cluster.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: c.status, Reason: c.reason}}
		if _, got := clusters.Serves(cluster); got != c.want {
			t.Errorf("%s: got %v", sentence, got)
		}
	}
	if _, serves := clusters.Serves(&api.Cluster{}); serves {
		t.Error("a cluster of which nothing is known serves")
	}
}
