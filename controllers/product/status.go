package product

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/statuspatch"
)

// setStatus sets the product's status from the facts of the pass, after it stopped with a problem or none.
func (s *scope) setStatus(stop error) {
	st := &s.product.Status
	st.ObservedGeneration = s.product.Generation
	st.Runtimes = int32(len(s.records)) //nolint:gosec // a product has no 2^31 runtimes
	st.NamespaceProblems = s.tenancy.problems[:min(len(s.tenancy.problems), maxNamespaceProblems)]
	for _, c := range []metav1.Condition{s.synced, s.tenancyReady, s.settled} {
		if c.Type != "" {
			s.set(c)
		}
	}
	for _, condition := range []string{api.ConditionSynced, api.ConditionTenancyReady, api.ConditionRuntimesSettled} {
		if meta.FindStatusCondition(st.Conditions, condition) == nil {
			s.set(phases.NotReached(condition))
		}
	}
	s.set(s.ready(problem.As(stop)))
}

func (s *scope) set(c metav1.Condition) {
	c.ObservedGeneration = s.product.Generation
	statuspatch.Condition(&s.product.Status.Conditions, c)
}

// ready sums the conditions up. Runtimes that are being removed do not make a product unready.
func (s *scope) ready(stop *problem.Problem) metav1.Condition {
	no := func(reason, message string) metav1.Condition {
		return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	}
	if len(s.standing) > 0 {
		return no(api.ReasonInUse, "the Product is being deleted and waits until nothing stands any more: "+strings.Join(s.standing, ", "))
	}
	if stop != nil {
		return no(stop.Reason, stop.Message)
	}
	for _, condition := range []string{api.ConditionSynced, api.ConditionTenancyReady, api.ConditionRuntimesSettled} {
		c := meta.FindStatusCondition(s.product.Status.Conditions, condition)
		if c.Status != metav1.ConditionTrue && c.Reason != api.ReasonTearingDown {
			return no(c.Reason, c.Message)
		}
	}
	return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady, Message: "the product is in place"}
}
