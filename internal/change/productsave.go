package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// productCase is what is there of a product that is saved, and what is to change. It is gathered, and the caller's role looked at, before anything
// is done: so a dry run says what a save would, and a save that may not do all of it does nothing.
type productCase struct {
	caller Caller
	user   githost.User
	want   *wire.GitLabBody
	// path of the group; ID of the group is 0 where it is to be made, below parent.
	path   string
	group  githost.Group
	parent int64
	change githost.GroupChange
	// a is what the caller may do with default.project; nil where that is to be made.
	a *access
}

// saveProduct creates or adopts the group, and creates what is missing of default.project. Each step looks first, so that a save which failed
// half-way can be repeated.
func (s *Service) saveProduct(ctx context.Context, c Caller, r Request, op *operation, out *Outcome) error {
	p := &productCase{caller: c, user: out.User, want: op.body.GitLab, path: op.name}
	var err error
	p.group, err = s.groupNamed(ctx, c, op.name)
	switch {
	case isReason(err, problem.ReasonMoved):
		return movedProduct(op.name)
	case isReason(err, problem.ReasonMissing): // of that path; there is no new group of an id
		err = s.gatherParent(ctx, p)
	case err == nil:
		out.Product = productName(p.group.ID)
		err = s.gatherGroup(ctx, p, op)
	}
	if err != nil {
		return err
	}
	if p.a != nil {
		out.Base, out.Commit = p.a.head, p.a.head
	}
	if refused := s.checkAllowed(ctx, r, op, p, out); len(refused) > 0 {
		return finish(r, out, refused)
	}
	if r.DryRun {
		p.preview(out)
		return nil
	}
	return s.makeProduct(ctx, p, out)
}

// gatherParent is for a group that the caller does not see. Whether there is one that others see is known only when it is made.
func (s *Service) gatherParent(ctx context.Context, p *productCase) error {
	if parent, _, nested := cutLast(p.path); nested {
		above, err := s.Host.GroupAt(ctx, p.caller.Token, parent)
		if problem.Is(err, problem.Missing) {
			return noProduct(parent)
		}
		if err != nil {
			return err
		}
		p.parent = above.ID
		role, err := s.Host.AccessToGroup(ctx, p.caller.Token, above.ID, p.user.ID)
		if err != nil {
			return fmt.Errorf("reading the caller's role in %s: %w", above.Path, err)
		}
		if role < githost.Maintainer {
			return forbidden("creating a group in %q needs the role Maintainer or higher there: ask for it", above.Path)
		}
	}
	return p.parentIs(p.parent)
}

func (p *productCase) parentIs(parent int64) error {
	if p.want.ParentID != nil && *p.want.ParentID != parent {
		return badRequest("git.gitlab.parent_id is not the group above %q: correct it, or leave it out", p.path).At("git.gitlab.parent_id")
	}
	return nil
}

// gatherGroup is for a group that is there.
func (s *Service) gatherGroup(ctx context.Context, p *productCase, op *operation) error {
	if p.group.MarkedForDeletion {
		return problem.New(problem.Conflict, ReasonConflict, "the group %q is marked for deletion: restore it in GitLab, or wait until it is gone", p.group.Path)
	}
	if !isPathOf(p.want.Path, p.group.Path) {
		return refusal(Violations{otherPath(op)})
	}
	if err := p.parentIs(p.group.ParentID); err != nil {
		return err
	}
	p.change = groupChange(p.group, p.want)
	var role githost.AccessLevel
	var roleErr, projectErr error
	var both errgroup.Group
	both.Go(func() error {
		role, roleErr = s.Host.AccessToGroup(ctx, p.caller.Token, p.group.ID, p.user.ID)
		return nil
	})
	both.Go(func() error {
		_, projectErr = s.Host.ProjectAt(ctx, p.caller.Token, p.group.Path+"/"+DefaultProject)
		return nil
	})
	_ = both.Wait()
	missing := problem.Is(projectErr, problem.Missing)
	switch {
	case roleErr != nil:
		return fmt.Errorf("reading the caller's role in %s: %w", p.group.Path, roleErr)
	case projectErr != nil && !missing:
		return projectErr
	case p.change != githost.GroupChange{} && role < githost.Owner:
		return forbidden("changing the group %q needs the role Owner: ask for it, or leave out of git.gitlab what differs", p.group.Path)
	case missing && role < githost.Maintainer:
		return forbidden("creating %s in the group %q needs the role Maintainer or higher: ask for it", DefaultProject, p.group.Path)
	case missing:
		return nil
	}
	p.a = &access{caller: p.caller, user: p.user}
	return s.reopen(ctx, p.a, productName(p.group.ID), toGrant)
}

