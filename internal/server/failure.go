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
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

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
		p = problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"the request took too long and was given up: look whether it took effect, and try again").Because(err)
	default:
		p = internal(err)
	}
	a := problem.AnswerOf(p)
	f := &failure{Problem: wire.Problem{
		Title: a.Title, Status: a.Status, Reason: string(a.Code), Detail: p.Message, Violations: slices.Clone(violations),
	}, headers: http.Header{}}
	if a.Code == problem.CodeInternal {
		f.Detail, f.Violations = internal(nil).Message, nil
	}
	if len(f.Violations) == 0 && a.Code == problem.CodeInvalid {
		f.Violations = []wire.Violation{{Rule: p.Reason, Field: p.Field, Message: p.Message, Params: map[string]string{}}}
	}
	f.setHeaders(p.After)
	return f
}

func internal(cause error) *problem.Problem {
	return problem.New(problem.Internal, problem.ReasonInternal,
		"something went wrong in the server; it is logged under the id of this request").Because(cause)
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
