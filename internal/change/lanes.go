package change

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// lanes let the saves of one product pass one at a time, in the order in which they came, so that they don't lose races against each other.
// Products don't wait for each other. Other replicas, and people who push, still compete: the push is the judge.
type lanes struct {
	mu sync.Mutex
	of map[int64]*lane
	// most is how many may wait in one lane; 0: any number. Only those wait whom the git host lets push to this very product, so that nobody
	// else can fill its lane, and one product cannot take all places of a server.
	most int
}

// busyFor is when to come back to a lane that is full.
const busyFor = 2 * time.Second

// lane exists while somebody is in it.
type lane struct {
	waiting []chan struct{}
}

// enter waits for the turn, and says whether it had to. Whoever got no error must leave.
func (l *lanes) enter(ctx context.Context, project int64) (waited bool, err error) {
	l.mu.Lock()
	if l.of == nil {
		l.of = map[int64]*lane{}
	}
	ln := l.of[project]
	if ln == nil {
		l.of[project] = &lane{}
		l.mu.Unlock()
		return false, nil
	}
	if l.most > 0 && len(ln.waiting) >= l.most {
		l.mu.Unlock()
		return false, problem.New(problem.RateLimited, ReasonTooManyChanges, "too many changes of this product are waiting for their turn: try again in a moment").RetryAfter(busyFor)
	}
	turn := make(chan struct{})
	ln.waiting = append(ln.waiting, turn)
	l.mu.Unlock()

	select {
	case <-turn:
		return true, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(ln.waiting, turn)
	if i >= 0 {
		ln.waiting = slices.Delete(ln.waiting, i, i+1)
	}
	l.mu.Unlock()
	if i < 0 { // the turn came at the same moment
		l.leave(project)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // nothing has begun: the caller need not look for what became of it
		return true, problem.New(problem.RateLimited, ReasonTooManyChanges,
			"the change waited for its turn until its time was over, and changed nothing: try again in a moment").RetryAfter(busyFor).Because(context.Cause(ctx))
	}
	return true, context.Cause(ctx)
}

// leave gives the turn to the next.
func (l *lanes) leave(project int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.of[project]
	if len(ln.waiting) == 0 {
		delete(l.of, project)
		return
	}
	close(ln.waiting[0])
	ln.waiting = slices.Delete(ln.waiting, 0, 1)
}
