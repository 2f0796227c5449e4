// Package gitlab implements githost.Host with GitLab's REST API.
//
// One Host serves all callers and keeps nothing of them. The token is an option of one request and becomes the
// Authorization header of that request only. A request without a token is not sent. Redirects are never followed, so a
// token goes only to the configured host. The next page of a list is requested there too, whatever host the answer
// names.
//
// Errors are made from what came over the wire (transport.go, problems.go), not from the errors of the client library:
// those contain the request with its token, and lack what GitLab says with a 404.
package gitlab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// DefaultTimeout is how long GitLab may take for one answer, including one repetition.
const DefaultTimeout = 10 * time.Second

// DefaultUserAgent names this program in GitLab's logs.
const DefaultUserAgent = "nautes"

// Options say where GitLab is and how to reach it.
type Options struct {
	// URL of GitLab, such as https://gitlab.example.com or https://example.com/gitlab. Tokens are sent only to this
	// scheme, host and port.
	URL string
	// HTTP gives the transport (proxy, private CA, connections); NewTransport(nil) if nil. Its redirect policy, cookies
	// and timeout are not used.
	HTTP *http.Client
	// Timeout for one answer; DefaultTimeout if 0.
	Timeout time.Duration
	// UserAgent names this program in GitLab's logs; DefaultUserAgent if empty.
	UserAgent string
	// Observe, if set, is called after every call. Several goroutines call it.
	Observe func(Call)
	// Now is the clock for Call.Took. Without it Took is 0.
	Now func() time.Time
}

// Call is one request to GitLab, including its repetitions.
type Call struct {
	// Operation is a fixed word, such as GetProject, that can be a label of a metric.
	Operation string
	Took      time.Duration
	// Outcome is OK, Canceled, or the class of the problem.
	Outcome string
}

// The outcomes of a call besides the classes of problems.
const (
	OutcomeOK       = "OK"
	OutcomeCanceled = "Canceled"
)

// Host is a GitLab.
type Host struct {
	client  *gitlab.Client
	base    *url.URL
	timeout time.Duration
	observe func(Call)
	now     func() time.Time
}

var _ githost.Host = (*Host)(nil)

// NewTransport returns a transport that keeps connections for many callers. roots are the accepted CAs; nil means the
// system's.
func NewTransport(roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   5 * time.Second,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   100,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// New returns a Host for the GitLab at the URL. It sends nothing yet.
func New(o Options) (*Host, error) {
	base, err := baseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	var inner http.RoundTripper
	switch {
	case o.HTTP == nil:
		inner = NewTransport(nil)
	case o.HTTP.Transport == nil:
		inner = http.DefaultTransport
	default:
		inner = o.HTTP.Transport
	}
	client, err := gitlab.NewAuthSourceClient(gitlab.Unauthenticated{},
		gitlab.WithURLWarningLogger(slog.New(slog.DiscardHandler)),
		gitlab.WithBaseURL(base.String()),
		gitlab.WithHTTPClient(&http.Client{
			Transport:     &transport{inner: inner, scheme: base.Scheme, host: base.Host},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
		gitlab.WithCustomLimiter(unlimited{}),
		gitlab.WithCustomRetryMax(maxRepetitions),
		gitlab.WithCustomRetry(repeat),
		gitlab.WithCustomBackoff(func(time.Duration, time.Duration, int,
			*http.Response) time.Duration {
			return repetitionDelay
		}),
		gitlab.WithUserAgent(o.UserAgent),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing the client of GitLab at %s: %w", base, err)
	}
	h := &Host{client: client, base: base, timeout: o.Timeout, observe: o.Observe, now: o.Now}
	if h.timeout == 0 {
		h.timeout = DefaultTimeout
	}
	if h.observe == nil {
		h.observe = func(Call) {}
	}
	if h.now == nil {
		h.now = func() time.Time { return time.Time{} }
	}
	return h, nil
}

func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		// the error of url repeats the URL with its password
		return nil, errors.New("the URL of GitLab cannot be parsed; give one like https://gitlab.example.com")
	case u.User != nil:
		return nil,
			errors.New("the URL of GitLab holds a user name or password; leave it out, every caller brings a token")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("the URL of GitLab is %q; give one like https://gitlab.example.com", text)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the URL of GitLab is %q; leave out the query and the fragment", text)
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v4")
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: path}, nil
}

// unlimited is a rate limiter that never waits. GitLab has its own limit, and it is one per caller: a limiter here
// would make callers wait for each other.
type unlimited struct{}

// Wait does not wait.
func (unlimited) Wait(context.Context) error { return nil }

// task is one request: with whose token it is sent, and how messages and metrics name it.
type task struct {
	token secret.Token
	// operation is the word for metrics.
	operation string
	// doing is a gerund for messages: "reading project a/b".
	doing string
	// also holds other secrets of the request that an answer might repeat.
	also []secret.Token
}

type request[T any] func(...gitlab.RequestOptionFunc) (T, *gitlab.Response, error)

// ask sends one request with the task's token. Its error can be returned to the caller.
func ask[T any](ctx context.Context, h *Host, t task, send request[T]) (result T,
	response *gitlab.Response, err error) {
	if !usable(t.token) {
		return result, nil, problem.New(problem.Unauthenticated, problem.ReasonUnauthenticated,
			"there is no token, or it has characters that no token has; send one of GitLab's")
	}
	start := h.now()
	ctx, span := tracing.Call(ctx, "gitlab "+t.operation)
	defer span.End()
	span.Set("server.address", h.base.Host)
	seen := &answer{}
	asking, cancel := context.WithTimeout(withAnswer(ctx, seen), h.timeout)
	defer cancel()
	defer func() {
		// The client library may panic on malformed headers. Some requests run in goroutines, where a panic would end
		// the process.
		if failure := recover(); failure != nil {
			err = t.badAnswer("with headers that cannot be read").Because(t.cause(fmt.Errorf("panic: %v", failure)))
		}
		span.Result(outcome(err))
		h.observe(Call{Operation: t.operation, Took: h.now().Sub(start), Outcome: outcome(err)})
	}()

	result, response, err = send(gitlab.WithContext(asking), gitlab.WithToken(gitlab.OAuthToken, t.token.Reveal()))
	if err != nil {
		var none T
		return none, nil, t.problem(ctx, seen, err)
	}
	return result, response, nil
}

// do is ask for requests whose answer has no content of interest.
func do(ctx context.Context, h *Host, t task, send func(...gitlab.RequestOptionFunc) (*gitlab.Response, error)) error {
	_, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (struct{}, *gitlab.Response, error) {
		response, err := send(o...)
		return struct{}{}, response, err
	})
	return err
}

// raw is a request for which the client library has no function, or has one that omits a needed field.
func raw[T any](h *Host, method, path string, body any) request[*T] {
	return func(o ...gitlab.RequestOptionFunc) (*T, *gitlab.Response, error) {
		request, err := h.client.NewRequest(method, path, body, o)
		if err != nil {
			return nil, nil, err
		}
		var result *T
		response, err := h.client.Do(request, &result)
		return result, response, err
	}
}

func outcome(err error) string {
	if err == nil {
		return OutcomeOK
	}
	if p := problem.As(err); p != nil {
		return string(p.Class)
	}
	return OutcomeCanceled
}

// usable says whether the token can be the value of a header. Signed tokens are the longest.
func usable(t secret.Token) bool {
	value := t.Reveal()
	if value == "" || len(value) > 8<<10 {
		return false
	}
	return strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
