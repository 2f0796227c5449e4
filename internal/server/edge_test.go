package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/server"
)

// raw sends bytes over a connection of its own and returns all that comes back until the server hangs up.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it was read to its end
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(conn); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// TestRequestsAsTheyComeOverTheWire sends what no well-behaved client does.
func TestRequestsAsTheyComeOverTheWire(t *testing.T) {
	w := newWorld(t)
	address := w.start(t)
	head := func(line string, more ...string) string {
		return line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + canary + "\r\n" +
			strings.Join(append(more, "\r\n"), "\r\n")
	}
	post := func(more ...string) string { return head("POST "+runtimes+"/x", more...) }
	length := fmt.Sprintf("Content-Length: %d", len(guideBody))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(guideBody), guideBody)
	for name, c := range map[string]struct {
		text, want string
		reaches    bool
	}{
		"a save":              {post(length) + guideBody, "HTTP/1.1 200 ", true},
		"a save in chunks":    {post("Transfer-Encoding: chunked") + chunked, "HTTP/1.1 200 ", true},
		"chunks that are not": {post("Transfer-Encoding: chunked") + "zz\r\n", "HTTP/1.1 400 ", false},
		"two lengths": {post("Content-Length: 1", "Content-Length: 2") + "{}",
			"HTTP/1.1 400 ", false},
		"compressed chunks": {post("Transfer-Encoding: gzip, chunked") + chunked,
			"HTTP/1.1 501 ", false},
		"a compressed body": {post(length, "Content-Encoding: gzip") + guideBody,
			"HTTP/1.1 415 ", false},
		"a compressed body, said second": {post(length, "Content-Encoding: identity", "Content-Encoding: gzip") +
			guideBody, "HTTP/1.1 415 ", false},
		"a body as it is": {post(length, "Content-Encoding: Identity") + guideBody,
			"HTTP/1.1 200 ", true},
		"two media types": {post(length, "Content-Type: application/json",
			"Content-Type: text/plain") + guideBody, "HTTP/1.1 415 ", false},
		"a character set in capitals": {post(length, "Content-Type: application/json; charset=UTF-8") +
			guideBody, "HTTP/1.1 200 ", true},
		"a character set in quotes": {post(length, `Content-Type: application/json; charset="utf-8"`) +
			guideBody, "HTTP/1.1 200 ", true},
		"JSON is the answer, whatever is asked": {post(length, "Accept: application/xml") + guideBody,
			"Content-Type: application/json\r\n", true},
		"a client that waits for 100": {post(length, "Expect: 100-continue") + guideBody,
			"HTTP/1.1 200 ", true},
		"headers that are too long": {post("X-Long: "+strings.Repeat("a", 64<<10)) + "{}",
			"HTTP/1.1 431 ", false},
		"a path that is too long": {head("GET /" + strings.Repeat("a", 4000)), "HTTP/1.1 404 ", false},
		"two tokens": {post(length, "Authorization: Bearer another") + guideBody,
			"HTTP/1.1 401 ", false},
		"OPTIONS":               {head("OPTIONS " + runtimes), "Allow: GET, HEAD\r\n", false},
		"OPTIONS of everything": {head("OPTIONS *"), "HTTP/1.1 404 ", false},
		"TRACE repeats nothing": {head("TRACE " + runtimes), "HTTP/1.1 405 ", false},
		"an absolute address": {head("GET http://elsewhere.example" + runtimes + "/x"),
			"HTTP/1.1 200 ", true},
		"a body on a deletion": {head("DELETE "+runtimes+"/x", "Content-Length: 2") + "{}",
			"HTTP/1.1 200 ", true},
		"HEAD":    {head("HEAD " + runtimes + "/x"), "Connection: close\r\n\r\n", true},
		"no HTTP": {"nonsense\r\n\r\n", "HTTP/1.1 400 ", false},
		"HTTP/1.0": {"GET " + runtimes + "/x HTTP/1.0\r\nAuthorization: Bearer " + canary +
			"\r\n\r\n", "HTTP/1.0 200 ", true},
	} {
		t.Run(name, func(t *testing.T) {
			before := w.calls()
			got := raw(t, address, c.text)
			if !strings.Contains(got, c.want) || strings.Contains(got, canary) {
				t.Errorf("got %s", got)
			}
			if reached := w.calls() > before; reached != c.reaches {
				t.Errorf("the service was asked: %t", reached)
			}
			if name == "HEAD" && !strings.HasSuffix(got, "\r\n\r\n") {
				t.Errorf("a body comes with HEAD: %s", got)
			}
		})
	}
}

