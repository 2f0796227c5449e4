package product

import (
	"context"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const (
	// workers work on products.
	workers = 8
	// Slots is how many of them may be with one cluster at a time: a cluster that hangs leaves the other half.
	Slots = workers / 2
	// slotWait is how long a pass waits for a place with a cluster that answered within the time lively. No pass waits
	// for a cluster that is silent: a pass that waits holds a worker.
	slotWait = 250 * time.Millisecond
	lively   = time.Second
	// BusyRetry is how soon a pass comes back to a cluster that had no place.
	BusyRetry = time.Second
	// clusterPass is how long one pass may be with one cluster.
	clusterPass = 2 * time.Minute
)

// errBusy says that a cluster is taken by others: nothing is wrong, and its work is left for a later pass.
var errBusy = errors.New("as many passes as may be are with the cluster")

// Gate bounds what one runtime cluster costs the products that have nothing to do with it. One that did not answer is
// left alone for a while; after that a single pass tries whether it answers again.
type Gate struct {
	mu       sync.Mutex
	clusters map[string]*gated
}

type gated struct {
	slots chan struct{}
	// answered is when a pass ended there to which the cluster had answered.
	answered time.Time
	// restUntil is set while the last word about the cluster is that it does not answer.
	restUntil time.Time
	trying    bool
}

// Enter waits for a place with the cluster. Who got in says with leave how it went.
func (g *Gate) Enter(ctx context.Context, cluster string, c clock.Clock) (leave func(error), err error) {
	entry, trial, p := g.admit(cluster, c.Now())
	if p != nil {
		return nil, p
	}
	if !g.takeSlot(ctx, entry, c.Now()) {
		if trial { // those that came before the rest still hang
			g.settle(entry, trial, context.DeadlineExceeded, c.Now())
			return nil, unanswering(cluster)
		}
		return nil, errBusy
	}
	if !trial && g.rests(entry) { // meanwhile
		<-entry.slots
		return nil, unanswering(cluster)
	}
	return func(err error) {
		g.settle(entry, trial, err, c.Now())
		<-entry.slots
	}, nil
}

// takeSlot takes a place with the cluster, and waits for it for as long as it is worth it.
func (g *Gate) takeSlot(ctx context.Context, entry *gated, now time.Time) bool {
	select {
	case entry.slots <- struct{}{}:
		return true
	default:
	}
	g.mu.Lock()
	isLively := now.Sub(entry.answered) <= lively
	g.mu.Unlock()
	if !isLively {
		return false
	}
	timeout, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	select {
	case entry.slots <- struct{}{}:
		return true
	case <-timeout.Done():
		return false
	}
}

func (g *Gate) rests(entry *gated) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !entry.restUntil.IsZero()
}

// admit says whether the cluster may be asked at all, and whether that is the trial after a rest.
func (g *Gate) admit(cluster string, now time.Time) (entry *gated, trial bool, p *problem.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.clusters == nil {
		g.clusters = map[string]*gated{}
	}
	entry = g.clusters[cluster]
	if entry == nil {
		entry = &gated{slots: make(chan struct{}, Slots)}
		g.clusters[cluster] = entry
	}
	if entry.restUntil.IsZero() {
		return entry, false, nil
	}
	if entry.trying || now.Before(entry.restUntil) {
		return nil, false, unanswering(cluster)
	}
	entry.trying = true
	return entry, true, nil
}

// settle remembers how a pass went.
func (g *Gate) settle(entry *gated, trial bool, err error, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	entry.restUntil = time.Time{}
	if doesNotAnswer(err) {
		entry.restUntil = now.Add(problemRecheck)
	} else {
		entry.answered = now
	}
	if trial {
		entry.trying = false
	}
}

// doesNotAnswer says whether an error is about the cluster as a whole. A refusal, a conflict, or an object that is gone
// is an answer: no product can have a cluster left alone that answers others.
func doesNotAnswer(err error) bool {
	if err == nil {
		return false
	}
	if apierrors.ReasonForError(err) != "" {
		return apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)
	}
	p := problem.As(err)
	return p == nil || p.Reason == api.ReasonUnreachable
}

func unanswering(cluster string) *problem.Problem {
	return problem.New(problem.Unavailable, api.ReasonUnreachable,
		"cluster %q does not answer: it is tried again", cluster)
}
