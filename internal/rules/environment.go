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
	return first(gatherEnvironment(ctx, l, e, answer(l.Total(ctx, e.Namespace))).rules())
}

func (c *environmentCase) rules() []rule {
	return []rule{
		{[]string{api.ReasonProductMismatch}, c.belongsToItsNamespace, nil},
		{[]string{api.ReasonProductNotFound}, c.namespaceHasAProduct, c.product.err},
		{[]string{api.ReasonForbiddenMetadata}, c.metadataSteersNothing, nil},
		{[]string{api.ReasonClusterImmutable}, c.deployedEnvironmentStaysOnItsCluster, c.records.err},
		{[]string{api.ReasonClusterNotFound, api.ReasonClusterNotAllowed}, c.clusterTakesTheProduct,
			c.clusterUnknown()},
		{[]string{api.ReasonEnvironmentOnSameCluster}, c.environmentIsAloneOnItsCluster, c.rivalsUnknown()},
	}
}

// clusterField is where an environment names its cluster.
const clusterField = "spec.cluster"

// deployedEnvironmentStaysOnItsCluster: an environment cannot change its cluster while a record names both.
func (c *environmentCase) deployedEnvironmentStaysOnItsCluster() []*problem.Problem {
	var elsewhere []*Record
	for i := range c.records.value {
		r := &c.records.value[i]
		if r.Destination.Environment == c.environment.Name && r.Destination.Cluster != c.environment.Spec.Cluster {
			elsewhere = append(elsewhere, r)
		}
	}
	if len(elsewhere) == 0 {
		return nil
	}
	byName := func(a, b *Record) int { return cmp.Compare(a.Runtime.Name, b.Runtime.Name) }
	cluster := slices.MinFunc(elsewhere, byName).Destination.Cluster
	var runtimes []string
	for _, r := range elsewhere {
		if r.Destination.Cluster == cluster {
			runtimes = append(runtimes, r.Runtime.Name)
		}
	}
	return only(problem.New(problem.Invalid, api.ReasonClusterImmutable,
		"the environment cannot move to cluster %q while %s deployed through it to cluster %q: set spec.cluster back, "+
			"or delete these runtimes, wait until they are gone, and then change it",
		c.environment.Spec.Cluster, runtimesAre(runtimes), cluster).At(clusterField))
}

func (c *environmentCase) clusterTakesTheProduct() []*problem.Problem {
	cluster := c.cluster.value
	if c.cluster.absent() {
		return only(problem.New(problem.Missing, api.ReasonClusterNotFound,
			"cluster %q is not registered: ask the platform team to register it, or correct spec.cluster",
			c.environment.Spec.Cluster).At(clusterField))
	}
	if cluster == nil {
		return nil
	}
	if refused := ClusterRefuses(cluster, c.environment.Namespace); refused != nil {
		return only(refused.At(clusterField))
	}
	leaving := TakesNothingNew(cluster)
	// An environment with recorded runtimes on the cluster is still accepted: its runtimes cannot choose another
	// cluster.
	if leaving == nil || c.total.err != nil || c.total.value.Runtimes[c.destination()] > 0 {
		return nil
	}
	return only(leaving.At(clusterField))
}

// clusterUnknown says why clusterTakesTheProduct cannot be checked. It needs the total only if the cluster is being
// removed.
func (c *environmentCase) clusterUnknown() error {
	cluster := c.cluster.value
	if cluster != nil && ClusterRefuses(cluster, c.environment.Namespace) == nil && TakesNothingNew(cluster) != nil {
		return c.total.err
	}
	return c.cluster.err
}

// destination is where runtimes in this environment are recorded now.
func (c *environmentCase) destination() placement.Destination {
	return placement.Destination{Environment: c.environment.Name, Cluster: c.environment.Spec.Cluster}
}

// disputed says whether anything else claims the cluster of the environment, or whether the environment is recorded on
// another cluster. If not, its records are in nobody's way, and no rule needs to look at them.
func (c *environmentCase) disputed() bool {
	own := c.destination()
	for other := range c.total.value.Runtimes {
		if other != own && (other.Cluster == own.Cluster || other.Environment == own.Environment) {
			return true
		}
	}
	return slices.ContainsFunc(c.environments.value, func(e *api.Environment) bool {
		return e.Name != own.Environment && e.Spec.Cluster == own.Cluster
	})
}

// environmentIsAloneOnItsCluster: if several environments of a product claim one cluster, the first claim wins. A
// deleted environment keeps its claim while runtimes are deployed through it. If the records are not known, only the
// specs count.
func (c *environmentCase) environmentIsAloneOnItsCluster() []*problem.Problem {
	if c.environments.err != nil {
		return nil
	}
	cluster := c.environment.Spec.Cluster
	claims := claimsOn(cluster, append(slices.Clone(c.environments.value), c.environment), c.records.value)
	if len(claims) == 0 {
		return nil
	}
	winner := slices.MinFunc(claims, claim.compare)
	if winner.environment == c.environment.Name {
		return nil
	}
	remedy := "choose another cluster, or use that environment"
	if !slices.ContainsFunc(c.environments.value,
		func(o *api.Environment) bool { return o.Name == winner.environment }) {
		remedy = fmt.Sprintf("it is deleted, but %s still deployed through it; delete these runtimes, or "+
			"create it again",
			runtimesAre(winner.runtimes))
	}
	return only(problem.New(problem.Conflict, api.ReasonEnvironmentOnSameCluster,
		"environment %q of the product is already on cluster %q: %s", winner.environment, cluster,
		remedy).At(clusterField))
}

// rivalsUnknown says why environmentIsAloneOnItsCluster cannot be checked. The records are not needed if the specs
// alone show a violation.
func (c *environmentCase) rivalsUnknown() error {
	if errors.Is(c.records.err, ErrUnchecked) && len(c.environmentIsAloneOnItsCluster()) > 0 {
		return nil
	}
	return cmp.Or(c.environments.err, c.records.err)
}

// claim is an environment's claim on a cluster.
type claim struct {
	environment string
	// runtimes are the runtimes that are recorded with this environment and cluster. Without any, the claim comes from
	// the spec alone.
	runtimes []string
	since    time.Time
}

// compare orders rivals. A claim with recorded runtimes comes first, then the older one, then the first by name. An
// environment that is not created yet counts as the youngest.
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

// claimsOn returns the claims on a cluster. An environment that is recorded on another cluster has no claim here,
// whatever its spec says.
func claimsOn(cluster string, environments []*api.Environment, records []Record) []claim {
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

// runtimesAre returns "runtime a is" or "runtimes a, b, c and 4 more are".
func runtimesAre(names []string) string {
	const shown = 5
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 1 {
		return fmt.Sprintf("runtime %q is", names[0])
	}
	return fmt.Sprintf("runtimes %s are", text.Few(names, shown))
}
