package deploymentruntime

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// patience remembers since when runtimes wait for the operator's own work. While such a wait may end at once, no status
// tells of it: with thousands of runtimes that would be one write of five. After a restart the waits begin anew.
type patience struct {
	mu    sync.Mutex
	since map[types.NamespacedName]wait
}

// wait is the wait of a runtime in one generation of its spec.
type wait struct {
	uid        types.UID
	generation int64
	began      time.Time
}

// left returns how long a runtime that the phases stopped at need not tell why; 0 is that it must tell now. Only a wait
// for namespaces and the AppProject may stay untold, and at most for the time most.
func (p *patience) left(key types.NamespacedName, r *api.DeploymentRuntime, stop error, now time.Time,
	most time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	why := problem.As(stop)
	if most <= 0 || why == nil || why.Reason != api.ReasonWaitingForTenancy {
		delete(p.since, key)
		return 0
	}
	began, waits := p.since[key]
	if !waits || began.uid != r.UID || began.generation != r.Generation {
		if p.since == nil {
			p.since = map[types.NamespacedName]wait{}
		}
		began = wait{uid: r.UID, generation: r.Generation, began: now}
		p.since[key] = began
	}
	return max(0, most-now.Sub(began.began))
}

// forget ends the wait of a runtime that is gone.
func (p *patience) forget(key types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.since, key)
}
