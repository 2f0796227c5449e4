package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	synccommon "github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
)

// This file plays Argo CD's part: it writes what Argo CD would write, and deletes nothing but a finalizer.

// synced writes into every Application that it is synced and healthy, until every runtime says Ready.
func (w *world) synced(ctx context.Context) error {
	err := w.until(ctx, func() (bool, error) {
		var list argo.ApplicationList
		if err := w.seen.List(ctx, &list, client.HasLabels{api.LabelRuntime}); err != nil {
			return false, err
		}
		err := inParallel(len(list.Items), func(i int) error {
			app := &list.Items[i]
			if app.Status.Health.Status != "" && app.Spec.Source.Equals(&app.Status.Sync.ComparedTo.Source) {
				return nil
			}
			return w.patchStatus(ctx, app, statusOf(app))
		})
		if err != nil {
			return false, err
		}
		n, err := w.seen.runtimes(ctx, api.ConditionReady)
		return n >= w.runtimes, err
	})
	if err != nil {
		return fmt.Errorf("%w; %s", err, w.seen.without(context.WithoutCancel(ctx), api.ConditionReady))
	}
	return nil
}

// statusOf is the status of an Application that Argo CD has just synced.
func statusOf(app *argo.Application) argo.ApplicationStatus {
	now, revision := metav1.Now(), strings.Repeat("a", 40)
	return argo.ApplicationStatus{
		Sync: argo.SyncStatus{Status: argo.SyncStatusCodeSynced, Revision: revision,
			ComparedTo: argo.ComparedTo{Source: *app.Spec.Source, Destination: app.Spec.Destination,
				IgnoreDifferences: app.Spec.IgnoreDifferences}},
		Health: argo.HealthStatus{Status: health.HealthStatusHealthy},
		Resources: []argo.ResourceStatus{{Group: "apps", Version: "v1", Kind: "Deployment",
			Namespace: app.Spec.Destination.Namespace, Name: "web", Status: argo.SyncStatusCodeSynced}},
		ReconciledAt: &now,
		SourceType:   argo.ApplicationSourceTypeDirectory,
		OperationState: &argo.OperationState{Phase: synccommon.OperationSucceeded, StartedAt: now, FinishedAt: &now,
			Operation:  argo.Operation{Sync: &argo.SyncOperation{Revision: revision}},
			SyncResult: &argo.SyncOperationResult{Revision: revision, Source: *app.Spec.Source}},
		History: argo.RevisionHistories{{Revision: revision, DeployedAt: now, Source: *app.Spec.Source}},
	}
}

// patchStatus writes a status, and that the refresh that was asked for is done.
func (w *world) patchStatus(ctx context.Context, app *argo.Application, status any) error {
	patch, err := json.Marshal(map[string]any{"status": status,
		"metadata": map[string]any{"annotations": map[string]any{argo.AnnotationKeyRefresh: nil}}})
	if err != nil {
		return err
	}
	target := &argo.Application{ObjectMeta: in(app.Namespace, app.Name)}
	return w.hub.Patch(ctx, target, client.RawPatch(types.MergePatchType, patch))
}

// refresh is what Argo CD writes every few minutes into an Application that it finds as before.
func (w *world) refresh(ctx context.Context, i int) error {
	return w.patchStatus(ctx, w.bareApplication(i), map[string]any{"reconciledAt": metav1.Now()})
}

// turn is what Argo CD writes when the health of what was deployed changes.
func (w *world) turn(ctx context.Context, i int, to health.HealthStatusCode) error {
	return w.patchStatus(ctx, w.bareApplication(i),
		map[string]any{"health": map[string]any{"status": to}, "reconciledAt": metav1.Now()})
}

func (w *world) bareApplication(i int) *argo.Application {
	key := w.application(i)
	return &argo.Application{ObjectMeta: in(key.Namespace, key.Name)}
}

// cascade ends the deletion of Applications as Argo CD does once nothing is left on the cluster.
func (w *world) cascade(ctx context.Context) (stop func()) {
	const backlog = 10000
	deleted := make(chan *argo.Application, backlog)
	ctx, cancel := context.WithCancel(ctx)
	for range writers {
		go func() {
			for {
				select {
				case <-ctx.Done():
					return
				case app := <-deleted:
					w.releaseCascade(ctx, app)
				}
			}
		}()
	}
	w.seen.tell(func(app *argo.Application) {
		if !app.DeletionTimestamp.IsZero() && strings.Contains(strings.Join(app.Finalizers, " "), desired.CascadeFinalizer) {
			deleted <- app
		}
	})
	return func() { w.seen.tell(nil); cancel() }
}

// releaseCascade takes Argo CD's finalizer off. If somebody else wrote meanwhile, that is told and tried again.
func (w *world) releaseCascade(ctx context.Context, app *argo.Application) {
	var left []string
	for _, f := range app.Finalizers {
		if f != desired.CascadeFinalizer {
			left = append(left, f)
		}
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": left,
		"resourceVersion": app.ResourceVersion}})
	if err != nil {
		return
	}
	_ = w.hub.Patch(ctx, &argo.Application{ObjectMeta: in(app.Namespace, app.Name)},
		client.RawPatch(types.MergePatchType, patch))
}

// away is how long ago something happened that a channel tells of.
func away(ctx context.Context, began time.Time, met <-chan time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case at := <-met:
		return at.Sub(began), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
