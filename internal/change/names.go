package change

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

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
	// borrowed are code repos of other products, products other products: by resource name, where they could be found out.
	borrowed, products map[string]string
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
	if path, found := n.own[codeRepo]; found {
		return path
	}
	if path, found := n.borrowed[codeRepo]; found {
		return path
	}
	return codeRepo
}

// namesOf gathers the names that the tree itself knows.
func namesOf(a *access, tree *layout.Tree) names {
	n := names{product: a.product, path: a.path, own: map[string]string{}, borrowed: map[string]string{}, products: map[string]string{}}
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

// reposNamed returns the code repos that runtimes name.
func reposNamed(runtimes []*layout.Entry) []string {
	var ids []string
	for _, e := range runtimes {
		if r, ok := e.Object.(*api.DeploymentRuntime); ok {
			ids = append(ids, r.Spec.ManifestSource.CodeRepo)
		}
	}
	return ids
}

// borrow finds the names of the code repos that runtimes borrow from other products: their owners bound them to this product. Where that cannot
// be found out, the resource name stays.
func (s *Service) borrow(ctx context.Context, n names, ids []string) {
	if s.Management == nil {
		return
	}
	lookup := &lenders{Management: s.Management}
	for i, id := range ids {
		if _, known := n.own[id]; known {
			continue
		}
		if _, known := n.borrowed[id]; known {
			continue
		}
		if goOn(ctx, i) != nil {
			return
		}
		n.borrowed[id] = id
		if path := borrowedPath(ctx, lookup, n.product, id); path != "" {
			n.borrowed[id] = path
		}
	}
}

func borrowedPath(ctx context.Context, l Management, product, id string) string {
	repo, missing, err := resolve.CodeRepo(ctx, l, product, id)
	if err != nil || missing != nil || repo.Namespace == product || repo.Spec.RepoName == "" {
		return ""
	}
	owner, err := l.Product(ctx, repo.Namespace)
	if err != nil || owner == nil {
		return ""
	}
	return owner.Spec.Name + "/" + repo.Spec.RepoName
}

// lenders answers who lends what to a product from one look at all bindings: any number of code repos can be named. It is for one request.
type lenders struct {
	Management

	once     sync.Once
	product  string
	bindings map[string][]api.CodeRepoBinding
	err      error
}

// BindingsFor implements rules.Lookup.
func (l *lenders) BindingsFor(ctx context.Context, product, codeRepo string) ([]api.CodeRepoBinding, error) {
	l.once.Do(func() {
		l.product, l.bindings = product, map[string][]api.CodeRepoBinding{}
		var all []api.CodeRepoBinding
		all, l.err = l.BindingsTo(ctx, product)
		for _, b := range all {
			l.bindings[b.Spec.CodeRepo] = append(l.bindings[b.Spec.CodeRepo], b)
		}
	})
	if product != l.product {
		return l.Management.BindingsFor(ctx, product, codeRepo)
	}
	return l.bindings[codeRepo], l.err
}

// maxGrantees bounds how many other products the git host is asked for in one request. The rest are told by their resource names.
const maxGrantees = 100

// grantees finds the paths of other products that bindings name, with the eyes of the caller: a binding can name any number, and must not tell
// whom it belongs to.
func (s *Service) grantees(ctx context.Context, a *access, n names, bindings ...*layout.Entry) {
	var ids []int64
	for _, e := range bindings {
		if b, ok := e.Object.(*api.CodeRepoBinding); ok && b.Spec.Product != n.product {
			if id, isID := idOf("product-", b.Spec.Product); isID {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	groups, _ := s.groups(ctx, a.caller, ids[:min(len(ids), maxGrantees)]) // what could be found out
	for _, g := range groups {
		n.products[productName(g.ID)] = g.Path
	}
}

// lookups turns human names into resource names for the time of one request. What the git host answered is kept that long.
type lookups struct {
	service *Service
	access  *access
	hosted  map[string]string
	// borrowed are the names of borrowed code repos, once they were asked for.
	borrowed map[string]string
}

// codeRepo returns the resource name of a code repo: an id as it is; a name of the tree; a name that answers give to a borrowed one; else what
// the git host says to the caller. It is never skipped, because without it there is nothing to write.
func (l *lookups) codeRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
	if _, isID := idOf("repo-", human); isID {
		return human, nil
	}
	name := human
	if group, last, found := cutLast(human); found && group == l.access.path {
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
	if strings.Contains(human, "/") {
		if l.borrowed == nil {
			n := namesOf(l.access, tree)
			l.service.borrow(ctx, n, reposNamed(tree.Of("DeploymentRuntime")))
			l.borrowed = n.borrowed
		}
		for id, path := range l.borrowed {
			if path == human {
				return id, nil
			}
		}
	}
	return l.hostedRepo(ctx, human)
}

func (l *lookups) hostedRepo(ctx context.Context, human string) (string, error) {
	unknown := problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist in %q, or you may not see it: correct the name, or write group/path for a repository of another product", oneLine(human), l.access.path)
	if id, known := l.hosted[human]; known && id == "" {
		return "", unknown
	} else if known {
		return id, nil
	}
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
		l.hosted[human] = ""
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up code repo: %w", err)
	}
	id := repoName(project.ID)
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
