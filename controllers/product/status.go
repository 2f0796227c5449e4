package product

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// tell makes the product's status from the facts of the pass, after it stopped with a problem or none.
func (s *scope) tell(stop *problem.Problem) []metav1.Condition {
	st := &s.product.Status
	st.ObservedGeneration = s.product.Generation
	st.Runtimes = int32(len(s.records)) //nolint:gosec // a product has no 2^31 runtimes
	st.NamespaceProblems = s.tenancy.problems[:min(len(s.tenancy.problems), maxNamespaceProblems)]
	out := []metav1.Condition{
		s.orBefore(api.ConditionSynced, s.synced),
		s.orBefore(api.ConditionTenancyReady, s.tenancyReady),
		s.orBefore(api.ConditionRuntimesSettled, s.settled),
	}
	return append(out, s.ready(stop, out))
}

// orBefore returns a condition as the pass found it, or else as an earlier pass did.
func (s *scope) orBefore(name string, found metav1.Condition) metav1.Condition {
	if found.Type != "" {
		return found
	}
	if before := meta.FindStatusCondition(s.product.Status.Conditions, name); before != nil {
		return *before
	}
	return phases.NotReached(name)
}

// ready sums the conditions up. Runtimes that are being removed do not make a product unready.
func (s *scope) ready(stop *problem.Problem, conditions []metav1.Condition) metav1.Condition {
	no := func(reason, message string) metav1.Condition {
		return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: reason,
			Message: message}
	}
	if len(s.standing) > 0 {
		return no(api.ReasonInUse, "the Product is being deleted and waits until nothing stands any more: "+
			strings.Join(s.standing, ", "))
	}
	if stop != nil {
		return no(stop.Reason, stop.Message)
	}
	for _, c := range conditions {
		if c.Status != metav1.ConditionTrue && c.Reason != api.ReasonTearingDown {
			return no(c.Reason, c.Message)
		}
	}
	return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
		Message: "the product is in place"}
}
