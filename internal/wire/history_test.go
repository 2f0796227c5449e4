package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

func TestTheHistoryOfARuntime(t *testing.T) {
	began := metav1.NewTime(time.Date(2024, 1, 1, 9, 0, 0, 0, time.FixedZone("", 3600)))
	ended := metav1.NewTime(began.Add(80 * time.Second))
	live := &api.DeploymentRuntime{Status: api.DeploymentRuntimeStatus{History: []api.DeployedRevision{
		{Revision: "r3", TargetRevision: "main", Path: "p", Outcome: api.RolloutDeploying, StartedAt: &ended},
		{Revision: "r2", TargetRevision: "main", Path: "p", Outcome: api.RolloutDeployed, Author: "Ada <a@x>",
			StartedAt: &began, FinishedAt: &ended, Images: []string{"web:2"}},
		{Revision: "r1", TargetRevision: "main", Path: "p"}, // by an operator that kept no times
	}}}
	got, err := json.Marshal(wire.HistoryOf(live))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"revision":"r3","target_revision":"main","path":"p","outcome":"Deploying","started_at":"2024-01-01T08:01:20Z","images":[]},` +
		`{"revision":"r2","target_revision":"main","path":"p","outcome":"Deployed","author":"Ada \u003ca@x\u003e","started_at":"2024-01-01T08:00:00Z","finished_at":"2024-01-01T08:01:20Z","duration":"1m20s","images":["web:2"]},` +
		`{"revision":"r1","target_revision":"main","path":"p","outcome":"","images":[]}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got := wire.HistoryOf(nil); got == nil || len(got) != 0 {
		t.Errorf("of a runtime that the management cluster does not have: %v", got)
	}
}

func TestOneRuntimeShowsAllConditionsAndImages(t *testing.T) {
	live := &api.DeploymentRuntime{}
	live.Generation = 4
	live.Status = api.DeploymentRuntimeStatus{Images: []string{"web:2"}, Conditions: []metav1.Condition{
		{Type: api.ConditionReady, Status: metav1.ConditionUnknown, Reason: "LookupFailed", ObservedGeneration: 4},
		{Type: api.ConditionSynced, Status: metav1.ConditionTrue, Reason: "Synced", ObservedGeneration: 3},
	}}
	items := wire.ItemsOf("DeploymentRuntime", "product-7", sameNames{})
	item := items.OfRuntime(&api.DeploymentRuntime{}, live)
	item.Complete(live)
	got := item.Status
	want := []wire.Condition{{Type: "Ready", Status: "Unknown", Reason: "LookupFailed", Observed: true},
		{Type: "Synced", Status: "True", Reason: "Synced"}}
	if diff := cmp.Diff(want, got.Conditions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"web:2"}, got.Images); diff != "" {
		t.Error(diff)
	}
	item = items.OfRuntime(&api.DeploymentRuntime{}, nil)
	item.Complete(nil)
	if item.Status != nil {
		t.Error("a runtime that the management cluster does not have has a status")
	}
}
