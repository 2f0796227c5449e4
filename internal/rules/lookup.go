// Package rules holds the rules that span several objects: one chain of rules per kind, in the order of the
// specification. REST, CLI and the reconcilers use the same chains. The reconciler's verdict is the authoritative one.
//
//   - Check(ctx, l, obj, system) returns the Verdict about one object: all violations, and the rules that
//     could not be checked.
//   - InUse(ctx, l, obj) says which objects need an object that is to be deleted, as a Deletion.
//   - CheckChange(ctx, change, system) judges a save or a deletion as a whole: what changes, what refers to it, what is
//     deleted. It is made of the two above, Affected (what must be judged again) and Introduced (what was not there before).
//   - Environment, Project, CodeRepo, ... return the first violation only: what a condition shows.
//
// Everything here is pure. First the facts about an object are gathered from a Lookup (gather.go, gather_runtime.go).
// Then the rules judge the facts; a rule looks nothing up. A violation is a *problem.Problem. An error that is no
// problem means that a lookup failed. "The object does not exist" and "the object could not be looked up" are never
// treated alike. Without a management cluster a Lookup answers ErrUnchecked: rules that need the fact are left out, and
// the Verdict names them. No message names another product or the objects of another product.
package rules

import "github.com/nautes-labs/deployment-runtime/internal/resolve"

// ErrUnchecked is what a Lookup answers when there is nobody to ask for a fact. The error that wraps it names the fact.
var ErrUnchecked = resolve.ErrUnchecked

// Record is the record of a runtime in the annotation of its Application.
type Record = resolve.Record

// Holder is a product whose records hold a namespace on a cluster.
type Holder = resolve.Holder

// Total is what the records of a product add up to.
type Total = resolve.Total

// Lookup answers questions about other objects.
type Lookup = resolve.Lookup
