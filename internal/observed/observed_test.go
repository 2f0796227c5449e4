package observed_test

import (
	"fmt"
	"testing"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

func at(second int) *metav1.Time {
	t := metav1.NewTime(time.Date(2024, 1, 1, 0, 0, second, 0, time.UTC))
	return &t
}

// application is one that Argo CD synced and found healthy.
func application(changes ...func(*argo.Application)) *argo.Application {
	source := argo.ApplicationSource{RepoURL: "https://a.git", Path: "p", TargetRevision: "main"}
	to := argo.ApplicationDestination{Name: "c1", Namespace: "web"}
	app := &argo.Application{
		Spec: argo.ApplicationSpec{Source: &source, Destination: to, Project: "product-7"},
		Status: argo.ApplicationStatus{
			Sync:         argo.SyncStatus{Status: argo.SyncStatusCodeSynced, Revision: "r2", ComparedTo: argo.ComparedTo{Source: source, Destination: to}},
			Health:       argo.HealthStatus{Status: health.HealthStatusHealthy},
			ReconciledAt: at(10),
			OperationState: &argo.OperationState{
				Phase: synccommon.OperationSucceeded, FinishedAt: at(10), SyncResult: &argo.SyncOperationResult{Revision: "r2"},
			},
			Resources: []argo.ResourceStatus{{Kind: "Deployment", Namespace: "web", Name: "a", Status: argo.SyncStatusCodeSynced, Health: &argo.HealthStatus{Status: health.HealthStatusHealthy}}},
			History:   argo.RevisionHistories{{Revision: "r1", Source: source}, {Revision: "r2", Source: source}},
			Summary:   argo.ApplicationSummary{Images: []string{"b", "a"}},
		},
	}
	for _, change := range changes {
		change(app)
	}
	return app
}

func inShop(name string, status argo.SyncStatusCode) argo.ResourceStatus {
	return argo.ResourceStatus{Kind: "ConfigMap", Namespace: "shop", Name: name, Status: status}
}

func failed(app *argo.Application) {
	app.Status.Sync.Status = argo.SyncStatusCodeOutOfSync
	op := app.Status.OperationState
	op.Phase, op.Message = synccommon.OperationFailed, "one or more objects failed\n to apply"
}

func TestFacts(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*argo.Application)
		want   func(*observed.Facts)
	}{
		"synced and healthy":            {func(*argo.Application) {}, func(*observed.Facts) {}},
		"the spec changed since":        {func(a *argo.Application) { a.Spec.Source.Path = "q" }, func(f *observed.Facts) { f.Compared = false }},
		"the destination changed since": {func(a *argo.Application) { a.Spec.Destination.Namespace = "x" }, func(f *observed.Facts) { f.Compared = false }},
		"an empty directory means nothing": {func(a *argo.Application) {
			a.Status.Sync.ComparedTo.Source.Directory = &argo.ApplicationSourceDirectory{}
		}, func(*observed.Facts) {}},
		"judged before the sync ended":            {func(a *argo.Application) { a.Status.ReconciledAt = at(9) }, func(f *observed.Facts) { f.Current = false }},
		"never judged":                            {func(a *argo.Application) { a.Status.ReconciledAt = nil }, func(f *observed.Facts) { f.Current = false }},
		"an operation is asked for":               {func(a *argo.Application) { a.Operation = &argo.Operation{} }, func(f *observed.Facts) { f.Running = true }},
		"an operation runs":                       {func(a *argo.Application) { a.Status.OperationState.Phase = synccommon.OperationRunning }, func(f *observed.Facts) { f.Running = true }},
		"adopted: there never was an operation":   {func(a *argo.Application) { a.Status.OperationState = nil }, func(*observed.Facts) {}},
		"a commit that changed nothing of it":     {func(a *argo.Application) { a.Status.OperationState.SyncResult.Revision = "r1" }, func(*observed.Facts) {}},
		"an old failure does not matter any more": {func(a *argo.Application) { failed(a); a.Status.Sync.Status = argo.SyncStatusCodeSynced }, func(*observed.Facts) {}},
		"the failure of another revision":         {func(a *argo.Application) { failed(a); a.Status.OperationState.SyncResult.Revision = "r1" }, func(f *observed.Facts) { f.Sync, f.Deployed = "OutOfSync", "" }},
		"the failure of this revision": {failed, func(f *observed.Facts) {
			f.Sync, f.Deployed, f.Failed, f.Failure = "OutOfSync", "", true, "one or more objects failed to apply"
		}},
		"the failure of an object is named": {func(a *argo.Application) {
			failed(a)
			a.Status.OperationState.SyncResult.Resources = argo.ResourceResults{{Kind: "ClusterRole", Name: "x", Status: synccommon.ResultCodeSyncFailed, Message: "not permitted"}, {Kind: "A", Name: "fine", Status: synccommon.ResultCodeSynced}}
		}, func(f *observed.Facts) {
			f.Sync, f.Deployed, f.Failed, f.Failure = "OutOfSync", "", true, "ClusterRole x: not permitted"
		}},
		"an error condition": {func(a *argo.Application) {
			a.Status.Conditions = []argo.ApplicationCondition{{Type: argo.ApplicationConditionComparisonError, Message: "no\nsuch path"}, {Type: argo.ApplicationConditionOrphanedResourceWarning, Message: "x"}}
		}, func(f *observed.Facts) { f.Errors[observed.ErrorComparison] = "no such path" }},
		"a resource is degraded": {func(a *argo.Application) {
			a.Status.Resources[0].Health = &argo.HealthStatus{Status: health.HealthStatusDegraded, Message: "crash"}
		}, func(f *observed.Facts) { f.Unhealthy = []string{"Deployment web/a is Degraded: crash"} }},
		"the first object of another namespace": {func(a *argo.Application) {
			a.Status.Resources = append(a.Status.Resources, inShop("b", argo.SyncStatusCodeSynced), inShop("a", argo.SyncStatusCodeSynced))
		}, func(f *observed.Facts) {
			f.Resources, f.Namespaces, f.Written["shop"] = 3, []string{"shop", "web"}, "ConfigMap shop/a"
		}},
		"an object that could not be written": {func(a *argo.Application) {
			a.Status.Resources = append(a.Status.Resources, inShop("a", argo.SyncStatusCodeOutOfSync))
		}, func(f *observed.Facts) { f.Resources, f.Namespaces = 2, []string{"shop", "web"} }},
		"an object that waits to be pruned": {func(a *argo.Application) {
			gone := inShop("a", argo.SyncStatusCodeSynced)
			gone.RequiresPruning = true
			a.Status.Resources = append(a.Status.Resources, gone)
		}, func(f *observed.Facts) { f.Resources, f.Namespaces = 2, []string{"shop", "web"} }},
	} {
		t.Run(sentence, func(t *testing.T) {
			want := observed.Facts{
				Sync: "Synced", Health: "Healthy", Revision: "r2", Deployed: "r2", Compared: true, Current: true, Resources: 1,
				Namespaces: []string{"web"}, Written: map[string]string{"web": "Deployment web/a"}, Images: []string{"a", "b"}, Errors: map[string]string{},
				History: []api.DeployedRevision{{Revision: "r2", TargetRevision: "main", Path: "p"}, {Revision: "r1", TargetRevision: "main", Path: "p"}},
			}
			c.want(&want)
			if diff := cmp.Diff(want, observed.FactsOf(application(c.change))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatArgoWritesAtEveryRefreshSaysNothingNew(t *testing.T) {
	before := application()
	for sentence, c := range map[string]struct {
		change func(*argo.Application)
		same   bool
	}{
		"it looked again":          {func(a *argo.Application) { a.Status.ReconciledAt = at(30) }, true},
		"a refresh is asked for":   {func(a *argo.Application) { a.Annotations = map[string]string{argo.AnnotationKeyRefresh: "normal"} }, true},
		"a version was written":    {func(a *argo.Application) { a.ResourceVersion, a.Generation = "77", 9 }, true},
		"the health changed":       {func(a *argo.Application) { a.Status.Health.Status = health.HealthStatusDegraded }, false},
		"the spec changed":         {func(a *argo.Application) { a.Spec.Project = "x" }, false},
		"a finalizer went":         {func(a *argo.Application) { a.Finalizers = []string{"x"} }, false},
		"the record changed":       {func(a *argo.Application) { a.Annotations = map[string]string{api.AnnotationPlacement: "x"} }, false},
		"it is being deleted":      {func(a *argo.Application) { a.DeletionTimestamp = at(1) }, false},
		"an operation is in sight": {func(a *argo.Application) { a.Operation = &argo.Operation{} }, false},
	} {
		if got := observed.SaysTheSame(before, application(c.change)); got != c.same {
			t.Errorf("%s: got %v", sentence, got)
		}
	}
}

func TestStripKeepsTheFactsAndDropsTheBulk(t *testing.T) {
	big := application(func(a *argo.Application) {
		a.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}}
		for i := range 5000 {
			r := argo.ResourceStatus{Kind: "ConfigMap", Namespace: []string{"web", "jobs"}[i%2], Name: fmt.Sprint("x", 9999-i)}
			if i >= 100 {
				r.Status = argo.SyncStatusCodeSynced
			}
			if i%100 == 0 {
				r.Health = &argo.HealthStatus{Status: health.HealthStatusDegraded}
			}
			a.Status.Resources = append(a.Status.Resources, r)
		}
	})
	full := observed.FactsOf(big)
	out, err := observed.Strip(big)
	if err != nil {
		t.Fatal(err)
	}
	stripped := out.(*argo.Application)
	if n := len(stripped.Status.Resources); n > 14 || stripped.ManagedFields != nil {
		t.Errorf("%d resources and managed fields %v were kept", n, stripped.ManagedFields)
	}
	got := observed.FactsOf(stripped)
	if diff := cmp.Diff(full.Namespaces, got.Namespaces) + cmp.Diff(full.Written, got.Written); diff != "" || len(got.Unhealthy) == 0 || got.Resources == 0 {
		t.Errorf("facts were lost: %+v %s", got, diff)
	}
	if _, err := observed.Strip("x"); err == nil {
		t.Error("something else was taken for an Application")
	}
}
