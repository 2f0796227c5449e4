package e2e

import "slices"

// ownClusters names the runtime clusters of scenarios that stop, move or re-register them.
func ownClusters() []string { return []string{"fragile", "movable"} }

// together returns the scenarios that run side by side.
func together() []Scenario {
	return slices.Concat(lifecycle(), references(), isolation(), clusters(), stream(), teardown(), fromGitLab(), throughREST())
}

// alone returns the scenarios that disturb the operator or the whole management cluster.
func alone() []Scenario {
	return slices.Concat(inspections(), mistakes(), crashes())
}
