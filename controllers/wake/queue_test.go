package wake

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
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
	if left := &q.lines[Usual]; q.Len() != 0 || len(left.turns) != 0 || len(left.waiting) != 0 {
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

// passesTo returns how many passes it takes until a request is served.
func passesTo(q workqueue.TypedRateLimitingInterface[reconcile.Request], wanted reconcile.Request) int {
	for passes := 1; ; passes++ {
		r, _ := q.Get()
		q.Done(r)
		if r == wanted {
			return passes
		}
	}
}

// flood adds requests of many products.
func flood(q workqueue.TypedRateLimitingInterface[reconcile.Request], h Haste, products, each int) {
	for n := range each {
		for p := range products {
			addTo(q, h, request(fmt.Sprint("product-", p), n))
		}
	}
}

func TestWhatIsMoreHastyOvertakesWhateverWaits(t *testing.T) {
	for _, h := range []Haste{Soon, Usual} {
		for name, changed := range map[string]reconcile.Request{
			"a new request": request("product-7", 1000), "one that waits already": request("product-7", 19),
		} {
			t.Run(fmt.Sprintf("%d: %s", h, name), func(t *testing.T) {
				q := fair()
				defer q.ShutDown()
				flood(q, h+1, 250, 20)
				addTo(q, h, changed)
				if passes := passesTo(q, changed); passes > 2 {
					t.Errorf("it is served in pass %d, behind what has less haste", passes)
				}
				if left := q.Len(); left < 4998 {
					t.Errorf("only %d requests are left", left)
				}
			})
		}
	}
}

func TestWhatHasNoHasteIsServedBesideAFloodOfMore(t *testing.T) {
	q := fair()
	defer q.ShutDown()
	flood(q, Soon, 1, 1000)
	flood(q, Usual, 2, 1000)
	last := request("product-3", 0)
	addTo(q, Later, last)
	if passes := passesTo(q, last); passes > 4 {
		t.Errorf("it is served in pass %d", passes)
	}
}

// Whatever comes for one line again and again, the next line has its turns before the one behind it.
func TestALineIsNotPassedOverForTheOneBehindIt(t *testing.T) {
	q := fair()
	defer q.ShutDown()
	flood(q, Later, 10, 100)
	for n := range 100 {
		addTo(q, Usual, request("product-new", n))
	}
	hasty := request("product-hasty", 0)
	usual, later := 0, 0
	for pass := range 60 {
		if pass%2 == 0 {
			addTo(q, Soon, hasty)
		}
		r, _ := q.Get()
		q.Done(r)
		switch {
		case r == hasty:
		case r.Namespace == "product-new":
			usual++
		default:
			later++
		}
	}
	if usual < later {
		t.Errorf("%d passes of the line before, %d of the one behind", usual, later)
	}
}

// Otherwise it would take three quarters.
func TestAProductThatChangesThingsWithoutEndTakesHalf(t *testing.T) {
	q := fair()
	defer q.ShutDown()
	flood(q, Soon, 1, 1000)
	for n := range 100 {
		addTo(q, Usual, request("good", n))
	}
	if passes := passesTo(q, request("good", 99)); passes > 200 {
		t.Errorf("100 requests took %d passes", passes)
	}
}

func TestARequestThatIsAddedTwiceWaitsWithTheMostHaste(t *testing.T) {
	r := request("a", 1)
	for _, order := range [][]Haste{{Soon, Later}, {Later, Soon}, {Usual, Soon}, {Later, Usual, Soon, Usual}} {
		for _, atWork := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, at work %t", order, atWork), func(t *testing.T) {
				q := fair().(*lanes)
				defer q.ShutDown()
				if atWork {
					addTo(q, Later, r)
					if got, _ := q.Get(); got != r {
						t.Fatalf("got %s", got)
					}
				}
				for _, h := range order {
					addTo(q, h, r)
				}
				if atWork {
					q.Done(r)
				}
				if q.fair.lines[Soon].length != 1 || q.Len() != 1 || len(q.fair.added) != 0 {
					t.Errorf("%d soon of %d, %d on their way", q.fair.lines[Soon].length, q.Len(), len(q.fair.added))
				}
			})
		}
	}
}

func TestAHasteIsAPriorityAndBack(t *testing.T) {
	for _, h := range []Haste{Soon, Usual, Later} {
		if got := hasteOf(h.priority()); got != h {
			t.Errorf("%d: %d", h, got)
		}
	}
	if hasteOf(handler.LowPriority) != Later {
		t.Error("what controller-runtime calls low is not later")
	}
}

// What a handler decides must be what the queue does: controller-runtime hands events to the handler of a watch, and
// passes it the queue.
func TestAHasteReachesTheQueueThroughAHandler(t *testing.T) {
	runtime := func(n int) *api.DeploymentRuntime {
		r := request("product-1", n)
		return &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name}}
	}
	appOf := func(n int, health string) *observed.Application {
		app := &observed.Application{ObjectMeta: metav1.ObjectMeta{Name: runtime(n).Name}}
		app.Status.Health.Message = health
		return app
	}
	key := func(_ context.Context, o client.Object) []client.ObjectKey {
		return []client.ObjectKey{{Namespace: "product-1", Name: o.GetName()}}
	}
	settled := func(client.Object) Haste { return Later }
	for name, c := range map[string]struct {
		waits, overtakes func(handler.EventHandler, handler.EventHandler, queue)
	}{
		"somebody's change goes before what is new": {
			waits: func(self, _ handler.EventHandler, q queue) {
				self.Create(t.Context(), event.CreateEvent{Object: runtime(1)}, q)
			},
			overtakes: func(self, _ handler.EventHandler, q queue) {
				self.Update(t.Context(), event.UpdateEvent{ObjectOld: runtime(2), ObjectNew: runtime(2)}, q)
			},
		},
		"what Argo CD reports goes before what is new": {
			waits: func(self, _ handler.EventHandler, q queue) {
				self.Create(t.Context(), event.CreateEvent{Object: runtime(1)}, q)
			},
			overtakes: func(_, reported handler.EventHandler, q queue) {
				reported.Update(t.Context(), event.UpdateEvent{ObjectOld: appOf(2, "a"), ObjectNew: appOf(2, "b")}, q)
			},
		},
		"what is new goes before what was settled at a start": {
			waits: func(self, _ handler.EventHandler, q queue) {
				self.Create(t.Context(), event.CreateEvent{Object: runtime(1), IsInInitialList: true}, q)
			},
			overtakes: func(self, _ handler.EventHandler, q queue) {
				self.Create(t.Context(), event.CreateEvent{Object: runtime(2)}, q)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := fair()
			defer q.ShutDown()
			self, reported := Self(settled), Reported(key)
			c.waits(self, reported, q)
			c.overtakes(self, reported, q)
			if first, _ := q.Get(); first.Name != runtime(2).Name {
				t.Errorf("%s goes first", first.Name)
			}
		})
	}
}
