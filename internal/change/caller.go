package change

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// parallel bounds how many questions one request has open at the git host.
const parallel = 8

// Caller is who asks.
type Caller struct {
	Token     secret.Token
	RequestID string
	// Client is the program that asks, for the commit message.
	Client string
}

// visitor is a caller at the git host. Everything is asked and read with the caller's own token.
type visitor struct {
	host   githost.Host
	repos  *gitrepo.Store
	caller Caller
}

// needsToken refuses a call without a token. Every call asks this first.
func needsToken(c Caller) error {
	if c.Token.IsZero() {
		return problem.New(problem.Unauthenticated, problem.ReasonUnauthenticated,
			"no token was sent: send a token of the git host as Authorization: Bearer <token>")
	}
	return nil
}

// askScopes asks, in the background, whether the token of a dry run has one of the scopes that a save needs. The git
// host's other answers say what the owner of a token may do, not what the token may do. A save needs no question: the
// write itself fails.
func (v visitor) askScopes(ctx context.Context, needed ...string) (answer func() error) {
	told := make(chan error, 1)
	go func() {
		scopes, err := v.host.Scopes(ctx, v.caller.Token)
		has := func(scope string) bool { return slices.Contains(scopes, scope) }
		if err == nil && len(scopes) > 0 && !slices.ContainsFunc(needed, has) {
			err = problem.New(problem.Forbidden, problem.ReasonInsufficientScope,
				"saving needs a token with the scope %s; this one has none of them", strings.Join(needed, " or "))
		}
		told <- err
	}()
	return func() error { return <-told }
}

// groupPath returns the full path of the group that the caller names, and its id if the caller names it by its id.
func (v visitor) groupPath(ctx context.Context, product string) (path string, id int64, err error) {
	if _, isID := identity.GroupOf(product); isID {
		group, err := v.groupNamed(ctx, product)
		return group.Path, group.ID, err
	}
	if !isPath(product) {
		return "", 0, noProduct(product)
	}
	return product, 0, nil
}

// groupNamed returns the group that the caller names by its path or its id.
func (v visitor) groupNamed(ctx context.Context, product string) (githost.Group, error) {
	id, isID := identity.GroupOf(product)
	if !isID {
		if !isPath(product) {
			return githost.Group{}, noProduct(product)
		}
		return v.host.GroupAt(ctx, v.caller.Token, product)
	}
	group, err := v.host.GroupByID(ctx, v.caller.Token, id)
	if problem.Is(err, problem.Missing) {
		err = noProduct(product)
	}
	return group, err
}

// notFound returns the problem of a product that was not found: either its group has no default.project, or the
// caller sees no such group. A hidden group gets the same answer as a group that does not exist.
func (v visitor) notFound(ctx context.Context, path string, cause error) error {
	group, err := v.host.GroupAt(ctx, v.caller.Token, path)
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

// groups reads groups in few round trips, because git hosts limit how often single groups are read. A few groups are
// read one by one, in parallel. For many, it first reads pages of the list of all groups, as long as a page saves more
// requests than it costs. Groups that the caller does not see are left out.
func (v visitor) groups(ctx context.Context, ids []int64) ([]githost.Group, error) {
	known := map[int64]githost.Group{}
	if len(ids) > parallel {
		pages := 0
		for page, err := range v.host.Groups(ctx, v.caller.Token) {
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
			group, err := v.host.GroupByID(ctx, v.caller.Token, id)
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

// humanName returns the name that people use for the product of a group: its path. It is the id if the path looks like
// an id, because the path would not lead back to the group.
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
