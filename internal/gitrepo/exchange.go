package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// user is the user name with which git hosts accept any kind of token as password.
const user = "oauth2"

const (
	maxRefusal = 2 << 10 // of the body of an error
	maxOpening = 512
)

var (
	errTooMuch = errors.New("the answer is longer than what is read")
	errNotGit  = errors.New("the answer is not of git's type")
)

// exchange is the HTTP transport of one fetch or push. It bounds what is received. It remembers what go-git doesn't
// report: the status, the pause that the host asked for, and whether anything was sent.
type exchange struct {
	next   http.RoundTripper
	remote Remote
	left   int64
	// refusals remembers the tokens that git refused.
	refusals *refusals

	// posting says that there was a connection for the POST request, which is the one that transfers objects.
	posting    atomic.Bool
	status     int
	retryAfter time.Duration
	said       string
	opening    []byte
	received   int64
}

// connect returns the HTTP client for one exchange. It never follows redirects.
func (s *Store) connect(r Remote) (*exchange, *http.Client, error) {
	u, err := url.Parse(r.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return nil, nil, problem.New(problem.Internal, problem.ReasonBadRemote,
			"the address of project %d is no plain http or https address", r.ProjectID)
	}
	if s.refusals.holds(r) {
		return nil, nil, notAccepted(r.URL)
	}
	x := &exchange{next: http.DefaultTransport, remote: r, left: s.options.MaxPackBytes, refusals: s.refusals}
	client := &http.Client{Transport: x,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if o := s.options.HTTP; o != nil {
		client.Jar, client.Timeout = o.Jar, o.Timeout
		if o.Transport != nil {
			x.next = o.Transport
		}
	}
	return x, client, nil
}

// RoundTrip sends a request.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { x.posting.Store(true) },
		}))
	}
	x.status, x.retryAfter, x.said, x.opening = 0, 0, "", nil
	res, err := x.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.status = res.StatusCode
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		x.retryAfter = time.Duration(seconds) * time.Second
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode < 200 || res.StatusCode > 299 {
		if kind == "text/plain" {
			text, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
			x.said = string(text)
		}
		_ = res.Body.Close()
		res.Body = http.NoBody
		return res, nil
	}
	if !strings.HasPrefix(kind, "application/x-git-") {
		_ = res.Body.Close()
		return nil, errNotGit
	}
	res.Body = &body{ReadCloser: res.Body, exchange: x}
	return res, nil
}

// body counts what is received.
type body struct {
	io.ReadCloser
	exchange *exchange
}

func (b *body) Read(p []byte) (int, error) {
	x := b.exchange
	if x.left <= 0 {
		return 0, errTooMuch
	}
	if int64(len(p)) > x.left {
		p = p[:x.left]
	}
	n, err := b.ReadCloser.Read(p)
	x.left -= int64(n)
	x.received += int64(n)
	if missing := maxOpening - len(x.opening); missing > 0 {
		x.opening = append(x.opening, p[:min(n, missing)]...)
	}
	return n, err
}

// refused returns the answer of a git server that does not hand out the wanted commit. go-git reads on past that
// answer.
func (x *exchange) refused() (string, bool) {
	if len(x.opening) > 8 && bytes.HasPrefix(x.opening[4:], []byte("ERR ")) {
		line, _, _ := bytes.Cut(x.opening[8:], []byte("\n"))
		return string(line), true
	}
	return "", false
}

// failure says why an exchange failed that has changed nothing. ctx is the context of the exchange.
func (x *exchange) failure(ctx context.Context, err error) error {
	at := x.remote.URL
	var p *problem.Problem
	switch {
	case problem.As(err) != nil:
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case x.status != 0 && (x.status < 200 || x.status > 299):
		p = x.refusal()
	case errors.Is(err, errNotGit):
		p = problem.New(problem.Unavailable, problem.ReasonBadAnswer,
			"what answers for repository %s is no git server: tell the administrator", at)
	case errors.Is(err, errTooMuch) || x.left <= 0:
		p = tooLarge(at, "has more data than is read")
	case ctx.Err() != nil || isTimeout(err):
		p = problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"the git host is too slow for repository %s: try again later", at)
	case x.status == 0:
		p = problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"the git host does not answer for repository %s: try again later", at)
	default:
		p = problem.New(problem.Unavailable, problem.ReasonBadAnswer,
			"the answer of the git host for repository %s cannot be read: try again", at)
	}
	return p.Because(err).RetryAfter(x.retryAfter)
}

