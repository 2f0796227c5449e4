package change

import (
	"fmt"
	"strconv"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Violations are all rules that a change violates, in a stable order. They are in the chain of an error whose problem
// says in one sentence what is wrong: Invalid, or Conflict with api.ReasonInUse where only referrers stand in the way.
type Violations []wire.Violation //nolint:errname // what is in the list is no error by itself

// mostViolations is how many violations are listed. One more then says how many are left out.
const mostViolations = 1000

// with adds violations. However many are found, only the first are kept.
func (v Violations) with(others ...wire.Violation) Violations {
	for _, one := range others {
		if len(v) < mostViolations {
			v = append(v, one)
			continue
		}
		rule, untold := one.Rule, v.untold()+1
		if untold > 1 {
			if told := v[mostViolations].Rule; told != api.ReasonInUse {
				rule = told // it is not only referrers that stand in the way
			}
		}
		number := strconv.Itoa(untold)
		v = append(v[:mostViolations], wire.Violation{
			Rule: rule, Message: number + " more violations are not listed: correct these first",
			Params: map[string]string{"more": number},
		})
	}
	return v
}

// untold is how many violations are not listed.
func (v Violations) untold() int {
	if len(v) <= mostViolations {
		return 0
	}
	n, _ := strconv.Atoi(v[mostViolations].Params["more"])
	return n
}

// Error returns the messages.
func (v Violations) Error() string {
	messages := make([]string, 0, len(v))
	for _, one := range v {
		messages = append(messages, one.Message)
	}
	return strings.Join(messages, "; ")
}

// refusal returns the error of a change that the rules refuse.
func refusal(violations Violations) error {
	first := violations[0].Message
	if more := min(len(violations), mostViolations) + violations.untold() - 1; more > 0 {
		first += fmt.Sprintf(" (and %d more, see violations)", more)
	}
	class, reason := problem.Conflict, api.ReasonInUse
	for _, v := range violations {
		if v.Rule != api.ReasonInUse {
			class, reason = problem.Invalid, problem.ReasonInvalid
		}
	}
	return problem.New(class, reason, "%s", first).Because(violations)
}

// finish ends a change that is refused: with a verdict for a dry run, else with an error.
func finish(r Request, out *Outcome, violations Violations) error {
	out.Verdict, out.Violations = wire.VerdictRefused, violations
	if r.DryRun {
		return nil
	}
	return refusal(violations)
}
