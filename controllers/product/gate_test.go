package product

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/wake"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// A pass that hangs in a dead cluster never ends here. Without the gate all workers would.
func TestADeadClusterTakesAtMostHalfOfTheWorkers(t *testing.T) {
	var g Gate
	c := clocktesting.NewFakeClock(time.Now())
	o := wake.Fairly(1, wake.ByNamespace)
	q := o.NewQueue("", o.RateLimiter)
	request := func(product string, n int) reconcile.Request {
		return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: product, Name: fmt.Sprint("r", n)}}
	}
	end := make(chan struct{})
	var done, working sync.WaitGroup
	const passes = 200
	done.Add(passes)
	for n := range 40 {
		q.Add(request(fmt.Sprint("dead-", n), 0))
	}
	for n := range passes {
		q.Add(request("good", n))
	}
	for range workers {
		working.Add(1)
		go func() {
			defer working.Done()
			for {
				r, shutdown := q.Get()
				if shutdown {
					return
				}
				if r.Namespace == "good" {
					if leave, err := g.Enter(t.Context(), "west", c); err == nil {
						leave(nil)
						done.Done()
					} else {
						q.AddAfter(r, time.Millisecond)
					}
				} else if leave, err := g.Enter(t.Context(), "dead", c); err == nil {
					<-end
					leave(context.DeadlineExceeded)
				} else {
					q.AddAfter(r, time.Millisecond) // it comes back, as a pass does
				}
				q.Done(r)
			}
		}()
	}
	served := make(chan struct{})
	go func() { done.Wait(); close(served) }()
	select {
	case <-served:
	case <-time.After(30 * time.Second):
		t.Error("the good product is not served while a cluster of others hangs")
	}
	close(end)
	q.ShutDown()
	working.Wait()
}

func TestAClusterThatDidNotAnswerIsLeftAloneForAWhile(t *testing.T) {
	var g Gate
	c := clocktesting.NewFakeClock(time.Now())
	enter := func() (func(error), error) { return g.Enter(t.Context(), "east", c) }
	mustEnter := func() func(error) {
		t.Helper()
		leave, err := enter()
		if err != nil {
			t.Fatalf("not let in: %v", err)
		}
		return leave
	}
	refused := func(when string) {
		t.Helper()
		if _, err := enter(); problem.As(err) == nil || problem.As(err).Reason != api.ReasonUnreachable {
			t.Errorf("%s: got %v", when, err)
		}
	}
	mustEnter()(nil)
	mustEnter()(context.DeadlineExceeded)
	refused("while it rests")
	c.Step(problemRecheck)
	trial := mustEnter()
	refused("while somebody tries")
	trial(context.DeadlineExceeded)
	refused("after it failed again")
	c.Step(problemRecheck)
	mustEnter()(nil)
	first, second := mustEnter(), mustEnter()
	first(nil)
	second(nil)

	var taken []func(error)
	for range Slots {
		taken = append(taken, mustEnter())
	}
	if _, err := enter(); !errors.Is(err, errBusy) {
		t.Errorf("one too many: %v", err)
	}
	taken[0](nil)
	mustEnter()(nil)
}

// A pass that waits holds a worker: for a cluster that has not answered for a while nobody does.
func TestNobodyWaitsForAPlaceWithASilentCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		enter := func() (leave func(error), waited time.Duration, err error) {
			began := time.Now()
			leave, err = g.Enter(t.Context(), "east", clock.RealClock{})
			return leave, time.Since(began), err
		}
		var taken []func(error)
		for range Slots {
			leave, _, err := enter()
			if err != nil {
				t.Fatalf("not let in: %v", err)
			}
			taken = append(taken, leave)
		}
		if _, waited, err := enter(); !errors.Is(err, errBusy) || waited > 0 {
			t.Errorf("a cluster that never answered: waited %s, got %v", waited, err)
		}
		taken[0](nil)
		again, _, err := enter()
		if err != nil {
			t.Fatalf("not let in: %v", err)
		}
		time.AfterFunc(slotWait/2, func() { again(nil) })
		leave, waited, err := enter()
		if err != nil || waited != slotWait/2 {
			t.Errorf("a cluster that answered just now: waited %s, got %v", waited, err)
		}
		<-time.After(2 * lively)
		if _, waited, err := enter(); !errors.Is(err, errBusy) || waited > 0 {
			t.Errorf("a cluster that answered long ago: waited %s, got %v", waited, err)
		}
		leave(nil)
	})
}

