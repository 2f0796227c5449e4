package wake

import (
	"strings"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// fairQueue gives every product its turn: of what waits, the next one is taken of each product in order. However much
// one product makes to do, of two products each has half.
type fairQueue struct {
	productOf func(reconcile.Request) string
	// turns are the products of which something waits; the first is next.
	turns   []string
	waiting map[string][]reconcile.Request
	length  int
}

func newFairQueue(productOf func(reconcile.Request) string) *fairQueue {
	return &fairQueue{productOf: productOf, waiting: map[string][]reconcile.Request{}}
}

// Touch changes nothing: what waits already keeps its place.
func (q *fairQueue) Touch(reconcile.Request) {}

// Push lets a request wait behind those of its product.
func (q *fairQueue) Push(r reconcile.Request) {
	p := q.productOf(r)
	if len(q.waiting[p]) == 0 {
		q.turns = append(q.turns, p)
	}
	q.waiting[p] = append(q.waiting[p], r)
	q.length++
}

// Len returns how many requests wait.
func (q *fairQueue) Len() int { return q.length }

// Pop takes the first request of the product whose turn it is.
func (q *fairQueue) Pop() reconcile.Request {
	p := q.turns[0]
	q.turns = q.turns[1:]
	next := q.waiting[p][0]
	if rest := q.waiting[p][1:]; len(rest) > 0 {
		q.waiting[p] = rest
		q.turns = append(q.turns, p)
	} else {
		delete(q.waiting, p)
	}
	q.length--
	return next
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
			queue := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{Name: name,
				Queue: newFairQueue(productOf)})
			return workqueue.NewTypedRateLimitingQueueWithConfig(limiter,
				workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
					Name: name,
					DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
						Name: name, Queue: queue}),
				})
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
