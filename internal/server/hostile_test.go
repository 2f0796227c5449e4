package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// Whoever GitLab does not know, or does not show the product, costs no more than that question.
func TestNoBodyIsReadBeforeGitLabSaidWhoSendsIt(t *testing.T) {
	for name, stranger := range map[string]error{
		"a token that is none":       problem.New(problem.Unauthenticated, problem.ReasonUnauthenticated, "x"),
		"a product that is not seen": problem.New(problem.Missing, api.ReasonProductNotFound, "x"),
		"a git host that is away":    problem.New(problem.Unavailable, "Unavailable", "x"),
	} {
		for path, asked := range map[string]string{
			runtimes + "/x": "DeploymentRuntime nautes-labs", batches: " p", "/api/v1/products/p": "Product p",
		} {
			t.Run(name+", "+path, func(t *testing.T) {
				w := newWorld(t)
				w.stranger = stranger
				got := w.do(t, http.MethodPost, path, "",
					func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(unread{t}), 100<<10 })
				if got.StatusCode < 400 || got.StatusCode == http.StatusInternalServerError || w.calls() != 0 {
					t.Errorf("got %d %s", got.StatusCode, got.body)
				}
				if len(w.admitted) != 1 || w.admitted[0] != asked {
					t.Errorf("asked for %q", w.admitted)
				}
				if line := w.audited.lines(t, "write"); len(line) != 1 || path != batches && line[0]["count"] != 1.0 {
					t.Errorf("the audit log: %v", line)
				}
			})
		}
	}
	// A client that asks first is told before it sends anything.
	w := newWorld(t)
	w.stranger = problem.New(problem.Unauthenticated, problem.ReasonUnauthenticated, "x")
	got := raw(t, w.start(t), "POST "+batches+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+
		canary+"\r\nContent-Length: 4000000\r\nExpect: 100-continue\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Errorf("got %s", got)
	}
}

// long makes the list as long as that.
func long(w *world, bytes int) { longOf(w, "x", bytes) }

// longOf makes the list as long as that, of this letter: lists of different letters share no text.
func longOf(w *world, letter string, bytes int) {
	w.listing = &change.Listing{ETag: `W/"head"`,
		Items: []any{&wire.DeploymentRuntime{Name: strings.Repeat(letter, bytes)}}}
}

// letter is another one for each of the first readers.
func letter(i int) string { return string(rune('a' + i)) }

// bubble serves over pipes, which hold nothing, where time passes only when nothing else happens.
func bubble(t *testing.T, adjust func(*server.Options), test func(t *testing.T, w *world, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t, adjust), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx, server.Listener{Listener: p, Patience: time.Minute}) }()
		test(t, w, p)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// reader asks for a list and reads the head of the answer.
func reader(t *testing.T, p *pipes, token string) (net.Conn, *bufio.Reader, partly) {
	t.Helper()
	conn := p.dial()
	go func() {
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", runtimes, token)
	}()
	in := bufio.NewReaderSize(conn, 16)
	res, err := http.ReadResponse(in, nil) //nolint:bodyclose // closing it would read all of it
	if err != nil {
		t.Fatal(err)
	}
	return conn, in, partly{res.Body, res.ContentLength}
}

// partly is an answer of which the head was read.
type partly struct {
	Body          io.Reader
	ContentLength int64
}

// Who reads slowly, or not at all, holds its place, so that no more answers are made than places, and is given up soon.
func TestASlowReaderHoldsItsPlaceUntilItIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct {
		read   func(in io.Reader) error
		atMost time.Duration
	}{
		"nothing is read": {nil, 12 * time.Second},
		"a byte each second": {func(in io.Reader) error {
			time.Sleep(time.Second) //nolint:forbidigo // time flies in the bubble
			_, err := in.Read(make([]byte, 1))
			return err
		}, 12 * time.Second},
		"pieces, but slowly": {func(in io.Reader) error {
			time.Sleep(5 * time.Second) //nolint:forbidigo // time flies in the bubble
			_, err := io.CopyN(io.Discard, in, 64<<10)
			return err
		}, 62 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(o *server.Options) { o.MaxConcurrent = 1 }, func(t *testing.T, w *world, p *pipes) {
				long(w, 2<<20)
				conn, in, _ := reader(t, p, canary)
				begun := time.Now()
				var reading sync.WaitGroup
				reading.Go(func() {
					for c.read != nil && c.read(in) == nil { //nolint:revive // until it is given up
					}
				})
				synctest.Wait()
				if got := w.do(t, http.MethodGet, runtimes, ""); got.StatusCode != http.StatusTooManyRequests {
					t.Errorf("the place was given back before the answer was written: %d", got.StatusCode)
				}
				for w.do(t, http.MethodGet, runtimes, "").StatusCode != http.StatusOK {
					time.Sleep(time.Second) //nolint:forbidigo // time flies in the bubble
				}
				if took := time.Since(begun); took > c.atMost {
					t.Errorf("it held the place for %s", took)
				}
				_ = conn.Close()
				reading.Wait()
			})
		})
	}
}

