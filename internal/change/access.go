package change

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
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

// needsToken is for every call, before anything else is looked at.
func needsToken(c Caller) error {
	if c.Token.IsZero() {
		return problem.New(problem.Unauthenticated, ReasonUnauthenticated, "no token was sent: send a token of the git host as Authorization: Bearer <token>")
	}
	return nil
}

// mayDo asks, while others are asked, whether the token of a dry run has one of the scopes that a save needs: the git host tells what its owner may,
// and not before a write what the token may. Of a save the write itself tells it.
func (s *Service) mayDo(ctx context.Context, c Caller, r Request, needed ...string) (answer func() error) {
	if !r.DryRun {
		return func() error { return nil }
	}
	told := make(chan error, 1)
	go func() {
		scopes, err := s.Host.Scopes(ctx, c.Token)
		has := func(scope string) bool { return slices.Contains(scopes, scope) }
		if err == nil && len(scopes) > 0 && !slices.ContainsFunc(needed, has) {
			err = problem.New(problem.Forbidden, problem.ReasonInsufficientScope, "saving needs a token with the scope %s; this one has none of them", strings.Join(needed, " or "))
		}
		told <- err
	}()
	return func() error { return <-told }
}

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
	repo, err := s.Host.RepositoryAt(ctx, a.caller.Token, path+"/"+DefaultProject, Branch)
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
		return problem.New(problem.Missing, ReasonDefaultProjectNotFound, "%s of %q is marked for deletion: restore it, or create the product anew", DefaultProject, p.Namespace.Path)
	}
	a.project, a.path, a.product = p, p.Namespace.Path, productName(p.Namespace.ID)
	a.head = ""
	return a.see(repo)
}

// see takes in code and branch.
func (a *access) see(repo githost.Repository) error {
	switch {
	case !repo.CodeReadable:
		return forbidden("you may see %s of %q but not read its code: ask for the role Reporter or higher there", DefaultProject, a.path)
	case repo.Branch != nil:
		a.head = repo.Branch.Head
		a.project.EmptyRepo = false
		a.canPush = repo.Branch.CanPush
	case !repo.Project.EmptyRepo:
		return problem.New(problem.Missing, ReasonMainNotFound, "%s of %q has commits but no branch %s: create the branch", DefaultProject, a.path, Branch)
	}
	return nil
}

// groupPath returns the full path of the group that the caller names, and its id where that is what names it.
func (s *Service) groupPath(ctx context.Context, c Caller, product string) (path string, id int64, err error) {
	if _, isID := idOf("product-", product); isID {
		group, err := s.groupNamed(ctx, c, product)
		return group.Path, group.ID, err
	}
	if !isPath(product) {
		return "", 0, noProduct(product)
	}
	return product, 0, nil
}

// groupNamed returns the group that the caller names by its path or its id.
func (s *Service) groupNamed(ctx context.Context, c Caller, product string) (githost.Group, error) {
	id, isID := idOf("product-", product)
	if !isID {
		if !isPath(product) {
			return githost.Group{}, noProduct(product)
		}
		return s.Host.GroupAt(ctx, c.Token, product)
	}
	group, err := s.Host.GroupByID(ctx, c.Token, id)
	if problem.Is(err, problem.Missing) {
		err = noProduct(product)
	}
	return group, err
}

// humanName returns what people call the product of a group, so that it leads back there: the path, or the id where the path reads as an id.
func humanName(group int64, path string) string {
	if _, looksLikeID := idOf("product-", path); looksLikeID {
		return productName(group)
	}
	return path
}

// whatIsMissing tells a product that the caller does not see, which is like one that does not exist, from one without default.project.
func (s *Service) whatIsMissing(ctx context.Context, c Caller, path string, cause error) error {
	group, err := s.Host.GroupAt(ctx, c.Token, path)
	switch {
	case problem.Is(err, problem.Missing):
		if p := problem.As(err); p.Reason == problem.ReasonMoved {
			return movedProduct(path)
		}
		return noProduct(path)
	case err != nil:
		return err
	}
	return noDefaultProject(group.Path).Because(cause)
}

func noDefaultProject(path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonDefaultProjectNotFound,
		"the group %q has no %s that you may see: create the product, or ask for access to it", path, DefaultProject)
}

// noProduct is one answer for all: it does not tell what exists.
func noProduct(path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonProductNotFound, "product %q does not exist, or you may not see it: correct the path of the group, or ask for access", oneLine(path))
}

func movedProduct(path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonProductNotFound, "the group %q has moved: use its new path; old paths are not followed", path)
}

func forbidden(format string, args ...any) *problem.Problem {
	return problem.New(problem.Forbidden, ReasonForbidden, format, args...)
}

// admit says whether what was seen suffices for the purpose.
func (s *Service) admit(ctx context.Context, a *access, why purpose) error {
	if why == toRead {
		return s.admitReader(ctx, a)
	}
	if a.project.Archived {
		return problem.New(problem.Forbidden, ReasonArchived, "%s of %q is archived and can only be read: unarchive it", DefaultProject, a.path)
	}
	if a.head != "" && !a.canPush {
		return forbidden("you may not push to branch %s of %s of %q: ask for a role that its protection permits to push", Branch, DefaultProject, a.path)
	}
	if a.head != "" && why != toGrant {
		return nil
	}
	role, err := s.role(ctx, a)
	switch {
	case err != nil:
		return err
	case why == toGrant && role < githost.Maintainer:
		return forbidden("changing bindings needs the role Maintainer in %s of %q: ask for it", DefaultProject, a.path)
	case role < githost.Developer:
		return forbidden("the first commit of %s of %q needs the role Developer or higher: ask for it", DefaultProject, a.path)
	}
	return nil
}

func (s *Service) admitReader(ctx context.Context, a *access) error {
	if a.project.Visibility == githost.Private {
		return nil // who sees it is a member
	}
	role, err := s.role(ctx, a)
	if err == nil && role == githost.NoAccess {
		err = forbidden("everybody may see %s of %q, but its resources are for members of the group: ask to become one", DefaultProject, a.path)
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

// groupPattern matches what a group can be called. Everything else is not sent to the git host.
var groupPattern = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*$`)

func isPath(s string) bool {
	return len(s) <= 1024 && groupPattern.MatchString(s) &&
		!slices.ContainsFunc(strings.Split(s, "/"), func(part string) bool { return part == "." || part == ".." })
}

// idOf returns the number of a resource name such as product-7 or repo-3.
func idOf(prefix, name string) (int64, bool) {
	digits, found := strings.CutPrefix(name, prefix)
	if !found {
		return 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == digits
}

func productName(group int64) string { return "product-" + strconv.FormatInt(group, 10) }

func repoName(project int64) string { return "repo-" + strconv.FormatInt(project, 10) }
