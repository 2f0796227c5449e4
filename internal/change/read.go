package change

import (
	"context"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Get returns one object as an item of package wire, also a Product or a Cluster.
func (s *Service) Get(ctx context.Context, c Caller, ref Ref) (*Answer, error) {
	if err := needsToken(c); err != nil {
		return nil, err
	}
	switch ref.Kind {
	case "Product":
		return s.getProduct(ctx, c, ref.Name)
	case "Cluster":
		return s.getCluster(ctx, c, ref.Name)
	}
	if err := isProductKind(ref.Kind); err != nil {
		return nil, err
	}
	v, leave, err := s.view(ctx, c, ref.Product)
	if err != nil {
		return nil, err
	}
	defer leave()
	name := ref.Name
	if ref.Kind == "CodeRepo" {
		name = v.ownRepo(name)
	}
	found := v.tree.First(ref.Kind, name)
	if found == nil {
		return nil, noResource(ref.Kind, ref.Name, v.path)
	}
	if err := v.gather(ctx, s, ref.Kind, []*layout.Entry{found}, true); err != nil {
		return nil, err
	}
	return &Answer{Item: v.item(found), ETag: quoted(found.Blob), Warnings: warningsOf(v.tree, v.product)}, nil
}

// List returns the objects of a kind in the order of their names, also Products (product is empty then) and Clusters.
func (s *Service) List(ctx context.Context, c Caller, product, kind string, o ListOptions) (*Listing, error) {
	if err := needsToken(c); err != nil {
		return nil, err
	}
	selector, err := wire.ParseSelector(kind, o.Selector)
	if err != nil {
		return nil, err
	}
	page, err := parsePage(o)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "Product":
		return s.listProducts(ctx, c, selector, page)
	case "Cluster":
		return s.listClusters(ctx, c, selector, page)
	}
	if err := isProductKind(kind); err != nil {
		return nil, err
	}
	v, leave, err := s.view(ctx, c, product)
	if err != nil {
		return nil, err
	}
	defer leave()
	if page, err = s.turnTo(ctx, v, page); err != nil {
		return nil, err
	}
	entries := v.tree.Of(kind)
	if o.Selector != "" { // it may ask for what is gathered
		if entries, err = v.selected(ctx, s, kind, entries, selector); err != nil {
			return nil, err
		}
	}
	l := &Listing{ETag: `W/` + quoted(v.head), Warnings: warningsOf(v.tree, v.product), Items: []any{}}
	entries, l.NextPageToken = cut(page, entries, func(e *layout.Entry) int { return e.Bytes }, v.head)
	if err := v.gather(ctx, s, kind, entries, false); err != nil {
		return nil, err
	}
	l.Warnings = append(append(l.Warnings, v.legacyNames()...), v.unsureItems()...)
	for i, e := range entries {
		if err := goOn(ctx, i); err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v.item(e))
	}
	return l, nil
}

func isProductKind(kind string) error {
	if k, found := kinds.ByName(kind); !found || k.Scope != kinds.Product {
		return problem.New(problem.Invalid, problem.ReasonBadRequest, "kind %q lies in no %s", oneLine(kind), DefaultProject)
	}
	return nil
}

func noResource(kind, name, path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonResourceNotFound, "%s %q does not exist in product %q: correct the name", kind, oneLine(name), path)
}

func quoted(s string) string {
	return `"` + s + `"`
}

// view is what one caller reads: one product's tree with what its items need.
type view struct {
	*access
	tree  *layout.Tree
	names names
	// live are the runtimes of the management cluster, hosted the projects of the git host, each as far as it could be read.
	live   map[string]*api.DeploymentRuntime
	hosted map[string]githost.Project
	// legacy are the runtimes that name a code repo of another product without that product.
	legacy []*layout.Entry
	// unsure is how many items are selected although their names are not known.
	unsure int
}

// view asks the git host, and then waits for a turn: who reads, or waits for what is read, holds a tree. Without an error, leave ends the turn.
func (s *Service) view(ctx context.Context, c Caller, product string) (v *view, leave func(), err error) {
	v = &view{access: &access{caller: c}}
	if err := s.reopen(ctx, v.access, product, toRead); err != nil {
		return nil, nil, err
	}
	if leave, _, err = s.enterWork(ctx, v.access); err != nil {
		return nil, nil, err
	}
	snapshot, err := s.read(ctx, v.access, product, toRead)
	if err != nil {
		leave()
		return nil, nil, err
	}
	v.show(snapshot)
	return v, leave, nil
}

