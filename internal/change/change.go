// Package change is the use case behind the REST API: read the head of main with the caller's own token, work out what a change would make
// of it, judge that, commit, and push by compare-and-swap. A lost race reads and judges again.
//
// Permissions are the git host's and are asked for in every call, before anything else is told; nothing about them is kept from one call to the
// next. A Service is safe for concurrent use.
//
// Every error is a *problem.Problem, or wraps one, except the context's own. Where the rules refuse a change, Violations is in its chain and holds
// all of them. No error names another product, a token, or what a body held.
package change

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Reasons of the problems that this package finds itself. Those of githost, gitrepo, layout and wire pass through.
const (
	// ReasonUnauthenticated (Unauthenticated): there is no token.
	ReasonUnauthenticated = problem.ReasonUnauthenticated
	// ReasonProductNotFound (Missing): the caller sees no group of that path with a default.project, whatever the reason.
	ReasonProductNotFound = api.ReasonProductNotFound
	// ReasonDefaultProjectNotFound (Missing): the caller sees the group, but no default.project in it.
	ReasonDefaultProjectNotFound = problem.ReasonDefaultProjectNotFound
	// ReasonMainNotFound (Missing): default.project has commits, but no branch main.
	ReasonMainNotFound = problem.ReasonMainNotFound
	// ReasonResourceNotFound (Missing): there is no such object.
	ReasonResourceNotFound = problem.ReasonResourceNotFound
	// ReasonForbidden (Forbidden): the caller's role does not suffice; the message says for what.
	ReasonForbidden = problem.ReasonForbidden
	// ReasonArchived (Forbidden): default.project is archived.
	ReasonArchived = problem.ReasonArchived
	// ReasonInvalid (Invalid): the change violates rules; see Violations.
	ReasonInvalid = problem.ReasonInvalid
	// ReasonInUse (Conflict): what is to be deleted is still referred to; Violations name the referrers.
	ReasonInUse = api.ReasonInUse
	// ReasonDuplicate (Conflict): several files hold an object of this kind and name.
	ReasonDuplicate = problem.ReasonDuplicate
	// ReasonPreconditionFailed (Conflict): If-Match or If-None-Match does not hold.
	ReasonPreconditionFailed = problem.ReasonPreconditionFailed
	// ReasonConflict (Conflict): main moved too often while the change was judged.
	ReasonConflict = problem.ReasonConflict
	// ReasonTooManyChanges (RateLimited): as many changes or reads of the product or of the caller wait for their turn as may, or this one waited until
	// its time was over. It changed nothing.
	ReasonTooManyChanges = problem.ReasonTooManyChanges
	// ReasonNoManagementCluster (Unavailable): what was asked for is only known there.
	ReasonNoManagementCluster = problem.ReasonNoManagementCluster
)

// HookPath is where, below PublicURL, the git host's hooks arrive.
const HookPath = "/webhook/gitlab"

// DefaultProject is the repository of each product that holds its resources, on Branch.
const (
	DefaultProject = "default.project"
	Branch         = "main"
)

// Management is what is asked of the management cluster. The runtimes that it returns carry their status.
type Management interface {
	rules.Lookup
}

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
	// PublicURL is the address of this API as the git host reaches it; hooks are made to HookPath below it. Empty: no hooks. HookSecret comes
	// back with each.
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
	queues queues
}

// New returns a Service.
func New(o Options) *Service {
	s := &Service{Options: o}
	s.queues.start(cmp.Or(o.MaxWaiting, DefaultMaxWaiting))
	return s
}

// Caller is who asks.
type Caller struct {
	Token     secret.Token
	RequestID string
	// Client is the program that asks, for the commit message.
	Client string
}

// Ref names an object by human names or ids.
type Ref struct{ Product, Kind, Name string }

// Answer is one item of package wire.
type Answer struct {
	Item any
	// ETag is ready for the header of that name: the blob id of the object's file, in quotes. Empty for what lies in no file.
	ETag     string
	Warnings []string
}

