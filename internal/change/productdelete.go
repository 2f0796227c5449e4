package change

import (
	"context"
	"fmt"
	"maps"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// productDeletion is a product that is to be deleted: its default.project, if it has one, and what still uses it.
type productDeletion struct {
	productChange
	group          githost.Group
	defaultProject githost.Project
	users          []string
}

// run deletes default.project and then the group, if nothing else is in the group. insecure_skip_check does not change
// that. A deletion that failed half-way can be repeated: what is marked for deletion counts as gone.
func (d *productDeletion) run(ctx context.Context) (err error) {
	d.group, err = d.groupNamed(ctx, d.op.name)
	if problem.Is(err, problem.Missing) {
		return noProduct(d.op.name)
	}
	if err != nil {
		return err
	}
	d.out.Product = identity.Product(d.group.ID)
	role, err := d.roleIn(ctx, d.group)
	if err != nil {
		return err
	}
	if role < githost.Owner {
		return forbidden("deleting a product needs the role Owner in the group %q: ask for it", d.group.Path)
	}
	users, defaultProject, err := d.othersInGroup(ctx)
	if err != nil {
		return err
	}
	d.users = users
	if defaultProject == 0 {
		return d.deleteUnused(ctx)
	}
	if !d.request.DryRun { // no save of this server comes between the look and the deletion
		leave, _, err := d.service.queues.enterLane(ctx, defaultProject)
		if err != nil {
			return fmt.Errorf("waiting for other changes of the product: %w", err)
		}
		defer leave()
	}
	a := &access{visitor: d.visitor, user: d.user}
	if err := a.reopen(ctx, d.out.Product, toGrant); err != nil {
		return err
	}
	snapshot, err := a.read(ctx, d.out.Product, toGrant)
	if err != nil {
		return err
	}
	if a.project.ID != defaultProject {
		return conflict("another project stands at %s now: look whether it is the right one, and try again",
			a.project.Path)
	}
	d.out.Base, d.out.Commit = a.head, a.head
	d.defaultProject, d.users = a.project, append(d.users, contentsOf(treeOf(snapshot))...)
	return d.deleteUnused(ctx)
}

func (d *productDeletion) deleteUnused(ctx context.Context) error {
	if err := d.addRunning(ctx); err != nil {
		return err
	}
	if len(d.users) > 0 {
		var violations Violations
		for _, user := range d.users {
			violations = violations.with(wire.Violation{
				Rule: api.ReasonInUse, Message: fmt.Sprintf("the product still has %s: delete it first", user),
				Params: map[string]string{"kind": "Product", "name": d.group.Path, "referrer": user},
			})
		}
		return finish(d.request, d.out, violations)
	}
	d.out.Verdict = wire.VerdictSave
	if d.request.DryRun {
		return nil
	}
	if d.defaultProject.ID != 0 {
		if err := d.host.DeleteProject(ctx, d.caller.Token, d.defaultProject.ID); err != nil {
			return fmt.Errorf("deleting %s: %w", identity.DefaultProject, err)
		}
	}
	if err := d.host.DeleteGroup(ctx, d.caller.Token, d.group.ID); err != nil {
		return fmt.Errorf("deleting the group: %w", err)
	}
	d.out.Changed = true
	return nil
}

// othersInGroup returns what the group holds besides default.project, and the id of default.project, or 0.
func (d *productDeletion) othersInGroup(ctx context.Context) (users []string, defaultProject int64, err error) {
	subgroups, err := d.host.SubgroupsOf(ctx, d.caller.Token, d.group.ID)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the sub-groups: %w", err)
	}
	projects, err := d.host.ProjectsOfGroup(ctx, d.caller.Token, d.group.ID)
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
		case p.PathSegment() == identity.DefaultProject:
			defaultProject = p.ID
		default:
			users = append(users, "the GitLab project "+p.Path)
		}
	}
	return users, defaultProject, nil
}

// contentsOf returns what a default.project holds. A file that cannot be read counts, because it may say that
// something runs.
func contentsOf(tree *layout.Tree) []string {
	var users []string
	for _, k := range kinds.OfScope(kinds.Product) {
		for _, e := range tree.Of(k.Name) {
			users = append(users, "the "+k.Name+" "+e.Name)
		}
	}
	for _, f := range tree.Findings() {
		unread := []string{layout.CodeStreamBlocked, layout.CodeNotRead, layout.CodeForbiddenKind}
		if user := "the file " + f.File; slices.Contains(unread, f.Code) && !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return users
}

// addRunning adds the runtimes that the management cluster still has of the product. A runtime whose file was deleted
// runs on until Argo CD and the operator have removed it. They need default.project for that.
func (d *productDeletion) addRunning(ctx context.Context) error {
	const what = "what still runs of the product"
	m, err := d.service.management.ask(ctx,
		&access{product: d.out.Product, path: d.group.Path, project: d.defaultProject})
	if err != nil {
		return unanswered(what, err)
	}
	if m == nil {
		d.warn(wire.Unchecked(api.ReasonInUse, "the management cluster could not be asked "+what))
		return nil
	}
	running := map[string]bool{}
	runtimes, err := m.List(ctx, "DeploymentRuntime", d.out.Product)
	for _, r := range runtimes {
		running[r.GetName()] = true
	}
	if err == nil {
		var records []rules.Record
		records, err = m.RecordsOf(ctx, d.out.Product)
		for i := range records {
			running[records[i].Runtime.Name] = true
		}
	}
	if err != nil {
		return unanswered(what, err)
	}
	for _, name := range slices.Sorted(maps.Keys(running)) {
		if user := "the DeploymentRuntime " + name; !slices.Contains(d.users, user) {
			d.users = append(d.users, user+", which still runs")
		}
	}
	return nil
}