// refusal turns an HTTP status other than success into a problem.
func (x *exchange) refusal() *problem.Problem {
	at := x.remote.URL
	switch {
	case x.status >= 300 && x.status <= 399:
		return problem.New(problem.Missing, problem.ReasonMoved,
			"repository %s has moved: use its new path; old paths are not followed", at)
	case x.status == http.StatusUnauthorized:
		x.refusals.add(x.remote)
		return notAccepted(at)
	case x.status == http.StatusForbidden && isTemporary(x.said):
		return problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"the git host does not serve repository %s at the moment%s: try again later",
			at, quoted(x.said, x.remote))
	case x.status == http.StatusForbidden && lacksScope(x.said):
		return withoutScope(at, quoted(x.said, x.remote))
	case x.status == http.StatusForbidden:
		return problem.New(problem.Forbidden, problem.ReasonForbidden,
			"the git host does not let you use repository %s%s: ask for access", at, quoted(x.said, x.remote))
	case x.status == http.StatusNotFound:
		return problem.New(problem.Missing, problem.ReasonMissing,
			"repository %s does not exist, or you may not see it: ask for access", at)
	case x.status == http.StatusTooManyRequests:
		return problem.New(problem.RateLimited, problem.ReasonRateLimited,
			"the git host limits requests for repository %s: try again later", at)
	default:
		return problem.New(problem.Unavailable, problem.ReasonUnavailable,
			"the git host answers %d for repository %s: try again later", x.status, at)
	}
}

// withoutScope reports a token without a scope for git.
func withoutScope(at, said string) *problem.Problem {
	return problem.New(problem.Forbidden, problem.ReasonInsufficientScope,
		"the token may not be used with git, for repository %s%s: give it the scope read_api or read_repository to "+
			"read, write_repository to save, or api for both", at, said)
}

// notAccepted reports a token that the REST API of the git host accepted in the same request, and that git does not
// accept: it ended in between, or it belongs to a bot that is no member of the project.
func notAccepted(at string) *problem.Problem {
	return problem.New(problem.Forbidden, problem.ReasonForbidden,
		"the git host does not accept the token for repository %s: use a token that has not expired, of a user or bot "+
			"that is a member of that project", at)
}

func tooLarge(at, what string) *problem.Problem {
	return problem.New(problem.Invalid, problem.ReasonRepositoryTooLarge,
		"repository %s %s: it is for resources only, remove large files", at, what)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// observe returns a context for an exchange, which is a step of a trace, and a function that reports it to
// Options.Observe.
func (s *Store) observe(ctx context.Context, r Remote, operation string) (context.Context, func(*exchange, error)) {
	ctx, span := tracing.Call(ctx, "git "+operation)
	now := func() time.Time {
		if s.options.Now == nil {
			return time.Time{}
		}
		return s.options.Now()
	}
	start := now()
	return ctx, func(x *exchange, err error) {
		defer span.End()
		seen := Observation{Operation: operation, Outcome: outcome(err), Duration: now().Sub(start)}
		if x != nil {
			seen.Bytes = x.received
		}
		span.Set("url.full", r.URL)
		span.Number("bytes_received", int(seen.Bytes))
		span.Result(tracing.ResultOK)
		if err != nil {
			span.Result(seen.Outcome)
		}
		if s.options.Observe != nil {
			s.options.Observe(seen)
		}
	}
}

// outcome is that of an Observation.
func outcome(err error) string {
	switch p := problem.As(err); {
	case err == nil:
		return "ok"
	case p != nil:
		return p.Reason
	}
	return "Canceled"
}