// TestBodiesThatAreAlmostJSON goes through the real service: it is what reads them, once GitLab said who sends them.
func TestBodiesThatAreAlmostJSON(t *testing.T) {
	w, lab, token := newWhole(t)
	if got := w.do(t, http.MethodPost, "/api/v1/products/nautes-labs",
		`{"git":{"gitlab":{"name":"Nautes","visibility":"private"}}}`, as(token)); got.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", got.StatusCode, got.body)
	}
	for name, body := range map[string]string{
		"a byte order mark":      "\ufeff" + guideBody,
		"something behind":       guideBody + "x",
		"a second document":      guideBody + guideBody,
		"a comment":              "// x\n" + guideBody,
		"no object":              `["x"]`,
		"null":                   "null",
		"nothing":                " ",
		"a key twice":            strings.Replace(guideBody, "{", `{"destination":"env-prod",`, 1),
		"a key in two spellings": strings.Replace(guideBody, "{", `{"projectsRef":[],`, 1),
		"a key inside twice":     strings.Replace(guideBody, `"path"`, `"path":"x","path"`, 1),
		"deep nesting":           strings.Repeat(`{"a":`, 20000),
		"a wrong type":           strings.Replace(guideBody, `"env-dev"`, "1", 1),
	} {
		t.Run(name, func(t *testing.T) {
			lab.ForgetRequests()
			got := w.do(t, http.MethodPost, runtimes+"/dr-dev", body, as(token))
			if got.StatusCode != http.StatusBadRequest || got.problem(t).Reason != "BAD_REQUEST" {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
			for _, asked := range lab.Requests() {
				if asked.Method != http.MethodGet || !strings.HasPrefix(asked.Path, "/api/v4/") {
					t.Errorf("GitLab was asked: %v", asked)
				}
			}
			if n := len(lab.Requests()); n != 3 { // who calls, the project, and main
				t.Errorf("GitLab was asked %d times", n)
			}
		})
	}
}

// pipes is a listener without a network, so that time can be made to fly.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// inBubble serves where time passes only when nothing else happens.
func inBubble(t *testing.T, test func(t *testing.T, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, server.Listener{Listener: p, Patience: time.Minute}) }()
		test(t, p)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestASlowClientHoldsItsConnectionForAWhileOnly(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		atMost time.Duration
		want   string
	}{
		"nothing":       {"", 10 * time.Second, ""},
		"half a header": {"GET / HTTP/1.1\r\nHost:", 10 * time.Second, ""},
		"half a body": {"POST " + runtimes + "/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + canary +
			"\r\nContent-Length: 9\r\n\r\n{", 31 * time.Second, "HTTP/1.1 400 "},
		"no more after a read": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 121 * time.Second, "HTTP/1.1 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, p *pipes) {
				conn := p.dial()
				begun := time.Now()
				go func() { _, _ = io.WriteString(conn, c.text) }() // the pipe may be closed before all is read
				got, err := io.ReadAll(conn)
				if err != nil || !strings.HasPrefix(string(got), c.want) {
					t.Errorf("got %s, %v", got, err)
				}
				if took := time.Since(begun); took > c.atMost {
					t.Errorf("it held the connection for %s", took)
				}
			})
		})
	}
}
