package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

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

// groups asks the git host for groups in few round trips: a handful at the same time; many from the lists of groups, as long as a page of those
// saves more than it costs, and what is left at the same time. Git hosts limit how often single groups are asked for. Those that the caller does
// not see are left out.
func (s *Service) groups(ctx context.Context, c Caller, ids []int64) ([]githost.Group, error) {
	known := map[int64]githost.Group{}
	if len(ids) > parallel {
		pages := 0
		for page, err := range s.Host.Groups(ctx, c.Token) {
			if err != nil {
				return nil, fmt.Errorf("listing groups: %w", err)
			}
			for _, g := range page {
				known[g.ID] = g
			}
			pages++
			left := slices.ContainsFunc(ids, func(id int64) bool { return known[id].ID == 0 })
			if !left || pages > len(ids)/parallel {
				break
			}
		}
	}
	found := make([]githost.Group, len(ids))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, id := range ids {
		if found[i] = known[id]; found[i].ID != 0 {
			continue
		}
		g.Go(func() error {
			group, err := s.Host.GroupByID(ctx, c.Token, id)
			if err != nil && !problem.Is(err, problem.Missing) {
				return fmt.Errorf("reading group %d: %w", id, err)
			}
			found[i] = group
			return nil
		})
	}
	err := g.Wait()
	return slices.DeleteFunc(found, func(g githost.Group) bool { return g.ID == 0 }), err
}

func productItem(g githost.Group) *wire.Product {
	return &wire.Product{Name: humanName(g.ID, g.Path), Git: wire.Git{GitLab: wire.GitLab{
		Name: g.Name, Path: g.PathSegment(), Visibility: g.Visibility, Description: g.Description, ParentID: g.ParentID,
	}}}
}

func shapeOfProduct(op *operation) Violations {
	var out Violations
	wrong := func(field, format string, args ...any) {
		v := op.violation(problem.New(problem.Invalid, ReasonInvalid, format, args...))
		v.Field = field
		out = append(out, v)
	}
	if op.body == nil {
		wrong("", "a product is saved in the REST form: its group in GitLab is what there is to say")
		return out
	}
	if !isPath(op.name) {
		wrong("name", "the name of a product is the full path of its group: letters, digits, _ . and -, with / between groups")
	}
	if _, isID := identity.GroupOf(op.name); !isID && !isPathOf(op.body.GitLab.Path, op.name) {
		out = append(out, otherPath(op))
	}
	return append(out, visibilityShape(op, op.body.GitLab)...)
}

// isPathOf says whether a path that is wanted, in full or its last part, is the path of the group; nothing wanted is.
func isPathOf(want *string, path string) bool {
	_, last, _ := cutLast(path)
	return want == nil || strings.EqualFold(*want, path) || strings.EqualFold(*want, last)
}

func otherPath(op *operation) wire.Violation {
	v := op.violation(problem.New(problem.Invalid, ReasonInvalid, "git.gitlab.path must be the path of the product, or be left out: a group is not moved here"))
	v.Field = "git.gitlab.path"
	return v
}

// changeProduct saves or deletes a product: its group and its default.project.
func (s *Service) changeProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) error {
	if r.IfMatch != "" || r.IfNoneMatch != "" {
		return badRequest("products have no ETag: leave If-Match and If-None-Match out")
	}
	if op.remove {
		return s.deleteProduct(ctx, c, r, op, out)
	}
	return s.saveProduct(ctx, c, r, op, out)
}
