package placement

import (
	"slices"
	"strings"
	"time"
)

// Departure is the intent to delete a namespace that a living runtime gave up. It is for one namespace what a Teardown
// is for the whole runtime. Every namespace in Leaving has one. A record of an earlier version has none; its namespaces
// count as given up just now.
type Departure struct {
	Namespace string `json:"namespace"`
	// RequestedAt is when the intent was written. The grace period starts there.
	RequestedAt time.Time `json:"requestedAt"`
	Hold        Hold      `json:"hold,omitempty"`
	// Because tells more about the hold, as in Teardown.
	Because string `json:"because,omitempty"`
	// Cleared says that the grace period is over and the deletion is not held. The namespace may be deleted unless its
	// content speaks against it.
	Cleared bool `json:"cleared,omitempty"`
}

// Why says in words why the deletion is held.
func (d Departure) Why() string { return d.Hold.why(d.Because) }

// Departure returns the intent to delete a namespace, or nil.
func (p Placement) Departure(namespace string) *Departure {
	for i := range p.Departures {
		if p.Departures[i].Namespace == namespace {
			return &p.Departures[i]
		}
	}
	return nil
}

// Departing returns p with exactly one intent for each namespace in Leaving.
func (p Placement) Departing(now time.Time) Placement {
	var out []Departure
	for _, ns := range p.Leaving {
		d := p.Departure(ns)
		if d == nil {
			d = &Departure{Namespace: ns, RequestedAt: now.UTC()}
		}
		out = append(out, *d)
	}
	p.Departures = out
	return p
}

// Staying returns p without the intents for namespaces that the runtime names again.
func (p Placement) Staying() Placement {
	named := func(ns string) bool { return slices.Contains(p.Namespaces, ns) }
	p.Leaving = slices.DeleteFunc(slices.Clone(p.Leaving), named)
	p.Departures = slices.DeleteFunc(slices.Clone(p.Departures), func(d Departure) bool { return named(d.Namespace) })
	return p
}

// Approves says whether the value of an annotation approves that a namespace is deleted which this life of the runtime
// gave up. Such a value begins with the UID of the runtime. A longer value approves more, such as what the namespace
// holds. RetainApproval approves something else: that the namespace is kept.
func (r RuntimeRef) Approves(value string) bool {
	return r.UID != "" && (value == r.UID || strings.HasPrefix(value, r.UID+".") && value != r.RetainApproval())
}

// RetainApproval is the value with which a person approves that a namespace is kept when this life of the runtime is
// removed.
func (r RuntimeRef) RetainApproval() string { return r.UID + ".retain" }
