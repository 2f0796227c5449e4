package observed_test

import (
	"fmt"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

func said(kind, namespace, name, state, message string) api.ResourceStatus {
	return api.ResourceStatus{Kind: kind, Namespace: namespace, Name: name, State: state, Message: message}
}

// waiting makes the Application of an operation that says what it waits for.
func waiting(message string, results ...*argo.ResourceResult) func(*argo.Application) {
	return func(app *argo.Application) {
		op := app.Status.OperationState
		op.Phase, op.FinishedAt, op.Message, op.SyncResult.Resources = synccommon.OperationRunning, nil, message, results
	}
}

func warned(kind, message string) func(*argo.Application) {
	return func(app *argo.Application) {
		app.Status.Conditions = []argo.ApplicationCondition{{Type: kind, Message: message}}
	}
}

// TestObjectsInQuestionAreNamed: whatever Argo CD tells about an object, its name reaches us, also through the cache.
func TestObjectsInQuestionAreNamed(t *testing.T) {
	hook := argo.ResourceResult{Group: "batch", Kind: "Job", Namespace: "web", Name: "db",
		HookType: synccommon.HookTypePreSync, HookPhase: synccommon.OperationRunning}
	for sentence, c := range map[string]struct {
		change func(*argo.Application)
		told   string
	}{
		"nothing is wrong": {func(*argo.Application) {}, ""},
		"a workload starts": {func(a *argo.Application) {
			a.Status.Resources[0].Health = &argo.HealthStatus{Status: health.HealthStatusProgressing, Message: "1 of\n2"}
		}, "Deployment web/a is Progressing: 1 of 2"},
		"a workload is paused": {func(a *argo.Application) {
			a.Status.Resources[0].Health = &argo.HealthStatus{Status: health.HealthStatusSuspended}
		}, "Deployment web/a is Suspended"},
		"a sync waits for a wave": {waiting("waiting for healthy state of apps/Deployment/db and 1 more resources"),
			"Deployment db is Awaited"},
		"a sync waits for an object of the core group": {waiting("waiting for healthy state of /Service/db"),
			"Service db is Awaited"},
		"a sync waits for a hook": {waiting("waiting for completion of hook batch/Job/db", &hook),
			"Job web/db is Awaited"},
		"a sync waits for a person": {waiting("Waiting for pruning confirmation of v1/ConfigMap/keepme"),
			"ConfigMap keepme is Awaited: its sync-options hold Prune=confirm"},
		"a sync waits for a person, of another group": {
			waiting("Waiting for pruning confirmation of apps/v1/Deployment/a.b and 2 more resources"),
			"Deployment a.b is Awaited: its sync-options hold Prune=confirm"},
		"a sync says something else": {waiting("one or more tasks are running"), ""},
		"a kind is excluded": {warned(argo.ApplicationConditionExcludedResourceWarning,
			"Resource /Endpoints db is excluded in the settings"),
			"Endpoints db is Excluded: the settings of Argo CD exclude objects of this kind, so it was not applied"},
		"an object is there twice": {warned(argo.ApplicationConditionRepeatedResourceWarning,
			"Resource apps/Deployment/web/a appeared 2 times among application resources."),
			"Deployment web/a is Repeated: the manifests hold it more than once, and the last one was applied"},
		"it was applied, and differs again": {func(a *argo.Application) {
			a.Status.Sync.Status, a.Status.Resources[0].Status = argo.SyncStatusCodeOutOfSync, argo.SyncStatusCodeOutOfSync
		}, "Deployment web/a is OutOfSync"},
		"it was applied a moment ago, and not compared since": {func(a *argo.Application) {
			a.Status.Sync.Status, a.Status.Resources[0].Status = argo.SyncStatusCodeOutOfSync, argo.SyncStatusCodeOutOfSync
			a.Status.History[1].DeployedAt = *at(10)
		}, ""},
		"it is about to be applied": {func(a *argo.Application) {
			a.Status.Sync.Status, a.Status.Resources[0].Status = argo.SyncStatusCodeOutOfSync, argo.SyncStatusCodeOutOfSync
			a.Status.Sync.Revision = "r3"
		}, ""},
	} {
		app := application(c.change)
		kept, err := observed.Strip(app.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		for _, app := range []*argo.Application{app, kept.(*argo.Application)} {
			if diff := cmp.Diff(c.told, observed.Tell(observed.FactsOf(app).Objects)); diff != "" {
				t.Errorf("%s: %s", sentence, diff)
			}
		}
	}
}

func TestObjectsInQuestionAreBounded(t *testing.T) {
	var many []api.ResourceStatus
	for i := range 100 {
		many = append(many, said("ConfigMap", "a", fmt.Sprint(i), "Progressing", ""))
	}
	many = append(many, said("Job", "", "x", "Awaited", ""), said("Job", "a", "x", "Degraded", "why"))
	got := observed.InQuestion(many)
	if len(got) != observed.MaxObjects || got[0] != said("Job", "a", "x", "Degraded", "why") ||
		got[1].Kind != "ConfigMap" {
		t.Errorf("got %d: %+v", len(got), got[:2])
	}
	if told := observed.Tell(got); told != "Job a/x is Degraded: why; and at least 19 more, see status.resources" {
		t.Error(told)
	}
	app := application(func(a *argo.Application) {
		a.Status.Resources[0].Health = &argo.HealthStatus{Status: health.HealthStatusDegraded,
			Message: strings.Repeat("\x1b[31m\n", 1000)}
	})
	if m := observed.FactsOf(app).Objects[0].Message; len(m) > 500 || strings.ContainsAny(m, "\x1b\n") {
		t.Errorf("%d bytes: %q", len(m), m)
	}
}
