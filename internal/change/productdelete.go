package change

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// deleteProduct deletes default.project and then the group, where nothing else is in it. insecure_skip_check does not change that. It begins anew
// where it failed half-way: what is marked for deletion is as good as gone.
func (s *Service) deleteProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) error {
	group, err := s.groupNamed(ctx, c, op.name)
	if problem.Is(err, problem.Missing) {
		return noProduct(op.name)
	}
	if err != nil {
		return err
	}
	out.Product = productName(group.ID)
	role, err := s.Host.AccessToGroup(ctx, c.Token, group.ID, out.User.ID)
	if err != nil {
		return fmt.Errorf("reading the caller's role in %s: %w", group.Path, err)
	}
	if role < githost.Owner {
		return forbidden("deleting a product needs the role Owner in the group %q: ask for it", group.Path)
	}
	users, defaultProject, err := s.whatIsBeside(ctx, c, group)
	if err != nil {
		return err
	}
	if defaultProject == 0 {
		return s.deleteUnused(ctx, c, r, deletion{group: group, users: users}, out)
	}
	if !r.DryRun { // no save of this server comes between the look and the deletion
		leave, _, err := s.enterLane(ctx, defaultProject)
		if err != nil {
			return fmt.Errorf("waiting for other changes of the product: %w", err)
		}
		defer leave()
	}
	a := &access{caller: c, user: out.User}
	if err := s.reopen(ctx, a, out.Product, toGrant); err != nil {
		return err
	}
	snapshot, err := s.read(ctx, a, out.Product, toGrant)
	if err != nil {
		return err
	}
	if a.project.ID != defaultProject {
		return problem.New(problem.Conflict, ReasonConflict, "another project stands at %s now: look whether it is the right one, and try again", a.project.Path)
	}
	out.Base, out.Commit = a.head, a.head
	return s.deleteUnused(ctx, c, r, deletion{group: group, defaultProject: a.project, users: append(users, whatIsIn(treeOf(snapshot))...)}, out)
}

// deletion is a product that is to be deleted: its default.project, if it has one, and what still uses it.
type deletion struct {
	group          githost.Group
	defaultProject githost.Project
	users          []string
}

func (s *Service) deleteUnused(ctx context.Context, c Caller, r Request, d deletion, out *Outcome) error {
	users, err := s.whatStands(ctx, out, d)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		var violations Violations
		for _, user := range users {
			violations = violations.with(wire.Violation{
				Rule: ReasonInUse, Message: fmt.Sprintf("the product still has %s: delete it first", user),
				Params: map[string]string{"kind": "Product", "name": d.group.Path, "referrer": user},
			})
		}
		return finish(r, out, violations)
	}
	out.Verdict = wire.VerdictSave
	if r.DryRun {
		return nil
	}
	if d.defaultProject.ID != 0 {
		if err := s.Host.DeleteProject(ctx, c.Token, d.defaultProject.ID); err != nil {
			return fmt.Errorf("deleting %s: %w", DefaultProject, err)
		}
	}
	if err := s.Host.DeleteGroup(ctx, c.Token, d.group.ID); err != nil {
		return fmt.Errorf("deleting the group: %w", err)
	}
	out.Changed = true
	return nil
}

// whatIsBeside returns what is in the group besides default.project, and the id of that, or 0.
func (s *Service) whatIsBeside(ctx context.Context, c Caller, group githost.Group) (users []string, defaultProject int64, err error) {
	subgroups, err := s.Host.SubgroupsOf(ctx, c.Token, group.ID)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the sub-groups: %w", err)
	}
	projects, err := s.Host.ProjectsOfGroup(ctx, c.Token, group.ID)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the projects: %w", err)
	}
	for _, g := range subgroups {
		if !g.MarkedForDeletion {
			users = append(users, "the group "+g.Path)
		}
	}
	for _, p := range projects {
		switch {
		case p.MarkedForDeletion:
		case p.PathSegment() == DefaultProject:
			defaultProject = p.ID
		default:
			users = append(users, "the GitLab project "+p.Path)
		}
	}
	return users, defaultProject, nil
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
func (s *Service) whatStands(ctx context.Context, out *Outcome, d deletion) ([]string, error) {
	users, m := d.users, s.management(ctx, out.Product, d.group.Path, d.defaultProject)
	if m == nil {
		out.Warnings = append(out.Warnings,
			wire.Unchecked(ReasonInUse, "the management cluster could not be asked what still runs of the product"))
		return users, nil
	}
	runtimes, err := m.Runtimes(ctx, out.Product)
	if err != nil {
		return nil, problem.New(problem.Unavailable, ReasonNoManagementCluster, "the management cluster does not say what still runs of the product: try again").Because(err)
	}
	records, err := m.RecordsOf(ctx, out.Product)
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
