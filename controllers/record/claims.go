package record

import (
	"context"
	"fmt"
	"maps"
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
	// one lets one placement be judged at a time.
	one sync.Mutex
	// mu guards pending.
	mu      sync.Mutex
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
	if err := judge(&claimed{Lookup: lookup, claims: c, own: p.Runtime}); err != nil {
		return nil, err
	}
	mine := &claim{Record: rules.Record{Placement: p, Since: now}, until: now.Add(claimLife)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, mine)
	return func() { c.forget(func(other *claim) bool { return other == mine }) }, nil
}

// Seen ends the claims of a runtime whose record the cache shows: the record may be gone before anybody else is judged.
// It does not wait for one who is judged.
func (c *Claims) Seen(runtime placement.RuntimeRef) {
	c.forget(func(other *claim) bool { return other.Runtime.SameRuntime(runtime) })
}

func (c *Claims) forget(when func(*claim) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = slices.DeleteFunc(c.pending, when)
}

// claimed is a Lookup that also knows the claims of other runtimes. It is used under the lock.
type claimed struct {
	rules.Lookup
	claims *Claims
	own    placement.RuntimeRef
	// compared says that the claims that have become records were forgotten.
	compared bool
}

// Recorded implements rules.Lookup.
func (l *claimed) Recorded(ctx context.Context, product, runtime string) ([]rules.Record, error) {
	others := l.others(ctx, func(c *claim) bool { return c.Product == product && c.Runtime.Name == runtime })
	seen, err := l.Lookup.Recorded(ctx, product, runtime)
	return slices.Concat(seen, others), err
}

// RecordsOf implements rules.Lookup.
func (l *claimed) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	others := l.others(ctx, func(c *claim) bool { return c.Product == product })
	seen, err := l.Lookup.RecordsOf(ctx, product)
	return slices.Concat(seen, others), err
}

// Holders implements rules.Lookup. A product that holds the namespace by a record has held it longer.
func (l *claimed) Holders(ctx context.Context, cluster, namespace string) ([]rules.Holder, error) {
	others := l.others(ctx, func(c *claim) bool { return c.Destination.Cluster == cluster && c.Holds(namespace) })
	holders, err := l.Lookup.Holders(ctx, cluster, namespace)
	for _, other := range others {
		if !slices.ContainsFunc(holders, func(h rules.Holder) bool { return h.Product == other.Product }) {
			holders = append(slices.Clip(holders), rules.Holder{Product: other.Product, Since: other.Since})
		}
	}
	return holders, err
}

// Total implements rules.Lookup.
func (l *claimed) Total(ctx context.Context, product string) (rules.Total, error) {
	others := l.others(ctx, func(c *claim) bool { return c.Product == product })
	total, err := l.Lookup.Total(ctx, product)
	if err != nil || len(others) == 0 {
		return total, err
	}
	sum := rules.Total{Runtimes: map[placement.Destination]int{}, Namespaces: map[string]int{}}
	maps.Copy(sum.Runtimes, total.Runtimes)
	maps.Copy(sum.Namespaces, total.Namespaces)
	counted := map[[2]string]bool{}
	for _, other := range others {
		sum.Runtimes[other.Destination]++
		for _, ns := range slices.Concat(other.Namespaces, other.Leaving) {
			place := [2]string{other.Destination.Cluster, ns}
			held, err := l.holds(ctx, product, place)
			if err != nil {
				return rules.Total{}, err
			}
			if !held && !counted[place] {
				counted[place] = true
				sum.Namespaces[other.Destination.Cluster]++
			}
		}
	}
	return sum, nil
}

// holds says whether a product holds a namespace on a cluster by a record, and not by a claim alone.
func (l *claimed) holds(ctx context.Context, product string, place [2]string) (bool, error) {
	holders, err := l.Lookup.Holders(ctx, place[0], place[1])
	if err != nil {
		return false, fmt.Errorf("looking up who holds a claimed namespace: %w", err)
	}
	return slices.ContainsFunc(holders, func(h rules.Holder) bool { return h.Product == product }), nil
}

// others returns the claims of other runtimes that concern a question. Claims that have become records are forgotten
// first, before the question is asked: a record that appears in between counts twice rather than not at all.
func (l *claimed) others(ctx context.Context, concerns func(*claim) bool) []rules.Record {
	if !l.compared {
		l.compared = true
		l.claims.forget(func(c *claim) bool {
			seen, err := l.Lookup.Recorded(ctx, c.Product, c.Runtime.Name)
			return err == nil && len(seen) > 0
		})
	}
	l.claims.mu.Lock()
	defer l.claims.mu.Unlock()
	var out []rules.Record
	for _, c := range l.claims.pending {
		if concerns(c) && !c.Runtime.SameRuntime(l.own) {
			out = append(out, c.Record)
		}
	}
	return out
}
