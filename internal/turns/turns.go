// Package turns lets a bounded number of callers work at a time and keeps one caller from blocking the others. Each
// caller has a share of the places that it cannot exceed. When callers wait, the next place goes to the caller that was
// served least recently, not to the one that asks most often. The queue forgets a caller as soon as it neither works
// nor waits. A caller that comes, or comes back, counts as one that was served just now.
package turns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrFull says that no more callers may wait under a key.
var ErrFull = errors.New("too many are waiting")

// Share limits how many places are held at a time under a key. A caller usually enters under several keys, such as one
// for itself and one for the object that it asks for. A caller must not be able to enter under the key of another: it
// would take the places of that caller.
type Share struct {
	Key  string
	Most int
}

// Queue hands out places. Its fields are set before its first use. Several goroutines can use it.
type Queue struct {
	// Places is how many callers may work at a time.
	Places int
	// Waiting is how many callers may wait under one key.
	Waiting int

	mu      sync.Mutex
	taken   int
	turn    uint64
	keys    map[string]*holder
	waiting []*waiter
}

// holder is the state of a key. It exists while callers work or wait under the key.
type holder struct {
	held, waiting int
	// served is the turn in which a caller of this key was last served, or in which the key was added.
	served uint64
}

type waiter struct {
	shares []Share
	served chan struct{}
}

// Enter waits for a place. waited says whether it had to wait. Without an error the caller has the place and calls
// leave once to give it back.
func (q *Queue) Enter(ctx context.Context, shares ...Share) (leave func(), waited bool, err error) {
	w := &waiter{shares: shares, served: make(chan struct{})}
	leave = func() { q.leave(w) }
	q.mu.Lock()
	full := q.join(w)
	q.mu.Unlock()
	switch {
	case full:
		return nil, false, ErrFull
	case w.isServed():
		return leave, false, nil
	}
	select {
	case <-w.served:
		return leave, true, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, w); i >= 0 {
		q.quit(i)
	} else { // the place was given at the same moment
		q.release(w)
	}
	return nil, true, fmt.Errorf("waiting for a turn: %w", context.Cause(ctx))
}

// WaitingNow returns how many callers wait.
func (q *Queue) WaitingNow() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// join adds the waiter to the queue and serves it if there is a place. The caller holds the mutex.
func (q *Queue) join(w *waiter) (full bool) {
	if q.keys == nil {
		q.keys = map[string]*holder{}
	}
	for _, s := range w.shares {
		if q.keys[s.Key] == nil {
			q.keys[s.Key] = &holder{served: q.turn} // a caller that comes back does not overtake those that wait
		}
		q.keys[s.Key].waiting++
	}
	q.waiting = append(q.waiting, w)
	q.serve()
	if w.isServed() || !slices.ContainsFunc(w.shares, func(s Share) bool { return q.keys[s.Key].waiting > q.Waiting }) {
		return false
	}
	q.quit(slices.Index(q.waiting, w))
	return true
}

// serve gives away the free places, first to the waiter that was served least recently, then to the one that came
// first. The caller holds the mutex.
func (q *Queue) serve() {
	for q.taken < q.Places {
		next := -1
		for i, w := range q.waiting {
			if q.admits(w) && (next < 0 || q.lastServed(w) < q.lastServed(q.waiting[next])) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := q.waiting[next]
		q.taken++
		q.turn++
		for _, s := range w.shares {
			h := q.keys[s.Key]
			h.held++
			h.served = q.turn
		}
		q.quit(next)
		close(w.served)
	}
}

func (q *Queue) admits(w *waiter) bool {
	return !slices.ContainsFunc(w.shares, func(s Share) bool { return q.keys[s.Key].held >= s.Most })
}

// lastServed returns the turn of the key that was served last. So a caller does not get ahead by entering under a new
// name for one of its keys.
func (q *Queue) lastServed(w *waiter) (turn uint64) {
	for _, s := range w.shares {
		turn = max(turn, q.keys[s.Key].served)
	}
	return turn
}

// quit removes a waiter from the queue.
func (q *Queue) quit(i int) {
	w := q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	for _, s := range w.shares {
		q.keys[s.Key].waiting--
	}
	q.forget(w)
}

func (q *Queue) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.release(w)
}

func (q *Queue) release(w *waiter) {
	q.taken--
	for _, s := range w.shares {
		q.keys[s.Key].held--
	}
	q.forget(w)
	q.serve()
}

// forget drops those keys of the waiter under which no caller works or waits.
func (q *Queue) forget(w *waiter) {
	for _, s := range w.shares {
		if h := q.keys[s.Key]; h != nil && h.held == 0 && h.waiting == 0 {
			delete(q.keys, s.Key)
		}
	}
}

func (w *waiter) isServed() bool {
	select {
	case <-w.served:
		return true
	default:
		return false
	}
}
