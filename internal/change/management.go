package change

import (
	"context"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Management is what is asked of the management cluster. The runtimes that it returns carry their status.
type Management interface {
	rules.Lookup
}

// management is the management cluster, if there is one, and which CodeRepoProvider of it the git host is.
type management struct {
	lookup           Management
	codeRepoProvider string
}

// of returns the management cluster to ask about a product, for those who can do without: it is nil where ask returns
// an error too.
func (m management) of(ctx context.Context, a *access) Management {
	lookup, err := m.ask(ctx, a)
	if err != nil {
		return nil
	}
	return lookup
}

// ask returns the management cluster to ask about a product. It is nil if there is none, or if it has another product
// of that name: names hold ids of groups, and another git host has other groups of the same ids. It is an error if
// nobody can say whose product it is, because the management cluster does not answer.
func (m management) ask(ctx context.Context, a *access) (Management, error) {
	if m.lookup == nil {
		return nil, nil
	}
	p, err := resolve.Get[api.Product](ctx, m.lookup, "", a.product)
	if err != nil {
		return nil, err
	}
	if p != nil {
		if same, err := m.isSame(ctx, p, a); err != nil || !same {
			return nil, err
		}
	}
	return m.lookup, nil
}

// unanswered is the refusal of what must not be done while the management cluster does not say something.
func unanswered(what string, err error) *problem.Problem {
	return problem.New(problem.Unavailable, problem.ReasonNoManagementCluster,
		"the management cluster does not say %s: try again", what).Because(err)
}

// isSame says whether a Product is the one of a group. The ProductProvider records which default.project a Product has.
// Products that were made by hand are compared by path and address.
func (m management) isSame(ctx context.Context, p *api.Product, a *access) (bool, error) {
	if known := p.Annotations[api.AnnotationDefaultProject]; known != "" && a.project.ID != 0 {
		return known == a.project.Identity(), nil
	}
	if !strings.EqualFold(p.Spec.Name, a.path) {
		return false, nil
	}
	provider, err := resolve.Get[api.CodeRepoProvider](ctx, m.lookup, "", m.codeRepoProvider)
	if err != nil {
		return false, err
	}
	if provider == nil || p.Spec.MetaDataPath == "" {
		return true, nil // nothing tells them apart
	}
	address := strings.TrimSuffix(provider.Spec.HTTPAddress, "/") + "/"
	return !strings.HasPrefix(p.Spec.MetaDataPath, "http") || strings.HasPrefix(p.Spec.MetaDataPath, address), nil
}

// mayBecomeProduct refuses a group that no ProductProvider of the git host would take: nothing would read its
// default.project. Without a ProductProvider, people make Products themselves. unchecked says that the management
// cluster could not be asked.
func (m management) mayBecomeProduct(ctx context.Context, path string) (refused *problem.Problem, unchecked bool) {
	if m.lookup == nil {
		return nil, true
	}
	providers, err := resolve.List[api.ProductProvider](ctx, m.lookup, "")
	if err != nil {
		return nil, true //nolint:nilerr // the warning says it, and the operator decides
	}
	known := false
	for _, p := range providers {
		if p.Spec.Name != m.codeRepoProvider {
			continue
		}
		known = true
		if rules.GroupAllowed(p.Spec.AllowedGroups, path) {
			return nil, false
		}
	}
	if !known {
		return nil, false
	}
	return problem.New(problem.Forbidden, api.ReasonGroupNotAllowed,
		"no group of the path %q may become a product: choose a path below a group that may, "+
			"or ask the platform team to add it to spec.allowedGroups of the ProductProvider",
		path), false
}

func liveRuntimes(ctx context.Context, m Management, product string, entries []*layout.Entry,
	one bool,
) map[string]*api.DeploymentRuntime {
	if m == nil {
		return nil
	}
	if one {
		runtime, err := resolve.Get[api.DeploymentRuntime](ctx, m, product, entries[0].Name)
		if err != nil {
			return nil
		}
		return map[string]*api.DeploymentRuntime{entries[0].Name: runtime}
	}
	runtimes, err := resolve.List[api.DeploymentRuntime](ctx, m, product)
	if err != nil {
		return nil
	}
	live := make(map[string]*api.DeploymentRuntime, len(runtimes))
	for _, r := range runtimes {
		live[r.Name] = r
	}
	return live
}
