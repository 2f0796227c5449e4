package server_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/server"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// page makes the list a full page of runtimes.
func page(w *world) {
	w.listing = &change.Listing{ETag: `W/"head"`}
	for i := range 1000 {
		w.listing.Items = append(w.listing.Items, &wire.DeploymentRuntime{
			Name: fmt.Sprintf("dr-%d", i), Destination: strings.Repeat("x", 500),
		})
	}
}

// stalled returns the live heap while so many readers of a list do not read it.
func stalled(t *testing.T, readers int) (heap int64) {
	t.Helper()
	bubble(t, func(*server.Options) {}, func(t *testing.T, w *world, p *pipes) {
		page(w)
		conns := make([]net.Conn, readers)
		for i := range conns {
			conns[i], _, _ = reader(t, p, canary)
		}
		synctest.Wait()
		if now := w.scrape(t); !strings.Contains(now, fmt.Sprintf("requests_in_flight %d\n", readers)) {
			t.Errorf("not all %d readers are still served", readers)
		}
		runtime.GC()
		runtime.GC() // what pools still held
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		heap = int64(now.HeapAlloc)
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return heap
}

// A slow reader takes what its connection takes. The list itself is in memory once, however many read it.
func TestManyReadersOfAListTakeTheMemoryOfOne(t *testing.T) {
	const few, many, each = 10, 100, 64 << 10
	before := stalled(t, few)
	if more := (stalled(t, many) - before) / (many - few); more > each {
		t.Errorf("each more reader takes %d KiB, wanted at most %d", more>>10, each>>10)
	}
}

// The memory of a text that several read passes on when the reader that holds it goes.
func TestAReaderThatGivesWayTakesNothingFromOthers(t *testing.T) {
	bubble(t, func(*server.Options) {}, func(t *testing.T, w *world, p *pipes) {
		const size = 4<<20 - 1000
		var conns []net.Conn
		for i := range 8 { // all that there is room for
			longOf(w, letter(i), size)
			conn, _, _ := reader(t, p, canary)
			conns = append(conns, conn)
		}
		longOf(w, letter(0), size)
		same, _, calm := reader(t, p, "glpat-calm-0123456789")
		longOf(w, "z", size)
		// Two of the loud ones give way: the first frees nothing.
		other, _, another := reader(t, p, "glpat-another-0123456789")
		for name, res := range map[string]partly{"the same": calm, "another": another} {
			if rest, err := io.ReadAll(res.Body); err != nil || int64(len(rest)) != res.ContentLength {
				t.Errorf("the reader of %s text got %d of %d bytes: %v", name, len(rest), res.ContentLength, err)
			}
		}
		for _, conn := range append(conns, same, other) {
			_ = conn.Close()
		}
	})
}
