package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/server"
)

const batches = "/api/v1/products/p/changes"

// start serves over real connections until the test ends, and returns where.
func (w *world) start(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	l := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, server.Listener{Listener: l, Patience: time.Minute}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// sender begins a request whose body is announced and does not come as a whole. It returns the connection.
func sender(t *testing.T, address, path string, announced int, sent string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+
		"%s\r\nContent-Length: %d\r\n\r\n%s", path, canary, announced, sent); err != nil {
		t.Fatal(err)
	}
	return conn
}

// until waits for what must come true.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// inFlight waits until so many requests are being answered.
func (w *world) inFlight(t *testing.T, n int) {
	t.Helper()
	want := fmt.Sprintf("nautes_apiserver_requests_in_flight %d\n", n)
	until(t, want, func() bool { return strings.Contains(w.scrape(t), want) })
}

func TestWhatIsOnlyAnnouncedBlocksNobody(t *testing.T) {
	w := newWorld(t)
	address := w.start(t)
	const silent = 300
	for range silent {
		sender(t, address, batches, 4<<20, "")
	}
	w.inFlight(t, silent)
	for path, body := range map[string]string{runtimes + "/x": guideBody,
		batches: `[{"kind":"Project","name":"a","delete":true}]` + strings.Repeat(" ", 3<<20)} {
		if got := w.do(t, http.MethodPost, path, body); got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s", path, got.StatusCode, got.body)
		}
	}
}

// Each of the senders takes 4 MiB of 64 and stops: the first ones give way, to each other and to whoever sends all.
func TestWhoStopsSendingGivesWay(t *testing.T) {
	w := newWorld(t)
	address := w.start(t)
	const slow, tooMany = 20, 4
	refused := make(chan string, slow)
	for range slow {
		conn := sender(t, address, batches, 4<<20, strings.Repeat(" ", 3<<20))
		go func() {
			if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				refused <- fmt.Sprintf("%d %s %s", resp.StatusCode, resp.Header.Get("Retry-After"), body)
			}
		}()
	}
	wait := func() {
		if got := <-refused; !strings.HasPrefix(got, "429 1") || !strings.Contains(got, "RATE_LIMITED") {
			t.Errorf("got %s", got)
		}
	}
	for range tooMany {
		wait()
	}
	w.inFlight(t, slow-tooMany)
	whole := `[{"kind":"Project","name":"a","delete":true}]` + strings.Repeat(" ", 3<<20)
	if got := w.do(t, http.MethodPost, batches, whole); got.StatusCode != http.StatusOK {
		t.Errorf("a batch: got %d %s", got.StatusCode, got.body)
	}
	wait()
	if got := w.do(t, http.MethodPost, runtimes+"/x", guideBody); got.StatusCode != http.StatusOK {
		t.Errorf("a save: got %d %s", got.StatusCode, got.body)
	}
}

func TestBodiesThatAreWorkedOnAreBoundedTogether(t *testing.T) {
	w := newWorld(t)
	body := `[{"kind":"Project","name":"a","delete":true}]` + strings.Repeat(" ", 3<<20) // takes 4 MiB of 64
	refused := 0
	var inside func(depth int)
	inside = func(depth int) {
		if depth == 0 {
			if got := w.do(t, http.MethodPost, runtimes+"/x",
				guideBody+strings.Repeat(" ", 100<<10)); got.StatusCode != http.StatusOK {
				t.Errorf("large bodies leave no room for small ones: %d", got.StatusCode)
			}
			return
		}
		w.service.during = func(context.Context) { w.service.during = nil; inside(depth - 1) }
		if got := w.do(t, http.MethodPost, batches, body); got.StatusCode == http.StatusTooManyRequests {
			refused++
			w.service.during = nil
			inside(depth - 1)
		}
	}
	inside(17)
	if refused != 1 {
		t.Errorf("%d refused", refused)
	}
	if got := w.do(t, http.MethodPost, batches, body); got.StatusCode != http.StatusOK {
		t.Errorf("the memory is not free again: %d", got.StatusCode)
	}
}
