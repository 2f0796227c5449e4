package record

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// claimLife is how long a claim counts at most. The cache sees a record much sooner. A record that it has not seen by
// then was never created, or is deleted.
const claimLife = 2 * time.Minute

// Claims are records that the rules permit and that the cache does not show yet. Two rivals are judged one after the
// other, and the second one meets the claim of the first. Nobody waits for the API server under the lock, so runtimes
// that have nothing to do with each other are recorded at the same time.
type Claims struct {
	one     sync.Mutex
	pending []*claim
}

type claim struct {
	rules.Record
	until time.Time
}

// Take judges a placement beside the claims of other runtimes, and claims it. The claim lasts until the cache shows the
// record. A caller who knows that no record was made calls drop. Earlier claims of the same runtime stay: their records
// may be there all the same. An error is that of judge.
func (c *Claims) Take(now time.Time, lookup rules.Lookup, p placement.Placement, judge func(rules.Lookup) error) (
	drop func(), err error) {
	c.one.Lock()
	defer c.one.Unlock()
	c.forget(func(other *claim) bool { return now.After(other.until) })
	if err := judge(claimed{lookup, c, p.Runtime}); err != nil {
		return nil, err
	}
	mine := &claim{Record: rules.Record{Placement: p, Since: now}, until: now.Add(claimLife)}
	c.pending = append(c.pending, mine)
	return func() {
		c.one.Lock()
		defer c.one.Unlock()
		c.forget(func(other *claim) bool { return other == mine })
	}, nil
}

// Seen ends the claims of a runtime whose record the cache shows.
func (c *Claims) Seen(runtime placement.RuntimeRef) {
	c.one.Lock()
	defer c.one.Unlock()
	c.forget(func(other *claim) bool { return other.Runtime.SameRuntime(runtime) })
}

func (c *Claims) forget(when func(*claim) bool) { c.pending = slices.DeleteFunc(c.pending, when) }

// claimed is a Lookup that also knows the claims of other runtimes. It is used under the lock.
type claimed struct {
	rules.Lookup
	claims *Claims
	own    placement.RuntimeRef
}

// Records implements rules.Lookup.
func (l claimed) Records(ctx context.Context, cluster string) ([]rules.Record, error) {
	seen, err := l.Lookup.Records(ctx, cluster)
	return l.with(seen, func(p placement.Placement) bool { return p.Destination.Cluster == cluster }), err
}

// RecordsOf implements rules.Lookup.
func (l claimed) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	seen, err := l.Lookup.RecordsOf(ctx, product)
	return l.with(seen, func(p placement.Placement) bool { return p.Product == product }), err
}

// with forgets the claims that have become records, and adds the others.
func (l claimed) with(seen []rules.Record, concerns func(placement.Placement) bool) []rules.Record {
	if len(l.claims.pending) == 0 {
		return seen
	}
	recorded := make(map[[2]string]bool, len(seen))
	for _, r := range seen {
		recorded[[2]string{r.Runtime.Namespace, r.Runtime.Name}] = true
	}
	l.claims.forget(func(c *claim) bool { return recorded[[2]string{c.Runtime.Namespace, c.Runtime.Name}] })
	all := slices.Clone(seen)
	for _, c := range l.claims.pending {
		if concerns(c.Placement) && !c.Runtime.SameRuntime(l.own) {
			all = append(all, c.Record)
		}
	}
	return all
}
