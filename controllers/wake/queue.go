package wake

import (
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Haste is how soon a request is served. What is more hasty overtakes the rest.
type Haste int

// The line of a controller is one of these.
const (
	// Soon is for what somebody changed that is in place: one write has its effect.
	Soon Haste = iota
	// Usual is for what is new, and for what waits for another object.
	Usual
	// Later is for what one event woke in masses, and for what is only looked at because the operator starts.
	Later
	lines int = iota
)

// priority is the haste as a priority of controller-runtime, where more is sooner and 0 is usual.
func (h Haste) priority() int { return -handler.LowPriority * int(Usual-h) }

// hasteOf is the haste that a priority of controller-runtime means.
func hasteOf(priority int) Haste {
	switch {
	case priority > 0:
		return Soon
	case priority < 0:
		return Later
	}
	return Usual
}

// fairQueue gives every product its turn: of what waits, the next one is taken of each product in order. However much
// one product makes to do, of two products each has half.
//
// There is a line for each haste. A hastier line goes first, but never altogether: while others wait, every second turn
// is of the next line. So a product that changes things without end does not take more than half from the others either.
type fairQueue struct {
	lines [lines]line
	// turns says of each line how many requests were taken of it, or of those behind it, while those waited too.
	turns [lines]int

	mu sync.Mutex
	// added are the requests that were added and are not in a line yet.
	added map[reconcile.Request]Haste
}

func newFairQueue(productOf func(reconcile.Request) string) *fairQueue {
	q := &fairQueue{added: map[reconcile.Request]Haste{}}
	for i := range q.lines {
		q.lines[i] = newLine(productOf)
	}
	return q
}

// add says how a request that is about to be added may wait. One that is at work may be added several times before it
// gets into a line: the most hasty counts.
func (q *fairQueue) add(r reconcile.Request, h Haste) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if was, known := q.added[r]; known {
		h = min(h, was)
	}
	q.added[r] = h
}

// haste says how a request was added that gets into a line now. What comes back after a while is as usual.
func (q *fairQueue) haste(r reconcile.Request) Haste {
	q.mu.Lock()
	defer q.mu.Unlock()
	h, known := q.added[r]
	delete(q.added, r)
	if !known {
		return Usual
	}
	return h
}

// Touch is told of a request that waits already and was added again. It keeps its place, or gets one in a hastier line.
func (q *fairQueue) Touch(r reconcile.Request) {
	h := q.haste(r)
	for i := int(h) + 1; i < len(q.lines); i++ {
		if q.lines[i].leave(r) {
			q.lines[h].join(r)
			return
		}
	}
}

// Push lets a request wait behind those of its product.
func (q *fairQueue) Push(r reconcile.Request) { q.lines[q.haste(r)].join(r) }

// Len returns how many requests wait.
func (q *fairQueue) Len() (n int) {
	for i := range q.lines {
		n += q.lines[i].length
	}
	return n
}

// Pop takes the first request of the product whose turn it is.
func (q *fairQueue) Pop() reconcile.Request {
	var waiting []int
	for i := range q.lines {
		if q.lines[i].length > 0 {
			waiting = append(waiting, i)
		}
	}
	for _, i := range waiting[:len(waiting)-1] {
		q.turns[i]++
		if q.turns[i]%2 == 1 {
			return q.lines[i].next()
		}
	}
	return q.lines[waiting[len(waiting)-1]].next()
}

// line holds requests in which products take turns.
type line struct {
	productOf func(reconcile.Request) string
	// turns are the products of which something waits; the first is next.
	turns   []string
	waiting map[string][]reconcile.Request
	length  int
}

func newLine(productOf func(reconcile.Request) string) line {
	return line{productOf: productOf, waiting: map[string][]reconcile.Request{}}
}

func (l *line) join(r reconcile.Request) {
	p := l.productOf(r)
	if len(l.waiting[p]) == 0 {
		l.turns = append(l.turns, p)
	}
	l.waiting[p] = append(l.waiting[p], r)
	l.length++
}

func (l *line) next() reconcile.Request {
	p := l.turns[0]
	l.turns = l.turns[1:]
	next := l.waiting[p][0]
	if rest := l.waiting[p][1:]; len(rest) > 0 {
		l.waiting[p] = rest
		l.turns = append(l.turns, p)
	} else {
		delete(l.waiting, p)
	}
	l.length--
	return next
}

// leave takes a request out of the line, and says whether it was there.
func (l *line) leave(r reconcile.Request) bool {
	p := l.productOf(r)
	i := slices.Index(l.waiting[p], r)
	if i < 0 {
		return false
	}
	l.waiting[p] = slices.Delete(l.waiting[p], i, i+1)
	if len(l.waiting[p]) == 0 {
		delete(l.waiting, p)
		l.turns = slices.DeleteFunc(l.turns, func(turn string) bool { return turn == p })
	}
	l.length--
	return true
}

// lanes is a work queue over a fairQueue that takes the priorities of controller-runtime.
type lanes struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	fair *fairQueue
}

// Add adds a request as usual.
func (l *lanes) Add(r reconcile.Request) {
	l.fair.add(r, Usual)
	l.TypedRateLimitingInterface.Add(r)
}

// AddWithOpts implements priorityqueue.PriorityQueue. What is added for later is usual when its time has come.
func (l *lanes) AddWithOpts(o priorityqueue.AddOpts, requests ...reconcile.Request) {
	for _, r := range requests {
		switch {
		case o.RateLimited:
			l.AddRateLimited(r)
		case o.After > 0:
			l.AddAfter(r, o.After)
		default:
			l.fair.add(r, hasteOf(o.Priority))
			l.TypedRateLimitingInterface.Add(r)
		}
	}
}

// GetWithPriority implements priorityqueue.PriorityQueue. What is tried again is usual.
func (l *lanes) GetWithPriority() (r reconcile.Request, priority int, shutdown bool) {
	r, shutdown = l.Get()
	return r, 0, shutdown
}

// Backoff returns how long a pass that failed waits before it is tried again: 5 ms at first, and a minute at most. A
// status that tells of the failure does not outlive it by more.
func Backoff() workqueue.TypedRateLimiter[reconcile.Request] {
	const first, limit = 5 * time.Millisecond, time.Minute
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](first, limit)
}

// Fairly returns the options of a controller in which products take turns. What fails is tried again with a backoff of
// its own: the usual limit on all retries together would let the failures of one product hold up the retries of all.
func Fairly(workers int, productOf func(reconcile.Request) string) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: workers,
		RateLimiter:             Backoff(),
		NewQueue: func(name string,
			limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			fair := newFairQueue(productOf)
			queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name, Queue: fair})
			return &lanes{fair: fair, TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
				workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
					Name: name,
					DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
						Name: name, Queue: queue}),
				})}
		},
	}
}

// ByNamespace is for the kinds of products: they lie in the product's namespace.
func ByNamespace(r reconcile.Request) string { return r.Namespace }

// ByName is for kinds of which a product has one.
func ByName(r reconcile.Request) string { return r.Name }

// ByApplication is for Applications, whose names begin with that of the product, such as product-7. Products whose
// names share the first two words share a turn.
func ByApplication(r reconcile.Request) string {
	words := strings.SplitN(r.Name, "-", 3)
	return strings.Join(words[:min(2, len(words))], "-")
}
