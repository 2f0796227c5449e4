package change

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/turns"
)

// mostAtWork is how many requests may be worked on at a time, of all products. A request that is worked on holds a tree
// in memory, and much of the processor. Only callers who see the product compete for its turns, because the git host is
// asked before.
const mostAtWork = 8

const (
	// mostWaiting is how many may wait, of one product or caller.
	mostWaiting = 128
	// busyFor is when to come back to a queue that is full.
	busyFor = 2 * time.Second
)

// workEach is how many of them may be of one product or caller: reading and judging together take half of the
// processors at most, so that a product at full speed leaves the others the other half.
func workEach() int { return max(runtime.GOMAXPROCS(0)/2, 1) }

// queues are where requests of a Service wait for each other.
type queues struct {
	// lanes let the saves of one product pass one at a time, in the order in which they came, so that they don't lose
	// races against each other. Products don't wait for each other. Other replicas, and people who push, still compete:
	// the push is the judge.
	lanes turns.Queue
	// working lets requests read the tree of a product, and work out changes.
	working turns.Queue
}

// start sets how many changes of one product may wait in its lane.
func (q *queues) start(mostInLane int) {
	q.lanes.Places, q.lanes.Waiting = math.MaxInt, mostInLane
	q.working.Places, q.working.Waiting = mostAtWork, mostWaiting
}

// enterLane waits for the turn of a change, and says whether it had to.
func (q *queues) enterLane(ctx context.Context, project int64) (leave func(), waited bool, err error) {
	leave, waited, err = q.lanes.Enter(ctx, turns.Share{Key: projectKey(project), Most: 1})
	return leave, waited, inQueue(err, "change")
}

// enterWork waits for a turn to read the tree of a product, or to work out a change of it. A request holds one turn at
// most: it could otherwise wait for itself.
func (q *queues) enterWork(ctx context.Context, a *access) (leave func(), waited bool, err error) {
	each := workEach()
	shares := []turns.Share{{Key: "caller " + a.caller.Token.Fingerprint(), Most: each}}
	if a.project.ID != 0 { // a product is saved before its default.project is looked for
		shares = append(shares, turns.Share{Key: projectKey(a.project.ID), Most: each})
	}
	leave, waited, err = q.working.Enter(ctx, shares...)
	return leave, waited, inQueue(err, "request")
}

func projectKey(id int64) string { return fmt.Sprint("project ", id) }

// inQueue returns the problem of a turn that did not come. Nothing has begun, so the caller may simply try again.
func inQueue(err error, what string) error {
	switch {
	case errors.Is(err, turns.ErrFull):
		return problem.New(problem.RateLimited, problem.ReasonTooManyChanges,
			"too many %ss of this product are waiting for their turn: try again in a moment", what).RetryAfter(busyFor)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.RateLimited, problem.ReasonTooManyChanges,
			"the %s waited for its turn until its time was over, and changed nothing: try again in a moment", what).
			RetryAfter(busyFor).Because(err)
	}
	return err
}

// goOn is called in the i-th turn of loops over what a product or a caller wrote. It ends them with the context, and
// lets others run in between where they are long.
func goOn(ctx context.Context, i int) error {
	if i%64 == 63 {
		runtime.Gosched()
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("giving up: %w", err)
	}
	return nil
}
