package argocd_test

import (
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// A refusal that Argo CD stays with is told after a bounded number of its looks, and from then on all the time.
func TestARefusalIsToldOnceArgoCDLookedAgain(t *testing.T) {
	const refresh = "argocd.argoproj.io/refresh"
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	timing := phases.Timing{RetryFirst: 8 * time.Second, RetryLimit: time.Minute}
	app := argocd.Changed(&observed.Application{})
	app.Status.Conditions = []observed.Condition{{Type: observed.ErrorInvalidSpec, Message: "not permitted"}}
	if asked, after := argocd.Retry(app, now, timing); asked != nil || after != 0 {
		t.Errorf("asked again before Argo CD answered: %v after %s", asked, after)
	}
	told := []bool{}
	for range 6 {
		told = append(told, !argocd.RefusedEarly(app)) // it has not looked
		delete(app.Annotations, refresh)
		told = append(told, !argocd.RefusedEarly(app)) // it looked, and refuses
		asked, after := argocd.Retry(app, now, timing)
		if now = now.Add(after); asked == nil {
			asked, _ = argocd.Retry(app, now, timing)
		}
		app = asked
	}
	for i, is := range told {
		if want := i >= 5; is != want { // the look of the change, and two more
			t.Errorf("told %v", told)
			break
		}
	}
	// Nobody asked for a long time: the operator or Argo CD was down.
	now = now.Add(10 * timing.RetryLimit)
	delete(app.Annotations, refresh)
	for range 3 {
		app, _ = argocd.Retry(app, now, timing)
		if app == nil {
			t.Fatal("it is not asked again")
		}
		if argocd.RefusedEarly(app) {
			t.Error("a refusal that was told is hidden after a break")
		}
		delete(app.Annotations, refresh)
		now = now.Add(timing.RetryLimit)
	}
	if app = argocd.Pushed(app); argocd.RefusedEarly(app) {
		t.Error("a push hides the refusal")
	}
	if app = argocd.Changed(app); !argocd.RefusedEarly(app) {
		t.Error("the refusal of an earlier spec counts")
	}
	app.Status.Conditions = nil
	if argocd.RefusedEarly(app) {
		t.Error("nothing is refused")
	}
}

// Argo CD would refuse that too, and the sync would be of an Application whose automation may be off.
func TestWhatArgoCDRefusesIsNeverAskedToSync(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	app := desired.Application(placement.Placement{Product: "product-7", Namespaces: []string{"web"}},
		"argocd", true)
	app.Status.Sync.Status, app.Status.Sync.Revision = "OutOfSync", "r1"
	app.Status.OperationState = &observed.OperationState{Phase: "Failed",
		SyncResult: &observed.SyncResult{Revision: "r1"}}
	timing := phases.Timing{RetryFirst: 8 * time.Second, RetryLimit: time.Minute}
	if asked, _ := argocd.Retry(app, now, timing); asked == nil || asked.Operation == nil {
		t.Fatal("a sync that failed is not tried again")
	}
	app.Status.Conditions = []observed.Condition{{Type: observed.ErrorInvalidSpec, Message: "not permitted"}}
	if asked, _ := argocd.Retry(app, now, timing); asked == nil || asked.Operation != nil {
		t.Errorf("asked for %+v", asked)
	}
	if !argocd.RefusedEarly(app) {
		t.Error("told before Argo CD looked again")
	}
}
