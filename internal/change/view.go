package change

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// view is a product as one caller reads it: its tree, and what the items need besides.
type view struct {
	*access
	management management
	tree       *layout.Tree
	names      names
	// live are the runtimes of the management cluster, hosted the projects of the git host, each as far as it could be
	// read.
	live   map[string]*api.DeploymentRuntime
	hosted map[string]githost.Project
	// check asks the schema about an object, and stream is what the management cluster says of the files as a whole.
	check  func(client.Object) []*problem.Problem
	stream *metav1.Condition
	// legacy are the runtimes that name a code repo of another product without that product.
	legacy []*layout.Entry
	items  wire.Items
	// unsure is how many items are selected although their names are not known.
	unsure int
}

// view asks the git host and then waits for a turn, because a reader holds a tree. The caller must call leave, unless
// there is an error.
func (s *Service) view(ctx context.Context, c Caller, product string) (v *view, leave func(), err error) {
	v = &view{access: &access{visitor: s.as(c)}, management: s.management, check: s.Schema.Check}
	if err := v.reopen(ctx, product, toRead); err != nil {
		return nil, nil, err
	}
	if leave, _, err = s.queues.enterWork(ctx, v.access); err != nil {
		return nil, nil, err
	}
	snapshot, err := v.read(ctx, product, toRead)
	if err != nil {
		leave()
		return nil, nil, err
	}
	v.show(snapshot)
	return v, leave, nil
}

// show puts the view on what main held at a head.
func (v *view) show(snapshot *gitrepo.Snapshot) {
	v.head, v.tree = headOf(snapshot), treeOf(snapshot)
	v.names = namesOf(v.access, v.tree)
}

// turnTo moves the view to the head of the page.
func (v *view) turnTo(ctx context.Context, p page) (page, error) {
	if p.offset == 0 || p.head == v.head {
		return p, nil
	}
	if p.head == "" {
		return p, badToken()
	}
	snapshot, err := v.snapshot(ctx, p.head)
	if problem.Is(err, problem.Missing) || problem.Is(err, problem.Conflict) || problem.Is(err, problem.Invalid) {
		return p, badToken().Because(err)
	}
	if err != nil {
		return p, err
	}
	v.show(snapshot)
	return p, nil
}

// gather reads what the items of these entries need besides the tree. An item does without what cannot be read.
func (v *view) gather(ctx context.Context, kind string, entries []*layout.Entry, one bool) error {
	v.items = wire.ItemsOf(kind, v.product, v.names)
	switch kind {
	case "DeploymentRuntime":
		m := v.management.of(ctx, v.access)
		v.live = liveRuntimes(ctx, m, v.product, entries, one)
		v.legacy = v.names.borrow(ctx, m, v.live, entries)
		v.stream = streamOf(ctx, m, v.product)
	case "CodeRepoBinding":
		v.names.grantees(ctx, v.visitor, entries...)
	case "CodeRepo":
		return v.gatherRepos(ctx, entries, one)
	}
	return nil
}

// gatherRepos asks the git host for the projects behind code repos: one for an item, the group's for a list.
func (v *view) gatherRepos(ctx context.Context, entries []*layout.Entry, one bool) error {
	v.hosted = map[string]githost.Project{}
	var projects []githost.Project
	var err error
	if one {
		var p githost.Project
		if id, ok := identity.ProjectOf(entries[0].Name); ok {
			p, err = v.host.ProjectByID(ctx, v.caller.Token, id)
			projects = append(projects, p)
		}
	} else if len(entries) > 0 {
		projects, err = v.host.ProjectsOfGroup(ctx, v.caller.Token, v.project.Namespace.ID)
	}
	if problem.Is(err, problem.Missing) || problem.Is(err, problem.Forbidden) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the projects of %s: %w", v.path, err)
	}
	for _, p := range projects {
		if p.Namespace.ID == v.project.Namespace.ID { // a CodeRepo of any name can be written by hand
			v.hosted[identity.CodeRepo(p.ID)] = p
		}
	}
	return nil
}

