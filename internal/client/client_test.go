package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

const canary = "glpat-CANARY"

func runtimes() Place { return Place{Product: "a/b", Collection: "deploymentruntimes"} }

func newClient(t *testing.T, server string, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Server: server, Token: secret.New(canary), Version: "v1", FirstWait: time.Microsecond,
		Timeout: 20 * time.Second}
	for _, c := range change {
		c(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers serves one answer after the other; the last one stays.
func answers(t *testing.T, all ...func(http.ResponseWriter)) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all[min(int(asked.Add(1)), len(all))-1](w)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func problemOf(status int, reason, retryAfter string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(wire.Problem{Title: "title", Detail: "what is wrong", Reason: reason,
			RequestID:  "id-1",
			Violations: []wire.Violation{{Rule: "R", Field: "f", Message: "m"}}})
	}
}

func ok(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _, _ = io.WriteString(w, body) }
}

// dropped ends the connection without an answer.
func dropped(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func TestRepetition(t *testing.T) {
	ctx := t.Context()
	get := func(c *Client) error { _, err := Get[wire.Project](ctx, c, runtimes(), "x"); return err }
	save := func(c *Client) error { _, err := c.Save(ctx, runtimes(), "x", struct{}{}, Write{}); return err }
	dryRun := func(c *Client) error { _, err := c.PreviewSave(ctx, runtimes(), "x", struct{}{}, Write{}); return err }
	busy := problemOf(http.StatusServiceUnavailable, "GITLAB_UNAVAILABLE", "0")
	tests := map[string]struct {
		call  func(*Client) error
		serve []func(http.ResponseWriter)
		asked int64
		class problem.Class
	}{
		"a read is repeated after trouble": {call: get,
			serve: []func(http.ResponseWriter){busy, dropped, problemOf(429, "RATE_LIMITED", "0"), ok("{}")}, asked: 4},
		"a read is not repeated for ever": {call: get, serve: []func(http.ResponseWriter){busy},
			asked: maxTries, class: problem.Unavailable},
		"a read does not wait for an hour": {call: get, serve: []func(http.ResponseWriter){
			problemOf(429, "RATE_LIMITED", "3600")}, asked: 1, class: problem.RateLimited},
		"a user's mistake is not repeated": {call: get, serve: []func(http.ResponseWriter){
			problemOf(404, "RESOURCE_NOT_FOUND", "")}, asked: 1, class: problem.Missing},
		"a bug of the server is not repeated": {call: get,
			serve: []func(http.ResponseWriter){problemOf(500, "INTERNAL", "")}, asked: 1, class: problem.Internal},
		"a dry run is repeated, it changes nothing": {call: dryRun, serve: []func(http.ResponseWriter){busy, ok("{}")},
			asked: 2},
		"a change is sent once, whatever is said": {call: save, serve: []func(http.ResponseWriter){busy}, asked: 1,
			class: problem.Unavailable},
		"a change whose answer is lost is sent once": {call: save, serve: []func(http.ResponseWriter){dropped},
			asked: 1, class: problem.Unavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			url, asked := answers(t, test.serve...)
			err := test.call(newClient(t, url))
			if asked.Load() != test.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), test.asked)
			}
			if (test.class == "") != (err == nil) || (err != nil && !problem.Is(err, test.class)) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	url, _ := answers(t, problemOf(http.StatusUnprocessableEntity, "INVALID", ""))
	_, err := Get[wire.Project](t.Context(), newClient(t, url), runtimes(), "x")
	var refusal *RefusedError
	if !errors.As(err, &refusal) {
		t.Fatalf("%T: %v", err, err)
	}
	if refusal.Error() != "what is wrong" || refusal.Reason != "INVALID" || refusal.RequestID != "id-1" ||
		refusal.Status != 422 {
		t.Errorf("%+v", refusal)
	}
	if diff := cmp.Diff([]wire.Violation{{Rule: "R", Field: "f", Message: "m"}}, refusal.Violations); diff != "" {
		t.Error(diff)
	}
}

