package catalog

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// ledger holds decoded records by what the rules ask about them. An answer costs what it contains, however many other
// records there are.
type ledger struct {
	// by holds the record of each Application, by the name of the Application.
	by       map[string]*rules.Record
	products map[string]*account
	// holders are the products that hold a namespace on a cluster, and the records by which they do.
	holders map[place]map[string]group
}

// account is what the records of one product say.
type account struct {
	all group
	// named are the records under the name of a runtime.
	named    map[string]group
	runtimes map[placement.Destination]int
	// namespaces says how many namespaces the product holds on each cluster.
	namespaces map[string]int
}

type place struct{ cluster, namespace string }

// group is a set of records.
type group map[*rules.Record]struct{}

func newLedger() *ledger {
	return &ledger{by: map[string]*rules.Record{}, products: map[string]*account{},
		holders: map[place]map[string]group{}}
}

// put replaces the record of an Application; nil is none.
func (l *ledger) put(application string, r *rules.Record) {
	if old := l.by[application]; old != nil {
		l.remove(old)
		delete(l.by, application)
	}
	if r != nil {
		l.by[application] = r
		l.add(r)
	}
}

func (l *ledger) add(r *rules.Record) {
	a := l.products[r.Product]
	if a == nil {
		a = &account{all: group{}, named: map[string]group{}, runtimes: map[placement.Destination]int{},
			namespaces: map[string]int{}}
		l.products[r.Product] = a
	}
	a.all[r] = struct{}{}
	addTo(a.named, r.Runtime.Name, r)
	a.runtimes[r.Destination]++
	for _, at := range placesOf(r) {
		if l.holders[at] == nil {
			l.holders[at] = map[string]group{}
		}
		if addTo(l.holders[at], r.Product, r) {
			a.namespaces[at.cluster]++
		}
	}
}

func (l *ledger) remove(r *rules.Record) {
	a := l.products[r.Product]
	for _, at := range placesOf(r) {
		if removeFrom(l.holders[at], r.Product, r) {
			less(a.namespaces, at.cluster)
		}
		if len(l.holders[at]) == 0 {
			delete(l.holders, at)
		}
	}
	less(a.runtimes, r.Destination)
	removeFrom(a.named, r.Runtime.Name, r)
	delete(a.all, r)
	if len(a.all) == 0 {
		delete(l.products, r.Product)
	}
}

// addTo adds a record to a group, and says whether it is the first one there.
func addTo[K comparable](groups map[K]group, key K, r *rules.Record) (first bool) {
	if first = groups[key] == nil; first {
		groups[key] = group{}
	}
	groups[key][r] = struct{}{}
	return first
}

// removeFrom removes a record from a group, and says whether it was the last one there.
func removeFrom[K comparable](groups map[K]group, key K, r *rules.Record) (last bool) {
	delete(groups[key], r)
	if last = len(groups[key]) == 0; last {
		delete(groups, key)
	}
	return last
}

func less[K comparable](counts map[K]int, key K) {
	counts[key]--
	if counts[key] == 0 {
		delete(counts, key)
	}
}

// placesOf returns the namespaces that a record holds, each once.
func placesOf(r *rules.Record) []place {
	var places []place
	for _, ns := range slices.Concat(r.Namespaces, r.Leaving) {
		if at := (place{r.Destination.Cluster, ns}); !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	return places
}

func (l *ledger) recordsOf(product string) []rules.Record {
	if a := l.products[product]; a != nil {
		return a.all.sorted()
	}
	return nil
}

func (l *ledger) recorded(product, runtime string) []rules.Record {
	if a := l.products[product]; a != nil {
		return a.named[runtime].sorted()
	}
	return nil
}

func (l *ledger) holdersOf(cluster, namespace string) []rules.Holder {
	var out []rules.Holder
	for product, records := range l.holders[place{cluster, namespace}] {
		out = append(out, rules.Holder{Product: product, Since: records.since()})
	}
	slices.SortFunc(out, func(a, b rules.Holder) int { return cmp.Compare(a.Product, b.Product) })
	return out
}

func (l *ledger) total(product string) rules.Total {
	a := l.products[product]
	if a == nil {
		return rules.Total{}
	}
	return rules.Total{Runtimes: maps.Clone(a.runtimes), Namespaces: maps.Clone(a.namespaces)}
}

// sorted returns the records in an order that does not change.
func (g group) sorted() []rules.Record {
	if len(g) == 0 {
		return nil
	}
	out := make([]rules.Record, 0, len(g))
	for r := range g {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b rules.Record) int {
		return cmp.Or(cmp.Compare(a.Runtime.Name, b.Runtime.Name), a.Since.Compare(b.Since),
			cmp.Compare(a.Runtime.UID, b.Runtime.UID))
	})
	return out
}

// since returns when the first of the records was made.
func (g group) since() (first time.Time) {
	for r := range g {
		if first.IsZero() || r.Since.Before(first) {
			first = r.Since
		}
	}
	return first
}
