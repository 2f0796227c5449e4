package wake

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

func TestAConditionOfAnotherReconcilerWakesWhereItTurnsFalseOrIsSoNoMore(t *testing.T) {
	with := func(status metav1.ConditionStatus) *api.Product {
		p := &api.Product{}
		if status != "" {
			p.Status.Conditions = []metav1.Condition{{Type: api.ConditionServed, Status: status},
				{Type: api.ConditionReady, Status: metav1.ConditionTrue}}
		}
		return p
	}
	for _, c := range []struct {
		before, after metav1.ConditionStatus
		want          bool
	}{
		{"", metav1.ConditionTrue, false}, {"", metav1.ConditionFalse, true},
		{metav1.ConditionFalse, metav1.ConditionTrue, true}, {metav1.ConditionFalse, "", true},
		{metav1.ConditionFalse, metav1.ConditionFalse, false}, {metav1.ConditionTrue, metav1.ConditionTrue, false},
	} {
		wakes := TurnedFalse(api.ConditionServed)
		if got := wakes.Update(event.UpdateEvent{ObjectOld: with(c.before), ObjectNew: with(c.after)}); got != c.want {
			t.Errorf("from %q to %q: got %v", c.before, c.after, got)
		}
	}
}