// page returns the entries of a page, and the token of the next one. Only a selector has to look at the others.
func (v *view) page(ctx context.Context, kind string, o ListOptions, selector wire.Selector, p page) (
	part []*layout.Entry, next string, err error,
) {
	if o.Selector == "" {
		lengths, next := cut(p, v.tree.Lengths(kind), func(bytes int) int { return bytes }, v.head)
		return v.tree.Part(kind, p.offset, len(lengths)), next, nil
	}
	entries, err := v.selected(ctx, kind, v.tree.Of(kind), selector) // it may ask for what is gathered
	if err != nil {
		return nil, "", err
	}
	part, next = cut(p, entries, func(e *layout.Entry) int { return e.Bytes }, v.head)
	return part, next, nil
}

// selected returns the entries whose items are wanted.
func (v *view) selected(ctx context.Context, kind string, entries []*layout.Entry,
	selector wire.Selector,
) (wanted []*layout.Entry, err error) {
	if err := v.gather(ctx, kind, entries, false); err != nil {
		return nil, err
	}
	for i, e := range entries {
		if err := goOn(ctx, i); err != nil {
			return nil, err
		}
		item := v.item(e)
		matches := selector.Matches(item)
		if !matches && v.isUnasked(e, selector, item) {
			matches = true
			v.unsure++
		}
		if matches {
			wanted = append(wanted, e)
		}
	}
	return wanted, nil
}

// isUnasked says whether an item might match the selector, but the path of its product was not asked for.
func (v *view) isUnasked(e *layout.Entry, selector wire.Selector, item any) bool {
	b, ok := e.Object.(*api.CodeRepoBinding)
	if !ok || !v.names.unasked[b.Spec.Product] {
		return false
	}
	rest, product := selector.Without("product")
	_, isID := identity.GroupOf(product)
	return product != "" && !isID && rest.Matches(item)
}

// unsureItems warns of items that are in a selection although it is not known whether they match.
func (v *view) unsureItems() []string {
	if v.unsure == 0 {
		return nil
	}
	return []string{warning(wire.WarningUnresolved, "", fmt.Sprintf(
		"%d bindings are in this selection under the ids of their products, whether they match or not: "+
			"GitLab is asked for %d products at most; select by id, such as product=product-7", v.unsure, maxGrantees))}
}

// legacyNames returns warnings of the runtimes that name a code repo of another product without that product.
func (v *view) legacyNames() []string {
	var warnings []string
	for _, e := range v.legacy {
		warnings = append(warnings, warning(wire.WarningLegacyCodeRepo, e.File,
			fmt.Sprintf(
				"DeploymentRuntime %q names the code repo of another product without that product: rewrite it with "+
					"nautes migrate, or save it", e.Name)))
	}
	return warnings
}

// ownRepo returns the resource name of a code repo that the caller names by path or id.
func (v *view) ownRepo(name string) string {
	for id, path := range v.names.own {
		if path == name {
			return id
		}
	}
	return name
}

// item encodes an entry.
func (v *view) item(e *layout.Entry) any {
	switch o := e.Object.(type) {
	case *api.DeploymentRuntime:
		item := v.items.OfRuntime(o, v.live[o.Name])
		if v.live != nil && !wire.IsApplied(o, v.live[o.Name]) {
			v.sayWhy(item, o)
		}
		return item
	case *api.CodeRepo:
		return v.items.OfCodeRepo(o, gitLabOf(v.hosted[o.Name]))
	}
	return v.items.Of(e.Object)
}

// gitLabOf returns what an item tells of a project; nothing for the zero value.
func gitLabOf(p githost.Project) wire.GitLab {
	return wire.GitLab{
		Name: p.Name, Path: p.PathSegment(), Visibility: p.Visibility, Description: p.Description,
		SSHURLToRepo: p.SSHURL, HTTPURLToRepo: p.PublicURL,
	}
}
