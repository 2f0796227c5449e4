package rules

import (
	"maps"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// WritesItsNamespaces says that a runtime's manifests wrote into a namespace of another runtime of the product: one AppProject permits the
// namespaces of all. written names an object for each namespace, own are those that the runtime names or its record still holds.
func WritesItsNamespaces(written map[string]string, own []string) *problem.Problem {
	for _, ns := range slices.Sorted(maps.Keys(written)) {
		if slices.Contains(own, ns) {
			continue
		}
		return problem.New(problem.Forbidden, api.ReasonOutsideNamespaces,
			"the manifests put %s into a namespace that is not one of the runtime: add %q to spec.namespaces, or correct the manifests; "+
				"what runs keeps running, but new commits are not deployed", written[ns], ns)
	}
	return nil
}
