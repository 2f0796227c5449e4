package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// parallel bounds how many questions one request has open at the git host.
const parallel = 8

// names are the human names of one product's tree, gathered before anything is encoded. They implement wire.Names.
type names struct {
	product, path string
	// own are the code repos of the tree by resource name; only names that lead back to them.
	own map[string]string
	// borrowed are code repos of other products, as runtimes name them, where they could be found out.
	borrowed map[string]lent
	// products are other products by resource name, where they could be found out.
	products map[string]string
}

// lent is a code repo of another product.
type lent struct {
	// name is how a file names it, such as product-9/repo-5; path is how people do.
	name, path string
}

var _ wire.Names = names{}

// ProductPath implements wire.Names.
func (n names) ProductPath(product string) string {
	if product == n.product {
		return n.path
	}
	if path, found := n.products[product]; found {
		return path
	}
	return product
}

// CodeRepoPath implements wire.Names.
func (n names) CodeRepoPath(_, codeRepo string) string {
	if path, found := n.own[strings.TrimPrefix(codeRepo, n.product+"/")]; found {
		return path
	}
	if repo, found := n.borrowed[codeRepo]; found {
		return repo.path
	}
	return codeRepo
}

// namesOf gathers the names that the tree itself knows.
func namesOf(a *access, tree *layout.Tree) names {
	n := names{product: a.product, path: a.path, own: map[string]string{}, borrowed: map[string]lent{}, products: map[string]string{}}
	count := map[string]int{}
	for id, name := range tree.RepoNames() {
		if _, looksLikeID := idOf("repo-", name); !looksLikeID && name != "" {
			n.own[id] = name
			count[name]++
		}
	}
	for id, name := range n.own {
		if count[name] > 1 { // the name would not lead back
			delete(n.own, id)
		}
	}
	return n
}

// borrow finds the names of the code repos that runtimes borrow from other products: their owners bound them to this product. Where that cannot
// be found out, the resource name stays. It returns the runtimes that name such a one without its product, which they are deployed from since
// before it was part of the name, as live, the runtimes of the management cluster, say.
func (s *Service) borrow(ctx context.Context, n names, live map[string]*api.DeploymentRuntime, runtimes ...*layout.Entry) (legacy []*layout.Entry) {
	if s.Management == nil {
		return nil
	}
	for _, e := range runtimes {
		r, ok := e.Object.(*api.DeploymentRuntime)
		if !ok {
			continue
		}
		written := r.Spec.ManifestSource.CodeRepo
		full := fullName(written, live[e.Name])
		if full != written {
			legacy = append(legacy, e)
		}
		owner, id, qualified := strings.Cut(full, "/")
		if _, known := n.borrowed[written]; known || !qualified || owner == n.product {
			continue
		}
		n.borrowed[written] = lent{name: full, path: cmp.Or(s.lentPath(ctx, resolve.Loan{Owner: owner, CodeRepo: id, Borrower: n.product}), full)}
	}
	return legacy
}

// fullName returns the name of a code repo with the product that a runtime borrows it from already.
func fullName(written string, live *api.DeploymentRuntime) string {
	if live != nil && live.Status.Placement != nil && strings.HasSuffix(live.Status.Placement.CodeRepo, "/"+written) {
		return live.Status.Placement.CodeRepo
	}
	return written
}

func (s *Service) lentPath(ctx context.Context, loan resolve.Loan) string {
	repo, err := resolve.Lent(ctx, s.Management, loan)
	if err != nil || repo == nil || repo.Spec.RepoName == "" {
		return ""
	}
	owner, err := s.Management.Product(ctx, loan.Owner)
	if err != nil || owner == nil {
		return ""
	}
	return owner.Spec.Name + "/" + repo.Spec.RepoName
}

