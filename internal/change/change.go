// Package change is the use case behind the REST API: read the head of main with the caller's own token, work out what
// a change would make of it, judge that, commit, and push by compare-and-swap. A lost race reads and judges again.
//
// Its files, by topic. Calls between files make no circle:
//
//   - access: caller.go asks the git host with the caller's token, access.go keeps what the caller may do with a
//     product, admission.go asks it before a body is read, lanes.go has the queues, snapshot.go reads main;
//   - reading: read.go, view.go, page.go, names.go, clusters.go, products.go;
//   - products: productsave.go, productdelete.go;
//   - saving: save.go, commit.go, attempt.go, judge.go and push.go in the order in which they call each other;
//     operation.go and shape.go read what was sent, whatif.go works out the change with lookups.go and hostedrepo.go,
//     settle.go looks for lost pushes, effects.go does what follows.
//
// Permissions are the git host's. They are asked for in every call, before anything else is told, and nothing about
// them is kept from one call to the next. A Service is safe for concurrent use.
//
// Every error is a *problem.Problem, or wraps one, except the context's own. Where the rules refuse a change,
// Violations is in its chain and holds all of them. No error names another product, a token, or what a body held.
package change

import (
	"cmp"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// HookPath is where, below PublicURL, the git host's hooks arrive.
const HookPath = "/webhook/gitlab"

// Options say what a Service works with.
type Options struct {
	Host   githost.Host
	Repos  *gitrepo.Store
	Schema *schema.Schema
	// Management may be nil: saves go on then, and rules that need it become warnings.
	Management Management
	// CodeRepoProvider is the CodeRepoProvider that new code repos name.
	CodeRepoProvider string
	SystemNamespaces rules.SystemNamespaces
	Now              func() time.Time
	// PublicURL is the address of this API as the git host reaches it; hooks are made to HookPath below it. Empty: no
	// hooks. HookSecret comes back with each.
	PublicURL  string
	HookSecret secret.Token
	// MaxWaiting is how many changes of one product may wait for their turn; DefaultMaxWaiting if 0.
	MaxWaiting int
}

// DefaultMaxWaiting of Options.
const DefaultMaxWaiting = 127

// Service reads and changes what default.project holds.
type Service struct {
	Options
	queues     queues
	management management
}

// as returns the git host as the caller sees it.
func (s *Service) as(c Caller) visitor { return visitor{host: s.Host, repos: s.Repos, caller: c} }

// New returns a Service.
func New(o Options) *Service {
	s := &Service{Options: o, management: management{o.Management, o.CodeRepoProvider}}
	s.queues.start(cmp.Or(o.MaxWaiting, DefaultMaxWaiting))
	return s
}
