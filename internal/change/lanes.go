package change

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/turns"
)

// What may be worked on at a time, of all products, and of one product or for one caller. Whoever works holds a tree in memory, and much of the
// processor. Only those compete whom the git host lets see the product: nobody else can take its turns.
const (
	mostReads, readsEach       = 8, 2
	mostJudgements, judgedEach = 8, 2
	// mostWaiting is how many may wait for either, of one product or caller.
	mostWaiting = 128
	// busyFor is when to come back to a queue that is full.
	busyFor = 2 * time.Second
)

// queues are where requests of a Service wait for each other.
type queues struct {
	// lanes let the saves of one product pass one at a time, in the order in which they came, so that they don't lose races against each other.
	// Products don't wait for each other. Other replicas, and people who push, still compete: the push is the judge.
	lanes turns.Queue
	// reading lets requests read the tree of a product, judging lets changes be worked out.
	reading, judging turns.Queue
}

// start sets how many changes of one product may wait in its lane.
func (q *queues) start(mostInLane int) {
	q.lanes.Places, q.lanes.Waiting = math.MaxInt, mostInLane
	q.reading.Places, q.reading.Waiting = mostReads, mostWaiting
	q.judging.Places, q.judging.Waiting = mostJudgements, mostWaiting
}

// enterLane waits for the turn of a change, and says whether it had to.
func (s *Service) enterLane(ctx context.Context, project int64) (leave func(), waited bool, err error) {
	leave, waited, err = s.queues.lanes.Enter(ctx, turns.Share{Key: projectKey(project), Most: 1})
	return leave, waited, inQueue(err, "change")
}

// enterReading waits until the tree of the product may be read for the caller.
func (s *Service) enterReading(ctx context.Context, a *access) (leave func(), err error) {
	leave, _, err = s.queues.reading.Enter(ctx, a.shares(readsEach)...)
	return leave, inQueue(err, "request")
}

// enterJudging waits until a change of the product may be worked out.
func (s *Service) enterJudging(ctx context.Context, a *access) (leave func(), err error) {
	leave, _, err = s.queues.judging.Enter(ctx, a.shares(judgedEach)...)
	return leave, inQueue(err, "change")
}

func (a *access) shares(each int) []turns.Share {
	shares := []turns.Share{{Key: "caller " + a.caller.Token.Fingerprint(), Most: each}}
	if a.project.ID != 0 { // a product is saved before its default.project is looked for
		shares = append(shares, turns.Share{Key: projectKey(a.project.ID), Most: each})
	}
	return shares
}

func projectKey(id int64) string { return fmt.Sprint("project ", id) }

// inQueue says what it means that a turn did not come: nothing has begun, and the caller need not look for what became of it.
func inQueue(err error, what string) error {
	switch {
	case errors.Is(err, turns.ErrFull):
		return problem.New(problem.RateLimited, ReasonTooManyChanges, "too many %ss of this product are waiting for their turn: try again in a moment", what).RetryAfter(busyFor)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.RateLimited, ReasonTooManyChanges,
			"the %s waited for its turn until its time was over, and changed nothing: try again in a moment", what).RetryAfter(busyFor).Because(err)
	}
	return err
}
