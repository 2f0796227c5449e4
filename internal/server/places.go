package server

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/turns"
)

// maxKnown bounds how many tokens are remembered.
const maxKnown = 10_000

// places are for the requests that are answered at a time. One caller has half of them, and all whom GitLab has not accepted yet have a quarter
// together: whoever sends any number of tokens that are none, and one that is, leaves a quarter to those who have been here. What one product may
// have is decided where it is known that the caller sees it: in package change.
type places struct {
	requests turns.Queue
	// encoding is for long answers, which take the processor for long.
	encoding turns.Queue

	mu sync.Mutex
	// known are the fingerprints of tokens that GitLab accepted. They decide on the place in this server, and on nothing else.
	known *simplelru.LRU[string, struct{}]
}

func newPlaces(most int) (*places, error) {
	known, err := simplelru.NewLRU[string, struct{}](maxKnown, nil)
	if err != nil {
		return nil, err //nolint:wrapcheck // only a size below 1 is refused
	}
	return &places{
		requests: turns.Queue{Places: most},
		encoding: turns.Queue{Places: max(2, runtime.GOMAXPROCS(0)), Waiting: most},
		known:    known,
	}, nil
}

// occupy takes one of the places, or says that there is none.
func (p *places) occupy(ctx context.Context, t secret.Token) (release func(), err error) {
	most := p.requests.Places
	shares := []turns.Share{{Key: t.Fingerprint(), Most: max(most/2, 1)}}
	if !p.knows(t) {
		shares = append(shares, turns.Share{Key: "not known yet", Most: max(most/4, 1)})
	}
	release, _, err = p.requests.Enter(ctx, shares...)
	if err != nil {
		return nil, problem.New(problem.RateLimited, problem.ReasonTooManyRequests,
			"the server answers as many requests as it can; try again in a moment").RetryAfter(time.Second).Because(err)
	}
	return release, nil
}

// encode waits until a long answer may be encoded. The caller is known to see the product; the lists
// of products and of clusters are of none.
func (p *places) encode(ctx context.Context, t secret.Token, product string) (release func(), err error) {
	each := max(p.encoding.Places/2, 1)
	shares := []turns.Share{{Key: "caller " + t.Fingerprint(), Most: each}}
	if product != "" {
		shares = append(shares, turns.Share{Key: "product " + product, Most: each})
	}
	release, _, err = p.encoding.Enter(ctx, shares...)
	return release, err
}

// accepted remembers a token that GitLab accepted.
func (p *places) accepted(t secret.Token) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known.Add(t.Fingerprint(), struct{}{})
}

func (p *places) knows(t secret.Token) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.known.Get(t.Fingerprint())
	return known
}