func groupChange(g githost.Group, want *wire.GitLabBody) githost.GroupChange {
	return githost.GroupChange{
		Name: differing(want.Name, g.Name), Description: differing(want.Description, g.Description), Visibility: differing(want.Visibility, g.Visibility),
	}
}

// preview says what a save would do.
func (p *productCase) preview(out *Outcome) {
	out.Verdict = wire.VerdictUnchanged
	would := func(code, what string) {
		out.Verdict = wire.VerdictSave
		out.Warnings = append(out.Warnings, warning(code, "", what))
	}
	if p.change != (githost.GroupChange{}) {
		would("WOULD_CHANGE", "the group would be changed in GitLab")
	}
	switch {
	case p.group.ID == 0:
		would("WOULD_CREATE", "the group and its "+DefaultProject+" would be created in GitLab, if it permits that: "+
			"you see no group of that path, but one that is hidden from you would be in the way")
	case p.a == nil:
		would("WOULD_CREATE", DefaultProject+" would be created in GitLab")
	case p.a.head == "":
		would("WOULD_CREATE", DefaultProject+" would get its first commit")
	case p.a.project.DefaultBranch != Branch:
		would("WOULD_CHANGE", Branch+" would become the default branch of "+DefaultProject)
	}
}

// makeProduct does what is missing.
func (s *Service) makeProduct(ctx context.Context, p *productCase, out *Outcome) (err error) {
	switch {
	case p.group.ID == 0:
		_, last, _ := cutLast(p.path)
		p.group, err = s.Host.CreateGroup(ctx, p.caller.Token, githost.NewGroup{
			Path: last, ParentID: p.parent,
			Name: value(p.want.Name), Description: value(p.want.Description), Visibility: cmp.Or(value(p.want.Visibility), githost.Private),
		})
		if err != nil {
			return fmt.Errorf("creating the group: %w", err)
		}
		out.Product, out.Changed = productName(p.group.ID), true
	case p.change != githost.GroupChange{}:
		if p.group, err = s.Host.UpdateGroup(ctx, p.caller.Token, p.group.ID, p.change); err != nil {
			return fmt.Errorf("changing the group: %w", err)
		}
		out.Changed = true
	}
	if p.a == nil {
		if err := s.makeDefaultProject(ctx, p); err != nil {
			return err
		}
		out.Changed = true
	}
	out.Base = p.a.head
	if p.a.head == "" {
		if err := s.firstCommit(ctx, p); err != nil {
			return fmt.Errorf("making the first commit of %s: %w", p.a.project.Path, err)
		}
		out.Changed = true
	}
	out.Commit = p.a.head
	if p.a.project.DefaultBranch != Branch {
		branch := Branch
		if _, err := s.Host.UpdateProject(ctx, p.caller.Token, p.a.project.ID, githost.ProjectChange{DefaultBranch: &branch}); err != nil {
			return fmt.Errorf("making %s the default branch of %s: %w", Branch, p.a.project.Path, err)
		}
		out.Changed = true
	}
	out.Warnings = append(out.Warnings, s.hook(ctx, p.caller, p.a.project.ID, nil)...)
	out.Verdict = wire.VerdictUnchanged
	if out.Changed {
		out.Verdict = wire.VerdictSave
	}
	return nil
}

func (s *Service) makeDefaultProject(ctx context.Context, p *productCase) error {
	_, err := s.Host.CreateProject(ctx, p.caller.Token, githost.NewProject{
		NamespaceID: p.group.ID, Path: DefaultProject, Visibility: githost.Private, DefaultBranch: Branch,
		Description: "Resources of the product. What branch " + Branch + " says is deployed.",
	})
	if err != nil {
		return fmt.Errorf("creating %s of %s: %w", DefaultProject, p.group.Path, err)
	}
	p.a = &access{caller: p.caller, user: p.user}
	return s.reopen(ctx, p.a, productName(p.group.ID), toGrant)
}

// firstCommit makes main. Where the answer got lost, or somebody else made it at the same moment, all that counts is that it is there.
func (s *Service) firstCommit(ctx context.Context, p *productCase) error {
	pushed, err := s.Repos.Push(ctx, p.a.remote(), nil, gitrepo.Commit{
		Author:  s.author(p.a),
		Message: commitMessage([]done{{kind: "Product", name: p.group.Path}}, p.group.Path, p.caller, false),
		Edits:   []layout.Edit{{Path: "README.md", Data: []byte(readme(p.group.Path))}},
	})
	if isReason(err, problem.ReasonLostRace) || isReason(err, problem.ReasonOutcomeUnknown) {
		if again := s.reopen(ctx, p.a, productName(p.group.ID), toGrant); again != nil {
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
