package change

import (
	"cmp"
	"context"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// names are the human names of one product's tree, gathered before anything is encoded. They implement wire.Names.
type names struct {
	product, path string
	// own are the paths of the tree's code repos by resource name. Paths that would not lead back to the code repo are
	// left out.
	own map[string]string
	// borrowed are code repos of other products, as runtimes name them, where they could be found out.
	borrowed map[string]lent
	// products are other products by resource name, where they could be found out; unasked are those that were too many
	// to ask for.
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
		own: map[string]string{}, borrowed: map[string]lent{},
		products: map[string]string{}, unasked: map[string]bool{},
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

// borrow finds the paths of the code repos that runtimes borrow from other products. Where a path is not found, the
// resource name stays. live are the runtimes of the management cluster. It returns the legacy runtimes: they name a
// code repo of another product without that product, because they have been deployed from there since before the
// product was part of the name.
func (n names) borrow(ctx context.Context, m Management, live map[string]*api.DeploymentRuntime,
	runtimes []*layout.Entry,
) (legacy []*layout.Entry) {
	if m == nil {
		return nil
	}
	lookup := catalog.Remembered(m)
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

// tellApart uses resource names for borrowed code repos that have the same path, as in sub-groups: the path would not
// tell which one is meant.
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

// fullName adds the product that a runtime borrows its code repo from already, as its status says.
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
	owner, err := resolve.Get[api.Product](ctx, m, "", loan.Owner)
	if err != nil || owner == nil {
		return ""
	}
	return owner.Spec.Name + "/" + repo.Spec.RepoName
}

// maxGrantees bounds how many other products the git host is asked for in one request. The rest are told by their
// resource names.
const maxGrantees = 100

// grantees finds the paths of other products that bindings name. It asks with the caller's token, because a binding may
// name a product that the caller may not see.
func (n names) grantees(ctx context.Context, as visitor, bindings ...*layout.Entry) {
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
	groups, _ := as.groups(ctx, ids[:asked]) // what could be found out
	for _, g := range groups {
		n.products[identity.Product(g.ID)] = humanName(g.ID, g.Path)
	}
}