// ListOptions say which items are wanted.
type ListOptions struct {
	// Selector is the field_selector as it was sent.
	Selector string
	// Limit is the most items of a page; 0: the longest page.
	Limit     int
	PageToken string
}

// Listing is a page of items. Items is never nil.
type Listing struct {
	Items []any
	// ETag is ready for the header: W/"<head>". Empty for what lies in no repository.
	ETag          string
	NextPageToken string
	Warnings      []string
}

// Request is a change of one product: its operations are judged as a whole and become one commit.
type Request struct {
	// Product is the full path of the group, or product-<id>.
	Product    string
	Operations []Operation
	// DryRun tells what would happen. A refusal is a verdict then, not an error.
	DryRun bool
	// SkipCheck is insecure_skip_check.
	SkipCheck bool
	// Strict refuses unknown members of bodies.
	Strict bool
	// IfMatch and IfNoneMatch are the headers as they came. They are for a single operation.
	IfMatch, IfNoneMatch string
	// DeleteRepository, for the deletion of a code repo: delete its GitLab project as well.
	DeleteRepository bool
	// Admission is what Admit answered to this very request and caller; without it Change asks itself.
	Admission *Admission
}

// Operation saves or deletes one object: Kind, Name and Body in the REST form, or Object in the CRD form.
type Operation struct {
	Delete     bool
	Kind, Name string
	Body       json.RawMessage
	Object     client.Object
	// Unknown members of Object, as wire.ParseObject returns them.
	Unknown []string
	// Absent additive members of Object, as wire.Absent returns them: what is stored in them stays.
	Absent []string
}

// Outcome is what became of a change.
type Outcome struct {
	// Product is its resource name, such as product-7; empty when it was not found out.
	Product string
	// Commit is the commit that holds the change; where nothing changed, the head that was judged.
	Commit string
	// Base is the head that was judged; empty for a repository without commits.
	Base string
	// Changed says whether a commit was made.
	Changed  bool
	Warnings []string
	// Verdict is wire.VerdictSave, VerdictUnchanged or VerdictRefused. Diff, Violations and Plan are for a dry run.
	Verdict    string
	Diff       string
	Violations []wire.Violation
	Plan       []wire.Plan
	// User is the caller. It is set also when an error is returned, as far as it is known.
	User githost.User
}

// Violations are all rules that a change violates, in a stable order. They are in the chain of an error whose problem says in one sentence what is
// wrong: Invalid, or Conflict with ReasonInUse where nothing but referrers stands in the way.
type Violations []wire.Violation //nolint:errname // what is in the list is no error by itself

// mostViolations is how many of them are told. One after them says how many more there are.
const mostViolations = 1000

// with returns the violations with others. Any number can be found, and is held until the answer is written.
func (v Violations) with(others ...wire.Violation) Violations {
	for _, one := range others {
		if len(v) < mostViolations {
			v = append(v, one)
			continue
		}
		rule, untold := one.Rule, v.untold()+1
		if untold > 1 {
			if told := v[mostViolations].Rule; told != ReasonInUse {
				rule = told // it is not only referrers that stand in the way
			}
		}
		number := strconv.Itoa(untold)
		v = append(v[:mostViolations], wire.Violation{
			Rule: rule, Message: number + " more violations are not listed: correct these first", Params: map[string]string{"more": number},
		})
	}
	return v
}

// untold is how many violations there are that are not listed.
func (v Violations) untold() int {
	if len(v) <= mostViolations {
		return 0
	}
	n, _ := strconv.Atoi(v[mostViolations].Params["more"])
	return n
}

// Error returns the messages.
func (v Violations) Error() string {
	messages := make([]string, 0, len(v))
	for _, one := range v {
		messages = append(messages, one.Message)
	}
	return strings.Join(messages, "; ")
}
