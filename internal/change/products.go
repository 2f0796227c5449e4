package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func (v visitor) product(ctx context.Context, name string) (*Answer, error) {
	group, err := v.groupNamed(ctx, name)
	switch {
	case problem.Is(err, problem.Missing):
		return nil, noProduct(name)
	case err != nil:
		return nil, err
	}
	_, err = v.host.ProjectAt(ctx, v.caller.Token, group.Path+"/"+identity.DefaultProject)
	switch {
	case problem.Is(err, problem.Missing):
		return nil, noDefaultProject(group.Path).Because(err)
	case err != nil:
		return nil, err
	}
	return &Answer{Item: productItem(group), Warnings: []string{}}, nil
}

// listProducts returns the groups that hold a default.project which the caller sees.
func (v visitor) products(ctx context.Context, selector wire.Selector, p page) (*Listing, error) {
	projects, err := v.host.ProjectsNamed(ctx, v.caller.Token, identity.DefaultProject)
	if err != nil {
		return nil, err
	}
	projects = slices.DeleteFunc(projects, func(p githost.Project) bool {
		return p.Namespace.Kind != githost.KindGroup || p.MarkedForDeletion ||
			!selector.Matches(&wire.Product{Name: p.Namespace.Path})
	})
	slices.SortFunc(projects, func(a, b githost.Project) int { return cmp.Compare(a.Namespace.Path, b.Namespace.Path) })
	ids := make([]int64, 0, len(projects))
	for _, project := range projects {
		ids = append(ids, project.Namespace.ID)
	}
	l := &Listing{Items: []any{}, Warnings: []string{}}
	var wanted []int64
	wanted, l.NextPageToken = cut(p, ids, nil, "")
	groups, err := v.groups(ctx, wanted)
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

// productChange is what a save and a deletion of a product have in common.
type productChange struct {
	visitor
	service *Service
	user    githost.User
	request Request
	op      *operation
	out     *Outcome
}

// roleIn returns the caller's role in a group.
func (p *productChange) roleIn(ctx context.Context, group githost.Group) (githost.AccessLevel, error) {
	role, err := p.host.AccessToGroup(ctx, p.caller.Token, group.ID, p.user.ID)
	if err != nil {
		return role, fmt.Errorf("reading the caller's role in %s: %w", group.Path, err)
	}
	return role, nil
}

func (p *productChange) warn(warnings ...string) {
	p.out.Warnings = append(p.out.Warnings, warnings...)
}
