package change

import (
	"slices"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Reasons of the problems that this package finds itself. Those of githost, gitrepo, layout and wire pass through.
const (
	// ReasonUnauthenticated (Unauthenticated): there is no token.
	ReasonUnauthenticated = githost.ReasonUnauthenticated
	// ReasonProductNotFound (Missing): the caller sees no group of that path with a default.project, whatever the
	// reason.
	ReasonProductNotFound = "ProductNotFound"
	// ReasonDefaultProjectNotFound (Missing): the caller sees the group, but no default.project in it.
	ReasonDefaultProjectNotFound = "DefaultProjectNotFound"
	// ReasonMainNotFound (Missing): default.project has commits, but no branch main.
	ReasonMainNotFound = "MainNotFound"
	// ReasonResourceNotFound (Missing): there is no such object.
	ReasonResourceNotFound = "ResourceNotFound"
	// ReasonForbidden (Forbidden): the caller's role does not suffice; the message says for what.
	ReasonForbidden = githost.ReasonForbidden
	// ReasonArchived (Forbidden): default.project is archived.
	ReasonArchived = githost.ReasonArchived
	// ReasonInvalid (Invalid): the change violates rules; see Violations.
	ReasonInvalid = "Invalid"
	// ReasonInUse (Conflict): what is to be deleted is still referred to; Violations name the referrers.
	ReasonInUse = "InUse"
	// ReasonDuplicate (Conflict): several files hold an object of this kind and name.
	ReasonDuplicate = "Duplicate"
	// ReasonPreconditionFailed (Conflict): If-Match or If-None-Match does not hold.
	ReasonPreconditionFailed = "PreconditionFailed"
	// ReasonConflict (Conflict): main moved too often while the change was judged.
	ReasonConflict = "Conflict"
	// ReasonTooManyChanges (RateLimited): as many changes or reads of the product or of the caller wait for their turn
	// as may, or this one waited until its time was over. It changed nothing.
	ReasonTooManyChanges = "TooManyChanges"
	// ReasonNoManagementCluster (Unavailable): what was asked for is only known there.
	ReasonNoManagementCluster = "NoManagementCluster"
)

func badRequest(format string, args ...any) *problem.Problem {
	return problem.New(problem.Invalid, wire.ReasonBadRequest, format, args...)
}

func inBatch(size, i int, err error) error {
	p := problem.As(err)
	if size == 1 || p == nil {
		return err
	}
	return problem.New(p.Class, p.Reason, "document %d of the batch: %s", i+1, p.Message).Because(err)
}

func forbidden(format string, args ...any) *problem.Problem {
	return problem.New(problem.Forbidden, ReasonForbidden, format, args...)
}

func conflict(format string, args ...any) *problem.Problem {
	return problem.New(problem.Conflict, ReasonConflict, format, args...)
}

// noProduct is the answer for a product that does not exist, and for one that the caller may not see: it does not tell
// which.
func noProduct(path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonProductNotFound,
		"product %q does not exist, or you may not see it: correct the path of the group, or ask for access",
		oneLine(path))
}

func movedProduct(path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonProductNotFound,
		"the group %q has moved: use its new path; old paths are not followed", path)
}

func noDefaultProject(path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonDefaultProjectNotFound,
		"the group %q has no %s that you may see: create the product, or ask for access to it",
		path, identity.DefaultProject)
}

func noResource(kind, name, path string) *problem.Problem {
	return problem.New(problem.Missing, ReasonResourceNotFound,
		"%s %q does not exist in product %q: correct the name", kind, oneLine(name), path)
}

func isReason(err error, reason string) bool {
	p := problem.As(err)
	return p != nil && p.Reason == reason
}

func warning(code, file, message string) string {
	if file == "" {
		return code + ": " + message
	}
	return code + ": " + file + ": " + message
}

// collected returns all warnings once, in their order.
func collected(lists ...[]string) []string {
	out := []string{}
	known := map[string]bool{}
	for _, w := range slices.Concat(lists...) {
		if !known[w] {
			known[w] = true
			out = append(out, w)
		}
	}
	return out
}

// oneLine keeps what came from outside from adding lines to a message.
func oneLine(s string) string {
	const longest = 300
	return text.CutRunes(strings.TrimSpace(text.OneLine(s)), longest, "")
}
