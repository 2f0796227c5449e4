package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
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
	// products are other products by resource name, where they could be found out; unasked are those that were too many to ask for.
	products map[string]string
	unasked  map[string]bool
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
	n := names{
		product: a.product, path: humanName(a.project.Namespace.ID, a.path),
		own: map[string]string{}, borrowed: map[string]lent{}, products: map[string]string{}, unasked: map[string]bool{},
	}
	count := map[string]int{}
	for id, name := range tree.RepoNames() {
		if _, looksLikeID := identity.ProjectOf(name); !looksLikeID && name != "" {
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
func (n names) borrow(ctx context.Context, m Management, live map[string]*api.DeploymentRuntime, runtimes []*layout.Entry) (legacy []*layout.Entry) {
	if m == nil {
		return nil
	}
	lookup := newLenders(m)
	for i, e := range runtimes {
		r, ok := e.Object.(*api.DeploymentRuntime)
		if !ok {
			continue
		}
		if goOn(ctx, i) != nil {
			return legacy
		}
		written := r.Spec.ManifestSource.CodeRepo
		full := fullName(written, live[e.Name])
		if full != written {
			legacy = append(legacy, e)
		}
		owner, id := identity.SplitCodeRepo(n.product, full)
		if _, known := n.borrowed[written]; known || owner == n.product {
			continue
		}
		loan := resolve.Loan{Owner: owner, CodeRepo: id, Borrower: n.product}
		n.borrowed[written] = lent{name: full, path: cmp.Or(lentPath(ctx, lookup, loan), full)}
	}
	n.tellApart()
	return legacy
}

// tellApart gives borrowed code repos their resource names where several have one path, as in sub-groups: that would lead back to either.
func (n names) tellApart() {
	named := map[string]string{}
	ambiguous := map[string]bool{}
	for _, repo := range n.borrowed {
		if other, taken := named[repo.path]; taken && other != repo.name {
			ambiguous[repo.path] = true
		}
		named[repo.path] = repo.name
	}
	for written, repo := range n.borrowed {
		if ambiguous[repo.path] {
			n.borrowed[written] = lent{name: repo.name, path: repo.name}
		}
	}
}

// fullName returns the name of a code repo with the product that a runtime borrows it from already.
func fullName(written string, live *api.DeploymentRuntime) string {
	if live != nil && live.Status.Placement != nil {
		if _, name := identity.SplitCodeRepo("", live.Status.Placement.CodeRepo); name == written {
			return live.Status.Placement.CodeRepo
		}
	}
	return written
}

func lentPath(ctx context.Context, m Management, loan resolve.Loan) string {
	repo, err := resolve.Lent(ctx, m, loan)
	if err != nil || repo == nil || repo.Spec.RepoName == "" {
		return ""
	}
	owner, err := m.Product(ctx, loan.Owner)
	if err != nil || owner == nil {
		return ""
	}
	return owner.Spec.Name + "/" + repo.Spec.RepoName
}

// lenders lists the bindings of each product that lends something once: any number of code repos can be named. It is for one request, and not for
// several goroutines.
type lenders struct {
	Management
	bindings map[string][]api.CodeRepoBinding
}

func newLenders(m Management) *lenders {
	return &lenders{Management: m, bindings: map[string][]api.CodeRepoBinding{}}
}

// Bindings implements rules.Lookup.
func (l *lenders) Bindings(ctx context.Context, product string) ([]api.CodeRepoBinding, error) {
	if known, asked := l.bindings[product]; asked {
		return known, nil
	}
	bindings, err := l.Management.Bindings(ctx, product)
	if err == nil {
		l.bindings[product] = bindings
	}
	return bindings, err
}

// maxGrantees bounds how many other products the git host is asked for in one request. The rest are told by their resource names.
const maxGrantees = 100

// grantees finds the paths of other products that bindings name, with the eyes of the caller: a binding can name any number, and must not tell
// whom it belongs to.
func (s *Service) grantees(ctx context.Context, a *access, n names, bindings ...*layout.Entry) {
	var ids []int64
	for _, e := range bindings {
		if b, ok := e.Object.(*api.CodeRepoBinding); ok && b.Spec.Product != n.product {
			if id, isID := identity.GroupOf(b.Spec.Product); isID {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	asked := min(len(ids), maxGrantees)
	for _, id := range ids[asked:] {
		n.unasked[identity.Product(id)] = true
	}
	groups, _ := s.groups(ctx, a.caller, ids[:asked]) // what could be found out
	for _, g := range groups {
		n.products[identity.Product(g.ID)] = humanName(g.ID, g.Path)
	}
}

// lookups turns human names into resource names for the time of one request. What the git host answered is kept that long.
type lookups struct {
	service *Service
	access  *access
	hosted  map[string]string
	// borrowed are the names of borrowed code repos, once they were asked for.
	borrowed map[string]lent
}

// codeRepo returns the resource name of a code repo, with its product where that is another one: an id as it is; a name of the tree; a name that
// answers give to a borrowed one; else what the git host says to the caller. It is never skipped, because without it there is nothing to write.
func (l *lookups) codeRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
	group, last, qualified := cutLast(human)
	if _, isID := identity.ProjectOf(last); isID {
		if _, isProduct := identity.GroupOf(group); isProduct || !qualified {
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
		if l.borrowed == nil {
			n, m, runtimes := namesOf(l.access, tree), l.service.managementOf(ctx, l.access), tree.Of("DeploymentRuntime")
			n.borrow(ctx, m, liveRuntimes(ctx, m, n.product, runtimes, false), runtimes)
			l.borrowed = n.borrowed
		}
		for _, repo := range l.borrowed {
			if repo.path == human {
				return repo.name, nil
			}
		}
	}
	return l.hostedRepo(ctx, tree, human)
}

// hostedRepo takes the group of a project for the product that owns its code repo, unless the tree has it.
func (l *lookups) hostedRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
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
	project, err := l.service.Host.ProjectAt(ctx, l.access.caller.Token, path)
	switch {
	case problem.Is(err, problem.Missing):
		l.hosted[human] = ""
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up code repo: %w", err)
	}
	id := identity.CodeRepo(project.ID)
	if !tree.Has("CodeRepo", id) {
		owner, err := l.ownerOf(ctx, project)
		if err != nil {
			return "", err
		}
		id = identity.JoinCodeRepo(l.access.product, owner, id)
	}
	l.hosted[human] = id
	return id, nil
}

// ownerOf returns the product that a project of a group or of a sub-group belongs to: the nearest group above it that is a product.
func (l *lookups) ownerOf(ctx context.Context, project githost.Project) (string, error) {
	own, m := identity.Product(project.Namespace.ID), l.service.managementOf(ctx, l.access)
	if m == nil {
		return own, nil
	}
	for group, path := project.Namespace.ID, project.Namespace.Path; ; {
		product, err := m.Product(ctx, identity.Product(group))
		if err != nil {
			return "", fmt.Errorf("looking up the product of code repo %s: %w", project.Path, err)
		}
		if product != nil {
			return product.Name, nil
		}
		parent, _, nested := cutLast(path)
		if !nested {
			return own, nil
		}
		above, err := l.service.Host.GroupAt(ctx, l.access.caller.Token, parent)
		switch {
		case problem.Is(err, problem.Missing):
			return own, nil
		case err != nil:
			return "", fmt.Errorf("looking up group %s: %w", parent, err)
		}
		group, path = above.ID, parent
	}
}

// product returns the resource name of a product: an id as it is, the own path, or what the git host says to the caller.
func (l *lookups) product(ctx context.Context, human string) (string, error) {
	if _, isID := identity.GroupOf(human); isID {
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
	group, err := l.service.Host.GroupAt(ctx, l.access.caller.Token, human)
	switch {
	case problem.Is(err, problem.Missing):
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up product: %w", err)
	}
	l.hosted[key] = identity.Product(group.ID)
	return l.hosted[key], nil
}

func cutLast(path string) (dir, last string, found bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
