package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Writes is what a server has written into the management cluster: one that reaches it through a proxy which notes
// every request.
type Writes struct {
	// URL is where the server connects to.
	URL string

	mu  sync.Mutex
	all []string
}

// NoteWrites puts a proxy before the management cluster, with the rights of an administrator: a caller says as whom it
// acts.
func (w *World) NoteWrites(t *testing.T) *Writes {
	t.Helper()
	n := &Writes{}
	n.URL = w.Env.Management.Proxy(t, func(r *http.Request) {
		if r.Method != http.MethodGet {
			n.note(r.Method + " " + r.URL.Path)
		}
	})
	return n
}

func (n *Writes) note(write string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, write)
}

// Since returns the writes after the first so many.
func (n *Writes) Since(first int) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all[first:])
}

// unexplained returns the writes that are neither about leadership nor an Event, nor among the given ones, counted.
func unexplained(writes []string, explained ...string) []string {
	counts := map[string]int{}
	for _, w := range writes {
		if strings.Contains(w, "/leases") || strings.Contains(w, "/events") {
			continue
		}
		if slices.ContainsFunc(explained, func(e string) bool { return strings.HasPrefix(w, e) }) {
			continue
		}
		counts[w]++
	}
	var out []string
	for w, n := range counts {
		out = append(out, fmt.Sprintf("%d times %s", n, w))
	}
	slices.Sort(out)
	return out
}
