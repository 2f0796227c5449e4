package record

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// recorded returns the record of a runtime that lives on cluster c1.
func recorded(name string, namespaces ...string) *Record {
	return &Record{
		App: &observed.Application{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{api.Finalizer}}},
		Placement: placement.Placement{
			Product: "product-7", Destination: placement.Destination{Environment: "dev", Cluster: "c1"},
			Namespaces: namespaces, Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
		},
	}
}

// asked says in the record that its runtime was deleted.
func asked(r *Record) *Record {
	r.Teardown = &placement.Teardown{RuntimeUID: "u", Policy: r.Placement.DeletionPolicy}
	return r
}

// What was let through is remembered for its time and no longer: else every removal that waits for a person makes the
// next one wait for one.
func TestWhatTheBrakeLetThroughIsNotPending(t *testing.T) {
	now := metav1.NewTime(time.Unix(1700000000, 0))
	leaving := func(change func(*Record)) *Record {
		r := recorded("web", "web")
		r.Placement.Runtime.UID, r.Placement.Leaving = "u", []string{"old"}
		r.Placement.Departures = []placement.Departure{{Namespace: "old", RequestedAt: now.Time}}
		change(r)
		return r
	}
	for sentence, c := range map[string]struct {
		record *Record
		want   int
	}{
		"a namespace that is leaving": {leaving(func(*Record) {}), 1},
		"one that was let through, and holds data": {leaving(func(r *Record) {
			r.Placement.Departures[0].Cleared = true
		}), 0},
		"one that is left behind under Orphan": {leaving(func(r *Record) {
			r.Placement.DeletionPolicy = api.DeletionPolicyOrphan
		}), 0},
		"a runtime that is to be removed": {asked(recorded("web", "web")), 1},
		"one whose removal runs": {func() *Record {
			r := asked(recorded("web", "web"))
			r.App.DeletionTimestamp = &now
			return r
		}(), 0},
	} {
		if got := len(c.record.pending()); got != c.want {
			t.Errorf("%s: %d are pending, want %d", sentence, got, c.want)
		}
	}
}
