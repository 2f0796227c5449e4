package deploymentruntime

import (
	"context"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// lookOutside finds out whether the manifests wrote into namespaces that are not the runtime's. What was found stands
// until Argo CD has compared the spec as it is now.
func (s *scope) lookOutside() {
	if s.record == nil {
		return
	}
	was, facts := s.record.Placement, observed.FactsOf(s.record.App)
	if facts.Compared {
		s.outside = rules.WritesItsNamespaces(facts.Written,
			slices.Concat(s.resolution.Placement.Namespaces, was.Namespaces, was.Leaving))
	} else if was.Halted == api.ReasonOutsideNamespaces {
		s.outside = problem.New(problem.Forbidden, api.ReasonOutsideNamespaces,
			"the manifests wrote into a namespace that is not the runtime's: Argo CD is comparing what they hold now")
	}
}

// halt keeps in the record whether anything new may be deployed, and switches automated sync off where it may not.
func (r *Reconciler) halt(ctx context.Context, s *scope) error {
	reason := s.haltedBy()
	if s.record == nil || s.record.Placement.Halted == reason && (reason == "" || !s.record.Automated()) {
		return nil
	}
	p := s.record.Placement
	p.Halted = reason
	app := desired.WithRecord(s.record.App, p.Encode())
	if reason != "" {
		app = desired.WithoutAutomation(app)
	}
	return r.write(ctx, s, app)
}

// haltedBy returns the reason of the first verdict that forbids to deploy anything new, whichever phase found it; empty
// when there is none.
func (s *scope) haltedBy() string {
	for _, p := range slices.Concat(s.violations, s.resolution.Problems) {
		if rules.StopsSync([]*problem.Problem{p}) {
			return p.Reason
		}
	}
	if s.outside != nil {
		return s.outside.Reason
	}
	return s.haltedWhileItMoves()
}

// haltedWhileItMoves does not let go what is halted until Argo CD has the repository that the runtime moves to. Whoever
// lost a permission does not get it back by naming a repository that the runtime never arrives at.
func (s *scope) haltedWhileItMoves() string {
	if s.record == nil || len(s.violations) > 0 || s.resolution.Missing != nil ||
		s.record.DeploysFrom(s.resolution.Placement.RepoURL) {
		return ""
	}
	if !s.record.DeploysFrom(s.record.Placement.RepoURL) {
		return placement.HaltedMoving
	}
	return s.record.Placement.Halted
}

// stayInside ends the pass of a runtime whose manifests reach into namespaces of others. It was written without
// automated sync.
func (r *Reconciler) stayInside(_ context.Context, s *scope) error {
	if s.outside == nil {
		return nil
	}
	return s.outside
}
