package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// productSave is a product that is saved: what is there of it, and what is to change. Everything is gathered, and the
// caller's role checked, before anything is changed. So a dry run says what a save would do, and a save that may not do
// all of it does nothing.
type productSave struct {
	productChange
	want *wire.GitLabBody
	// path of the group; ID of the group is 0 where it is to be made, below parent.
	path   string
	group  githost.Group
	parent int64
	change githost.GroupChange
	// a is what the caller may do with default.project; nil where that is to be made.
	a *access
}

// run creates or adopts the group, and creates what is missing of default.project. Each step looks first, so that a
// save which failed half-way can be repeated.
func (p *productSave) run(ctx context.Context) (err error) {
	p.group, err = p.groupNamed(ctx, p.path)
	switch {
	case isReason(err, problem.ReasonMoved):
		return movedProduct(p.path)
	case isReason(err, problem.ReasonMissing): // of that path; there is no new group of an id
		err = p.gatherParent(ctx)
	case err == nil:
		p.out.Product = identity.Product(p.group.ID)
		err = p.gatherGroup(ctx)
	}
	if err != nil {
		return err
	}
	if p.a != nil {
		p.out.Base, p.out.Commit = p.a.head, p.a.head
	}
	if refused := p.checkAllowed(ctx); len(refused) > 0 {
		return finish(p.request, p.out, refused)
	}
	if p.request.DryRun {
		p.preview()
		return nil
	}
	return p.apply(ctx)
}

// gatherParent gathers for a group that the caller does not see. Whether a hidden group has the path is known only when
// the group is created.
func (p *productSave) gatherParent(ctx context.Context) error {
	if err := checkNewPath(p.path, "name"); err != nil {
		return err
	}
	if parent, _, nested := cutLast(p.path); nested {
		above, err := p.host.GroupAt(ctx, p.caller.Token, parent)
		if problem.Is(err, problem.Missing) {
			return noProduct(parent)
		}
		if err != nil {
			return err
		}
		p.parent = above.ID
		role, err := p.roleIn(ctx, above)
		if err != nil {
			return err
		}
		if role < githost.Maintainer {
			return forbidden("creating a group in %q needs the role Maintainer or higher there: ask for it", above.Path)
		}
	}
	return p.parentIs(p.parent)
}

func (p *productSave) parentIs(parent int64) error {
	if p.want.ParentID != nil && *p.want.ParentID != parent {
		return badRequest("git.gitlab.parent_id is not the group above %q: correct it, or leave it out",
			p.path).At("git.gitlab.parent_id")
	}
	return nil
}

// gatherGroup gathers for a group that exists.
func (p *productSave) gatherGroup(ctx context.Context) error {
	if p.group.MarkedForDeletion {
		return conflict("the group %q is marked for deletion: restore it in GitLab, or wait until it is gone",
			p.group.Path)
	}
	if !isPathOf(p.want.Path, p.group.Path) {
		return refusal(Violations{otherPath(p.op)})
	}
	if err := p.parentIs(p.group.ParentID); err != nil {
		return err
	}
	p.change = groupChange(p.group, p.want)
	var role githost.AccessLevel
	var roleErr, projectErr error
	var both errgroup.Group
	both.Go(func() error {
		role, roleErr = p.roleIn(ctx, p.group)
		return nil
	})
	both.Go(func() error {
		_, projectErr = p.host.ProjectAt(ctx, p.caller.Token, p.group.Path+"/"+identity.DefaultProject)
		return nil
	})
	_ = both.Wait()
	missing := problem.Is(projectErr, problem.Missing)
	switch {
	case roleErr != nil:
		return roleErr
	case projectErr != nil && !missing:
		return projectErr
	case p.change != githost.GroupChange{} && role < githost.Owner:
		return forbidden(
			"changing the group %q needs the role Owner: ask for it, or leave out of git.gitlab what differs",
			p.group.Path)
	case missing && role < githost.Maintainer:
		return forbidden("creating %s in the group %q needs the role Maintainer or higher: ask for it",
			identity.DefaultProject, p.group.Path)
	case missing:
		return nil
	}
	return p.open(ctx)
}

// open asks what the caller may do with default.project.
func (p *productSave) open(ctx context.Context) error {
	p.a = &access{visitor: p.visitor, user: p.user}
	return p.a.reopen(ctx, identity.Product(p.group.ID), toGrant)
}

// checkAllowed refuses a new product whose group may not become one. It only warns if the product exists already.
func (p *productSave) checkAllowed(ctx context.Context) Violations {
	refused, unchecked := p.service.management.mayBecomeProduct(ctx, cmp.Or(p.group.Path, p.path))
	switch {
	case unchecked:
		p.warn(wire.Unchecked(api.ReasonGroupNotAllowed,
			"the management cluster could not be asked which groups may become products"))
	case refused != nil && (p.a != nil || p.request.SkipCheck):
		p.warn(warning("GROUP_NOT_ALLOWED", "", refused.Message))
	case refused != nil:
		return Violations{p.op.violation(refused)}
	}
	return nil
}