// A tenant can make his own requests fail, but not have a cluster left alone that answers others.
func TestOnlyAClusterThatDoesNotAnswerIsLeftAlone(t *testing.T) {
	namespaces := schema.GroupResource{Resource: "namespaces"}
	for sentence, c := range map[string]struct {
		err  error
		want bool
	}{
		"no error":               {nil, false},
		"a timeout":              {context.DeadlineExceeded, true},
		"a network error":        {errors.New("dial tcp: refused"), true},
		"no place to answer":     {apierrors.NewServiceUnavailable("x"), true},
		"a timeout there":        {apierrors.NewTimeoutError("x", 1), true},
		"a refusal":              {apierrors.NewForbidden(namespaces, "x", nil), false},
		"a conflict":             {apierrors.NewConflict(namespaces, "x", nil), false},
		"an object that is gone": {apierrors.NewNotFound(namespaces, "x"), false},
		"a broken webhook": {apierrors.NewGenericServerResponse(http.StatusInternalServerError, "POST",
			namespaces, "x", "x", 0, true), false},
		"a refusal, explained": {problem.New(problem.Unavailable, api.ReasonWriteRefused,
			"x").Because(apierrors.NewForbidden(namespaces, "x", nil)), false},
		"a Secret is missing": {problem.New(problem.Missing, api.ReasonKubeconfigNotFound, "x"), false},
		"a probe that failed": {problem.New(problem.Unavailable, api.ReasonUnreachable,
			"x").Because(errors.New("y")), true},
	} {
		if got := doesNotAnswer(c.err); got != c.want {
			t.Errorf("%s: got %v", sentence, got)
		}
	}
}

func TestWhatHangsIsLookedAtLessAndLessOften(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{
		-time.Hour: time.Second, 0: time.Second, 3 * time.Second: time.Second, 20 * time.Second: 5 * time.Second,
		4 * time.Minute: time.Minute, 24 * time.Hour: time.Minute,
	} {
		if got := pollAfter(waited); got != want {
			t.Errorf("after %s: got %s, want %s", waited, got, want)
		}
	}
}

func TestAQuotaThatOnlyCountsWakesNobody(t *testing.T) {
	before := desired.ProductQuota("product-7", "i", map[string]int64{"environments": 3})
	counted, edited := before.DeepCopy(), before.DeepCopy()
	counted.Status.Used = corev1.ResourceList{"count/x": resource.MustParse("2")}
	edited.Spec.Hard = nil
	for sentence, c := range map[string]struct {
		after *corev1.ResourceQuota
		want  bool
	}{"counted": {counted, false}, "edited": {edited, true}} {
		if got := quotaChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: c.after}); got != c.want {
			t.Errorf("%s: got %v", sentence, got)
		}
	}
}

func TestTheApplicationsOfANamespaceAreThoseThatRecordIt(t *testing.T) {
	leaving := func(r *record.Record) { r.Placement.Leaving = []string{"z"} }
	s := &scope{records: []*record.Record{
		recorded("b", "x", "y"), with(recorded("a", "x"), leaving), with(recorded("grace", "x"), removalAsked),
		with(recorded("gone", "x"), removalAsked, deleting),
	}}
	got := fmt.Sprint(s.applications())
	if want := "map[{c1 x}:[b a grace] {c1 y}:[b] {c1 z}:[a]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.damaged = []*problem.Problem{problem.New(problem.Conflict, "X", "x")}
	if got := s.applications(); got != nil {
		t.Errorf("a damaged record may name any: %v", got)
	}
}
