package change

import (
	"cmp"
	"context"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func (s *Service) getProduct(ctx context.Context, c Caller, name string) (*Answer, error) {
	group, err := s.groupNamed(ctx, c, name)
	switch {
	case problem.Is(err, problem.Missing):
		return nil, noProduct(name)
	case err != nil:
		return nil, err
	}
	_, err = s.Host.ProjectAt(ctx, c.Token, group.Path+"/"+identity.DefaultProject)
	switch {
	case problem.Is(err, problem.Missing):
		return nil, noDefaultProject(group.Path).Because(err)
	case err != nil:
		return nil, err
	}
	return &Answer{Item: productItem(group), Warnings: []string{}}, nil
}

// listProducts returns the groups that hold a default.project which the caller sees.
func (s *Service) listProducts(ctx context.Context, c Caller, selector wire.Selector, p page) (*Listing, error) {
	projects, err := s.Host.ProjectsNamed(ctx, c.Token, identity.DefaultProject)
	if err != nil {
		return nil, err
	}
	projects = slices.DeleteFunc(projects, func(p githost.Project) bool {
		return p.Namespace.Kind != githost.KindGroup || p.MarkedForDeletion || !selector.Matches(&wire.Product{Name: p.Namespace.Path})
	})
	slices.SortFunc(projects, func(a, b githost.Project) int { return cmp.Compare(a.Namespace.Path, b.Namespace.Path) })
	ids := make([]int64, 0, len(projects))
	for _, project := range projects {
		ids = append(ids, project.Namespace.ID)
	}
	l := &Listing{Items: []any{}, Warnings: []string{}}
	var wanted []int64
	wanted, l.NextPageToken = cut(p, ids, nil, "")
	groups, err := s.groups(ctx, c, wanted)
	for _, g := range groups {
		l.Items = append(l.Items, productItem(g))
	}
	return l, err
}

func productItem(g githost.Group) *wire.Product {
	return &wire.Product{Name: humanName(g.ID, g.Path), Git: wire.Git{GitLab: wire.GitLab{
		Name: g.Name, Path: g.PathSegment(), Visibility: g.Visibility, Description: g.Description, ParentID: g.ParentID,
	}}}
}
