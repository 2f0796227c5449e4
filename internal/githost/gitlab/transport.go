package gitlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxAnswer bounds the size of an answer. 100 projects take about half a megabyte.
	maxAnswer = 16 << 20
	// maxRefusal bounds how much is read of an answer other than success.
	maxRefusal = 64 << 10

	maxRepetitions  = 1
	repetitionDelay = 100 * time.Millisecond
)

var errTooLong = errors.New("the answer is too long")

// answer is what came back for the last attempt of a request.
type answer struct {
	// status is 0 if no answer came.
	status int
	header http.Header
	// refusal is the body of an answer other than success.
	refusal []byte
	method  string
	path    string
}

type answerKey struct{}

func withAnswer(ctx context.Context, a *answer) context.Context {
	return context.WithValue(ctx, answerKey{}, a)
}

// transport sends tokens to the configured host only, bounds answers, and records what came back.
type transport struct {
	inner        http.RoundTripper
	scheme, host string
}

// RoundTrip sends one attempt.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	seen, ok := r.Context().Value(answerKey{}).(*answer)
	switch {
	case !ok || r.Header.Get("Authorization") == "":
		return nil, errors.New("a request on nobody's behalf is not sent")
	case r.URL.Scheme != t.scheme || r.URL.Host != t.host:
		return nil, fmt.Errorf("a request to %s is not sent, only %s is configured", r.URL.Host, t.host)
	}
	*seen = answer{method: r.Method, path: r.URL.EscapedPath()}
	response, err := t.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	seen.status, seen.header = response.StatusCode, response.Header
	if isSuccess(response.StatusCode) {
		response.Body = &bounded{inner: response.Body, left: maxAnswer}
		return response, nil
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or it is broken: nothing follows from the error
	seen.refusal, err = io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil {
		seen.refusal = nil // a part of GitLab's message could mislead; the status is enough
	}
	response.Body = io.NopCloser(bytes.NewReader(seen.refusal))
	return response, nil
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }

// bounded is a body that fails when it becomes too long.
type bounded struct {
	inner io.ReadCloser
	left  int64
}

// Read reads, and fails when the body is too long.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.inner.Read(p)
	b.left -= int64(n)
	return n, err
}

// Close closes the body.
func (b *bounded) Close() error { return b.inner.Close() }

// repeat says whether to send a request once more. Only reads are repeated, and only after a broken connection or when
// a proxy answers that GitLab is not available. A request is never repeated after 429, which would make things worse.
func repeat(ctx context.Context, response *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		var failed *url.Error
		return errors.As(err, &failed) && failed.Op == "Get" && !failed.Timeout(), nil
	}
	switch response.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return response.Request.Method == http.MethodGet && response.Header.Get("Retry-After") == "", nil
	default:
		return false, nil
	}
}