func TestClassesOfStatuses(t *testing.T) {
	for status, want := range map[int]problem.Class{
		400: problem.Invalid, 401: problem.Unauthenticated, 403: problem.Forbidden, 404: problem.Missing,
		405: problem.Invalid, 409: problem.Conflict, 412: problem.Conflict,
		413: problem.Invalid, 415: problem.Invalid, 422: problem.Invalid, 429: problem.RateLimited,
		500: problem.Internal, 502: problem.Unavailable,
		503: problem.Unavailable, 504: problem.Unavailable,
	} {
		if got := problem.ClassOf(status); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

func TestATokenReachesNoOtherHost(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		url, _ := answers(t, func(w http.ResponseWriter) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		_, err := Get[wire.Project](t.Context(), newClient(t, url), runtimes(), "x")
		if p := problem.As(err); p == nil || p.Reason != problem.ReasonRedirected {
			t.Errorf("%d: %v", status, err)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("the redirect was followed")
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://h":                      "http://h",
		"HTTP://h:8080/":                "http://h:8080",
		"https://h/nautes/":             "https://h/nautes",
		"https://h/nautes/api/v1/":      "https://h/nautes",
		"":                              "",
		"h:8080":                        "",
		"ftp://h":                       "",
		"https://user:" + canary + "@h": "",
		"https://h?token=" + canary:     "",
		"://":                           "",
	} {
		c, err := New(Options{Server: address})
		if want == "" {
			if !problem.Is(err, problem.Invalid) || strings.Contains(err.Error(), canary) {
				t.Errorf("%q: %v", address, err)
			}
			continue
		}
		if err != nil || c.base.String() != want {
			t.Errorf("%q: %v, %v", address, c, err)
		}
	}
}

func TestPathsAreEscaped(t *testing.T) {
	for name, want := range map[string]string{"dr": "products/a%2Fb/deploymentruntimes/dr",
		"a/../b?c#d": "products/a%2Fb/deploymentruntimes/a%2F..%2Fb%3Fc%23d"} {
		if got := runtimes().path(name); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	c := newClient(t, "http://127.0.0.1:1")
	if _, err := c.Delete(t.Context(), runtimes(), "", Write{}); !problem.Is(err, problem.Invalid) {
		t.Errorf("a deletion without a name: %v", err)
	}
}

func TestAPrivateCA(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	get := func(c *Client) error {
		_, err := Get[wire.Project](t.Context(), c, runtimes(), "x")
		return err
	}
	if err := get(newClient(t, server.URL, func(o *Options) { o.CA = ca })); err != nil {
		t.Errorf("with the CA: %v", err)
	}
	if p := problem.As(get(newClient(t, server.URL))); p == nil || p.Reason != problem.ReasonCertificateNotTrusted ||
		!strings.Contains(p.Message, "--ca-file") {
		t.Errorf("without the CA: %v", p)
	}
	if _, err := New(Options{Server: server.URL, CA: []byte("no certificate")}); !problem.Is(err, problem.Invalid) {
		t.Errorf("a file without a certificate: %v", err)
	}
}

func TestTimeLimits(t *testing.T) {
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-released:
		}
	}))
	defer server.Close()
	defer close(released)
	_, err := Get[wire.Project](t.Context(),
		newClient(t, server.URL, func(o *Options) { o.Timeout = time.Millisecond }), runtimes(), "x")
	if p := problem.As(err); p == nil || p.Reason != problem.ReasonTimedOut {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Get[wire.Project](ctx, newClient(t, server.URL), runtimes(), "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("after a stop: %v", err)
	}
}

func TestAChangeWithoutAnAnswerMayHaveBeenMade(t *testing.T) {
	arrived, released := make(chan struct{}, 8), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodDelete { // the answer breaks off
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
			return
		}
		arrived <- struct{}{}
		<-released
	}))
	defer server.Close()
	defer close(released)
	stopped := func() context.Context {
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			<-arrived
			stop()
		}()
		return ctx
	}
	one := wire.Changes{Changes: []wire.Change{{Delete: true, Kind: "Project", Name: "p"}}}
	c, nobody := newClient(t, server.URL), newClient(t, "http://127.0.0.1:1")
	tests := map[string]struct {
		call       func() error
		unanswered bool
		says       string
	}{
		"a change that is stopped": {unanswered: true,
			call: func() error { _, err := c.Change(stopped(), "a/b", one, Write{}); return err }},
		"an answer that breaks off": {unanswered: true, says: "may have been made", call: func() error {
			_, err := c.Delete(t.Context(), runtimes(), "x", Write{})
			return err
		}},
		"a preview that is stopped": {call: func() error {
			_, err := c.PreviewChange(stopped(), "a/b", one, Write{})
			return err
		}},
		"nobody there": {says: "cannot be reached",
			call: func() error { _, err := nobody.Change(t.Context(), "a/b", one, Write{}); return err }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.call()
			if err == nil || errors.Is(err, ErrUnanswered) != test.unanswered ||
				!strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestPlansInAllThreeShapes(t *testing.T) {
	for body, want := range map[string]Plans{
		`{"plan":null}`:                        nil,
		`{}`:                                   nil,
		`{"plan":{"name":"dr","cluster":"c"}}`: {{Name: "dr", Cluster: "c"}},
		`{"plan":[{"name":"dr"},{"name":"dr2"}]}`: {{Name: "dr"}, {Name: "dr2"}},
	} {
		var p Preview
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if diff := cmp.Diff(want, p.Plan); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

func TestTheTokenIsInNoErrorAndNoTrace(t *testing.T) {
	var trace strings.Builder
	url, _ := answers(t, problemOf(401, "UNAUTHENTICATED", ""))
	for _, server := range []string{url, "http://127.0.0.1:1"} {
		c := newClient(t, server,
			func(o *Options) { o.Trace = func(f string, a ...any) { fmt.Fprintf(&trace, f, a...) } })
		_, err := Get[wire.Project](t.Context(), c, runtimes(), "x")
		if err == nil {
			t.Fatal("no error")
		}
		all := fmt.Sprintf("%v %+v %#v %s", err, err, c, trace.String())
		if p := problem.As(err); p != nil {
			all += fmt.Sprint(p.Cause)
		}
		if strings.Contains(all, canary) {
			t.Errorf("the token is shown: %s", all)
		}
	}
	if trace.Len() == 0 {
		t.Error("nothing was traced")
	}
}

func TestABatchThatIsTooLargeIsNotSent(t *testing.T) {
	url, asked := answers(t, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{}`) })
	c := newClient(t, url)
	batch := func(n int) wire.Changes {
		var body wire.Changes
		for range n {
			body.Changes = append(body.Changes, wire.Change{Delete: true, Kind: "Project", Name: "p"})
		}
		return body
	}
	for n, fits := range map[int]bool{MostDocuments: true, MostDocuments + 1: false} {
		data, err := json.Marshal(batch(n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ParseChanges(data); (err == nil) != fits {
			t.Errorf("the server on %d documents: %v", n, err)
		}
		before := asked.Load()
		_, changed := c.Change(t.Context(), "a/b", batch(n), Write{})
		_, previewed := c.PreviewChange(t.Context(), "a/b", batch(n), Write{})
		if (changed == nil) != fits || (previewed == nil) != fits || (asked.Load() > before) != fits {
			t.Errorf("%d documents: %v, %v, %d calls", n, changed, previewed, asked.Load()-before)
		}
		if !fits && (!problem.Is(changed, problem.Invalid) || !strings.Contains(changed.Error(), "1001 resources")) {
			t.Errorf("%v", changed)
		}
	}
}

// What is wrong with files is told with each page, what is about an item with the page that has it.
func TestTheWarningsOfAllPagesAreKept(t *testing.T) {
	url, _ := answers(t,
		ok(`{"items":[{"name":"a"}],"warnings":["STREAM_BLOCKED: x.yaml","LEGACY_CODE_REPO: a.yaml"],"next_page_token":"t"}`),
		ok(`{"items":[{"name":"b"}],"warnings":["STREAM_BLOCKED: x.yaml","LEGACY_CODE_REPO: b.yaml"]}`))
	list, err := List[wire.DeploymentRuntime](t.Context(), newClient(t, url), runtimes())
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("got %v, %v", list, err)
	}
	if got := strings.Join(list.Warnings,
		"; "); got != "STREAM_BLOCKED: x.yaml; LEGACY_CODE_REPO: a.yaml; LEGACY_CODE_REPO: b.yaml" {
		t.Errorf("got %s", got)
	}
}
