package placement

import (
	"slices"
	"strings"
	"time"
)

// Departure is the intent to delete a namespace that a living runtime gave up: what a Teardown is for the whole runtime. Every namespace
// in Leaving has one; a record of an earlier version has none, and then the namespace counts as given up just now.
type Departure struct {
	Namespace string `json:"namespace"`
	// RequestedAt is when the intent was written; the grace counts from here.
	RequestedAt time.Time `json:"requestedAt"`
	Hold        Hold      `json:"hold,omitempty"`
	// Because says more about the hold, as in Teardown.
	Because string `json:"because,omitempty"`
	// Cleared says that the grace is over and nothing holds it: the namespace may be deleted, if nothing in it speaks against that.
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

// Departing returns p with one intent for each namespace in Leaving, and no other.
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

// Staying returns p without the intents of namespaces that it names again.
func (p Placement) Staying() Placement {
	named := func(ns string) bool { return slices.Contains(p.Namespaces, ns) }
	p.Leaving = slices.DeleteFunc(slices.Clone(p.Leaving), named)
	p.Departures = slices.DeleteFunc(slices.Clone(p.Departures), func(d Departure) bool { return named(d.Namespace) })
	return p
}

// Approves says whether the value of an annotation approves that a namespace goes that this life of the runtime gave up. A value that goes
// on after the life approves more, such as what is in the namespace; RetainApproval approves that it is kept.
func (r RuntimeRef) Approves(value string) bool {
	return r.UID != "" && (value == r.UID || strings.HasPrefix(value, r.UID+".") && value != r.RetainApproval())
}

// RetainApproval is the value by which a person approves that a namespace is kept when this life of the runtime goes.
func (r RuntimeRef) RetainApproval() string { return r.UID + ".retain" }
