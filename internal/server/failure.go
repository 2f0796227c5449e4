package server

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// Codes of the member reason, which clients switch on.
const (
	codeBadRequest           = "BAD_REQUEST"
	codeInvalid              = "INVALID"
	codeUnauthenticated      = "UNAUTHENTICATED"
	codeForbidden            = "FORBIDDEN"
	codeArchived             = "ARCHIVED"
	codeNoRoute              = "NO_ROUTE"
	codeMethodNotAllowed     = "METHOD_NOT_ALLOWED"
	codeTooLarge             = "TOO_LARGE"
	codeUnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
	codeProductNotFound      = "PRODUCT_NOT_FOUND"
	codeNoDefaultProject     = "DEFAULT_PROJECT_NOT_FOUND"
	codeNoMain               = "MAIN_NOT_FOUND"
	codeResourceNotFound     = "RESOURCE_NOT_FOUND"
	codeInUse                = "IN_USE"
	codeDuplicate            = "DUPLICATE"
	codePreconditionFailed   = "PRECONDITION_FAILED"
	codeConflict             = "CONFLICT"
	codeRateLimited          = "RATE_LIMITED"
	codeUnavailable          = "GITLAB_UNAVAILABLE"
	codeNoCluster            = "MANAGEMENT_CLUSTER_UNAVAILABLE"
	codeInternal             = "INTERNAL"
)

// answer is what a failure is over HTTP.
type answer struct {
	status int
	code   string
}

// Reasons of problems that the server itself finds.
const (
	reasonBadRequest           = wire.ReasonBadRequest
	reasonNoRoute              = "NoRoute"
	reasonMethodNotAllowed     = "MethodNotAllowed"
	reasonTooLarge             = "TooLarge"
	reasonUnsupportedMediaType = "UnsupportedMediaType"
	reasonNoToken              = "NoToken"
	reasonTooMany              = "TooManyRequests"
)

// answerOf is the single table from class and reason to status and code. The reason decides where it says more than the class.
func answerOf(p *problem.Problem) answer {
	switch p.Class {
	case problem.Invalid:
		return byReason(p, answer{http.StatusUnprocessableEntity, codeInvalid}, map[string]answer{
			reasonBadRequest:           {http.StatusBadRequest, codeBadRequest},
			reasonTooLarge:             {http.StatusRequestEntityTooLarge, codeTooLarge},
			reasonUnsupportedMediaType: {http.StatusUnsupportedMediaType, codeUnsupportedMediaType},
			reasonMethodNotAllowed:     {http.StatusMethodNotAllowed, codeMethodNotAllowed},
		})
	case problem.Missing:
		return byReason(p, answer{http.StatusNotFound, codeResourceNotFound}, map[string]answer{
			reasonNoRoute:                       {http.StatusNotFound, codeNoRoute},
			change.ReasonProductNotFound:        {http.StatusNotFound, codeProductNotFound},
			change.ReasonDefaultProjectNotFound: {http.StatusNotFound, codeNoDefaultProject},
			change.ReasonMainNotFound:           {http.StatusNotFound, codeNoMain},
		})
	case problem.Unauthenticated:
		return answer{http.StatusUnauthorized, codeUnauthenticated}
	case problem.Forbidden:
		return byReason(p, answer{http.StatusForbidden, codeForbidden}, map[string]answer{
			change.ReasonArchived: {http.StatusForbidden, codeArchived},
		})
	case problem.Conflict, problem.Waiting:
		return byReason(p, answer{http.StatusConflict, codeConflict}, map[string]answer{
			change.ReasonInUse:              {http.StatusConflict, codeInUse},
			change.ReasonDuplicate:          {http.StatusConflict, codeDuplicate},
			change.ReasonPreconditionFailed: {http.StatusPreconditionFailed, codePreconditionFailed},
		})
	case problem.RateLimited:
		return answer{http.StatusTooManyRequests, codeRateLimited}
	case problem.Unavailable:
		return byReason(p, answer{http.StatusServiceUnavailable, codeUnavailable}, map[string]answer{
			githost.ReasonTimedOut:           {http.StatusGatewayTimeout, codeUnavailable},
			change.ReasonNoManagementCluster: {http.StatusServiceUnavailable, codeNoCluster},
		})
	default:
		return answer{http.StatusInternalServerError, codeInternal}
	}
}