// grantees finds the paths of other products that bindings name, with the eyes of the caller: a binding can name any number, and must not tell
// whom it belongs to.
func (s *Service) grantees(ctx context.Context, a *access, n names, bindings ...*layout.Entry) {
	var ids []string
	for _, e := range bindings {
		if b, ok := e.Object.(*api.CodeRepoBinding); ok && b.Spec.Product != n.product {
			ids = append(ids, b.Spec.Product)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	paths := make([]string, len(ids))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, id := range ids {
		number, ok := idOf("product-", id)
		if !ok {
			continue
		}
		g.Go(func() error {
			if group, err := s.Host.Group(ctx, a.caller.Token, strconv.FormatInt(number, 10)); err == nil {
				paths[i] = group.Path
			}
			return nil
		})
	}
	_ = g.Wait()
	for i, id := range ids {
		if paths[i] != "" {
			n.products[id] = paths[i]
		}
	}
}

// lookups turns human names into resource names for the time of one request. What the git host answered is kept that long.
type lookups struct {
	service *Service
	access  *access
	hosted  map[string]string
}

// codeRepo returns the resource name of a code repo, with its product where that is another one: an id as it is; a name of the tree; a name that
// answers give to a borrowed one; else what the git host says to the caller. It is never skipped, because without it there is nothing to write.
func (l *lookups) codeRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
	group, last, qualified := cutLast(human)
	if _, isID := idOf("repo-", last); isID {
		if _, isProduct := idOf("product-", group); isProduct || !qualified {
			return human, nil
		}
	}
	name := human
	if qualified && group == l.access.path {
		name = last
	}
	var own []string
	for id, repoName := range tree.RepoNames() {
		if repoName == name {
			own = append(own, id)
		}
	}
	slices.Sort(own)
	switch {
	case len(own) == 1:
		return own[0], nil
	case len(own) > 1:
		return "", problem.New(problem.Conflict, api.ReasonCodeRepoAmbiguous, "several code repos are named %q: use an id, such as %s", oneLine(human), own[0])
	}
	if qualified {
		n, runtimes := namesOf(l.access, tree), tree.Of("DeploymentRuntime")
		l.service.borrow(ctx, n, l.service.liveRuntimes(ctx, n.product, runtimes, false), runtimes...)
		for _, repo := range n.borrowed {
			if repo.path == human {
				return repo.name, nil
			}
		}
	}
	return l.hostedRepo(ctx, tree, human)
}

// hostedRepo takes the group of a project for the product that owns its code repo, unless the tree has it.
func (l *lookups) hostedRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
	if id, known := l.hosted[human]; known {
		return id, nil
	}
	unknown := problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist in %q, or you may not see it: correct the name, or write group/path for a repository of another product", oneLine(human), l.access.path)
	path := human
	if !strings.Contains(human, "/") {
		path = l.access.path + "/" + human
	}
	if !isPath(path) {
		return "", unknown
	}
	project, err := l.service.Host.Project(ctx, l.access.caller.Token, path)
	switch {
	case problem.Is(err, problem.Missing):
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up code repo: %w", err)
	}
	id := repoName(project.ID)
	if !tree.Has("CodeRepo", id) {
		id = api.CodeRepoOf(l.access.product, productName(project.Namespace.ID), id)
	}
	l.hosted[human] = id
	return id, nil
}

// product returns the resource name of a product: an id as it is, the own path, or what the git host says to the caller.
func (l *lookups) product(ctx context.Context, human string) (string, error) {
	if _, isID := idOf("product-", human); isID {
		return human, nil
	}
	if human == "" || strings.EqualFold(human, l.access.path) {
		return l.access.product, nil
	}
	key := "group " + human
	if id, known := l.hosted[key]; known {
		return id, nil
	}
	unknown := problem.New(problem.Missing, api.ReasonProductNotFound, "product %q does not exist, or you may not see it: correct the path of the group", oneLine(human))
	if !isPath(human) {
		return "", unknown
	}
	group, err := l.service.Host.Group(ctx, l.access.caller.Token, human)
	switch {
	case problem.Is(err, problem.Missing):
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up product: %w", err)
	}
	l.hosted[key] = productName(group.ID)
	return l.hosted[key], nil
}

func cutLast(path string) (dir, last string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
