package phases

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
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

// NotReached returns a condition that was not looked at, because an earlier one does not hold.
func NotReached(condition string) metav1.Condition {
	return metav1.Condition{Type: condition, Status: metav1.ConditionUnknown, Reason: api.ReasonNotReached,
		Message: "an earlier condition does not hold yet"}
}
