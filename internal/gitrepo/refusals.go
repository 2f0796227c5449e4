package gitrepo

import (
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

const (
	// refusalLife is how long a token that git refused is not sent to git again.
	refusalLife = 5 * time.Minute
	// maxRefusals bounds how many of them are remembered.
	maxRefusals = 10_000
)

// refusals remembers tokens that git refused, by their hashes: git hosts ban an address after some failed logins, and all callers share one.
// It only ever refuses, so that nobody gets anything by it.
type refusals struct {
	now func() time.Time

	mu    sync.Mutex
	until map[string]time.Time
}

// newRefusals returns what remembers by a clock; without one nothing is remembered.
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
