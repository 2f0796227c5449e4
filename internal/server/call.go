package server

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"strings"
	"unicode"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

const (
	requestIDHeader = "X-Request-Id"
	maxRequestID    = 64
	maxAgent        = 120
	maxToken        = 4096
)

// call is the state of one request. It lives as long as the request, and so does the token in it.
type call struct {
	id      string
	path    string // escaped as it came, but bounded and without the token
	agent   string
	address string
	// forwarded is the header X-Forwarded-For. Anybody can set it, and nobody checks it.
	forwarded string

	token     secret.Token
	operation string
	params    parameters
	product   string
	name      string
	body      []byte

	// admission is GitLab's answer before the body was read. met is what the audit log reports of the request.
	admission *change.Admission
	met       *change.Outcome

	// ignored are warnings of members that mean nothing, for the answer to a refusal.
	ignored []string

	audited bool
	// err is the error of the request so far.
	err error

	// failure is the failure that was answered, if any.
	failure *failure
}

type callKey struct{}

func withCall(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the call of a request. Every request has one: the outermost handler makes it.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

func newCall(r *http.Request) *call {
	c := &call{address: r.RemoteAddr, operation: opNone}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		c.address = host
	}
	// The token is set here so that the log of a request without a route does not contain it.
	c.token, _ = bearer(r.Header)
	c.id = requestID(c.redact(r.Header.Get(requestIDHeader)))
	c.path = bounded(c.redact(r.URL.EscapedPath()), maxPath)
	c.agent = printable(c.redact(r.UserAgent()), maxAgent)
	c.forwarded = printable(c.redact(r.Header.Get("X-Forwarded-For")), maxAgent)
	return c
}

// requestID returns the caller's id if it is harmless, else a new one.
func requestID(given string) string {
	if given != "" && len(given) <= maxRequestID &&
		!strings.ContainsFunc(given, func(c rune) bool { return !isWord(c) && c != '-' && c != '.' }) {
		return given
	}
	return strings.ToLower(rand.Text())
}

// printable turns a header into one bounded line of ASCII.
func printable(text string, longest int) string {
	return bounded(strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII || !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, text), longest)
}

func bounded(text string, longest int) string {
	if len(text) > longest {
		return text[:longest]
	}
	return text
}

// bearer returns the token of the header Authorization. A header with anything else counts as one without a token.
func bearer(h http.Header) (secret.Token, error) {
	missing := problem.New(problem.Unauthenticated, problem.ReasonNoToken,
		"send a GitLab access token in the header Authorization: Bearer <token>")
	values := h.Values("Authorization")
	if len(values) != 1 {
		return secret.Token{}, missing
	}
	scheme, value, ok := strings.Cut(values[0], " ")
	value = strings.Trim(value, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || value == "" || len(value) > maxToken ||
		strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return secret.Token{}, missing
	}
	return secret.New(value), nil
}
