// Package client calls the REST API of deployment runtimes.
//
// The token is sent only in the Authorization header. Redirects are not followed, so that a token never reaches a host
// that the user did not name. A call that changes nothing is repeated after a failure, as Retry-After says and within
// bounds. A call that changes something is sent once. A Client is safe for concurrent use.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

const (
	defaultTimeout = time.Minute
	maxAnswer      = 64 << 20 // how much of one answer is read, in bytes
	maxTries       = 4
	longestWait    = 20 * time.Second // a longer Retry-After is reported at once
)

// ErrUnanswered is in the chain of the error when a change was sent and no answer came.
var ErrUnanswered = errors.New("the change was sent and may have been made: look, or do the same again")

// Options say which server the client calls, and with which token.
type Options struct {
	// Server is the address of the API server: http(s)://host[:port][/prefix].
	Server string
	// Token of the git host. It may be zero; the server then answers as it does without a token.
	Token secret.Token
	// CA holds PEM certificates to trust beside the system's.
	CA []byte
	// Timeout of one call with its repetitions. 0 means one minute.
	Timeout time.Duration
	// Version of this program, for the User-Agent.
	Version string
	// Trace is called with each request and its outcome, without headers and body. It may be nil.
	Trace func(format string, args ...any)
	// Proxy chooses the proxy of a request, like http.ProxyFromEnvironment. nil means none.
	Proxy func(*http.Request) (*url.URL, error)
	// FirstWait is how long to wait before the first repetition. 0 means half a second.
	FirstWait time.Duration
}

// Client is a connection to one server.
type Client struct {
	base    *url.URL
	token   secret.Token
	agent   string
	timeout time.Duration
	trace   func(string, ...any)
	once    *retryablehttp.Client
	patient *retryablehttp.Client
}

// New returns a client. It sends nothing. The error is a *problem.Problem.
func New(o Options) (*Client, error) {
	base, err := serverURL(o.Server)
	if err != nil {
		return nil, err
	}
	transport, err := transportFor(o)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, token: o.Token, agent: "nautes/" + o.Version, timeout: o.Timeout, trace: o.Trace}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.trace == nil {
		c.trace = func(string, ...any) {}
	}
	plain := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.once, c.patient = sender(plain, 0, o.FirstWait), sender(plain, maxTries-1, o.FirstWait)
	return c, nil
}

// Format prints only the server. Without it fmt would print the token in the unexported field.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client of %s", c.base.Host) }

func serverURL(address string) (*url.URL, error) {
	if address == "" {
		return nil, problem.New(problem.Invalid, problem.ReasonServerInvalid,
			"no API server is named: use --api-server or the environment variable API_SERVER, such "+
				"as https://nautes.example.com")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return nil, problem.New(problem.Invalid, problem.ReasonServerInvalid,
			"the API server is not an address like https://nautes.example.com:8443: give scheme, host and port alone "+
				"in --api-server or API_SERVER")
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1")
	u.RawPath = ""
	return u, nil
}

func transportFor(o Options) (*http.Transport, error) {
	transport := &http.Transport{
		Proxy:                 o.Proxy,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if len(o.CA) == 0 {
		return transport, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(o.CA) {
		return nil, problem.New(problem.Invalid, problem.ReasonCertificateNotTrusted,
			"the CA file holds no PEM certificate: give the file that begins with -----BEGIN CERTIFICATE-----")
	}
	transport.TLSClientConfig.RootCAs = pool
	return transport, nil
}

func sender(plain *http.Client, repetitions int, firstWait time.Duration) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.HTTPClient, c.Logger, c.RetryMax = plain, nil, repetitions
	c.RetryWaitMin, c.RetryWaitMax = 500*time.Millisecond, longestWait
	if firstWait > 0 {
		c.RetryWaitMin = firstWait
	}
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry, c.Backoff = mayHelp, waitFor
	return c
}

// mayHelp says whether the same request may succeed a moment later.
func mayHelp(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryAfter(resp) <= longestWait, nil
	}
	return false, nil
}

func waitFor(shortest, longest time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if asked := retryAfter(resp); asked > 0 {
			return asked
		}
	}
	return retryablehttp.DefaultBackoff(shortest, longest, attempt, nil)
}

// retryAfter returns the seconds of the header. A date counts as none; our server never sends one.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// call is one request of the API.
type call struct {
	method string
	// path below the base path, with its segments escaped.
	path  string
	query url.Values
	// body is sent as JSON; nil sends none.
	body any
	// safe calls change nothing and are repeated.
	safe bool
}

// do sends the call and decodes a successful answer into into, which may be nil. The error is a *RefusedError if the
// server answered, else a *problem.Problem.
func (c *Client) do(ctx context.Context, q call, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx,
		&httptrace.ClientTrace{WroteRequest: func(w httptrace.WroteRequestInfo) { sent.Store(w.Err == nil) }})
	req, err := c.request(ctx, q)
	if err != nil {
		return err
	}
	send := c.once
	if q.safe {
		send = c.patient
	}
	resp, err := send.Do(req)
	if err != nil {
		c.trace("%s %s: no answer", q.method, req.URL.RequestURI())
		return unanswered(c.unreachable(ctx, err), !q.safe && sent.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	c.trace("%s %s: %s, request id %s", q.method, req.URL.RequestURI(), resp.Status, resp.Header.Get("X-Request-Id"))
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered(c.unreachable(ctx, err), !q.safe)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.refusal(resp, body)
	}
	if into == nil {
		return nil
	}
	return c.Decode(body, into)
}

// Decode decodes an answer, or a part of one that is still a json.RawMessage.
func (c *Client) Decode(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return c.notAnAPI(err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, q call) (*retryablehttp.Request, error) {
	var body any
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("encoding the body of %s %s: %w", q.method, q.path, err)
		}
		body = bytes.NewReader(data)
	}
	address := strings.TrimRight(c.base.String(), "/") + "/api/v1/" + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("building %s %s: %w", q.method, q.path, err)
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", c.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	return req, nil
}

// unreachable says in words why no answer came.
func (c *Client) unreachable(ctx context.Context, err error) error {
	var unknown x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown), errors.As(err, &wrongHost), errors.As(err, &verification):
		return problem.New(problem.Unavailable, problem.ReasonCertificateNotTrusted,
			"the certificate of %s is not trusted: name the CA that signed it with --ca-file, or correct --api-server",
			c.base.Host).Because(err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"%s did not answer within %s: look whether it runs, or give it longer with --timeout", c.base.Host,
			c.timeout).Because(err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return problem.New(problem.Unavailable, problem.ReasonServerUnreachable,
		"%s cannot be reached (%s): look at the address in --api-server or API_SERVER, and whether the server runs",
		c.base.Host, rootOf(err)).Because(err)
}

// unanswered adds to the error of a change that the change may have been made.
func unanswered(err error, mayBeMade bool) error {
	p := problem.As(err)
	switch {
	case !mayBeMade:
		return err
	case p == nil:
		return errors.Join(err, ErrUnanswered)
	}
	return problem.New(p.Class, p.Reason, "%s; %v", p.Message,
		ErrUnanswered).Because(errors.Join(ErrUnanswered, p.Cause))
}

// rootOf returns the innermost cause, such as "connection refused".
func rootOf(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

func (c *Client) notAnAPI(err error) error {
	return problem.New(problem.Unavailable, problem.ReasonNotAnAPI,
		"%s does not answer like the REST API of deployment runtimes: look at the address in "+
			"--api-server or API_SERVER", c.base.Host).Because(err)
}
