package observed_test

import (
	"fmt"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// TestAFailedSyncCountsAlsoWhereEverythingIsApplied: Argo CD counts a revision as synced whose hook failed.
func TestAFailedSyncCountsAlsoWhereEverythingIsApplied(t *testing.T) {
	job := argo.ResourceResult{Group: "batch", Kind: "Job", Namespace: "web", Name: "check",
		HookType: synccommon.HookTypePostSync, HookPhase: synccommon.OperationFailed, Message: "deadline"}
	for sentence, c := range map[string]struct {
		change func(*argo.Application)
		why    string
	}{
		"a hook failed": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Resources = argo.ResourceResults{&job}
		}, "Job web/check is Failed: deadline"},
		"a hook hung until the time was over": {func(a *argo.Application) {
			a.Status.OperationState.Message = "Operation terminated"
		}, "Operation terminated"},
		"of another revision": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Revision = "r1"
			a.Status.OperationState.SyncResult.Resources = argo.ResourceResults{&job}
		}, ""},
		"of some objects only": {func(a *argo.Application) {
			a.Status.OperationState.Operation.Sync = &argo.SyncOperation{
				Resources: []argo.SyncOperationResource{{Kind: "A"}}}
		}, ""},
	} {
		app := application(failed, func(a *argo.Application) { a.Status.Sync.Status = argo.SyncStatusCodeSynced }, c.change)
		if f := observed.FactsOf(app); f.Failure != c.why || f.Failed != (c.why != "") {
			t.Errorf("%s: %v %q", sentence, f.Failed, f.Failure)
		}
	}
}

// TestOnlyAnOperationThatDoesNothingIsOutdated: it is ended, so any doubt keeps it.
func TestOnlyAnOperationThatDoesNothingIsOutdated(t *testing.T) {
	const health, person = "waiting for healthy state of apps/Deployment/db",
		"Waiting for pruning confirmation of v1/ConfigMap/x"
	old := func(app *argo.Application) {
		waiting(health, &argo.ResourceResult{Kind: "Job", HookType: synccommon.HookTypePreSync,
			HookPhase: synccommon.OperationSucceeded})(app)
		op := app.Status.OperationState
		op.SyncResult.Revision = "r1"
		op.Operation = argo.Operation{Sync: &argo.SyncOperation{}, InitiatedBy: argo.OperationInitiator{Automated: true}}
	}
	for sentence, c := range map[string]struct {
		change func(*argo.Application)
		want   bool
	}{
		"it waits for health": {func(*argo.Application) {}, true},
		"the operator asked for it": {func(a *argo.Application) {
			a.Status.OperationState.Operation.InitiatedBy = argo.OperationInitiator{Username: identity.Initiator}
		}, true},
		"a person asked for it": {func(a *argo.Application) {
			a.Status.OperationState.Operation.InitiatedBy = argo.OperationInitiator{Username: "admin"}
		}, false},
		"no newer commit is there": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Revision = "r2"
		}, false},
		"its commit is unknown": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Revision = ""
		}, false},
		"the newer commit is of another spec": {func(a *argo.Application) { a.Spec.Source.Path = "q" }, false},
		"it waits for a hook": {func(a *argo.Application) {
			a.Status.OperationState.Message = "waiting for completion of hook batch/Job/db"
		}, false},
		"it waits for health, and a hook runs too": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Resources[0].HookPhase = synccommon.OperationRunning
		}, false},
		"it applies": {func(a *argo.Application) { a.Status.OperationState.Message = "one or more tasks" }, false},
		"it is ended already": {func(a *argo.Application) {
			a.Status.OperationState.Phase = synccommon.OperationTerminating
		}, false},
		"it removes": {func(a *argo.Application) { a.Status.OperationState.Operation.Sync.Prune = true }, false},
		"its removal waits for a person": {func(a *argo.Application) {
			a.Status.OperationState.Message, a.Status.OperationState.Operation.Sync.Prune = person, true
		}, true},
		"the Application is being deleted": {func(a *argo.Application) { a.DeletionTimestamp = at(1) }, false},
	} {
		app := application(old, c.change)
		kept, err := observed.Strip(app.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		for _, app := range []*argo.Application{app, kept.(*argo.Application)} {
			if got := observed.FactsOf(app).Outdated; got != c.want {
				t.Errorf("%s: got %v", sentence, got)
			}
		}
	}
}

func TestWhatStaysUntilAPersonConfirmsIsNamed(t *testing.T) {
	app := application(func(a *argo.Application) {
		a.DeletionTimestamp = at(5)
		a.Status.Resources = append(a.Status.Resources, argo.ResourceStatus{Kind: "ConfigMap", Namespace: "web", Name: "x",
			RequiresDeletionConfirmation: true})
	})
	if told := observed.Tell(observed.AwaitsDeletion(app)); told !=
		"ConfigMap web/x is Awaited: its sync-options hold Delete=confirm" {
		t.Error(told)
	}
	var many []argo.ResourceStatus
	for i := range 3 * observed.MaxObjects {
		many = append(many, argo.ResourceStatus{Group: "apps", Kind: "Deployment", Namespace: "web", Name: fmt.Sprint("d", i),
			Health: &argo.HealthStatus{Status: "Progressing"}, RequiresDeletionConfirmation: i == 2*observed.MaxObjects})
	}
	crowded := app.DeepCopy()
	crowded.Labels = map[string]string{api.LabelProduct: "product-7"}
	crowded.Status.Resources = many
	if _, err := observed.Strip(crowded); err != nil || len(observed.AwaitsDeletion(crowded)) != 1 {
		t.Errorf("among many that end: %v, %v", observed.AwaitsDeletion(crowded), err)
	}
	app.Annotations = map[string]string{synccommon.AnnotationDeletionApproved: "2024-01-01T00:00:06Z"}
	if awaits := observed.AwaitsDeletion(app); awaits != nil {
		t.Errorf("confirmed, and still: %v", awaits)
	}
}
