package change

import (
	"context"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Get returns one object as an item of package wire, also a Product or a Cluster.
func (s *Service) Get(ctx context.Context, c Caller, ref Ref) (*Answer, error) {
	if err := needsToken(c); err != nil {
		return nil, err
	}
	switch ref.Kind {
	case "Product":
		return s.product(ctx, c, ref.Name)
	case "Cluster":
		return s.management.cluster(ctx, s.as(c), ref.Name)
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
		if item := v.leavingNamed(ctx, ref); item != nil {
			return &Answer{Item: item, Warnings: warningsOf(v.tree, v.product)}, nil
		}
		return nil, noResource(ref.Kind, ref.Name, v.path)
	}
	if err := v.gather(ctx, ref.Kind, []*layout.Entry{found}, true); err != nil {
		return nil, err
	}
	answer := &Answer{Item: v.item(found), ETag: quoted(found.Blob), Warnings: warningsOf(v.tree, v.product)}
	if item, ok := answer.Item.(*wire.DeploymentRuntime); ok {
		item.Complete(v.live[found.Name])
		answer.History = wire.HistoryOf(v.live[found.Name])
	}
	v.addStanding(ctx, found.Name, answer.Item)
	return answer, nil
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
		return s.as(c).products(ctx, selector, page)
	case "Cluster":
		return s.management.clusters(ctx, s.as(c), selector, page)
	}
	if err := isProductKind(kind); err != nil {
		return nil, err
	}
	v, leave, err := s.view(ctx, c, product)
	if err != nil {
		return nil, err
	}
	defer leave()
	if page, err = v.turnTo(ctx, page); err != nil {
		return nil, err
	}
	l := &Listing{ETag: `W/` + quoted(v.head), Warnings: warningsOf(v.tree, v.product)}
	var entries []*layout.Entry
	if entries, l.NextPageToken, err = v.page(ctx, kind, o, selector, page); err != nil {
		return nil, err
	}
	if err := v.gather(ctx, kind, entries, false); err != nil {
		return nil, err
	}
	l.Warnings = append(append(l.Warnings, v.legacyNames()...), v.unsureItems()...)
	l.Items = make([]any, 0, len(entries))
	for i, e := range entries {
		if err := goOn(ctx, i); err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v.item(e))
	}
	if kind == "DeploymentRuntime" && l.NextPageToken == "" {
		l.Items = append(l.Items, v.leaving(ctx, selector)...)
	}
	return l, nil
}

func quoted(s string) string {
	return `"` + s + `"`
}
