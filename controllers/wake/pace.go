package wake

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Paced lets events gather that come one after the other, so that one pass serves many. The first event is served at
// once. After a pass the next one over the same object begins no sooner than after a pause, which is as long as the pass
// was, within bounds. A pass that failed is not paced: its retry has a backoff of its own.
type Paced struct {
	reconcile.Reconciler
	Clock clock.PassiveClock
	// Least and Most bound the pause.
	Least, Most time.Duration

	mu sync.Mutex
	// until is when the pause ends, of objects that had a pass a moment ago.
	until map[reconcile.Request]time.Time
}

// Reconcile makes the pass, or has it made when the pause is over.
func (p *Paced) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	began := p.Clock.Now()
	if left := p.left(req, began); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	result, err := p.Reconciler.Reconcile(ctx, req)
	if err == nil {
		p.pause(req, began)
	}
	return result, err
}

func (p *Paced) left(req ctrl.Request, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.until[req].Sub(now)
	if left <= 0 {
		delete(p.until, req)
	}
	return left
}

func (p *Paced) pause(req ctrl.Request, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[reconcile.Request]time.Time{}
	}
	now := p.Clock.Now()
	maps.DeleteFunc(p.until, func(_ reconcile.Request, end time.Time) bool { return !end.After(now) })
	p.until[req] = now.Add(min(max(now.Sub(began), p.Least), p.Most))
}
