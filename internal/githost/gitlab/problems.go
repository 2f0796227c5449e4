package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const (
	defaultAfter     = 5 * time.Second
	defaultRateAfter = time.Minute
)

// problem makes the error of a request from what came over the wire. The error of the client library is used only if
// nothing came.
func (t task) problem(ctx context.Context, seen *answer, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", t.doing, context.Canceled)
	case isSuccess(seen.status):
		return t.brokenSuccess(err)
	case seen.status == 0:
		return t.noAnswer(err)
	default:
		return t.refusal(seen)
	}
}

func (t task) noAnswer(err error) error {
	var operation *net.OpError
	// nothing listens there, which is not the same as a slow answer
	dialing := errors.As(err, &operation) && operation.Op == "dial"
	if isTimeout(err) && !dialing {
		return t.timedOut(err)
	}
	return problem.New(problem.Unavailable, problem.ReasonUnavailable,
		"GitLab cannot be reached (%s); try again", t.doing).
		RetryAfter(defaultAfter).Because(t.cause(err))
}

func (t task) timedOut(err error) error {
	return problem.New(problem.Unavailable, problem.ReasonTimedOut, "GitLab takes too long (%s); try again", t.doing).
		RetryAfter(defaultAfter).Because(t.cause(err))
}

// brokenSuccess is the error for an answer with a success status whose content cannot be used.
func (t task) brokenSuccess(err error) error {
	if isTimeout(err) {
		return t.timedOut(err)
	}
	p := t.badAnswer("with something that is not GitLab's, or not all of it")
	return p.Because(t.cause(err))
}

func (t task) badAnswer(how string) *problem.Problem {
	return problem.New(problem.Unavailable, problem.ReasonBadAnswer,
		"GitLab answers %s (%s); try again, and check its URL if this stays so", how, t.doing).
		RetryAfter(defaultAfter)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// cause returns the error for logs, as plain text: the errors of the library contain the request and so the token.
func (t task) cause(err error) error { return errors.New(t.clean(err.Error())) }

// refusal turns an answer other than success into a problem.
func (t task) refusal(seen *answer) error {
	said := readRefusal(seen.refusal)
	words := t.clean(said.text)
	p := t.judge(seen, said, words)
	return p.Because(&refusedError{method: seen.method, path: t.clean(seen.path), status: seen.status, words: words})
}

// refusedError is the cause of a problem. It is for logs, and for callers that know what GitLab's words mean for a
// request.
type refusedError struct {
	method, path string
	status       int
	words        string
}

// Error returns the request and GitLab's answer.
func (e *refusedError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.method, e.path, e.status, e.words)
}

func (t task) judge(seen *answer, said refusal, words string) *problem.Problem {
	switch status := seen.status; {
	case status == http.StatusUnauthorized:
		return problem.New(problem.Unauthenticated, problem.ReasonUnauthenticated,
			"GitLab does not accept the token%s; use a valid one", inBrackets(words))
	case status == http.StatusForbidden:
		return t.forbidden(seen, said, words)
	case status == http.StatusNotFound:
		return t.missing()
	case status == http.StatusMethodNotAllowed && strings.Contains(words, "moved"):
		return t.moved("")
	case status >= 300 && status < 400:
		return t.redirected(seen)
	case status == http.StatusTooManyRequests:
		return t.limited(seen)
	case strings.Contains(words, "has already been taken"), status == http.StatusConflict &&
		seen.method != http.MethodDelete:
		return problem.New(problem.Conflict, problem.ReasonNameTaken,
			"%s: the name or path is taken%s; choose another one", t.doing, inBrackets(words))
	case status == http.StatusConflict:
		return problem.New(problem.Conflict, problem.ReasonConflict,
			"%s: something is in the way%s; look and try again", t.doing, inBrackets(words))
	case status == http.StatusRequestTimeout:
		return problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"GitLab takes too long (%s); try again", t.doing).RetryAfter(defaultAfter)
	case status >= 500:
		return problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"GitLab answers %d (%s); try again", status, t.doing).
			RetryAfter(cmp.Or(after(seen.header), defaultAfter))
	default:
		return t.invalid(status, said, words)
	}
}

