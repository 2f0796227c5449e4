// Package turns lets a bounded number of callers work at a time, so that none of them keeps out the others: each has a share that it cannot exceed,
// and where callers wait, next comes who was served least recently, not who asks most often. Of whom nobody works or waits nothing is remembered:
// who comes, or comes back, is like one who was served just now.
package turns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrFull says that as many wait already as may.
var ErrFull = errors.New("too many are waiting")

// Share is what one of those who compete may have: of the places at most so many are held under its key. A caller usually competes under
// several keys, such as its own and that of what it asks for. A key must be one that nobody else can use: who could work under the key of
// another would take its places.
type Share struct {
	Key  string
	Most int
}

// Queue hands out places. Its fields are set before it is used; it can be used by several goroutines.
type Queue struct {
	// Places is how many may work at a time.
	Places int
	// Waiting is how many may wait under one key.
	Waiting int

	mu      sync.Mutex
	taken   int
	turn    uint64
	keys    map[string]*holder
	waiting []*waiter
}

// holder is what is known of a key while somebody works or waits under it.
type holder struct {
	held, waiting int
	// served is the turn in which it was served last, or in which it came.
	served uint64
}

type waiter struct {
	shares []Share
	served chan struct{}
}

// Enter waits for a place, and says whether it had to. Without an error, leave gives the place back; it is called once.
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
	} else { // the turn came at the same moment
		q.release(w)
	}
	return nil, true, fmt.Errorf("waiting for a turn: %w", context.Cause(ctx))
}

// WaitingNow is how many wait.
func (q *Queue) WaitingNow() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// join puts the waiter in the queue, and serves it where there is room. The mutex is held.
func (q *Queue) join(w *waiter) (full bool) {
	if q.keys == nil {
		q.keys = map[string]*holder{}
	}
	for _, s := range w.shares {
		if q.keys[s.Key] == nil {
			q.keys[s.Key] = &holder{served: q.turn} // whoever was away and comes back overtakes nobody who waits
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

// serve gives away the free places: first to who was served least recently, then to who came first. The mutex is held.
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

// lastServed is of the key that was served last: a new name for one of its keys brings nobody forward.
func (q *Queue) lastServed(w *waiter) (turn uint64) {
	for _, s := range w.shares {
		turn = max(turn, q.keys[s.Key].served)
	}
	return turn
}

// quit takes a waiter out of the queue.
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

// forget drops keys under which nobody is there any more.
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
