package record

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/apply"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// +kubebuilder:rbac:groups="",namespace=nautes,resources=configmaps,verbs=get;create;patch

// RemovalsConfigMap is the ConfigMap of the system namespace in which the brake remembers what it let through, and
// removalsKey where.
const (
	RemovalsConfigMap = "nautes-removals"
	removalsKey       = "removals.json"
)

// Brakes lets removals through, one at a time, and holds them where there are too many. What it let through is written
// down before the removal goes on: the Applications that say so are gone soon, and the next leader has to know. It is
// the only writer of that.
type Brakes struct {
	Client client.Client
	// Live reads from the API server itself.
	Live  client.Reader
	Clock clock.Clock

	SystemNamespace string
	ArgoCDNamespace string
	Limits          placement.Brake
	// Tripped is told of each removal that is held, once its hold is written; nil tells nobody.
	Tripped func(hold string)

	one sync.Mutex
}

// Look says whether the removal would be held, and why.
func (b *Brakes) Look(ctx context.Context, removal placement.Removal) (placement.Hold, string, error) {
	return b.judge(ctx, removal, false)
}

// Pass lets the removal through and remembers that, or says why it is held. One that was let through before stays so.
func (b *Brakes) Pass(ctx context.Context, removal placement.Removal) (placement.Hold, string, error) {
	return b.judge(ctx, removal, true)
}

func (b *Brakes) judge(ctx context.Context, removal placement.Removal, pass bool) (placement.Hold, string, error) {
	b.one.Lock()
	defer b.one.Unlock()
	memory, passed, err := b.remembered(ctx)
	if err != nil {
		return placement.HoldNone, "", err
	}
	count := placement.Count{Now: b.Clock.Now()}
	count.Passed = b.Limits.Within(passed, count.Now)
	known := slices.ContainsFunc(count.Passed, func(r placement.Removal) bool { return r.Key == removal.Key })
	if pass && known {
		return placement.HoldNone, "", nil
	}
	if err := b.gather(ctx, removal.Product, &count); err != nil {
		return placement.HoldNone, "", err
	}
	hold, why := b.Limits.Judge(removal, count)
	if !pass || hold != placement.HoldNone {
		return hold, why, nil
	}
	removal.At = count.Now.UTC()
	return hold, why, b.remember(ctx, memory, append(count.Passed, removal))
}

// Written notes that a removal is held, and that its record says so. A hold that lost a race is judged again, and would
// count twice.
func (b *Brakes) Written(hold placement.Hold) {
	if hold != placement.HoldNone && b.Tripped != nil {
		b.Tripped(string(hold))
	}
}

// remembered reads what was let through; a nil ConfigMap is none.
func (b *Brakes) remembered(ctx context.Context) (*corev1.ConfigMap, []placement.Removal, error) {
	var memory corev1.ConfigMap
	absent, err := catalog.IsAbsent(ctx, b.Live,
		client.ObjectKey{Namespace: b.SystemNamespace, Name: RemovalsConfigMap}, &memory)
	if err != nil || absent {
		return nil, nil, err
	}
	passed, err := placement.DecodePassed(memory.Data[removalsKey])
	if err != nil {
		return nil, nil, fmt.Errorf("reading ConfigMap %s, without which nothing is removed (delete it if it cannot "+
			"be repaired): %w", RemovalsConfigMap, err)
	}
	return &memory, passed, nil
}

func (b *Brakes) remember(ctx context.Context, memory *corev1.ConfigMap, passed []placement.Removal) error {
	data := map[string]string{removalsKey: placement.EncodePassed(passed)}
	if memory == nil {
		fresh := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: b.SystemNamespace, Name: RemovalsConfigMap},
			Data: data}
		if err := b.Client.Create(ctx, fresh); err != nil {
			return fmt.Errorf("remembering a removal: %w", err)
		}
		return nil
	}
	after := memory.DeepCopy()
	after.Data = data
	_, err := apply.Patch(ctx, b.Client, memory, after)
	return err
}

// gather counts the records and the removals that they ask for. Those of the product are read from the API server: what
// was just written counts. An Application that lost its labels is found in the cache: a lost label must not loosen the
// brake.
func (b *Brakes) gather(ctx context.Context, product string, count *placement.Count) error {
	var cached, live observed.ApplicationList
	if err := b.Client.List(ctx, &cached, client.InNamespace(b.ArgoCDNamespace),
		client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the Applications: %w", err)
	}
	if err := b.Live.List(ctx, &live, client.InNamespace(b.ArgoCDNamespace),
		client.MatchingLabels{api.LabelProduct: product}); err != nil {
		return fmt.Errorf("listing the Applications of %s: %w", product, err)
	}
	records := map[string]*Record{}
	for _, apps := range [][]observed.Application{cached.Items, live.Items} {
		for i := range apps {
			if rec, p := Read(&apps[i]); p == nil {
				records[apps[i].Name] = rec
			}
		}
	}
	for _, rec := range records {
		count.Recorded = append(count.Recorded, rec.Placement)
		count.Pending = append(count.Pending, rec.pending()...)
	}
	return nil
}

// pending returns the removals that a record asks for, that nobody approved, and that the brake has not let through:
// what it let through it remembers by itself, for its time. What is left behind under the policy Orphan is no removal.
func (r *Record) pending() []placement.Pending {
	var out []placement.Pending
	if t := r.Teardown; t != nil && r.App.DeletionTimestamp.IsZero() && !r.Approved() {
		out = append(out, placement.Pending{Removal: placement.RemovalOf(r.Placement, *t), Hold: t.Hold})
	}
	for _, d := range r.Placement.Departures {
		if !d.Cleared && r.Placement.DeletionPolicy != api.DeletionPolicyOrphan && !r.Approves(d.Namespace) {
			out = append(out, placement.Pending{Removal: placement.DepartureOf(r.Placement, d), Hold: d.Hold})
		}
	}
	return out
}

// Approved says whether a person approved the removal that the record asks for.
func (r *Record) Approved() bool {
	return r.Teardown != nil && r.Teardown.ApprovedBy(r.App.Annotations[api.AnnotationApproveTeardown])
}

// Approves says whether a person approved that a namespace goes that the runtime gave up.
func (r *Record) Approves(namespace string) bool {
	return r.Placement.Runtime.Approves(r.App.Annotations[api.AnnotationApproveNamespace+namespace])
}
