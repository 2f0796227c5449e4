package phases

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

// Ready returns Ready with a message, or as the problem has it.
func Ready(stop *problem.Problem, message string) metav1.Condition {
	if stop != nil {
		return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: stop.Reason,
			Message: stop.Message}
	}
	return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
		Message: message}
}

// Sum sets Ready, or looks again at the one that stands where ready is nil. It hides no condition that is False: it is
// False for the same reason then. Where it is True for the very reason of one, its owner has weighed them all.
func Sum(conditions *[]metav1.Condition, ready *metav1.Condition) {
	if ready == nil {
		ready = meta.FindStatusCondition(*conditions, api.ConditionReady)
	}
	if ready == nil {
		return
	}
	sum := *ready
	faults := slices.DeleteFunc(slices.Clone(*conditions), func(c metav1.Condition) bool {
		return c.Type == sum.Type || c.Status != metav1.ConditionFalse || isNoFault(c)
	})
	shown := slices.ContainsFunc(faults, func(c metav1.Condition) bool { return c.Reason == sum.Reason })
	if sum.Status == metav1.ConditionTrue && len(faults) > 0 && !shown {
		sum.Status, sum.Reason, sum.Message = metav1.ConditionFalse, faults[0].Reason, faults[0].Message
	}
	statuspatch.Condition(conditions, sum)
}

// isNoFault says whether a condition may be False although all is as it should be: runtimes go because somebody removed
// them, or Argo CD has a version that nobody has tried. There are no others.
func isNoFault(c metav1.Condition) bool {
	return c.Type == api.ConditionRuntimesSettled && c.Reason == api.ReasonTearingDown ||
		c.Type == api.ConditionArgoCDTested
}

// NotReached returns a condition that was not looked at, because an earlier one does not hold.
func NotReached(condition string) metav1.Condition {
	return metav1.Condition{Type: condition, Status: metav1.ConditionUnknown, Reason: api.ReasonNotReached,
		Message: "an earlier condition does not hold yet"}
}
