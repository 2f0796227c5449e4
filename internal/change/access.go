package change

import (
	"context"
	"fmt"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// access is what one caller may do with one product, as the git host just said. It lives as long as the request.
type access struct {
	caller Caller
	// user is known for writes.
	user githost.User
	// product is the resource name, path the full path of the group.
	product, path string
	project       githost.Project
	// head of main; empty for a repository without commits.
	head string
	// canPush says whether the caller may push to main, where there is one.
	canPush bool
}

// remote is where the caller reads and pushes. The host answered 200 for this very project: a push to a missing path would create one.
func (a *access) remote() gitrepo.Remote {
	return gitrepo.Remote{ProjectID: a.project.ID, URL: a.project.HTTPURL, Token: a.caller.Token}
}

// purpose is what access is asked for.
type purpose int

const (
	toRead purpose = iota
	toWrite
	// toGrant is to change who may use a code repo.
	toGrant
)

// reopen asks again, as after a lost race: permissions may have changed with the head.
func (s *Service) reopen(ctx context.Context, a *access, product string, why purpose) error {
	if err := s.look(ctx, a, product); err != nil {
		return err
	}
	return s.admit(ctx, a, why)
}

// look reads project and branch. It says whether the caller sees them, not yet whether that suffices.
func (s *Service) look(ctx context.Context, a *access, product string) error {
	path, id, err := s.groupPath(ctx, a.caller, product)
	if err != nil {
		return err
	}
	repo, err := s.Host.RepositoryAt(ctx, a.caller.Token, path+"/"+identity.DefaultProject, identity.Branch)
	switch {
	case problem.Is(err, problem.Missing):
		return s.whatIsMissing(ctx, a.caller, path, err)
	case err != nil:
		return err
	}
	p := repo.Project
	if p.Namespace.Kind != githost.KindGroup || id != 0 && p.Namespace.ID != id {
		return noProduct(product)
	}
	if p.MarkedForDeletion {
		return problem.New(problem.Missing, ReasonDefaultProjectNotFound, "%s of %q is marked for deletion: restore it, or create the product anew", identity.DefaultProject, p.Namespace.Path)
	}
	a.project, a.path, a.product = p, p.Namespace.Path, identity.Product(p.Namespace.ID)
	a.head = ""
	return a.see(repo)
}

// see takes in code and branch.
func (a *access) see(repo githost.Repository) error {
	switch {
	case !repo.CodeReadable:
		return forbidden("you may see %s of %q but not read its code: ask for the role Reporter or higher there", identity.DefaultProject, a.path)
	case repo.Branch != nil:
		a.head = repo.Branch.Head
		a.project.EmptyRepo = false
		a.canPush = repo.Branch.CanPush
	case !repo.Project.EmptyRepo:
		return problem.New(problem.Missing, ReasonMainNotFound, "%s of %q has commits but no branch %s: create the branch", identity.DefaultProject, a.path, identity.Branch)
	}
	return nil
}

// admit says whether what was seen suffices for the purpose.
func (s *Service) admit(ctx context.Context, a *access, why purpose) error {
	if why == toRead {
		return s.admitReader(ctx, a)
	}
	if a.project.Archived {
		return problem.New(problem.Forbidden, ReasonArchived, "%s of %q is archived and can only be read: unarchive it", identity.DefaultProject, a.path)
	}
	if a.head != "" && !a.canPush {
		return forbidden("you may not push to branch %s of %s of %q: ask for a role that its protection permits to push", identity.Branch, identity.DefaultProject, a.path)
	}
	if a.head != "" && why != toGrant {
		return nil
	}
	role, err := s.role(ctx, a)
	switch {
	case err != nil:
		return err
	case why == toGrant && role < githost.Maintainer:
		return forbidden("changing bindings needs the role Maintainer in %s of %q: ask for it", identity.DefaultProject, a.path)
	case role < githost.Developer:
		return forbidden("the first commit of %s of %q needs the role Developer or higher: ask for it", identity.DefaultProject, a.path)
	}
	return nil
}

func (s *Service) admitReader(ctx context.Context, a *access) error {
	if a.project.Visibility == githost.Private {
		return nil // who sees it is a member
	}
	role, err := s.role(ctx, a)
	if err == nil && role == githost.NoAccess {
		err = forbidden("everybody may see %s of %q, but its resources are for members of the group: ask to become one", identity.DefaultProject, a.path)
	}
	return err
}

// role returns the caller's role. What a project itself tells of it does not count: some versions of GitLab take a request for access, which
// everybody may make, for a role.
func (s *Service) role(ctx context.Context, a *access) (githost.AccessLevel, error) {
	if a.user.ID == 0 {
		user, err := s.Host.CurrentUser(ctx, a.caller.Token)
		if err != nil {
			return githost.NoAccess, err
		}
		a.user = user
	}
	role, err := s.Host.AccessTo(ctx, a.caller.Token, a.project.ID, a.user.ID)
	if err != nil {
		return role, fmt.Errorf("reading the caller's role in %s: %w", a.project.Path, err)
	}
	return role, nil
}

func (s *Service) author(a *access) gitrepo.Signature {
	name := a.user.Name
	if name == "" {
		name = a.user.Username
	}
	return gitrepo.Signature{Name: name, Email: a.user.Email, When: s.Now()}
}
