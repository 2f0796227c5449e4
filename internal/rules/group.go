package rules

import (
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// GroupAllowed says whether a group is one of the allowed ones or lies below one. Upper and lower case do not differ,
// as in the paths of git hosts.
func GroupAllowed(allowed []string, path string) bool {
	for _, one := range allowed {
		if strings.EqualFold(path, one) || len(path) > len(one) && path[len(one)] == '/' &&
			strings.EqualFold(path[:len(one)], one) {
			return true
		}
	}
	return false
}

// Detached says why nothing new may come from the path of a product's group. It does when the group has left that path:
// whatever lies there then belongs to strangers. It returns nil when the group is at the path that the Product names.
func Detached(product *api.Product) *problem.Problem {
	switch {
	case product.Annotations[api.AnnotationGroupReplaced] != "":
		return problem.New(problem.Forbidden, api.ReasonGroupReplaced,
			"another group has taken the path %q of the product's own one", product.Spec.Name)
	case product.Annotations[api.AnnotationGroupMoved] != "":
		return problem.New(problem.Forbidden, api.ReasonGroupMoved,
			"the product's group has left the path %q, and the product has not followed it", product.Spec.Name)
	}
	return nil
}
