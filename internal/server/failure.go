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

// failure is an answer other than success.
type failure struct {
	wire.Problem
	headers http.Header
}

// failureOf turns an error into the answer for the caller. The answer never contains the cause.
func failureOf(err error) *failure {
	p := problem.As(err)
	var violations change.Violations
	switch {
	case p != nil:
		errors.As(err, &violations)
	// when it was canceled, the caller hung up and gets no answer
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"the request took too long and was given up: look whether it took effect, and try again").Because(err)
	default:
		p = internal(err)
	}
	a := problem.AnswerOf(p)
	f := &failure{Problem: wire.Problem{
		Title: a.Title, Status: a.Status, Reason: string(a.Code), Detail: p.Message,
		Violations: slices.Clone(violations),
	}, headers: http.Header{}}
	if a.Code == problem.CodeInternal {
		f.Detail, f.Violations = internal(nil).Message, nil
	}
	if len(f.Violations) == 0 && a.Code == problem.CodeInvalid {
		f.Violations = []wire.Violation{{Rule: p.Reason, Field: p.Field, Message: p.Message,
			Params: map[string]string{}}}
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

// clean adds what belongs to the request, and removes the caller's token from every text. GitLab or a proxy may have
// repeated the token.
func (f *failure) clean(c *call) *failure {
	f.Type = "/docs#" + f.Reason
	f.Instance = c.path
	f.RequestID = c.id
	f.Detail = c.redact(f.Detail)
	for _, ignored := range c.warnings(c.ignored) {
		f.Warnings = append(f.Warnings, c.redact(ignored))
	}
	for i := range f.Violations {
		f.Violations[i].Message = c.redact(f.Violations[i].Message)
		f.Violations[i].Params = c.redactAll(f.Violations[i].Params)
	}
	return f
}

// shortestToken is shorter than any token of GitLab. A shorter text is no secret and is not removed: it might occur
// everywhere in the log.
const shortestToken = 8

// redact removes the caller's token from a text.
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
