package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// teardown: all runtimes are deleted, the brake holds that, and somebody approves it.
func (b *bench) teardown(ctx context.Context) error {
	return b.inWorld(ctx, b.shapeOf(b.teardownSize), func(ctx context.Context, w *world) error {
		if err := w.createRuntimes(ctx, 0, w.runtimes); err != nil {
			return err
		}
		return w.running(ctx, func(o *operator.Process) error {
			if err := w.synced(ctx); err != nil {
				return err
			}
			if _, err := o.Settle(ctx, calm, patience); err != nil {
				return err
			}
			defer w.cascade(ctx)()
			defer w.endNamespaces(ctx)()
			return b.approveAll(ctx, w, o)
		})
	})
}

func (b *bench) approveAll(ctx context.Context, w *world, o *operator.Process) error {
	began := time.Now()
	if err := w.deleteRuntimes(ctx); err != nil {
		return err
	}
	released := time.Since(began)
	if _, err := o.Settle(ctx, calm, patience); err != nil {
		return err
	}
	hub, err := o.Requests(ctx)
	if err != nil {
		return err
	}
	clusters, err := servedBy(ctx, w.runtimeServers()...)
	if err != nil {
		return err
	}
	began = time.Now()
	approved, err := w.approve(ctx)
	if err != nil {
		return err
	}
	if err := w.until(ctx, func() (bool, error) {
		left, _, err := w.seen.applications(ctx, automated)
		return left == 0, err
	}); err != nil {
		return err
	}
	took := time.Since(began)
	hubNow, err := o.Requests(ctx)
	if err != nil {
		return err
	}
	clustersNow, err := servedBy(ctx, w.runtimeServers()...)
	if err != nil {
		return err
	}
	served := clustersNow.since(clusters)
	onClusters := served.writes() - served["PUT namespaces/finalize"] // which are those of this program
	writes := hubNow.Writes - hub.Writes
	loop, err := w.bareLoop(ctx, approved, writes-onClusters, onClusters)
	if err != nil {
		return err
	}
	b.report.Begin("teardown", w.runtimes)
	add := func(what string, value float64, unit string) {
		b.report.Add(results.Figure{Scenario: "teardown", Runtimes: w.runtimes, What: what, Value: value, Unit: unit})
	}
	add("all runtimes released after their deletion", released.Seconds(), "s")
	add("teardowns that were held and approved", float64(approved), "")
	add("writes of an approved teardown", float64(writes)/float64(approved), "")
	add("reads of an approved teardown", float64(hubNow.Reads-hub.Reads)/float64(approved), "")
	b.report.Add(results.Figure{Scenario: "teardown", Runtimes: w.runtimes, Value: figures.Ratio(took, loop),
		What: "approval to the last Application gone, times a bare loop of as many writes", AtMost: aimOf(waveAim),
		Note: fmt.Sprintf("%.2f s and %.2f s", took.Seconds(), loop.Seconds())})
	return nil
}

// deleteRuntimes deletes all runtimes and waits until they are gone: the intents are in the records then.
func (w *world) deleteRuntimes(ctx context.Context) error {
	if err := inParallel(w.runtimes, func(i int) error {
		key := w.runtime(i)
		return w.hub.Delete(ctx, &api.DeploymentRuntime{ObjectMeta: in(key.Namespace, key.Name)})
	}); err != nil {
		return err
	}
	return w.until(ctx, func() (bool, error) {
		var left api.DeploymentRuntimeList
		err := w.seen.List(ctx, &left, client.UnsafeDisableDeepCopy)
		return len(left.Items) == 0, err
	})
}

// approve approves every teardown that is held, as docs/howto/held-teardowns.md tells a person to.
func (w *world) approve(ctx context.Context) (n int, err error) {
	var list argo.ApplicationList
	if err := w.seen.List(ctx, &list, client.HasLabels{api.LabelRuntime}); err != nil {
		return 0, err
	}
	return len(list.Items), inParallel(len(list.Items), func(i int) error {
		app := &list.Items[i]
		var intent struct {
			RuntimeUID string `json:"runtimeUID"`
		}
		if err := json.Unmarshal([]byte(app.Annotations[api.AnnotationTeardown]), &intent); err != nil {
			return fmt.Errorf("reading the intent in %s: %w", app.Name, err)
		}
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, api.AnnotationApproveTeardown, intent.RuntimeUID)
		return w.hub.Patch(ctx, &argo.Application{ObjectMeta: in(app.Namespace, app.Name)},
			client.RawPatch(types.MergePatchType, patch))
	})
}

// endNamespaces ends the deletion of namespaces, which nobody else does on an API server without controllers.
func (w *world) endNamespaces(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	for _, server := range w.runtimeServers() {
		go func() {
			_ = w.until(ctx, func() (bool, error) {
				_ = endOn(ctx, server) // the next look tries again
				return false, nil
			})
		}()
	}
	return cancel
}

func endOn(ctx context.Context, server *devenv.Cluster) error {
	set, err := kubernetes.NewForConfig(server.RESTConfig())
	if err != nil {
		return err
	}
	list, err := set.CoreV1().Namespaces().List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Terminating"})
	if err != nil {
		return err
	}
	return inParallel(len(list.Items), func(i int) error {
		ns := &list.Items[i]
		ns.Spec.Finalizers = nil
		_, err := set.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
		return err
	})
}
