package gitrepo

import (
	"sync"
	"time"
)

const (
	// refusalLife is how long a token that git refused for a repository is not sent there again.
	refusalLife = 5 * time.Minute
	// maxRefusals bounds how many refusals are remembered.
	maxRefusals = 10_000
)

// refusals remembers, by their hashes, tokens that git refused for a repository. A git host bans a client address after
// some failed logins, and the requests of all callers come from the same address. So a token that git refused once is
// not sent to that repository again for a while. It is sent to others, which may accept it: the token of a bot is good
// for one project. A remembered token only leads to a refusal, so nobody gains access by it.
type refusals struct {
	now func() time.Time

	mu    sync.Mutex
	until map[refused]time.Time
}

// refused is a token, by its hash, and the project for which git refused it.
type refused struct {
	token   string
	project int64
}

func refusedFor(r Remote) refused { return refused{r.Token.Fingerprint(), r.ProjectID} }

// newRefusals returns refusals that use the clock now. With a nil clock nothing is remembered.
func newRefusals(now func() time.Time) *refusals {
	return &refusals{now: now, until: map[refused]time.Time{}}
}

func (r *refusals) holds(remote Remote) bool {
	if r.now == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	until, known := r.until[refusedFor(remote)]
	return known && r.now().Before(until)
}

func (r *refusals) add(remote Remote) {
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
	r.until[refusedFor(remote)] = now.Add(refusalLife)
}
