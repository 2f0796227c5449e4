package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// What was let through is remembered for its time and no longer: else every removal that waits for a person makes the next one wait for one.
func TestWhatTheBrakeLetThroughIsNotPending(t *testing.T) {
	now := metav1.NewTime(time.Unix(1700000000, 0))
	leaving := func(change func(*appRecord)) *appRecord {
		r := recorded("web", "web")
		r.placement.Runtime.UID, r.placement.Leaving = "u", []string{"old"}
		r.placement.Departures = []placement.Departure{{Namespace: "old", RequestedAt: now.Time}}
		change(r)
		return r
	}
	for sentence, c := range map[string]struct {
		record *appRecord
		want   int
	}{
		"a namespace that is leaving":              {leaving(func(*appRecord) {}), 1},
		"one that was let through, and holds data": {leaving(func(r *appRecord) { r.placement.Departures[0].Cleared = true }), 0},
		"one that is left behind under Orphan":     {leaving(func(r *appRecord) { r.placement.DeletionPolicy = api.DeletionPolicyOrphan }), 0},
		"a runtime that is to be removed":          {with(recorded("web", "web"), removalAsked), 1},
		"one whose removal runs": {func() *appRecord {
			r := with(recorded("web", "web"), removalAsked)
			r.app.DeletionTimestamp = &now
			return r
		}(), 0},
	} {
		if got := len(c.record.pending()); got != c.want {
			t.Errorf("%s: %d are pending, want %d", sentence, got, c.want)
		}
	}
}
