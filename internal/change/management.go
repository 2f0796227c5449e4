package change

import (
	"cmp"
	"context"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// management returns the management cluster to ask about a product; nil where there is none, or where it has another product of that name: a number
// is the id of one group here, and of another group at another git host. project is the product's default.project, if it has one.
func (s *Service) management(ctx context.Context, product, path string, project githost.Project) Management {
	if s.Management == nil {
		return nil
	}
	// Who does not answer here does not answer the questions either, and they say so.
	if p, err := s.Management.Product(ctx, product); err == nil && p != nil && !s.isSame(ctx, p, path, project) {
		return nil
	}
	return s.Management
}

// managementOf is management for a product that was opened.
func (s *Service) managementOf(ctx context.Context, a *access) Management {
	return s.management(ctx, a.product, a.path, a.project)
}

// isSame says whether a Product is the one of a group. The ProductProvider wrote down which default.project it has; of Products that were made by
// hand there is the path and the address.
func (s *Service) isSame(ctx context.Context, p *api.Product, path string, project githost.Project) bool {
	if known := p.Annotations[api.AnnotationDefaultProject]; known != "" && project.ID != 0 {
		return known == project.Identity()
	}
	if !strings.EqualFold(p.Spec.Name, path) {
		return false
	}
	provider, err := s.Management.CodeRepoProvider(ctx, s.CodeRepoProvider)
	if err != nil || provider == nil || p.Spec.MetaDataPath == "" {
		return true // nothing tells them apart
	}
	return !strings.HasPrefix(p.Spec.MetaDataPath, "http") || strings.HasPrefix(p.Spec.MetaDataPath, strings.TrimSuffix(provider.Spec.HTTPAddress, "/")+"/")
}

// mayBecomeProduct returns what is wrong with a group as a new product, and what could not be asked: no ProductProvider of the git host would take
// it, so that its default.project would be read by nobody. Without a ProductProvider people make Products themselves.
func (s *Service) mayBecomeProduct(ctx context.Context, path string) (refused *problem.Problem, unchecked bool) {
	if s.Management == nil {
		return nil, true
	}
	providers, err := s.Management.ProductProviders(ctx)
	if err != nil {
		return nil, true //nolint:nilerr // the warning says it, and the operator decides
	}
	known := false
	for i := range providers {
		if providers[i].Spec.Name != s.CodeRepoProvider {
			continue
		}
		known = true
		if rules.GroupAllowed(providers[i].Spec.AllowedGroups, path) {
			return nil, false
		}
	}
	if !known {
		return nil, false
	}
	return problem.New(problem.Forbidden, api.ReasonGroupNotAllowed,
		"no group of the path %q may become a product: choose a path below a group that may, or ask the platform team to add it to spec.allowedGroups of the ProductProvider",
		path), false
}

// checkAllowed refuses a product that would be made where none is taken, and warns of one that is there already.
func (s *Service) checkAllowed(ctx context.Context, r Request, op *operation, p *productCase, out *Outcome) Violations {
	refused, unchecked := s.mayBecomeProduct(ctx, cmp.Or(p.group.Path, p.path))
	switch {
	case unchecked:
		out.Warnings = append(out.Warnings,
			wire.Unchecked(api.ReasonGroupNotAllowed, "the management cluster could not be asked which groups may become products"))
	case refused != nil && (p.a != nil || r.SkipCheck):
		out.Warnings = append(out.Warnings, warning("GROUP_NOT_ALLOWED", "", refused.Message))
	case refused != nil:
		return Violations{op.violation(refused)}
	}
	return nil
}
