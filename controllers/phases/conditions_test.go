package phases_test

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
)

func TestReadyHidesNoConditionThatIsFalse(t *testing.T) {
	was := metav1.NewTime(time.Unix(1700000000, 0))
	condition := func(name string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: name, Status: status, Reason: reason, Message: "because", LastTransitionTime: was}
	}
	ready := condition(api.ConditionReady, metav1.ConditionTrue, api.ReasonReady)
	progressing := condition(api.ConditionReady, metav1.ConditionTrue, api.ReasonProgressing)
	refused := condition(api.ConditionReady, metav1.ConditionFalse, api.ReasonInvalid)
	for sentence, c := range map[string]struct {
		stands []metav1.Condition
		ready  *metav1.Condition
		want   string
	}{
		"nothing is false": {[]metav1.Condition{condition(api.ConditionLent, metav1.ConditionTrue, "x")}, &ready,
			"True/Ready"},
		"another reconciler's is false": {
			[]metav1.Condition{condition(api.ConditionCredentialsReady, metav1.ConditionFalse, api.ReasonUnreachable)},
			&ready, "False/Unreachable"},
		"the one that stands is looked at again": {
			[]metav1.Condition{ready, condition(api.ConditionServed, metav1.ConditionFalse, api.ReasonShardNotServed)},
			nil, "False/ShardNotServed"},
		"it shows the reason itself": {
			[]metav1.Condition{condition(api.ConditionHealthy, metav1.ConditionFalse, api.ReasonProgressing)},
			&progressing, "True/Progressing"},
		"runtimes are being removed": {
			[]metav1.Condition{condition(api.ConditionRuntimesSettled, metav1.ConditionFalse, api.ReasonTearingDown)},
			&ready, "True/Ready"},
		"nobody tried this Argo CD": {
			[]metav1.Condition{condition(api.ConditionArgoCDTested, metav1.ConditionFalse, api.ReasonOutsideTestedRange)},
			&ready, "True/Ready"},
		"a removal is held": {
			[]metav1.Condition{condition(api.ConditionRuntimesSettled, metav1.ConditionFalse, api.ReasonTeardownHeld)},
			&ready, "False/TeardownHeld"},
		"it is false for a reason of its own": {
			[]metav1.Condition{condition(api.ConditionServed, metav1.ConditionFalse, api.ReasonShardNotServed)},
			&refused, "False/Invalid"},
	} {
		conditions := c.stands
		for range 2 { // another pass changes nothing
			phases.Sum(&conditions, c.ready)
			got := meta.FindStatusCondition(conditions, api.ConditionReady)
			if is := string(got.Status) + "/" + got.Reason; is != c.want {
				t.Errorf("%s: got %s, want %s", sentence, is, c.want)
			}
			got.LastTransitionTime = was
		}
	}
	var none []metav1.Condition
	phases.Sum(&none, nil)
	if len(none) != 0 {
		t.Errorf("a summary of nothing: %+v", none)
	}
}

func TestAReadyThatStaysFalseKeepsItsTime(t *testing.T) {
	was := metav1.NewTime(time.Unix(1700000000, 0))
	conditions := []metav1.Condition{
		{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: api.ReasonGroupGone, LastTransitionTime: was},
		{Type: api.ConditionGroupsFound, Status: metav1.ConditionFalse, Reason: api.ReasonGroupGone},
	}
	phases.Sum(&conditions, &metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue,
		Reason: api.ReasonReady})
	if got := conditions[0].LastTransitionTime; got != was {
		t.Errorf("it turned at %s", got)
	}
}
