// Package rules holds the rules that span several objects, one chain per kind that reads as the specification. REST,
// CLI and the reconcilers ask the same chains; the reconciler is the authority.
//
//   - Check(ctx, l, obj, system) returns the Verdict about one object: all violations, and which rules could not be checked.
//   - InUse(ctx, l, obj) says who needs an object that is to be deleted, as a Deletion.
//   - CheckChange(ctx, change, system) judges a save or a deletion as a whole: what changes, what refers to it, what is deleted.
//     It is made of the two above, Affected (what must be judged again) and Introduced (what was not there before).
//   - Environment, Project, CodeRepo, ... return the first violation only: what a condition shows.
//
// Everything here is pure. First the facts about an object are gathered from a Lookup (gather.go, gather_runtime.go),
// then the rules judge them: a rule asks nobody. A violation is a *problem.Problem; an error that is no problem means
// that a fact could not be looked up. "It is not there" and "I could not look" are never the same. Where there is
// nobody to ask, as without a management cluster, a Lookup answers ErrUnchecked: rules that need the fact are left out,
// and named. No message names another product, or what it has.
package rules

import "github.com/nautes-labs/deployment-runtime/internal/resolve"

// ErrUnchecked is what a Lookup answers when there is nobody to ask for a fact. It is wrapped with the fact.
var ErrUnchecked = resolve.ErrUnchecked

// Record is what an Application remembers of a runtime.
type Record = resolve.Record

// Lookup answers questions about other objects.
type Lookup = resolve.Lookup
