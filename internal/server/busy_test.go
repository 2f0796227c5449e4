package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

// One product's push hangs, and its writers keep coming: they must not take the places of others.
func TestTheWritersOfOneProductLeavePlacesForOthers(t *testing.T) {
	const places, together, waiting = 16, 8, 3 // one person has half of the places
	l := newLab(t)
	w := l.replica(func(c *change.Options, o *server.Options) { c.MaxWaiting, o.MaxConcurrent = waiting, places })
	ada := l.person("ada", "api")
	l.product(w, ada, "busy")
	l.product(w, ada, "calm")
	held, letGo := l.hold(func(r *http.Request) bool { return isPush(r) && strings.HasPrefix(r.URL.Path, "/busy/") })

	save := func(i int) reply {
		body := strings.Replace(guideBody, "development", fmt.Sprint("path-", i), 1)
		return w.do(t, http.MethodPost, fmt.Sprintf("/api/v1/products/busy/deploymentruntimes/dr-%d", i), body, as(ada))
	}
	var writers sync.WaitGroup
	answers := make(chan reply, together)
	write := func(i int) { writers.Go(func() { answers <- save(i) }) }
	write(0)
	<-held
	for i := range together - 1 {
		write(i + 1)
	}
	for range together - 1 - waiting { // those for whom there is no room are answered, although nothing moves
		got := <-answers
		if got.StatusCode != http.StatusTooManyRequests || got.problem(t).Reason != "RATE_LIMITED" ||
			got.Header.Get("Retry-After") == "" {
			t.Errorf("got %d %s", got.StatusCode, got.body)
		}
	}
	if got := w.do(t, http.MethodPost, "/api/v1/products/calm/deploymentruntimes/dr-dev", guideBody,
		as(ada)); got.StatusCode != http.StatusOK {
		t.Errorf("a save of another product: %d %s", got.StatusCode, got.body)
	}
	if got := w.do(t, http.MethodGet, "/api/v1/products/busy/deploymentruntimes", "",
		as(ada)); got.StatusCode != http.StatusOK {
		t.Errorf("a read of the same product: %d %s", got.StatusCode, got.body)
	}
	// Whom GitLab does not know, or does not let write, never waits in the lane, and so takes no place in it.
	for who, token := range map[string]string{"nobody": "glpat-of-nobody-at-all",
		"a stranger": l.person("eve", "api")} {
		if got := w.do(t, http.MethodPost, "/api/v1/products/busy/deploymentruntimes/dr-eve", guideBody,
			as(token)); got.StatusCode == http.StatusTooManyRequests {
			t.Errorf("%s stood in the lane: %s", who, got.body)
		}
	}
	letGo()
	writers.Wait()
	for range 1 + waiting {
		if got := <-answers; got.StatusCode != http.StatusOK {
			t.Errorf("who waited: %d %s", got.StatusCode, got.body)
		}
	}
}
