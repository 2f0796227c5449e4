package observed_test

import (
	"testing"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// TestEveryRequestIsUnheardUntilArgoCDBeginsToServeIt: whatever is written to Argo CD.
func TestEveryRequestIsUnheardUntilArgoCDBeginsToServeIt(t *testing.T) {
	now := metav1.NewTime(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	for name, row := range map[string]struct {
		change  func(*argo.Application)
		unheard bool
	}{
		"nothing is asked": {func(*argo.Application) {}, false},
		"a refresh":        {refresh, true},
		"a refresh of one never looked at": {func(a *argo.Application) {
			refresh(a)
			a.Status = argo.ApplicationStatus{}
		}, false},
		"another revision": {func(a *argo.Application) {
			a.Spec.Source.TargetRevision = "other"
		}, true},
		"another revision of a refused one": {refused, false},
		"a sync":                            {func(a *argo.Application) { a.Operation = &argo.Operation{} }, true},
		"a sync after one that ended": {func(a *argo.Application) {
			operation(a, synccommon.OperationFailed)
		}, true},
		"a sync that runs": {func(a *argo.Application) {
			operation(a, synccommon.OperationRunning)
		}, false},
		"the end of a sync": {func(a *argo.Application) {
			operation(a, synccommon.OperationTerminating)
		}, true},
		"a deletion":                           {func(a *argo.Application) { deleted(a, now) }, true},
		"a deletion that leaves what is there": {func(a *argo.Application) { a.DeletionTimestamp = &now }, false},
		"a deletion that failed": {func(a *argo.Application) {
			deleted(a, now)
			a.Status.Conditions = []argo.ApplicationCondition{
				{Type: argo.ApplicationConditionDeletionError, Message: "away"}}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			app := &argo.Application{Spec: argo.ApplicationSpec{Source: &argo.ApplicationSource{TargetRevision: "main"}}}
			app.Status.Sync.Status = argo.SyncStatusCodeSynced
			app.Status.Sync.ComparedTo = argo.ComparedTo{Source: *app.Spec.Source}
			row.change(app)
			if got := observed.Unheard(app); (got != "") != row.unheard {
				t.Errorf("%q", got)
			}
		})
	}
}

func refresh(a *argo.Application) {
	metav1.SetMetaDataAnnotation(&a.ObjectMeta, argo.AnnotationKeyRefresh, "normal")
}

func refused(a *argo.Application) {
	a.Spec.Source.TargetRevision = "other"
	a.Status.Conditions = []argo.ApplicationCondition{{Type: argo.ApplicationConditionInvalidSpecError, Message: "no"}}
}

func operation(a *argo.Application, phase synccommon.OperationPhase) {
	a.Operation = &argo.Operation{}
	a.Status.OperationState = &argo.OperationState{Phase: phase}
}

func deleted(a *argo.Application, now metav1.Time) {
	a.DeletionTimestamp, a.Finalizers = &now, []string{argo.ResourcesFinalizerName}
}
