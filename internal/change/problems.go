package change

import (
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

func badRequest(format string, args ...any) *problem.Problem {
	return problem.New(problem.Invalid, problem.ReasonBadRequest, format, args...)
}

func inBatch(size, i int, err error) error {
	p := problem.As(err)
	if size == 1 || p == nil {
		return err
	}
	return problem.New(p.Class, p.Reason, "document %d of the batch: %s", i+1, p.Message).Because(err)
}

func forbidden(format string, args ...any) *problem.Problem {
	return problem.New(problem.Forbidden, problem.ReasonForbidden, format, args...)
}

func conflict(format string, args ...any) *problem.Problem {
	return problem.New(problem.Conflict, problem.ReasonConflict, format, args...)
}

// noProduct is the answer for a product that does not exist, and for one that the caller may not see: it does not tell
// which.
func noProduct(path string) *problem.Problem {
	return problem.New(problem.Missing, api.ReasonProductNotFound,
		"product %q does not exist, or you may not see it: correct the path of the group, or ask for access",
		oneLine(path))
}

func movedProduct(path string) *problem.Problem {
	return problem.New(problem.Missing, api.ReasonProductNotFound,
		"the group %q has moved: use its new path; old paths are not followed", path)
}

func noDefaultProject(path string) *problem.Problem {
	return problem.New(problem.Missing, problem.ReasonDefaultProjectNotFound,
		"the group %q has no %s that you may see: create the product, or ask for access to it",
		path, identity.DefaultProject)
}

func noResource(kind, name, path string) *problem.Problem {
	return problem.New(problem.Missing, problem.ReasonResourceNotFound,
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
