package change

import (
	"encoding/json"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Ref names an object by human names or ids.
type Ref struct{ Product, Kind, Name string }

// Answer is one item of package wire.
type Answer struct {
	Item any
	// ETag is ready for the header of that name: the blob id of the object's file, in quotes. Empty for what lies in no
	// file.
	ETag     string
	Warnings []string
	// History of a DeploymentRuntime: its rollouts, the newest first.
	History []wire.Rollout
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
	// Ignored are those of the warnings that name members of the request that mean nothing. They are set also when an
	// error is returned.
	Ignored []string
	// Verdict is wire.VerdictSave, VerdictUnchanged or VerdictRefused. Diff, Violations and Plan are for a dry run.
	Verdict    string
	Diff       string
	Violations []wire.Violation
	Plan       []wire.Plan
	// User is the caller. It is set also when an error is returned, as far as it is known.
	User githost.User
}

func isProductKind(kind string) error {
	if k, found := kinds.ByName(kind); !found || k.Scope != kinds.Product {
		return problem.New(problem.Invalid, problem.ReasonBadRequest, "kind %q lies in no %s",
			oneLine(kind), identity.DefaultProject)
	}
	return nil
}

// Admission is what the git host said of the caller and of the product, before the body of the change was read.
type Admission struct {
	access *access
	at     time.Time
}
