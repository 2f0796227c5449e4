package rules

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// Consequences says of which deleted objects the deletion is not the end: a removal that a person has to approve first,
// one that has to wait, and a default.project that is left empty. They refuse nothing, and they are facts, so who skips
// the rules is told as well. Without a management cluster the error wraps ErrUnchecked.
func Consequences(ctx context.Context, c Change) ([]Finding, error) {
	var out []Finding
	for _, s := range c.Deleted {
		if s.Kind != "DeploymentRuntime" {
			continue
		}
		p, err := consequence(ctx, c, s)
		if err != nil {
			return nil, err
		}
		out = append(out, findings(s, only(p))...)
	}
	if len(c.Deleted) == 0 || len(c.Saved) > 0 {
		return out, nil
	}
	last := c.Deleted[len(c.Deleted)-1]
	left, err := Objects(ctx, c.After, last.Namespace)
	if err != nil || len(left) > 0 {
		return out, err
	}
	// Argo CD does not apply a repository that holds nothing, lest a mistake removes everything.
	return append(out, findings(last, only(problem.New(problem.Conflict, api.ReasonLastResource,
		"nothing is left in default.project then, so nothing is removed: what is deployed runs on until the platform team "+
			"approves it with the annotation %s of the Product", api.AnnotationApproveEmpty)))...), nil
}

// consequence says why a runtime runs on after its file was deleted, or nil. A runtime without a record has nothing that
// could run on.
func consequence(ctx context.Context, c Change, s Subject) (*problem.Problem, error) {
	records, err := c.After.RecordsOf(ctx, s.Namespace)
	if err != nil {
		return nil, err
	}
	before, err := s.get(ctx, c.Before)
	if err != nil {
		return nil, err
	}
	runtime, is := before.(*api.DeploymentRuntime)
	if !is {
		return nil, nil
	}
	record := recordNamed(runtime, records)
	if record == nil || record.Begun {
		return nil, nil
	}
	if record.Protect || runtime.Annotations[api.AnnotationProtect] == "true" {
		return problem.New(problem.Conflict, api.ReasonTeardownHeld, "it is protected: its pods run on until the "+
			"platform team approves the removal; save it again to keep it"), nil
	}
	if n := removals(c, s.Namespace, records); placement.UsualBrake().Holds(n, len(records)) {
		return problem.New(problem.Conflict, api.ReasonTeardownHeld, "%d runtimes of the product are deleted at once: "+
			"with the usual limits of the operator all of their pods run on until the platform team approves the "+
			"removals; save them again to keep them", n), nil
	}
	cluster, err := resolve.Get[api.Cluster](ctx, c.After, "", record.Destination.Cluster)
	if err != nil || cluster == nil || !meta.IsStatusConditionFalse(cluster.Status.Conditions, api.ConditionReady) {
		return nil, err
	}
	return problem.New(problem.Conflict, api.ReasonClusterNotReady,
		"its removal waits until cluster %s is ready; what runs there runs on", cluster.Name), nil
}

// removals counts the runtimes of a product that are to be removed: by this change, and by those before it that nobody
// approved.
func removals(c Change, product string, records []Record) int {
	asked := map[string]bool{}
	for _, s := range c.Deleted {
		if s.Kind == "DeploymentRuntime" && s.Namespace == product {
			asked[s.Name] = true
		}
	}
	n := 0
	for _, r := range records {
		if !r.Begun && (asked[r.Runtime.Name] || r.Teardown != nil && !r.Approved) {
			n++
		}
	}
	return n
}

// stillBeingRemoved puts the words of a runtime that was deleted before and is made anew to the rule that a deployed
// one stays where it is: it has no file that could be set back.
func stillBeingRemoved(s Subject, problems []*problem.Problem) []*problem.Problem {
	out := make([]*problem.Problem, len(problems))
	for i, p := range problems {
		out[i] = p
		if p.Reason == api.ReasonDestinationImmutable {
			out[i] = problem.New(p.Class, p.Reason, "runtime %s was deleted and is not gone yet: wait until GET answers "+
				"404 (nautes delete --wait waits), or save it with the destination that it had to keep what runs",
				s.Name).At(p.Field)
		}
	}
	return out
}
