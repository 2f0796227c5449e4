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
	"github.com/nautes-labs/deployment-runtime/internal/placement"
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
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.LabelRuntime: "web"}},
		Spec:       argo.ApplicationSpec{Source: &source, Destination: to, Project: "product-7"},
		Status: argo.ApplicationStatus{
			Sync: argo.SyncStatus{Status: argo.SyncStatusCodeSynced, Revision: "r2",
				ComparedTo: argo.ComparedTo{Source: source, Destination: to}},
			Health:       argo.HealthStatus{Status: health.HealthStatusHealthy},
			ReconciledAt: at(10),
			OperationState: &argo.OperationState{
				Phase: synccommon.OperationSucceeded, FinishedAt: at(10),
				SyncResult: &argo.SyncOperationResult{Revision: "r2"},
			},
			Resources: []argo.ResourceStatus{{Kind: "Deployment", Namespace: "web", Name: "a",
				Status: argo.SyncStatusCodeSynced, Health: &argo.HealthStatus{Status: health.HealthStatusHealthy}}},
			History: argo.RevisionHistories{{Revision: "r1", Source: source}, {Revision: "r2", Source: source}},
			Summary: argo.ApplicationSummary{Images: []string{"b", "a"}},
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
		"synced and healthy": {func(*argo.Application) {}, func(*observed.Facts) {}},
		"compared in the second in which it was applied": {
			func(a *argo.Application) { a.Status.Sync.Status = argo.SyncStatusCodeOutOfSync },
			func(f *observed.Facts) { f.Sync, f.Stale = "OutOfSync", true }},
		"compared after it was applied": {func(a *argo.Application) {
			a.Status.Sync.Status, a.Status.ReconciledAt = argo.SyncStatusCodeOutOfSync, at(11)
		}, func(f *observed.Facts) { f.Sync = "OutOfSync" }},
		"the spec changed since": {func(a *argo.Application) { a.Spec.Source.Path = "q" },
			func(f *observed.Facts) { f.Compared, f.Sight.Commit = false, "" }},
		"it was compared with another revision": {func(a *argo.Application) {
			a.Spec.Source.TargetRevision = "refs/heads/main"
		}, func(f *observed.Facts) {
			f.Compared, f.Sight = false, placement.Sight{Target: "refs/heads/main"}
		}},
		"the repository does not have the revision": {func(a *argo.Application) {
			a.Status.Sync.Status, a.Status.Sync.Revision = argo.SyncStatusCodeUnknown, ""
			a.Status.Conditions = []argo.ApplicationCondition{{Type: argo.ApplicationConditionComparisonError,
				Message: "x: unable to resolve 'main' to a commit SHA"}}
		}, func(f *observed.Facts) {
			f.Sync, f.Revision, f.Applied, f.Sight = "Unknown", "", false, placement.Sight{Target: "main", Absent: true}
			f.Errors[observed.ErrorComparison] = "x: unable to resolve 'main' to a commit SHA"
		}},
		"the repository does not have another revision": {func(a *argo.Application) {
			a.Status.Sync.Status = argo.SyncStatusCodeUnknown
			a.Status.Conditions = []argo.ApplicationCondition{{Type: argo.ApplicationConditionComparisonError,
				Message: "unable to resolve 'mai' to a commit SHA"}}
		}, func(f *observed.Facts) {
			f.Sync, f.Sight = "Unknown", placement.Sight{Target: "main"}
			f.Errors[observed.ErrorComparison] = "unable to resolve 'mai' to a commit SHA"
		}},
		"the destination changed since": {func(a *argo.Application) { a.Spec.Destination.Namespace = "x" },
			func(f *observed.Facts) { f.Compared, f.Sight.Commit = false, "" }},
		"an empty directory means nothing": {func(a *argo.Application) {
			a.Status.Sync.ComparedTo.Source.Directory = &argo.ApplicationSourceDirectory{}
		}, func(*observed.Facts) {}},
		"judged before the sync ended": {func(a *argo.Application) { a.Status.ReconciledAt = at(9) },
			func(f *observed.Facts) { f.Current = false }},
		"never judged": {func(a *argo.Application) { a.Status.ReconciledAt = nil },
			func(f *observed.Facts) { f.Current = false }},
		"an operation is asked for": {func(a *argo.Application) { a.Operation = &argo.Operation{} },
			func(f *observed.Facts) { f.Running = true }},
		"an operation runs": {func(a *argo.Application) {
			a.Status.OperationState.Phase = synccommon.OperationRunning
		},
			func(f *observed.Facts) { f.Running, f.Applied, f.Syncing = true, false, "r2" }},
		"adopted: there never was an operation": {func(a *argo.Application) { a.Status.OperationState = nil },
			func(f *observed.Facts) { f.Applied = false }},
		"it never applied anything": {func(a *argo.Application) {
			a.Status.OperationState, a.Status.History = nil,
				nil
		}, func(f *observed.Facts) {
			f.Applied, f.Own = false, false
		}},
		"a commit that changed nothing of it": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Revision = "r1"
		}, func(f *observed.Facts) { f.Applied = false }},
		"a failure that was overcome does not matter any more": {func(a *argo.Application) {
			failed(a)
			a.Status.OperationState.SyncResult.Resources = argo.ResourceResults{{Kind: "A", Name: "x",
				Status: synccommon.ResultCodeSyncFailed}}
			a.Status.Sync.Status = argo.SyncStatusCodeSynced
		}, func(f *observed.Facts) { f.Applied = false }},
		"the failure of another revision": {func(a *argo.Application) {
			failed(a)
			a.Status.OperationState.SyncResult.Revision = "r1"
		},
			func(f *observed.Facts) { f.Sync, f.Deployed, f.Applied = "OutOfSync", "", false }},
		"the failure of this revision": {failed, func(f *observed.Facts) {
			f.Applied = false
			f.Sync, f.Deployed, f.Failed, f.Failure = "OutOfSync", "", true, "one or more objects failed to apply"
		}},
		"the failure of an object is named": {func(a *argo.Application) {
			failed(a)
			a.Status.OperationState.SyncResult.Resources = argo.ResourceResults{{Kind: "ClusterRole",
				Name: "x", Status: synccommon.ResultCodeSyncFailed, Message: "not permitted"},
				{Kind: "A", Name: "fine", Status: synccommon.ResultCodeSynced}}
		}, func(f *observed.Facts) {
			f.Applied = false
			f.Sync, f.Deployed, f.Failed, f.Failure = "OutOfSync", "", true, "ClusterRole x is SyncFailed: not permitted"
			f.Objects = []api.ResourceStatus{said("ClusterRole", "", "x", "SyncFailed", "not permitted")}
		}},
		"an error condition": {func(a *argo.Application) {
			a.Status.Conditions = []argo.ApplicationCondition{{Type: argo.ApplicationConditionComparisonError,
				Message: "no\nsuch path"}, {Type: argo.ApplicationConditionOrphanedResourceWarning, Message: "x"}}
		}, func(f *observed.Facts) { f.Errors[observed.ErrorComparison] = "no such path" }},
		"an object is another Application's too": {func(a *argo.Application) {
			a.Status.Conditions = []argo.ApplicationCondition{
				{Type: argo.ApplicationConditionSharedResourceWarning,
					Message: "Deployment/web is part of applications argocd/b and a"},
				{Type: argo.ApplicationConditionSharedResourceWarning,
					Message: "Deployment/web is part of many applications"},
			}
		}, func(f *observed.Facts) {
			f.Shared = []observed.Shared{{Object: "Deployment web", Other: "a"}, {Object: "an object"}}
		}},
		"a resource is degraded": {func(a *argo.Application) {
			a.Status.Resources[0].Health = &argo.HealthStatus{Status: health.HealthStatusDegraded, Message: "crash"}
		}, func(f *observed.Facts) {
			f.Objects = []api.ResourceStatus{said("Deployment", "web", "a", "Degraded", "crash")}
		}},
		"the first object of another namespace": {func(a *argo.Application) {
			a.Status.Resources = append(a.Status.Resources, inShop("b", argo.SyncStatusCodeSynced),
				inShop("a", argo.SyncStatusCodeSynced))
		}, func(f *observed.Facts) {
			f.Resources, f.Namespaces, f.Written["shop"] = 3, []string{"shop", "web"}, "ConfigMap shop/a"
		}},
		"an object that could not be written": {func(a *argo.Application) {
			a.Status.Resources = append(a.Status.Resources, inShop("a", argo.SyncStatusCodeOutOfSync))
		}, func(f *observed.Facts) {
			f.Resources, f.Namespaces, f.Prunes.OthersDiffer = 2, []string{"shop", "web"}, true
		}},
		"an object that waits to be pruned": {func(a *argo.Application) {
			gone := inShop("a", argo.SyncStatusCodeSynced)
			gone.RequiresPruning = true
			a.Status.Resources = append(a.Status.Resources, gone)
		}, func(f *observed.Facts) { f.Resources, f.Namespaces = 2, []string{"shop", "web"} }},
	} {
		t.Run(sentence, func(t *testing.T) {
			want := observed.Facts{
				Sync: "Synced", Health: "Healthy", Revision: "r2", Deployed: "r2", Compared: true, Current: true,
				Applied: true, Own: true, Resources: 1,
				Namespaces: []string{"web"}, Written: map[string]string{"web": "Deployment web/a"},
				Images: []string{"a", "b"}, Errors: map[string]string{},
				Sight: placement.Sight{Target: "main", Commit: "r2"},
			}
			c.want(&want)
			if diff := cmp.Diff(want, observed.FactsOf(application(c.change))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// going makes the Application of two resources one of which the revision does not hold any more.
func going(app *argo.Application) {
	app.Status.Sync.Status = argo.SyncStatusCodeOutOfSync
	app.Status.Resources[0].Status = argo.SyncStatusCodeSynced
	app.Status.Resources = append(app.Status.Resources, argo.ResourceStatus{
		Group: "apps", Kind: "Deployment", Namespace: "web", Name: "b", Status: argo.SyncStatusCodeOutOfSync,
		RequiresPruning: true,
	})
}

func TestWhatIsToBeRemoved(t *testing.T) {
	b := placement.Object{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "b"}
	for sentence, c := range map[string]struct {
		change func(*argo.Application)
		want   observed.Prunes
		now    bool
	}{
		"one object is to go": {func(*argo.Application) {}, observed.Prunes{Objects: []placement.Object{b}}, true},
		"nothing else is there": {func(a *argo.Application) { a.Status.Resources = a.Status.Resources[1:] },
			observed.Prunes{Objects: []placement.Object{b}, All: true}, true},
		"another differs, and was applied": {func(a *argo.Application) {
			a.Status.Resources[0].Status = argo.SyncStatusCodeOutOfSync
		},
			observed.Prunes{Objects: []placement.Object{b}, OthersDiffer: true}, true},
		"another differs, and is still to be applied": {func(a *argo.Application) {
			a.Status.Resources[0].Status = argo.SyncStatusCodeOutOfSync
			a.Status.OperationState.SyncResult.Revision = "r1"
		}, observed.Prunes{Objects: []placement.Object{b}, OthersDiffer: true}, false},
		"no sync of the revision was needed": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Revision = "r1"
		},
			observed.Prunes{Objects: []placement.Object{b}}, true},
		"the sync failed": {failed, observed.Prunes{Objects: []placement.Object{b}}, false},
		"an operation runs": {func(a *argo.Application) { a.Operation = &argo.Operation{} },
			observed.Prunes{Objects: []placement.Object{b}}, false},
		"the spec is newer": {func(a *argo.Application) { a.Spec.Source.Path = "q" },
			observed.Prunes{Objects: []placement.Object{b}}, false},
		"nothing is known": {func(a *argo.Application) {
			a.Status.Sync.Status,
				a.Status.Resources[1].Status = "Unknown", "Unknown"
		}, observed.Prunes{}, false},
		"Helm made manifests": {func(a *argo.Application) { a.Status.SourceType = "Helm" },
			observed.Prunes{Objects: []placement.Object{b}, Generated: true}, true},
		"the removal failed": {func(a *argo.Application) {
			failed(a)
			a.Status.OperationState.Operation.Sync = &argo.SyncOperation{Prune: true}
		},
			observed.Prunes{Objects: []placement.Object{b}, Tried: true}, true},
		"the removal left it alone": {func(a *argo.Application) {
			op := a.Status.OperationState
			op.Operation.Sync = &argo.SyncOperation{Prune: true}
			op.SyncResult.Resources = argo.ResourceResults{{Group: "apps", Kind: "Deployment", Namespace: "web",
				Name: "b", Status: synccommon.ResultCodePruneSkipped, Message: "ignored (no prune)"}}
		}, observed.Prunes{Objects: []placement.Object{b}, Tried: true, Kept: []placement.Object{b}}, true},
		"the removal holds the result of an earlier sync": {func(a *argo.Application) {
			op := a.Status.OperationState
			op.Operation.Sync = &argo.SyncOperation{Prune: true}
			op.SyncResult.Resources = argo.ResourceResults{{Group: "apps", Kind: "Deployment", Namespace: "web",
				Name: "b", Status: synccommon.ResultCodePruneSkipped, Message: "ignored (requires pruning)"}}
		}, observed.Prunes{Objects: []placement.Object{b}, Tried: true}, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			app := application(going, c.change)
			kept, err := observed.Strip(app.DeepCopy())
			if err != nil {
				t.Fatal(err)
			}
			for _, app := range []*argo.Application{app, kept.(*argo.Application)} {
				facts := observed.FactsOf(app)
				if diff := cmp.Diff(c.want, facts.Prunes); diff != "" || facts.Removable() != c.now {
					t.Errorf("removable %v, %s", facts.Removable(), diff)
				}
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
		"it looked again": {func(a *argo.Application) { a.Status.ReconciledAt = at(30) }, true},
		"a refresh is asked for": {func(a *argo.Application) {
			a.Annotations = map[string]string{argo.AnnotationKeyRefresh: "normal"}
		}, true},
		"a version was written": {func(a *argo.Application) { a.ResourceVersion, a.Generation = "77", 9 }, true},
		"the health changed": {func(a *argo.Application) { a.Status.Health.Status = health.HealthStatusDegraded },
			false},
		"it looked again, and refuses": {func(a *argo.Application) {
			a.Status.Conditions = []argo.ApplicationCondition{{Type: observed.ErrorInvalidSpec, Message: "no"}}
			a.Annotations = map[string]string{argo.AnnotationKeyRefresh: "normal"}
		}, false},
		"the spec changed": {func(a *argo.Application) { a.Spec.Project = "x" }, false},
		"a finalizer went": {func(a *argo.Application) { a.Finalizers = []string{"x"} }, false},
		"the record changed": {func(a *argo.Application) {
			a.Annotations = map[string]string{api.AnnotationPlacement: "x"}
		}, false},
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
			r := argo.ResourceStatus{Kind: "ConfigMap", Namespace: []string{"web", "jobs"}[i%2],
				Name: fmt.Sprint("x", 9999-i)}
			switch {
			case i%3 == 0:
				r.Status, r.RequiresPruning = argo.SyncStatusCodeOutOfSync, true
			case i >= 100:
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
	if n := len(stripped.Status.Resources); n > 4+3*observed.MaxObjects+observed.MaxPrunes ||
		stripped.ManagedFields != nil {
		t.Errorf("%d resources and managed fields %v were kept", n, stripped.ManagedFields)
	}
	got := observed.FactsOf(stripped)
	if diff := cmp.Diff(full.Namespaces, got.Namespaces) + cmp.Diff(full.Written, got.Written); diff != "" ||
		len(got.Objects) == 0 || got.Resources == 0 {
		t.Errorf("facts were lost: %+v %s", got, diff)
	}
	if _, err := observed.Strip("x"); err == nil {
		t.Error("something else was taken for an Application")
	}
}
