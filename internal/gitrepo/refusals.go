package gitrepo

import (
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

const (
	// refusalLife is how long a token that git refused is not sent to git again.
	refusalLife = 5 * time.Minute
	// maxRefusals bounds how many tokens are remembered.
	maxRefusals = 10_000
)

// refusals remembers, by their hashes, tokens that git refused. A git host bans a client address after some failed
// logins, and the requests of all callers come from the same address. So a token that git refused once is not sent
// again for a while. A remembered token only leads to a refusal, so nobody gains access by it.
type refusals struct {
	now func() time.Time

	mu    sync.Mutex
	until map[string]time.Time
}

// newRefusals returns refusals that use the clock now. With a nil clock nothing is remembered.
func newRefusals(now func() time.Time) *refusals {
	return &refusals{now: now, until: map[string]time.Time{}}
}

func (r *refusals) holds(t secret.Token) bool {
	if r.now == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	until, known := r.until[t.Fingerprint()]
	return known && r.now().Before(until)
}

func (r *refusals) add(t secret.Token) {
	if r.now == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for hash, until := range r.until {
		if now.After(until) || len(r.until) >= maxRefusals {
			delete(r.until, hash)
		}
	}
	r.until[t.Fingerprint()] = now.Add(refusalLife)
}
