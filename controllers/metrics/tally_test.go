package metrics

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// What counts is the runtime that is not Ready for longest. One that is Ready does not count, however long.
func TestTheAgeOfNotReadyIsThatOfTheOldest(t *testing.T) {
	now, counted := time.Unix(10000, 0), newTally()
	for ago, status := range map[time.Duration]metav1.ConditionStatus{
		time.Hour: metav1.ConditionTrue, time.Minute: metav1.ConditionFalse, 20 * time.Minute: metav1.ConditionUnknown,
	} {
		r := &api.DeploymentRuntime{}
		r.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: status, Reason: "Syncing",
			LastTransitionTime: metav1.NewTime(now.Add(-ago))}}
		counted.conditions("DeploymentRuntime", place{product: "product-7", cluster: "east"}, r, false, now)
	}
	got := counted.values[key(notReadyAge, []string{"product-7", "east", "Syncing"})]
	if want := (20 * time.Minute).Seconds(); got != want {
		t.Errorf("%v seconds, want %v", got, want)
	}
}