func groupChange(g githost.Group, want *wire.GitLabBody) githost.GroupChange {
	return githost.GroupChange{
		Name: differing(want.Name, g.Name), Description: differing(want.Description, g.Description),
		Visibility: differing(want.Visibility, g.Visibility),
	}
}

// preview says what a save would do.
func (p *productSave) preview() {
	out := p.out
	out.Verdict = wire.VerdictUnchanged
	would := func(code, what string) {
		out.Verdict = wire.VerdictSave
		p.warn(warning(code, "", what))
	}
	if p.change != (githost.GroupChange{}) {
		would("WOULD_CHANGE", "the group would be changed in GitLab")
	}
	switch {
	case p.group.ID == 0:
		would("WOULD_CREATE", "the group and its "+identity.DefaultProject+
			" would be created in GitLab, if it permits that: "+
			"you see no group of that path, but one that is hidden from you would be in the way")
	case p.a == nil:
		would("WOULD_CREATE", identity.DefaultProject+" would be created in GitLab")
	case p.a.head == "":
		would("WOULD_CREATE", identity.DefaultProject+" would get its first commit")
	case p.a.project.DefaultBranch != identity.Branch:
		would("WOULD_CHANGE", identity.Branch+" would become the default branch of "+identity.DefaultProject)
	}
}

// apply creates and changes what differs.
func (p *productSave) apply(ctx context.Context) (err error) {
	out := p.out
	switch {
	case p.group.ID == 0:
		_, last, _ := cutLast(p.path)
		p.group, err = p.host.CreateGroup(ctx, p.caller.Token, githost.NewGroup{
			Path: last, ParentID: p.parent,
			Name: value(p.want.Name), Description: value(p.want.Description),
			Visibility: cmp.Or(value(p.want.Visibility), githost.Private),
		})
		if err != nil {
			return fmt.Errorf("creating the group: %w", err)
		}
		out.Product, out.Changed = identity.Product(p.group.ID), true
	case p.change != githost.GroupChange{}:
		if p.group, err = p.host.UpdateGroup(ctx, p.caller.Token, p.group.ID, p.change); err != nil {
			return fmt.Errorf("changing the group: %w", err)
		}
		out.Changed = true
	}
	if p.a == nil {
		if err := p.makeDefaultProject(ctx); err != nil {
			return err
		}
		out.Changed = true
	}
	out.Base = p.a.head
	if p.a.head == "" {
		if err := p.firstCommit(ctx); err != nil {
			return fmt.Errorf("making the first commit of %s: %w", p.a.project.Path, err)
		}
		out.Changed = true
	}
	out.Commit = p.a.head
	if p.a.project.DefaultBranch != identity.Branch {
		branch := identity.Branch
		change := githost.ProjectChange{DefaultBranch: &branch}
		if _, err := p.host.UpdateProject(ctx, p.caller.Token, p.a.project.ID, change); err != nil {
			return fmt.Errorf("making %s the default branch of %s: %w", identity.Branch, p.a.project.Path, err)
		}
		out.Changed = true
	}
	p.warn(p.service.hook(ctx, p.visitor, p.a.project.ID, nil)...)
	out.Verdict = wire.VerdictUnchanged
	if out.Changed {
		out.Verdict = wire.VerdictSave
	}
	return nil
}

func (p *productSave) makeDefaultProject(ctx context.Context) error {
	_, err := p.host.CreateProject(ctx, p.caller.Token, githost.NewProject{
		NamespaceID: p.group.ID, Path: identity.DefaultProject,
		Visibility: githost.Private, DefaultBranch: identity.Branch,
		Description: "Resources of the product. What branch " + identity.Branch + " says is deployed.",
	})
	if err != nil {
		return fmt.Errorf("creating %s of %s: %w", identity.DefaultProject, p.group.Path, err)
	}
	return p.open(ctx)
}

// firstCommit makes main. Where the answer was lost, or another request made main at the same moment, it is enough that
// main is there.
func (p *productSave) firstCommit(ctx context.Context) error {
	pushed, err := p.repos.Push(ctx, p.a.remote(), nil, gitrepo.Commit{
		Author:  p.a.author(p.service.Now()),
		Message: commitMessage([]done{{kind: "Product", name: p.group.Path}}, p.group.Path, p.caller, false),
		Edits:   []layout.Edit{{Path: "README.md", Data: []byte(readme(p.group.Path))}},
	})
	if isReason(err, problem.ReasonLostRace) || isReason(err, problem.ReasonOutcomeUnknown) {
		if again := p.a.reopen(ctx, identity.Product(p.group.ID), toGrant); again != nil {
			return errors.Join(err, again)
		}
		if p.a.head != "" {
			return nil
		}
	}
	if err != nil {
		return err
	}
	p.a.head = pushed.Head()
	return nil
}

func readme(path string) string {
	return strings.Join([]string{
		"# Resources of " + path,
		"",
		"Branch `" + identity.Branch + "` says what is deployed. " +
			"Change it through the API, the command line `nautes`, or git.",
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
