package change

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func (s *Service) getProduct(ctx context.Context, c Caller, name string) (*Answer, error) {
	path, err := s.groupPath(ctx, c, name)
	if err != nil {
		return nil, err
	}
	var group githost.Group
	var groupErr, projectErr error
	var both errgroup.Group
	both.Go(func() error { group, groupErr = s.Host.Group(ctx, c.Token, path); return nil })
	both.Go(func() error { _, projectErr = s.Host.Project(ctx, c.Token, path+"/"+DefaultProject); return nil })
	_ = both.Wait()
	switch {
	case problem.Is(groupErr, problem.Missing):
		return nil, noProduct(path)
	case groupErr != nil:
		return nil, groupErr
	case problem.Is(projectErr, problem.Missing):
		return nil, s.whatIsMissing(ctx, c, path, projectErr)
	case projectErr != nil:
		return nil, projectErr
	}
	return &Answer{Item: productItem(group), Warnings: []string{}}, nil
}

// listProducts returns the groups that hold a default.project which the caller sees.
func (s *Service) listProducts(ctx context.Context, c Caller, selector wire.Selector, p page) (*Listing, error) {
	projects, err := s.Host.ProjectsNamed(ctx, c.Token, DefaultProject)
	if err != nil {
		return nil, err
	}
	projects = slices.DeleteFunc(projects, func(p githost.Project) bool {
		return p.Namespace.Kind != githost.KindGroup || p.MarkedForDeletion || !selector.Matches(&wire.Product{Name: p.Namespace.Path})
	})
	slices.SortFunc(projects, func(a, b githost.Project) int { return cmp.Compare(a.Namespace.Path, b.Namespace.Path) })
	ids := make([]any, 0, len(projects))
	for _, project := range projects {
		ids = append(ids, project.Namespace.ID)
	}
	l := &Listing{Items: []any{}, Warnings: []string{}}
	var part []any
	part, l.NextPageToken = p.cut(ids, "")
	wanted := make([]int64, 0, len(part))
	for _, id := range part {
		wanted = append(wanted, id.(int64))
	}
	groups, err := s.groups(ctx, c, wanted)
	for _, g := range groups {
		l.Items = append(l.Items, productItem(g))
	}
	return l, err
}

