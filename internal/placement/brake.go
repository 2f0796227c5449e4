package placement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Brake limits how many removals within a time go on without a person's approval.
type Brake struct {
	// Floor is how many removals of one product are always free.
	Floor int
	// SharedFloor is how many removals are always free on one cluster, and of all products together.
	SharedFloor int
	// Percent is the share of the recorded runtimes that may be removed: of a product, of a cluster, or of all.
	Percent int
	// Window is the time within which removals are counted. In the same product a removal that waits for an approval
	// counts however old it is.
	Window time.Duration
}

// UsualBrake is the brake of an operator that is not told otherwise.
func UsualBrake() Brake {
	return Brake{Floor: 3, SharedFloor: 10, Percent: 20, Window: 10 * time.Minute}
}

// Holds says whether this many removals, of this many recorded runtimes, are too many for one product.
func (b Brake) Holds(removing, recorded int) bool { return removing > b.free(b.Floor, recorded) }

func (b Brake) free(floor, recorded int) int { return max(floor, recorded*b.Percent/100) }

// Removal is the removal of a runtime, or of a namespace that a runtime gave up.
type Removal struct {
	// Key is the UID of the runtime. The key of a namespace is that UID with the namespace behind it.
	Key     string    `json:"key"`
	Product string    `json:"product"`
	Cluster string    `json:"cluster"`
	At      time.Time `json:"at"`
}

// RemovalOf returns the removal of a runtime.
func RemovalOf(p Placement, t Teardown) Removal {
	return Removal{Key: t.RuntimeUID, Product: p.Product, Cluster: p.Destination.Cluster, At: t.RequestedAt}
}

// DepartureOf returns the removal of a namespace that the runtime gave up.
func DepartureOf(p Placement, d Departure) Removal {
	return Removal{Key: p.Runtime.UID + "/" + d.Namespace, Product: p.Product, Cluster: p.Destination.Cluster,
		At: d.RequestedAt}
}

// Pending is a removal that was requested, that nobody approved, and that may not be finished.
type Pending struct {
	Removal
	Hold Hold
}

// Count is what the brake compares a removal with.
type Count struct {
	Now time.Time
	// Pending are the removals of all products that were requested and not approved.
	Pending []Pending
	// Passed are the removals that the brake let through within the window. The objects may already be gone.
	Passed []Removal
	// Recorded are all records.
	Recorded []Placement
}

// Judge says whether the removal has to be held, and in words how many removals there are. For the product's own limit
// every removal that it requested counts, so that a mass deletion is held as a whole. For the limits that products
// share, only removals count that went through or would go through. So a product whose removals are held does not hold
// up others.
func (b Brake) Judge(r Removal, c Count) (Hold, string) {
	ofProduct := func(product, _ string) bool { return product == r.Product }
	onCluster := func(_, cluster string) bool { return cluster == r.Cluster }
	anywhere := func(_, _ string) bool { return true }
	whatever := func(Pending) bool { return true }
	wouldGo := func(p Pending) bool {
		return (p.Hold == HoldNone || p.Hold == HoldTooManyTogether) && c.Now.Sub(p.At) < b.Window
	}
	for _, scope := range []struct {
		hold   Hold
		floor  int
		in     func(product, cluster string) bool
		counts func(Pending) bool
		where  string
	}{
		{HoldTooManyAtOnce, b.Floor, ofProduct, whatever, ""},
		{HoldTooManyTogether, b.SharedFloor, onCluster, wouldGo, " on cluster " + r.Cluster},
		{HoldTooManyTogether, b.SharedFloor, anywhere, wouldGo, " of all products"},
	} {
		removing, recorded := c.in(r, scope.in, b.capped(r, c, scope.counts))
		if free := b.free(scope.floor, recorded); removing > free {
			return scope.hold, fmt.Sprintf("%d%s within %s, and %d go without an approval", removing, scope.where,
				b.Window, free)
		}
	}
	return HoldNone, ""
}

// capped bounds how much of another product's requested removals counts: no more than the brake of that product lets
// through. So a product cannot hold up others, however many removals it requests at once.
func (b Brake) capped(r Removal, c Count, counts func(Pending) bool) func(Pending) bool {
	recorded, counted := map[string]int{}, map[string]int{}
	for _, p := range c.Recorded {
		recorded[p.Product]++
	}
	return func(p Pending) bool {
		if !counts(p) || p.Product == r.Product {
			return counts(p)
		}
		counted[p.Product]++
		return counted[p.Product] <= b.free(b.Floor, recorded[p.Product])
	}
}

// in counts the removals of a scope, each once, and the runtimes of the scope: the recorded ones and those gone since.
func (c Count) in(r Removal, in func(product, cluster string) bool,
	counts func(Pending) bool) (removing, recorded int) {
	keys, lives := map[string]bool{r.Key: true}, map[string]bool{}
	for _, p := range c.Recorded {
		if in(p.Product, p.Destination.Cluster) {
			lives[p.Runtime.UID] = true
		}
	}
	for _, p := range c.Pending {
		if in(p.Product, p.Cluster) && counts(p) {
			keys[p.Key] = true
		}
	}
	for _, p := range c.Passed {
		if in(p.Product, p.Cluster) {
			keys[p.Key] = true
			if !p.ofNamespace() {
				lives[p.Key] = true
			}
		}
	}
	return len(keys), len(lives)
}

// ofNamespace says whether the removal is that of a namespace alone.
func (r Removal) ofNamespace() bool { return strings.Contains(r.Key, "/") }

// Within returns the removals that are younger than the window. A removal with a time in the future counts, because
// clocks differ.
func (b Brake) Within(passed []Removal, now time.Time) []Removal {
	return slices.DeleteFunc(slices.Clone(passed), func(r Removal) bool { return now.Sub(r.At) >= b.Window })
}

// EncodePassed returns removals as text to store.
func EncodePassed(passed []Removal) string {
	b, err := json.Marshal(passed)
	if err != nil { // strings and times always marshal
		panic(fmt.Sprintf("encoding removals: %v", err))
	}
	return string(b)
}

// DecodePassed reads what EncodePassed returned. An empty text means no removals.
func DecodePassed(s string) ([]Removal, error) {
	if s == "" {
		return nil, nil
	}
	var passed []Removal
	if err := json.Unmarshal([]byte(s), &passed); err != nil {
		return nil, fmt.Errorf("decoding removals: %w", err)
	}
	return passed, nil
}