// selected returns the entries whose items are wanted.
func (v *view) selected(ctx context.Context, s *Service, kind string, entries []*layout.Entry, selector wire.Selector) (wanted []*layout.Entry, err error) {
	if err := v.gather(ctx, s, kind, entries, false); err != nil {
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

// isUnasked says whether an item may match, if only it were known what its product is called.
func (v *view) isUnasked(e *layout.Entry, selector wire.Selector, item any) bool {
	b, ok := e.Object.(*api.CodeRepoBinding)
	if !ok || !v.names.unasked[b.Spec.Product] {
		return false
	}
	rest, product := selector.Without("product")
	_, isID := idOf("product-", product)
	return product != "" && !isID && rest.Matches(item)
}

// unsureItems warns of items that are in a selection because it is not known whether they match.
func (v *view) unsureItems() []string {
	if v.unsure == 0 {
		return nil
	}
	return []string{warning(wire.WarningUnresolved, "", fmt.Sprintf("%d bindings are in this selection under the ids of their products, whether they match or not: "+
		"GitLab is asked for %d products at most; select by id, such as product=product-7", v.unsure, maxGrantees))}
}

// show puts the view on what main held at a head.
func (v *view) show(snapshot *gitrepo.Snapshot) {
	v.head, v.tree = headOf(snapshot), treeOf(snapshot)
	v.names = namesOf(v.access, v.tree)
}

// read returns what main holds. Where main moved on, or was replaced, before it was read, the git host is asked again what the caller may do.
func (s *Service) read(ctx context.Context, a *access, product string, why purpose) (snapshot *gitrepo.Snapshot, err error) {
	for range maxTries {
		snapshot, err = s.snapshot(ctx, a, a.head)
		if !isReason(err, problem.ReasonLostRace) && !problem.Is(err, problem.Missing) {
			return snapshot, err
		}
		if err := s.reopen(ctx, a, product, why); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// snapshot returns what main held at a head; nil for the empty head of a repository without commits.
func (s *Service) snapshot(ctx context.Context, a *access, head string) (*gitrepo.Snapshot, error) {
	if head == "" {
		return nil, nil
	}
	snapshot, err := s.Repos.Snapshot(ctx, a.remote(), head)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", a.project.Path, err)
	}
	return snapshot, nil
}

func headOf(snapshot *gitrepo.Snapshot) string {
	if snapshot == nil {
		return ""
	}
	return snapshot.Head()
}

func treeOf(snapshot *gitrepo.Snapshot) *layout.Tree {
	if snapshot == nil {
		return layout.Read(nil)
	}
	return snapshot.Tree()
}

// gather reads what the items of these entries need besides the tree. What cannot be read is left out: it adds to items, it is not their content.
func (v *view) gather(ctx context.Context, s *Service, kind string, entries []*layout.Entry, one bool) error {
	switch kind {
	case "DeploymentRuntime":
		m := s.managementOf(ctx, v.access)
		v.live = liveRuntimes(ctx, m, v.product, entries, one)
		v.legacy = v.names.borrow(ctx, m, v.live, entries)
	case "CodeRepoBinding":
		s.grantees(ctx, v.access, v.names, entries...)
	case "CodeRepo":
		return v.gatherRepos(ctx, s, entries, one)
	}
	return nil
}

func liveRuntimes(ctx context.Context, m Management, product string, entries []*layout.Entry, one bool) map[string]*api.DeploymentRuntime {
	if m == nil {
		return nil
	}
	if one {
		runtime, err := m.Runtime(ctx, product, entries[0].Name)
		if err != nil {
			return nil
		}
		return map[string]*api.DeploymentRuntime{entries[0].Name: runtime}
	}
	runtimes, err := m.Runtimes(ctx, product)
	if err != nil {
		return nil
	}
	live := make(map[string]*api.DeploymentRuntime, len(runtimes))
	for i := range runtimes {
		live[runtimes[i].Name] = &runtimes[i]
	}
	return live
}

// gatherRepos asks the git host for the projects behind code repos: one for an item, the group's for a list.
func (v *view) gatherRepos(ctx context.Context, s *Service, entries []*layout.Entry, one bool) error {
	v.hosted = map[string]githost.Project{}
	var projects []githost.Project
	var err error
	if one {
		var p githost.Project
		if id, ok := idOf("repo-", entries[0].Name); ok {
			p, err = s.Host.ProjectByID(ctx, v.caller.Token, id)
			projects = append(projects, p)
		}
	} else if len(entries) > 0 {
		projects, err = s.Host.ProjectsOfGroup(ctx, v.caller.Token, v.project.Namespace.ID)
	}
	if problem.Is(err, problem.Missing) || problem.Is(err, problem.Forbidden) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the projects of %s: %w", v.path, err)
	}
	for _, p := range projects {
		if p.Namespace.ID == v.project.Namespace.ID { // a CodeRepo of any name can be written by hand
			v.hosted[repoName(p.ID)] = p
		}
	}
	return nil
}

// legacyNames returns warnings of the runtimes that name a code repo of another product without that product.
func (v *view) legacyNames() []string {
	var warnings []string
	for _, e := range v.legacy {
		warnings = append(warnings, warning(wire.WarningLegacyCodeRepo, e.File,
			fmt.Sprintf("DeploymentRuntime %q names the code repo of another product without that product: rewrite it with nautes migrate, or save it", e.Name)))
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
		return wire.RuntimeItem(o, v.live[o.Name], v.product, v.names)
	case *api.Environment:
		return wire.EnvironmentItem(o, v.product, v.names)
	case *api.Project:
		return wire.ProjectItem(o, v.product, v.names)
	case *api.CodeRepo:
		return wire.CodeRepoItem(o, v.product, gitLabOf(v.hosted[o.Name]), v.names)
	case *api.CodeRepoBinding:
		return wire.BindingItem(o, v.product, v.names)
	}
	return nil
}

// gitLabOf returns what an item tells of a project; nothing for the zero value.
func gitLabOf(p githost.Project) wire.GitLab {
	return wire.GitLab{
		Name: p.Name, Path: p.PathSegment(), Visibility: p.Visibility, Description: p.Description,
		SSHURLToRepo: p.SSHURL, HTTPURLToRepo: p.PublicURL,
	}
}

// warningsOf returns what is wrong with the files of a tree, in a stable order. Never nil.
func warningsOf(tree *layout.Tree, product string) []string {
	warnings := []string{}
	for _, f := range tree.FindingsFor(product) {
		warnings = append(warnings, warning(f.Code, f.File, f.Message))
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

func warning(code, file, message string) string {
	if file == "" {
		return code + ": " + message
	}
	return code + ": " + file + ": " + message
}
