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

// places bounds how many requests are answered at a time. One caller may have half of the places. All callers whose
// token GitLab has not accepted yet may have a quarter together. So a caller with one valid token and many invalid ones
// leaves a quarter to known callers. Package change bounds what one product may have, where it is known that the caller
// sees the product.
type places struct {
	requests turns.Queue
	// encoding is for encoding long answers, which needs much processor time.
	encoding turns.Queue

	mu sync.Mutex
	// known holds the fingerprints of tokens that GitLab accepted. They decide only about places.
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

// occupy takes a place, or returns a problem when there is none.
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

// encode waits until a long answer may be encoded. The caller sees the product. product is empty for the lists of
// products and of clusters.
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
