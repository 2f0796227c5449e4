package e2e

import "slices"

// Stories are the scenarios that run in one environment.
type Stories struct {
	// Together run side by side. Alone, one after the other at the end, disturb the operator or the whole management
	// cluster.
	Together, Alone []Scenario
}

// ownClusters names the runtime clusters of scenarios that stop, move or re-register them.
func ownClusters() []string { return []string{"fragile", "movable"} }

// All returns every scenario.
func All() Stories {
	return Stories{
		Together: slices.Concat(lifecycle(), prunes(), references(), isolation(), clusters(), stream(), revisions(),
			teardown(), namespaces(), told(), agreed(), versions(), fromGitLab(), throughREST()),
		Alone: slices.Concat(inspections(), mistakes(), crashes(), sharing(), connecting()),
	}
}

// OfArgoCD returns the scenarios whose outcome depends on what Argo CD does, not on our own rules, on GitLab or on a
// runtime cluster: what has to be seen with each version of Argo CD.
func OfArgoCD() Stories {
	return Stories{
		Together: slices.Concat(lifecycle(), prunes(), sources(), stream(), revisions(), hooks(),
			tampering(), removals(), told(), agreed(), versions()),
		Alone: inspections(),
	}
}