// Who reads at a usual speed gets all.
func TestALongAnswerArrivesWhole(t *testing.T) {
	bubble(t, func(*server.Options) {}, func(t *testing.T, w *world, p *pipes) {
		long(w, 3<<20)
		conn, _, res := reader(t, p, canary)
		var n int64
		for {
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // time flies in the bubble
			part, err := io.CopyN(io.Discard, res.Body, 64<<10)
			n += part
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n != res.ContentLength || n < 3<<20 {
			t.Errorf("%d bytes of %d", n, res.ContentLength)
		}
		_ = conn.Close()
	})
}

// 32 MiB are for answers that are being read. Who holds most of it gives way; a caller with one answer is not cut.
func TestTheReadersOfOneCallerGiveWayToOthers(t *testing.T) {
	bubble(t, func(*server.Options) {}, func(t *testing.T, w *world, p *pipes) {
		longOf(w, "x", 4<<20-1000)
		calm, _, res := reader(t, p, "glpat-calm-0123456789")
		var loud []net.Conn
		for i := range 8 { // with the calm one more than there is room for
			longOf(w, letter(i), 4<<20-1000)
			conn, _, _ := reader(t, p, canary)
			loud = append(loud, conn)
		}
		synctest.Wait()
		if rest, err := io.ReadAll(res.Body); err != nil || int64(len(rest)) != res.ContentLength {
			t.Errorf("the calm one got %d of %d bytes: %v", len(rest), res.ContentLength, err)
		}
		if data, err := io.ReadAll(loud[0]); err != nil || len(data) > 1<<20 {
			t.Errorf("the first of the loud ones got %d bytes more, %v", len(data), err)
		}
		for _, conn := range append(loud, calm) {
			_ = conn.Close()
		}
	})
}

// One long answer cuts nobody who takes less: neither one that does not fit at all, nor one that would fit if all
// others went.
func TestALongAnswerCutsNobodyWhoTakesLess(t *testing.T) {
	bubble(t, func(*server.Options) {}, func(t *testing.T, w *world, p *pipes) {
		var conns []net.Conn
		var calm []partly
		for i := range 6 {
			longOf(w, letter(i), 4<<20-1000)
			conn, _, res := reader(t, p, fmt.Sprintf("glpat-calm-0123456789-%d", i))
			conns, calm = append(conns, conn), append(calm, res)
		}
		for _, size := range []int{40 << 20, 20 << 20} {
			long(w, size)
			if got := w.do(t, http.MethodGet, runtimes, ""); got.StatusCode != http.StatusTooManyRequests {
				t.Errorf("%d MiB: got %d", size>>20, got.StatusCode)
			}
		}
		for i, res := range calm {
			if rest, err := io.ReadAll(res.Body); err != nil || int64(len(rest)) != res.ContentLength {
				t.Errorf("the calm one %d got %d of %d bytes: %v", i, len(rest), res.ContentLength, err)
			}
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
}

// Whatever one caller asks for, and however many tokens somebody invents, there are places for others.
func TestNobodyTakesAllPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		token func(i int) string
		most  int
	}{
		"one caller":           {func(int) string { return canary }, 4},
		"tokens that are none": {func(i int) string { return fmt.Sprintf("glpat-invented-%d", i) }, 2},
		"one caller, with tokens that are none": {func(i int) string {
			if i%2 == 0 {
				return canary
			}
			return fmt.Sprintf("glpat-invented-%d", i)
		}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calm = "glpat-calm-0123456789"
				w := newWorld(t, func(o *server.Options) { o.MaxConcurrent = 8 })
				for _, token := range []string{calm, canary} {
					if got := w.do(t, http.MethodGet, runtimes, "", as(token)); got.StatusCode != http.StatusOK {
						t.Fatalf("got %d", got.StatusCode)
					}
				}
				goOn := make(chan struct{})
				w.during = func(context.Context) { <-goOn }
				answers := make(chan int, 21)
				for i := range 20 {
					go func() { answers <- w.do(t, http.MethodGet, runtimes, "", as(c.token(i))).StatusCode }()
				}
				synctest.Wait()
				if refused := len(answers); refused != 20-c.most {
					t.Errorf("%d were told to come back", refused)
				}
				go func() { answers <- w.do(t, http.MethodGet, runtimes, "", as(calm)).StatusCode }()
				synctest.Wait()
				if len(answers) != 20-c.most {
					t.Error("there is no place for another")
				}
				close(goOn)
			})
		})
	}
}