func productItem(g githost.Group) *wire.Product {
	return &wire.Product{Name: g.Path, Git: wire.Git{GitLab: wire.GitLab{
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
	_, last, _ := cutLast(op.name)
	if want := op.body.GitLab.Path; want != nil && *want != op.name && *want != last {
		wrong("git.gitlab.path", "git.gitlab.path must be the path of the product, or be left out")
	}
	return append(out, visibilityShape(op, op.body.GitLab)...)
}

// changeProduct saves or deletes a product: its group and its default.project.
func (s *Service) changeProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) (err error) {
	if r.IfMatch != "" || r.IfNoneMatch != "" {
		return badRequest("products have no ETag: leave If-Match and If-None-Match out")
	}
	if out.User, err = s.Host.CurrentUser(ctx, c.Token); err != nil {
		return err
	}
	if op.remove {
		return s.deleteProduct(ctx, c, r, op, out)
	}
	return s.saveProduct(ctx, c, r, op, out)
}

// saveProduct creates or adopts the group, and creates what is missing of default.project. Each step looks first, so that a save which failed
// half-way can be repeated.
func (s *Service) saveProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) error {
	path, err := s.groupPath(ctx, c, op.name)
	if err != nil {
		return err
	}
	group, err := s.Host.Group(ctx, c.Token, path)
	missing := problem.Is(err, problem.Missing) && problem.As(err).Reason != githost.ReasonMoved
	if err != nil && !missing {
		return err
	}
	if r.DryRun {
		return s.previewProduct(ctx, c, path, missing, out)
	}
	if missing {
		if group, err = s.createGroup(ctx, c, path, op.body.GitLab); err != nil {
			return err
		}
		out.Changed = true
	} else if change := groupChange(group, op.body.GitLab); change != (githost.GroupChange{}) {
		if group, err = s.Host.UpdateGroup(ctx, c.Token, group.ID, change); err != nil {
			return fmt.Errorf("changing the group: %w", err)
		}
		out.Changed = true
	}
	out.Product = productName(group.ID)
	return s.ensureDefaultProject(ctx, c, group, out)
}

func groupChange(g githost.Group, want *wire.GitLabBody) githost.GroupChange {
	return githost.GroupChange{
		Name: differing(want.Name, g.Name), Description: differing(want.Description, g.Description), Visibility: differing(want.Visibility, g.Visibility),
	}
}

func (s *Service) previewProduct(ctx context.Context, c Caller, path string, missing bool, out *Outcome) error {
	out.Verdict = wire.VerdictSave
	if missing {
		out.Warnings = append(out.Warnings, warning("WOULD_CREATE", "", "the group and its "+DefaultProject+" would be created in GitLab"))
		return nil
	}
	repo, err := s.Host.Repository(ctx, c.Token, path+"/"+DefaultProject, Branch)
	switch {
	case problem.Is(err, problem.Missing):
		out.Warnings = append(out.Warnings, warning("WOULD_CREATE", "", DefaultProject+" would be created in GitLab"))
		return nil
	case err != nil:
		return err
	}
	if repo.Branch != nil {
		out.Verdict, out.Base = wire.VerdictUnchanged, repo.Branch.Head
	}
	return nil
}

func (s *Service) createGroup(ctx context.Context, c Caller, path string, want *wire.GitLabBody) (githost.Group, error) {
	parent, last, nested := cutLast(path)
	n := githost.NewGroup{Path: last, Name: value(want.Name), Description: value(want.Description), Visibility: cmp.Or(value(want.Visibility), githost.Private)}
	if nested {
		group, err := s.Host.Group(ctx, c.Token, parent)
		if problem.Is(err, problem.Missing) {
			return group, noProduct(parent)
		}
		if err != nil {
			return group, err
		}
		n.ParentID = group.ID
	}
	if want.ParentID != nil && *want.ParentID != n.ParentID {
		return githost.Group{}, badRequest("git.gitlab.parent_id is not the group above %q: correct it, or leave it out", path).At("git.gitlab.parent_id")
	}
	group, err := s.Host.CreateGroup(ctx, c.Token, n)
	if err != nil {
		return group, fmt.Errorf("creating the group: %w", err)
	}
	return group, nil
}

func (s *Service) ensureDefaultProject(ctx context.Context, c Caller, group githost.Group, out *Outcome) error {
	path := group.Path + "/" + DefaultProject
	if _, err := s.Host.Project(ctx, c.Token, path); problem.Is(err, problem.Missing) {
		_, err := s.Host.CreateProject(ctx, c.Token, githost.NewProject{
			NamespaceID: group.ID, Path: DefaultProject, Visibility: githost.Private, DefaultBranch: Branch,
			Description: "Resources of the product. What branch " + Branch + " says is deployed.",
		})
		if err != nil {
			return fmt.Errorf("creating %s: %w", path, err)
		}
		out.Changed = true
	} else if err != nil {
		return err
	}
	a := &access{caller: c, user: out.User}
	if err := s.reopen(ctx, a, group.Path, toGrant); err != nil {
		return err
	}
	out.Base, out.Commit = a.head, a.head
	if a.head == "" {
		pushed, err := s.Repos.Push(ctx, a.remote(), nil, gitrepo.Commit{
			Author:  s.author(a),
			Message: commitMessage([]done{{kind: "Product", name: group.Path}}, group.Path, c, false),
			Edits:   []layout.Edit{{Path: "README.md", Data: []byte(readme(group.Path))}},
		})
		if err != nil {
			return fmt.Errorf("making the first commit of %s: %w", path, err)
		}
		out.Commit, out.Changed = pushed.Head(), true
	}
	if a.project.DefaultBranch != Branch {
		branch := Branch
		if _, err := s.Host.UpdateProject(ctx, c.Token, a.project.ID, githost.ProjectChange{DefaultBranch: &branch}); err != nil {
			return fmt.Errorf("making %s the default branch of %s: %w", Branch, path, err)
		}
	}
	out.Warnings = append(out.Warnings, s.hook(ctx, c, a.project.ID, nil)...)
	out.Verdict = wire.VerdictSave
	return nil
}

func readme(path string) string {
	return strings.Join([]string{
		"# Resources of " + path,
		"",
		"Branch `" + Branch + "` says what is deployed. Change it through the API, the command line `nautes`, or git.",
		"",
		"| directory | what |",
		"|---|---|",
		"| `runtimes/` | deployment runtimes |",
		"| `envs/` | environments |",
		"| `projects/` | projects |",
		"| `code-repos/` | code repos and their bindings |",
		"",
	}, "\n")
}

// deleteProduct deletes default.project and then the group, where nothing else is in it. insecure_skip_check does not change that.
func (s *Service) deleteProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) error {
	path, err := s.groupPath(ctx, c, op.name)
	if err != nil {
		return err
	}
	group, err := s.Host.Group(ctx, c.Token, path)
	if problem.Is(err, problem.Missing) {
		return noProduct(path)
	}
	if err != nil {
		return err
	}
	out.Product = productName(group.ID)
	var defaultProject int64
	users, err := s.whatUses(ctx, c, group, &defaultProject, out)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		violations := make(Violations, 0, len(users))
		for _, user := range users {
			violations = append(violations, wire.Violation{
				Rule: ReasonInUse, Message: fmt.Sprintf("the product still has %s: delete it first", user), Params: map[string]string{"kind": "Product", "name": path, "referrer": user},
			})
		}
		return finish(r, out, violations)
	}
	out.Verdict = wire.VerdictSave
	if r.DryRun {
		return nil
	}
	if defaultProject != 0 {
		if err := s.Host.DeleteProject(ctx, c.Token, defaultProject); err != nil {
			return fmt.Errorf("deleting %s: %w", DefaultProject, err)
		}
	}
	if err := s.Host.DeleteGroup(ctx, c.Token, group.ID); err != nil {
		return fmt.Errorf("deleting the group: %w", err)
	}
	out.Changed = true
	return nil
}

