package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Environment returns the first rule that the environment violates.
func Environment(ctx context.Context, l Lookup, e *api.Environment) error {
	return first(ctx, l, e, environmentRules())
}

func environmentRules() []rule[*api.Environment] {
	return []rule[*api.Environment]{
		belongsToItsNamespace(func(e *api.Environment) string { return e.Spec.Product }),
		namespaceHasAProduct[*api.Environment](),
		metadataSteersNothing[*api.Environment](),
		{[]string{api.ReasonClusterImmutable}, deployedEnvironmentStaysOnItsCluster},
		{[]string{api.ReasonClusterNotFound, api.ReasonClusterNotAllowed}, clusterTakesTheProduct},
		{[]string{api.ReasonEnvironmentOnSameCluster}, environmentIsAloneOnItsCluster},
	}
}

// clusterField is where an environment names its cluster.
const clusterField = "spec.cluster"

// deployedEnvironmentStaysOnItsCluster: an environment is bound to its cluster while a record names both.
func deployedEnvironmentStaysOnItsCluster(ctx context.Context, l Lookup, e *api.Environment) ([]*problem.Problem, error) {
	records, err := recordsOf(ctx, l, e.Namespace)
	if err != nil {
		return nil, err
	}
	cluster, runtimes := "", []string(nil)
	for _, r := range records {
		if r.Destination.Environment != e.Name || r.Destination.Cluster == e.Spec.Cluster {
			continue
		}
		if cluster == "" {
			cluster = r.Destination.Cluster
		}
		if r.Destination.Cluster == cluster {
			runtimes = append(runtimes, r.Runtime.Name)
		}
	}
	if len(runtimes) == 0 {
		return nil, nil
	}
	return only(problem.New(problem.Invalid, api.ReasonClusterImmutable,
		"the environment cannot move to cluster %q while %s deployed through it to cluster %q: set spec.cluster back, "+
			"or delete these runtimes, wait until they are gone, and then change it",
		e.Spec.Cluster, runtimesAre(runtimes), cluster).At(clusterField)), nil
}

func clusterTakesTheProduct(ctx context.Context, l Lookup, e *api.Environment) ([]*problem.Problem, error) {
	cluster, err := l.Cluster(ctx, e.Spec.Cluster)
	if err != nil {
		return nil, fmt.Errorf("looking up cluster %s: %w", e.Spec.Cluster, err)
	}
	if cluster == nil {
		return only(problem.New(problem.Missing, api.ReasonClusterNotFound,
			"cluster %q is not registered: ask the platform team to register it, or correct spec.cluster", e.Spec.Cluster).At(clusterField)), nil
	}
	if refused := MayDeployTo(cluster, e.Namespace); refused != nil {
		return only(refused.At(clusterField)), nil
	}
	leaving := TakesNothingNew(cluster)
	if leaving == nil {
		return nil, nil
	}
	// An environment through which something is deployed there goes on: its runtimes cannot choose another cluster.
	records, err := recordsOf(ctx, l, e.Namespace)
	if err != nil || slices.ContainsFunc(records, func(r Record) bool { return r.Destination == placementOf(e) }) {
		return nil, err
	}
	return only(leaving.At(clusterField)), nil
}

func placementOf(e *api.Environment) placement.Destination {
	return placement.Destination{Environment: e.Name, Cluster: e.Spec.Cluster}
}

// environmentIsAloneOnItsCluster: of the environments of a product that claim one cluster, the first claim holds. An environment
// that was deleted keeps its claim while runtimes are deployed through it. Where records cannot be asked for, the claims of the
// specs count.
func environmentIsAloneOnItsCluster(ctx context.Context, l Lookup, e *api.Environment) ([]*problem.Problem, error) {
	environments, err := l.Environments(ctx, e.Namespace)
	if err != nil {
		return nil, fmt.Errorf("looking up the environments of %s: %w", e.Namespace, err)
	}
	records, err := recordsOf(ctx, l, e.Namespace)
	if err != nil && !errors.Is(err, ErrUnchecked) {
		return nil, err
	}
	claims := claimsOn(e.Spec.Cluster, append(slices.Clone(environments), *e), records)
	if len(claims) == 0 {
		return nil, err
	}
	winner := slices.MinFunc(claims, claim.compare)
	if winner.environment == e.Name {
		return nil, err
	}
	remedy := "choose another cluster, or use that environment"
	if !slices.ContainsFunc(environments, func(o api.Environment) bool { return o.Name == winner.environment }) {
		remedy = fmt.Sprintf("it is deleted, but %s still deployed through it; delete these runtimes, or create it again", runtimesAre(winner.runtimes))
	}
	return only(problem.New(problem.Conflict, api.ReasonEnvironmentOnSameCluster,
		"environment %q of the product is already on cluster %q: %s", winner.environment, e.Spec.Cluster, remedy).At(clusterField)), nil
}

// claim is an environment's claim on a cluster.
type claim struct {
	environment string
	// runtimes are recorded under the claim; without any it is only a wish.
	runtimes []string
	since    time.Time
}

// compare orders rivals: recorded beats older beats name. What is not created yet is the youngest.
func (c claim) compare(other claim) int {
	return cmp.Or(
		trueFirst(len(c.runtimes) > 0, len(other.runtimes) > 0),
		trueFirst(!c.since.IsZero(), !other.since.IsZero()),
		c.since.Compare(other.since),
		cmp.Compare(c.environment, other.environment),
	)
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// claimsOn returns the claims on a cluster. An environment that is recorded on another cluster is bound there, whatever its
// spec says.
func claimsOn(cluster string, environments []api.Environment, records []Record) []claim {
	claims := map[string]claim{}
	boundElsewhere := map[string]bool{}
	for _, r := range records {
		name := r.Destination.Environment
		if r.Destination.Cluster != cluster {
			boundElsewhere[name] = true
			continue
		}
		c, found := claims[name]
		if !found || r.Since.Before(c.since) {
			c.environment, c.since = name, r.Since
		}
		c.runtimes = append(c.runtimes, r.Runtime.Name)
		claims[name] = c
	}
	for _, e := range environments {
		if _, recorded := claims[e.Name]; recorded || e.Spec.Cluster != cluster || boundElsewhere[e.Name] {
			continue
		}
		claims[e.Name] = claim{environment: e.Name, since: e.CreationTimestamp.Time}
	}
	out := make([]claim, 0, len(claims))
	for _, c := range claims {
		out = append(out, c)
	}
	return out
}

// recordsOf returns the records of the product in the order of their runtimes.
func recordsOf(ctx context.Context, l Lookup, product string) ([]Record, error) {
	records, err := l.RecordsOf(ctx, product)
	if err != nil {
		return nil, fmt.Errorf("looking up the records of %s: %w", product, err)
	}
	return slices.SortedFunc(slices.Values(records), func(a, b Record) int { return cmp.Compare(a.Runtime.Name, b.Runtime.Name) }), nil
}

// runtimesAre returns "runtime a is" or "runtimes a, b, c and 4 more are".
func runtimesAre(names []string) string {
	const shown = 5
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 1 {
		return fmt.Sprintf("runtime %q is", names[0])
	}
	return fmt.Sprintf("runtimes %s are", text.Few(names, shown))
}
