package problem

import (
	"slices"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Code is the member reason of a failure in the REST API. Clients compare codes, so a code never changes.
type Code string

// The codes that this repository compares.
const (
	CodeInvalid          Code = "INVALID"
	CodeProductNotFound  Code = "PRODUCT_NOT_FOUND"
	CodeResourceNotFound Code = "RESOURCE_NOT_FOUND"
	CodeInternal         Code = "INTERNAL"
)

// Answer says how the REST API reports a failure. Its code is also the anchor in the server's page /docs.
type Answer struct {
	Class Class
	// Reason of the failures with this answer. If it is empty, the answer is for every reason of the class without a
	// row of its own.
	Reason string
	Status int
	Code   Code
	// Title is a sentence that stays the same for a code.
	Title string
}

// Answers returns the one table from classes and reasons to the status and the code of an answer. The row of a class
// comes before those of its reasons.
func Answers() []Answer {
	const gitlab, unavailable = Code("GITLAB_UNAVAILABLE"), "GitLab does not answer"
	return []Answer{
		{Invalid, "", 422, CodeInvalid, "The request breaks a rule"},
		{Invalid, ReasonBadRequest, 400, "BAD_REQUEST", "The request cannot be read"},
		{Invalid, ReasonTooLarge, 413, "TOO_LARGE", "The body is too large"},
		{Invalid, ReasonUnsupportedMediaType, 415, "UNSUPPORTED_MEDIA_TYPE", "The body is not JSON"},
		{Invalid, ReasonMethodNotAllowed, 405, "METHOD_NOT_ALLOWED", "This verb has no meaning here"},
		{Missing, "", 404, CodeResourceNotFound, "There is no such resource"},
		{Missing, ReasonNoRoute, 404, "NO_ROUTE", "There is nothing at this path"},
		{Missing, api.ReasonProductNotFound, 404, CodeProductNotFound, "There is no such product"},
		{Missing, ReasonDefaultProjectNotFound, 404, "DEFAULT_PROJECT_NOT_FOUND", "The product has no default.project"},
		{Missing, ReasonMainNotFound, 404, "MAIN_NOT_FOUND", "default.project has no branch main"},
		{Unauthenticated, "", 401, "UNAUTHENTICATED", "A valid GitLab token is needed"},
		{Forbidden, "", 403, "FORBIDDEN", "GitLab does not permit this"},
		{Forbidden, ReasonArchived, 403, "ARCHIVED", "The repository is archived"},
		{Conflict, "", 409, "CONFLICT", "Something else is in the way"},
		{Conflict, api.ReasonInUse, 409, "IN_USE", "It is still in use"},
		{Conflict, ReasonDuplicate, 409, "DUPLICATE", "It is there more than once"},
		{Conflict, ReasonPreconditionFailed, 412, "PRECONDITION_FAILED", "A precondition does not hold"},
		{RateLimited, "", 429, "RATE_LIMITED", "Too many requests"},
		{Unavailable, "", 503, gitlab, unavailable},
		{Unavailable, ReasonTimedOut, 504, gitlab, unavailable},
		{
			Unavailable, ReasonNoManagementCluster, 503, "MANAGEMENT_CLUSTER_UNAVAILABLE",
			"The management cluster cannot be asked",
		},
		{Internal, "", 500, CodeInternal, "An internal error"},
	}
}

// AnswerOf returns the answer that reports the problem.
func AnswerOf(p *Problem) Answer {
	class := p.Class
	if class == Waiting {
		class = Conflict
	}
	answers := Answers()
	best := answers[len(answers)-1] // an internal error
	for _, a := range answers {
		if a.Class == class && (a.Reason == "" || a.Reason == p.Reason) {
			best = a
		}
	}
	return best
}

// ClassOf returns the class of the failures that are answered with an HTTP status. The answer may come from a proxy.
func ClassOf(status int) Class {
	answers := Answers()
	if i := slices.IndexFunc(answers, func(a Answer) bool { return a.Status == status }); i >= 0 {
		return answers[i].Class
	}
	switch {
	case status == 410:
		return Missing
	case status >= 500:
		return Unavailable
	}
	return Invalid
}

// The exit codes of the command line.
const (
	ExitDone        = 0
	ExitUsage       = 1
	ExitInvalid     = 2
	ExitForbidden   = 3
	ExitMissing     = 4
	ExitConflict    = 5
	ExitUnavailable = 6
)

// ExitCode returns the exit code of the command line for failures of the class.
func (c Class) ExitCode() int {
	switch c {
	case Invalid:
		return ExitInvalid
	case Unauthenticated, Forbidden:
		return ExitForbidden
	case Missing:
		return ExitMissing
	case Conflict:
		return ExitConflict
	case Waiting, Unavailable, RateLimited, Internal:
	}
	return ExitUnavailable
}