// whatUses returns what is in the group besides an unused default.project.
func (s *Service) whatUses(ctx context.Context, c Caller, group githost.Group, defaultProject *int64, out *Outcome) ([]string, error) {
	subgroups, err := s.Host.SubgroupsOf(ctx, c.Token, group.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the sub-groups: %w", err)
	}
	projects, err := s.Host.ProjectsOfGroup(ctx, c.Token, group.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the projects: %w", err)
	}
	var users []string
	for _, g := range subgroups {
		if !g.MarkedForDeletion {
			users = append(users, "the group "+g.Path)
		}
	}
	for _, p := range projects {
		switch {
		case p.MarkedForDeletion:
		case p.PathSegment() == DefaultProject:
			*defaultProject = p.ID
		default:
			users = append(users, "the GitLab project "+p.Path)
		}
	}
	if *defaultProject == 0 {
		return s.whatStands(ctx, out, users)
	}
	a := &access{caller: c, user: out.User}
	if err := s.reopen(ctx, a, group.Path, toGrant); err != nil {
		return nil, err
	}
	v := &view{access: a}
	if err := s.at(ctx, v, a.head); err != nil {
		return nil, err
	}
	out.Base, out.Commit = a.head, a.head
	users = append(users, whatIsIn(v.tree)...)
	return s.whatStands(ctx, out, users)
}

// whatIsIn returns what a default.project holds: objects, and files that cannot be read and may say that something runs.
func whatIsIn(tree *layout.Tree) []string {
	var users []string
	for _, k := range kinds.OfScope(kinds.Product) {
		for _, e := range tree.Of(k.Name) {
			users = append(users, "the "+k.Name+" "+e.Name)
		}
	}
	for _, f := range tree.Findings() {
		unread := f.Code == layout.CodeStreamBlocked || f.Code == layout.CodeNotRead || f.Code == layout.CodeForbiddenKind
		if user := "the file " + f.File; unread && !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return users
}

// whatStands adds what the management cluster still has of a product: a runtime whose file is gone stands until Argo CD and the operator have
// removed it, and nobody would, once its default.project is gone.
func (s *Service) whatStands(ctx context.Context, out *Outcome, users []string) ([]string, error) {
	if s.Management == nil {
		out.Warnings = append(out.Warnings, "UNCHECKED:"+ReasonInUse+": the management cluster could not be asked what still runs of the product")
		return users, nil
	}
	runtimes, err := s.Management.Runtimes(ctx, out.Product)
	if err != nil {
		return nil, problem.New(problem.Unavailable, ReasonNoManagementCluster, "the management cluster does not say what still runs of the product: try again").Because(err)
	}
	records, err := s.Management.RecordsOf(ctx, out.Product)
	if err != nil {
		return nil, problem.New(problem.Unavailable, ReasonNoManagementCluster, "the management cluster does not say what still runs of the product: try again").Because(err)
	}
	standing := map[string]bool{}
	for i := range runtimes {
		standing[runtimes[i].Name] = true
	}
	for i := range records {
		standing[records[i].Runtime.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(standing)) {
		if user := "the DeploymentRuntime " + name; !slices.Contains(users, user) {
			users = append(users, user+", which still runs")
		}
	}
	return users, nil
}
