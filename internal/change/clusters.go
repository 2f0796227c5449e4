package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Clusters are told to everybody with a valid token: who may deploy where is a rule, not a secret.

func (m management) cluster(ctx context.Context, as visitor, name string) (*Answer, error) {
	clusters, err := m.allClusters(ctx, as)
	if err != nil {
		return nil, err
	}
	for _, cluster := range clusters {
		if cluster.Name == name {
			return &Answer{Item: wire.ClusterItem(cluster), Warnings: []string{}}, nil
		}
	}
	return nil, problem.New(problem.Missing, problem.ReasonResourceNotFound,
		"cluster %q is not registered: correct the name, or ask the platform team to register it", oneLine(name))
}

func (m management) clusters(ctx context.Context, as visitor, selector wire.Selector, p page) (*Listing, error) {
	clusters, err := m.allClusters(ctx, as)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(clusters, func(a, b *api.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	items := []any{}
	for _, cluster := range clusters {
		if item := wire.ClusterItem(cluster); selector.Matches(item) {
			items = append(items, item)
		}
	}
	l := &Listing{Warnings: []string{}}
	l.Items, l.NextPageToken = cut(p, items, nil, "")
	return l, nil
}

func (m management) allClusters(ctx context.Context, as visitor) ([]*api.Cluster, error) {
	if _, err := as.host.CurrentUser(ctx, as.caller.Token); err != nil {
		return nil, err
	}
	if m.lookup == nil {
		return nil, problem.New(problem.Unavailable, problem.ReasonNoManagementCluster,
			"this server has no management cluster to ask for clusters")
	}
	clusters, err := resolve.List[api.Cluster](ctx, m.lookup, "")
	if err != nil {
		return nil, problem.New(problem.Unavailable, problem.ReasonNoManagementCluster,
			"the management cluster does not answer: try again").Because(fmt.Errorf("listing clusters: %w", err))
	}
	return clusters, nil
}
