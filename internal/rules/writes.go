package rules

import (
	"maps"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// WritesItsNamespaces reports that a runtime's manifests wrote into a namespace of another runtime of the product. This
// is possible because one AppProject permits the namespaces of all runtimes of a product. written holds one object for
// each namespace that was written to. own are the namespaces that the runtime names or its record holds.
func WritesItsNamespaces(written map[string]string, own []string) *problem.Problem {
	for _, ns := range slices.Sorted(maps.Keys(written)) {
		if slices.Contains(own, ns) {
			continue
		}
		return problem.New(problem.Forbidden, api.ReasonOutsideNamespaces,
			"the manifests put %s into a namespace that is not one of the runtime: add %q to spec.namespaces, or "+
				"correct the manifests; "+
				"what runs keeps running, but new commits are not deployed", written[ns], ns)
	}
	return nil
}