// limited is the error where GitLab wants fewer requests. It says how long to wait where GitLab does not: most limits
// count by the minute; the one on new projects counts by the day. A time that GitLab says is not in the message, which
// would be another one each time.
func (t task) limited(seen *answer) *problem.Problem {
	unsaid, words := defaultRateAfter, "a minute"
	if seen.method == http.MethodPost && strings.HasSuffix(seen.path, "/projects") {
		unsaid, words = maxAfter, "an hour"
	}
	if wait := after(seen.header); wait > 0 {
		return problem.New(problem.RateLimited, problem.ReasonRateLimited,
			"GitLab limits this caller's requests (%s); wait", t.doing).RetryAfter(wait)
	}
	return problem.New(problem.RateLimited, problem.ReasonRateLimited,
		"GitLab limits this caller's requests (%s), and does not say for how long; wait %s", t.doing, words).
		RetryAfter(unsaid)
}

func (t task) missing() *problem.Problem {
	return problem.New(problem.Missing, problem.ReasonMissing,
		"%s: GitLab has none, or does not show it to you; check the name and your membership, which takes some seconds "+
			"to count in a new project", t.doing)
}

func (t task) forbidden(seen *answer, said refusal, words string) *problem.Problem {
	if scopes, ok := missingScopes(seen.header, said); ok {
		return problem.New(problem.Forbidden, problem.ReasonInsufficientScope,
			"%s needs a token with the scope %s; this one has none of them",
			t.doing, t.clean(strings.Join(scopes, " or ")))
	}
	if said.code == "insufficient_granular_scope" {
		return problem.New(problem.Forbidden, problem.ReasonInsufficientScope,
			"%s: the permissions of the fine-grained token do not cover it%s; add the permission to the token, or use a "+
				"token that has it", t.doing, inBrackets(words))
	}
	if strings.Contains(strings.ToLower(words), "archived") {
		return problem.New(problem.Forbidden, problem.ReasonArchived,
			"%s: it is archived and can only be read%s; unarchive it first", t.doing, inBrackets(words))
	}
	return problem.New(problem.Forbidden, problem.ReasonForbidden,
		"%s: GitLab forbids it%s; ask for a role that permits it", t.doing, inBrackets(words))
}

func (t task) invalid(status int, said refusal, words string) *problem.Problem {
	if said.mayNotUseNamespace { // this is GitLab's answer to the creation of a project without the right
		return problem.New(problem.Forbidden, problem.ReasonForbidden,
			"%s: GitLab forbids it%s; ask for a role that permits it", t.doing, inBrackets(words))
	}
	if words == "" {
		words = http.StatusText(status)
	}
	return problem.New(problem.Invalid, problem.ReasonInvalid, "%s: GitLab refuses the values: %s", t.doing, words)
}

var movedTo = regexp.MustCompile(`/api/v4/projects/([0-9]+)(?:$|/)`)

// redirected is the error for a redirect. GitLab redirects reads of a moved project to the project's id. Any other
// redirect does not come from GitLab's API and does not say whether an object exists: with a wrong URL, it must not
// look as if all projects had moved.
func (t task) redirected(seen *answer) *problem.Problem {
	location, err := url.Parse(seen.header.Get("Location"))
	if err == nil && location.EscapedPath() != seen.path {
		if match := movedTo.FindStringSubmatch(location.EscapedPath()); match != nil {
			return t.moved(" (it is project " + match[1] + ")")
		}
	}
	return t.badAnswer("with a redirect to elsewhere")
}

func (t task) moved(where string) *problem.Problem {
	return problem.New(problem.Missing, problem.ReasonMoved,
		"%s: it has moved%s; use the path that GitLab shows now", t.doing, where)
}

func inBrackets(words string) string {
	if words == "" {
		return ""
	}
	return " (" + words + ")"
}
