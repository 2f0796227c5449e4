package change

import (
	"context"
	"fmt"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// access is what one caller may do with one product, as the git host just said. It lives as long as the request.
type access struct {
	visitor
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

// remote is the repository that the caller reads and pushes. The git host has just answered for this project: a push to
// a path without a project would create one.
func (a *access) remote() gitrepo.Remote {
	return gitrepo.Remote{ProjectID: a.project.ID, URL: a.project.HTTPURL, Token: a.caller.Token}
}

// purpose is what the caller wants to do with the product.
type purpose int

const (
	toRead purpose = iota
	toWrite
	// toGrant is to change who may use a code repo.
	toGrant
)

// reopen asks the git host what the caller may do now. It is called at the beginning, and again after a lost race:
// permissions may have changed with the head.
func (a *access) reopen(ctx context.Context, product string, why purpose) error {
	if err := a.look(ctx, product); err != nil {
		return err
	}
	return a.admit(ctx, why)
}

// look reads the project and its branch. It reports whether the caller sees them; admit reports whether the caller may
// do more.
func (a *access) look(ctx context.Context, product string) error {
	path, id, err := a.groupPath(ctx, product)
	if err != nil {
		return err
	}
	repo, err := a.host.RepositoryAt(ctx, a.caller.Token, path+"/"+identity.DefaultProject, identity.Branch)
	switch {
	case problem.Is(err, problem.Missing):
		return a.notFound(ctx, path, err)
	case err != nil:
		return err
	}
	p := repo.Project
	if p.Namespace.Kind != githost.KindGroup || id != 0 && p.Namespace.ID != id {
		return noProduct(product)
	}
	if p.MarkedForDeletion {
		return problem.New(problem.Missing, problem.ReasonDefaultProjectNotFound,
			"%s of %q is marked for deletion: restore it, or create the product anew",
			identity.DefaultProject, p.Namespace.Path)
	}
	a.project, a.path, a.product = p, p.Namespace.Path, identity.Product(p.Namespace.ID)
	a.head = ""
	return a.see(repo)
}

// see keeps what the git host says of the code and the branch.
func (a *access) see(repo githost.Repository) error {
	switch {
	case !repo.CodeReadable:
		return forbidden("you may see %s of %q but not read its code: ask for the role Reporter or higher there",
			identity.DefaultProject, a.path)
	case repo.Branch != nil:
		a.head = repo.Branch.Head
		a.project.EmptyRepo = false
		a.canPush = repo.Branch.CanPush
	case !repo.Project.EmptyRepo:
		return problem.New(problem.Missing, problem.ReasonMainNotFound,
			"%s of %q has commits but no branch %s: create the branch",
			identity.DefaultProject, a.path, identity.Branch)
	}
	return nil
}

// admit refuses a caller whose role does not suffice for the purpose.
func (a *access) admit(ctx context.Context, why purpose) error {
	if why == toRead {
		return a.admitReader(ctx)
	}
	if a.project.Archived {
		return problem.New(problem.Forbidden, problem.ReasonArchived,
			"%s of %q is archived and can only be read: unarchive it", identity.DefaultProject, a.path)
	}
	if a.head != "" && !a.canPush {
		return forbidden(
			"you may not push to branch %s of %s of %q: ask for a role that its protection permits to push; "+
				"administrators need one too",
			identity.Branch, identity.DefaultProject, a.path)
	}
	if a.head != "" && why != toGrant {
		return nil
	}
	role, err := a.role(ctx)
	switch {
	case err != nil:
		return err
	case why == toGrant && role < githost.Maintainer:
		return forbidden(
			"changing bindings needs the role Maintainer in %s of %q: ask for it", identity.DefaultProject, a.path)
	case role < githost.Developer:
		return forbidden("the first commit of %s of %q needs the role Developer or higher: ask for it",
			identity.DefaultProject, a.path)
	}
	return nil
}

func (a *access) admitReader(ctx context.Context) error {
	if a.project.Visibility == githost.Private {
		return nil // who sees it is a member
	}
	role, err := a.role(ctx)
	if err == nil && role == githost.NoAccess {
		err = forbidden("everybody may see %s of %q, but its resources are for members of the group: ask to become one",
			identity.DefaultProject, a.path)
	}
	return err
}

// role returns the caller's role. It asks for the member and does not trust what the project says: some versions of
// GitLab report a request for access, which everybody may make, as a role.
func (a *access) role(ctx context.Context) (githost.AccessLevel, error) {
	if a.user.ID == 0 {
		user, err := a.host.CurrentUser(ctx, a.caller.Token)
		if err != nil {
			return githost.NoAccess, err
		}
		a.user = user
	}
	role, err := a.host.AccessTo(ctx, a.caller.Token, a.project.ID, a.user.ID)
	if err != nil {
		return role, fmt.Errorf("reading the caller's role in %s: %w", a.project.Path, err)
	}
	return role, nil
}

func (a *access) author(now time.Time) gitrepo.Signature {
	name := a.user.Name
	if name == "" {
		name = a.user.Username
	}
	return gitrepo.Signature{Name: name, Email: a.user.Email, When: now}
}
