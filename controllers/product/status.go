package product

import (
	"cmp"
	"fmt"
	"slices"
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
	problems := s.tenancy.problems()
	st.NamespaceProblems = problems[:min(len(problems), maxNamespaceProblems)]
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
	if s.groupGone {
		return no(api.ReasonGroupGone, "the git host does not show the product's group or its default.project any "+
			"more, and nothing was removed: restore it, check what the ProductProvider's token may see, or delete the "+
			"Product if it is to go")
	}
	return metav1.Condition{Type: api.ConditionReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
		Message: "the product is in place"}
}

// problems returns what is wrong with namespaces, in order.
func (t *tenancy) problems() []api.NamespaceProblem {
	var all []api.NamespaceProblem
	for _, c := range t.clusters {
		all = append(all, c.problems...)
	}
	slices.SortFunc(all, func(a, b api.NamespaceProblem) int {
		return cmp.Or(strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Namespace, b.Namespace))
	})
	return all
}

// conditionAfter returns what the product is to say of its namespaces. A pass that had to leave out a cluster changes
// nothing as long as everything was prepared before.
func (t *tenancy) conditionAfter(product *api.Product) metav1.Condition {
	before := meta.FindStatusCondition(product.Status.Conditions, api.ConditionTenancyReady)
	switch {
	case t.busy() == "" || len(t.problems()) > 0:
		return t.condition()
	case before != nil && before.Status == metav1.ConditionTrue:
		return *before
	}
	return metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionFalse,
		Reason:  api.ReasonWaitingForTenancy,
		Message: fmt.Sprintf("cluster %q is busy: its namespaces are looked at as soon as it is not", t.busy())}
}

func (t *tenancy) condition() metav1.Condition {
	problems := t.problems()
	if len(problems) == 0 {
		return metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionTrue, Reason: api.ReasonReady,
			Message: "all namespaces are prepared"}
	}
	first := problems[0]
	more := ""
	if n := len(problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more, see status.namespaceProblems)", n)
	}
	return metav1.Condition{Type: api.ConditionTenancyReady, Status: metav1.ConditionFalse, Reason: first.Reason,
		Message: first.Message + more}
}
