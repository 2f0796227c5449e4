package tracing

import (
	"net/http"
)

// Transport returns what wraps a transport, so that each request of a recorded trace becomes a span below the step that
// sends it. Other requests, such as those of informers, make none. name names the span; it must not repeat a query. The
// span ends when the head of the answer is there. With a nil Tracer nothing is wrapped.
func (t *Tracer) Transport(name func(*http.Request) string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		if t == nil {
			return next
		}
		return &roundTripper{next: next, name: name}
	}
}

type roundTripper struct {
	next http.RoundTripper
	name func(*http.Request) string
}

// RoundTrip implements http.RoundTripper.
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if !Recording(r.Context()) {
		return t.next.RoundTrip(r)
	}
	_, span := Call(r.Context(), t.name(r))
	defer span.End()
	span.Set("http.request.method", r.Method)
	span.Set("server.address", r.URL.Host)
	span.Set("url.path", r.URL.EscapedPath())
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		span.Result("NoAnswer")
		span.Fail()
		return answer, err
	}
	span.Number("http.response.status_code", answer.StatusCode)
	if answer.StatusCode >= http.StatusBadRequest && answer.StatusCode != http.StatusNotFound {
		span.Fail()
	}
	return answer, nil
}

// WrappedRoundTripper lets client-go close the connections of the transport below.
func (t *roundTripper) WrappedRoundTripper() http.RoundTripper { return t.next }