func byReason(p *problem.Problem, otherwise answer, table map[string]answer) answer {
	if a, ok := table[p.Reason]; ok {
		return a
	}
	return otherwise
}

// titles returns the sentence that stays the same for a code.
func titles() map[string]string {
	return map[string]string{
		codeBadRequest:           "The request cannot be read",
		codeInvalid:              "The request breaks a rule",
		codeUnauthenticated:      "A valid GitLab token is needed",
		codeForbidden:            "GitLab does not permit this",
		codeArchived:             "The repository is archived",
		codeNoRoute:              "There is nothing at this path",
		codeMethodNotAllowed:     "This verb has no meaning here",
		codeTooLarge:             "The body is too large",
		codeUnsupportedMediaType: "The body is not JSON",
		codeProductNotFound:      "There is no such product",
		codeNoDefaultProject:     "The product has no default.project",
		codeNoMain:               "default.project has no branch main",
		codeResourceNotFound:     "There is no such resource",
		codeInUse:                "It is still in use",
		codeDuplicate:            "It is there more than once",
		codePreconditionFailed:   "A precondition does not hold",
		codeConflict:             "Something else is in the way",
		codeRateLimited:          "Too many requests",
		codeUnavailable:          "GitLab does not answer",
		codeNoCluster:            "The management cluster cannot be asked",
		codeInternal:             "An internal error",
	}
}

// failure is an answer that is no success.
type failure struct {
	wire.Problem
	headers http.Header
}

// failureOf turns an error into what the caller is told. It never tells the cause.
func failureOf(err error) *failure {
	p := problem.As(err)
	var violations change.Violations
	switch {
	case p != nil:
		errors.As(err, &violations)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // cancelled: the caller hung up and hears nothing of it
		p = problem.New(problem.Unavailable, githost.ReasonTimedOut, "the request took too long and was given up: look whether it took effect, and try again").Because(err)
	default:
		p = internal(err)
	}
	a := answerOf(p)
	f := &failure{Problem: wire.Problem{Status: a.status, Reason: a.code, Detail: p.Message, Violations: slices.Clone(violations)}, headers: http.Header{}}
	if a.code == codeInternal {
		f.Detail, f.Violations = internal(nil).Message, nil
	}
	if len(f.Violations) == 0 && a.code == codeInvalid {
		f.Violations = []wire.Violation{{Rule: p.Reason, Field: p.Field, Message: p.Message, Params: map[string]string{}}}
	}
	f.setHeaders(p.After)
	return f
}

func internal(cause error) *problem.Problem {
	return problem.New(problem.Internal, "Internal", "something went wrong in the server; it is logged under the id of this request").Because(cause)
}

func (f *failure) setHeaders(after time.Duration) {
	switch f.Status {
	case http.StatusUnauthorized:
		f.headers.Set("WWW-Authenticate", `Bearer realm="GitLab"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds := int(math.Ceil(after.Seconds()))
		f.headers.Set("Retry-After", strconv.Itoa(max(seconds, 1)))
	}
}

// clean fills in what belongs to the request, and takes the caller's token out of every text: GitLab or a proxy may have put it there.
func (f *failure) clean(c *call) *failure {
	f.Type = "/docs#" + f.Reason
	f.Title = titles()[f.Reason]
	f.Instance = c.path
	f.RequestID = c.id
	f.Detail = c.redact(f.Detail)
	for i := range f.Violations {
		f.Violations[i].Message = c.redact(f.Violations[i].Message)
		f.Violations[i].Params = c.redactAll(f.Violations[i].Params)
	}
	return f
}

// shortestToken is shorter than any token of GitLab. What is shorter is no secret, and must not blot out the log.
const shortestToken = 8

// redact takes the caller's token out of a text.
func (c *call) redact(text string) string {
	if len(c.token.Reveal()) < shortestToken {
		return text
	}
	return strings.ReplaceAll(text, c.token.Reveal(), c.token.String())
}

func (c *call) redactAll(texts map[string]string) map[string]string {
	out := make(map[string]string, len(texts))
	for name, text := range texts {
		out[name] = c.redact(text)
	}
	return out
}
