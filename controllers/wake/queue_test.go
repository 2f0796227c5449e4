package wake

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func request(product string, n int) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: product, Name: fmt.Sprint("r", n)}}
}

func fair() workqueue.TypedRateLimitingInterface[reconcile.Request] {
	o := Fairly(1, ByNamespace)
	return o.NewQueue("", o.RateLimiter)
}

func firstInFirstOut() workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
}

// passesUntil adds 5,000 requests of each bad product, then 100 of a good one, and returns how many passes it takes
// until the good one is served.
func passesUntil(q workqueue.TypedRateLimitingInterface[reconcile.Request], bad int) int {
	defer q.ShutDown()
	const flood, good = 5000, 100
	for n := range flood {
		for b := range bad {
			q.Add(request(fmt.Sprint("bad-", b), n))
		}
	}
	for n := range good {
		q.Add(request("good", n))
	}
	passes := 0
	for served := 0; served < good; passes++ {
		r, _ := q.Get()
		if r.Namespace == "good" {
			served++
		}
		q.Done(r)
	}
	return passes
}

// Alone the good product would be served after 100 passes.
func TestAFloodOfOneProductSlowsAnotherByAtMostAHalf(t *testing.T) {
	before, after := passesUntil(firstInFirstOut(), 1), passesUntil(fair(), 1)
	t.Logf("passes until 100 requests of the good product are served beside 5,000 of a bad one: first in, first out "+
		"%d, in turns %d", before, after)
	if after > 200 {
		t.Errorf("it took %d passes, more than twice as many as alone", after)
	}
	if three := passesUntil(fair(), 3); three > 400 {
		t.Errorf("beside three bad products it took %d passes", three)
	}
}

func TestAFairQueueServesEverybodyInOrderAndOnce(t *testing.T) {
	q := newFairQueue(ByNamespace)
	for _, r := range []reconcile.Request{request("a", 1), request("a", 2), request("a", 3), request("b", 1),
		request("c", 1), request("c", 2)} {
		q.Push(r)
	}
	want := []reconcile.Request{request("a", 1), request("b", 1), request("c", 1), request("a", 2),
		request("c", 2), request("a", 3)}
	for i, w := range want {
		if n := q.Len(); n != len(want)-i {
			t.Errorf("%d wait, want %d", n, len(want)-i)
		}
		if got := q.Pop(); got != w {
			t.Errorf("got %v, want %v", got, w)
		}
	}
	if q.Len() != 0 || len(q.turns) != 0 || len(q.waiting) != 0 {
		t.Errorf("something is left: %+v", q)
	}
	q.Push(request("a", 1))
	if got := q.Pop(); got != request("a", 1) {
		t.Errorf("after it was empty: %v", got)
	}
}

// The default limiter has one budget for the retries of all.
func TestFailuresOfOneProductDoNotDelayTheRetryOfAnother(t *testing.T) {
	theirs, ours := workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](), Fairly(1, ByNamespace).RateLimiter
	for n := range 2000 {
		theirs.When(request("bad", n))
		ours.When(request("bad", n))
	}
	usual, got := theirs.When(request("good", 1)), ours.When(request("good", 1))
	t.Logf("first retry of the good product after 2,000 failures of a bad one: usual limiter %s, ours %s", usual, got)
	if got > 10*time.Millisecond {
		t.Errorf("the first retry waits %s", got)
	}
}

func TestApplicationsTakeTurnsByProduct(t *testing.T) {
	for name, want := range map[string]string{"product-7-web-ab12": "product-7", "product-7-a-b-c": "product-7",
		"product-70-web-ab12": "product-70", "other": "other"} {
		if got := ByApplication(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "argocd",
			Name: name}}); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
