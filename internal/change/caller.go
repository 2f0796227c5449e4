package change

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// parallel bounds how many questions one request has open at the git host.
const parallel = 8

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
			err = problem.New(problem.Forbidden, githost.ReasonInsufficientScope, "saving needs a token with the scope %s; this one has none of them", strings.Join(needed, " or "))
		}
		told <- err
	}()
	return func() error { return <-told }
}

// groupPath returns the full path of the group that the caller names, and its id where that is what names it.
func (s *Service) groupPath(ctx context.Context, c Caller, product string) (path string, id int64, err error) {
	if _, isID := identity.GroupOf(product); isID {
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
	id, isID := identity.GroupOf(product)
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

// whatIsMissing tells a product that the caller does not see, which is like one that does not exist, from one without default.project.
func (s *Service) whatIsMissing(ctx context.Context, c Caller, path string, cause error) error {
	group, err := s.Host.GroupAt(ctx, c.Token, path)
	switch {
	case problem.Is(err, problem.Missing):
		if p := problem.As(err); p.Reason == githost.ReasonMoved {
			return movedProduct(path)
		}
		return noProduct(path)
	case err != nil:
		return err
	}
	return noDefaultProject(group.Path).Because(cause)
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

// humanName returns what people call the product of a group, so that it leads back there: the path, or the id where the path reads as an id.
func humanName(group int64, path string) string {
	if _, looksLikeID := identity.GroupOf(path); looksLikeID {
		return identity.Product(group)
	}
	return path
}

// groupPattern matches what a group can be called. Everything else is not sent to the git host.
var groupPattern = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*$`)

func isPath(s string) bool {
	return len(s) <= 1024 && groupPattern.MatchString(s) &&
		!slices.ContainsFunc(strings.Split(s, "/"), func(part string) bool { return part == "." || part == ".." })
}

func cutLast(path string) (dir, last string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
