package change

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// A binding that was saved a moment ago is in the default.project of the lender, and not yet in the management cluster.
// Where a change would be refused for want of it, the files of the lender count too, if the caller may read them. The
// operator judges by the management cluster all the same.

// maxLenders bounds how many other products are read for one change.
const maxLenders = 3

// committed is the management cluster together with what other products have committed about the code repos that they
// lend. A file that was deleted is still there in the management cluster, and counts until it is gone.
type committed struct {
	rules.Lookup
	trees map[string]*layout.Tree
}

// Get implements rules.Lookup.
func (c committed) Get(ctx context.Context, kind, product, name string) (client.Object, error) {
	obj, err := c.Lookup.Get(ctx, kind, product, name)
	tree := c.trees[product]
	if err != nil || obj != nil || tree == nil || kind != "CodeRepo" {
		return obj, err
	}
	if entry := tree.First(kind, name); entry != nil {
		return in(product, entry), nil
	}
	return nil, nil
}

// List implements rules.Lookup.
func (c committed) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	all, err := c.Lookup.List(ctx, kind, product)
	tree := c.trees[product]
	if err != nil || tree == nil || kind != "CodeRepoBinding" {
		return all, err
	}
	all = slices.Clone(all)
	for _, entry := range tree.Of(kind) {
		if !slices.ContainsFunc(all, func(o client.Object) bool { return o.GetName() == entry.Name }) {
			all = append(all, in(product, entry))
		}
	}
	return all, nil
}

func in(product string, entry *layout.Entry) client.Object {
	entry.Object.SetNamespace(product)
	return entry.Object
}

// onTheWay returns the management cluster with what is on its way there, or nil where that changes no verdict.
func (w *whatIf) onTheWay(ctx context.Context, j rules.Judgement, rest rules.Lookup) rules.Lookup {
	if rest == nil {
		return nil
	}
	trees := map[string]*layout.Tree{}
	for _, f := range j.Violations {
		lender := w.lenderOf(f)
		if lender == "" || trees[lender] != nil || len(trees) == maxLenders {
			continue
		}
		if tree := w.change.treeOfOther(ctx, lender); tree != nil {
			trees[lender] = tree
		}
	}
	if len(trees) == 0 {
		return nil
	}
	return committed{rest, trees}
}

// lenderOf returns the other product whose code repo a saved runtime may not use, as a rule says.
func (w *whatIf) lenderOf(f rules.Finding) string {
	if f.Problem.Reason != api.ReasonCodeRepoNotFound && f.Problem.Reason != api.ReasonPermissionDenied {
		return ""
	}
	for _, o := range w.saved {
		r, is := o.(*api.DeploymentRuntime)
		if !is || rules.SubjectOf(r) != f.Subject {
			continue
		}
		if owner, _ := identity.CodeRepoOf(r); owner != w.change.product {
			return owner
		}
	}
	return ""
}

// treeOfOther returns what another product holds on main, or nil if the caller may not read it.
func (ch *running) treeOfOther(ctx context.Context, product string) *layout.Tree {
	a := &access{visitor: ch.visitor}
	if a.reopen(ctx, product, toRead) != nil || ch.service.management.of(ctx, a) == nil {
		return nil
	}
	snapshot, err := a.read(ctx, product, toRead)
	if err != nil {
		return nil
	}
	return treeOf(snapshot)
}
