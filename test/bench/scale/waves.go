package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const (
	// waveAim is how many times a bare loop of the writes that are needed one change may take.
	waveAim = 2
	// A runtime needs three writes on the management cluster to be deployed: its record, automated sync, its status.
	// On its cluster it needs a namespace and a RoleBinding. Another URL needs two: the record and the status.
	neededToDeploy, neededOnCluster, neededToFollow = 3, 2, 2
	// rotations is how often the credentials of the cluster change.
	rotations = 10
)

// waves: one change that concerns many runtimes. They are of one product, on one cluster, from one code repo.
func (b *bench) waves(ctx context.Context) error {
	w := &world{shape: shape{b.waveSize, 1, 1}, servers: []string{"late"}, binary: b.binary, unreachable: true}
	return w.during(ctx, func(ctx context.Context) error {
		if err := w.inhabit(ctx); err != nil {
			return err
		}
		if err := w.createRuntimes(ctx, 0, w.runtimes); err != nil {
			return err
		}
		return w.running(ctx, func(o *operator.Process) error {
			if _, err := o.Settle(ctx, calm, patience); err != nil {
				return err
			}
			b.report.Begin("waves", w.runtimes)
			if err := b.clusterBecomesReady(ctx, w); err != nil {
				return fmt.Errorf("the cluster becomes ready: %w", err)
			}
			if _, err := o.Settle(ctx, calm, patience); err != nil {
				return err
			}
			if err := b.repoMoves(ctx, w); err != nil {
				return fmt.Errorf("the code repo gets another URL: %w", err)
			}
			if _, err := o.Settle(ctx, calm, patience); err != nil {
				return err
			}
			return b.rotate(ctx, w, o)
		})
	})
}

// clusterBecomesReady: all runtimes wait for their cluster, and now there is the Secret with which it is reached.
func (b *bench) clusterBecomesReady(ctx context.Context, w *world) error {
	began := time.Now()
	if err := w.giveKubeconfig(ctx, 0, w.fronts.access(cluster(0), w.env.Cluster("late").Admin().Token)); err != nil {
		return err
	}
	if err := w.untilApplied(ctx, w.runtimes); err != nil {
		return err
	}
	took := time.Since(began)
	loop, err := w.bareLoop(ctx, w.runtimes, neededToDeploy*w.runtimes, neededOnCluster*w.runtimes)
	b.reportWave(w, "a cluster becomes ready", took, loop)
	return err
}

// repoMoves: the code repo of all runtimes gets another URL.
func (b *bench) repoMoves(ctx context.Context, w *world) error {
	began := time.Now()
	if err := w.hub.Patch(ctx, &api.CodeRepo{ObjectMeta: in(product(0), repo(0))},
		client.RawPatch(types.MergePatchType, []byte(`{"spec":{"repoName":"moved"}}`))); err != nil {
		return err
	}
	moved := func(url string) bool { return strings.HasSuffix(url, "/moved.git") }
	if err := w.until(ctx, func() (bool, error) {
		_, follow, err := w.seen.applications(ctx, func(app *argo.Application) bool { return moved(app.Spec.Source.RepoURL) })
		if err != nil || follow < w.runtimes {
			return false, err
		}
		var all api.DeploymentRuntimeList
		err = w.seen.List(ctx, &all, client.UnsafeDisableDeepCopy)
		for i := range all.Items {
			if p := all.Items[i].Status.Placement; p == nil || !moved(p.RepoURL) {
				return false, err
			}
		}
		return true, err
	}); err != nil {
		return err
	}
	took := time.Since(began)
	loop, err := w.bareChanges(ctx, w.runtimes, neededToFollow)
	b.reportWave(w, "a code repo gets another URL", took, loop)
	return err
}

// bareChanges changes so many Applications so often, with as many workers as the other loop.
func (w *world) bareChanges(ctx context.Context, n, times int) (time.Duration, error) {
	began := time.Now()
	err := inParallel(n, func(i int) error {
		for k := range times {
			o, patch := bare(&argo.Application{ObjectMeta: in("default", fmt.Sprint("yardstick-", i))}, many+k)
			if err := w.hub.Patch(ctx, o, patch); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(began), err
}

func (b *bench) reportWave(w *world, what string, took, loop time.Duration) {
	b.report.Add(results.Figure{Scenario: "waves", Runtimes: w.runtimes, Value: figures.Ratio(took, loop),
		What: what + ", times a bare loop of the writes that are needed", AtMost: aimOf(waveAim),
		Note: fmt.Sprintf("%.2f s and %.2f s", took.Seconds(), loop.Seconds())})
}

// rotate: the cluster gets other credentials, and the one write that is needed is Argo CD's Secret.
func (b *bench) rotate(ctx context.Context, w *world, o *operator.Process) error {
	var rotation, patch figures.Timings
	before, err := o.Requests(ctx)
	if err != nil {
		return err
	}
	for k := range rotations {
		fresh, err := w.env.Cluster("late").NewAccess(ctx)
		if err != nil {
			return err
		}
		app := &argo.Application{ObjectMeta: in("default", "yardstick-0")}
		took, err := w.timeBare(ctx, app, 2*many+k)
		if err != nil {
			return err
		}
		patch.Add(took)
		if took, err = w.timeRotation(ctx, w.fronts.access(cluster(0), fresh.Token)); err != nil {
			return err
		}
		rotation.Add(took)
	}
	after, err := o.Settle(ctx, calm, patience)
	if err != nil {
		return err
	}
	b.report.Add(results.Figure{Scenario: "waves", Runtimes: w.runtimes,
		Value: figures.Ratio(rotation.At(50), patch.At(50)), What: "a kubeconfig rotates, p50, times a bare patch",
		AtMost: aimOf(waveAim),
		Note:   fmt.Sprintf("%s and %s", figures.Round(rotation.At(50)), figures.Round(patch.At(50)))})
	b.report.Add(results.Figure{Scenario: "waves", Runtimes: w.runtimes, What: "writes of a rotation", AtMost: aimOf(1),
		Value: float64(after.Writes-before.Writes) / rotations})
	return nil
}

// timeRotation replaces the kubeconfig, and waits until Argo CD's Secret has the new token.
func (w *world) timeRotation(ctx context.Context, access devenv.Access) (time.Duration, error) {
	kubeconfig, err := access.Kubeconfig("")
	if err != nil {
		return 0, err
	}
	secret := &corev1.Secret{ObjectMeta: in(system, cluster(0)+"-kubeconfig"),
		Data: map[string][]byte{"value": kubeconfig}}
	began := time.Now()
	if err := w.hub.Update(ctx, secret); err != nil {
		return 0, err
	}
	const often = 2 * time.Millisecond
	for ctx.Err() == nil && time.Since(began) < patience {
		var made corev1.Secret
		key := client.ObjectKey{Namespace: argoCD, Name: "cluster-" + cluster(0)}
		if err := w.hub.Get(ctx, key, &made); err != nil {
			return 0, err
		}
		if strings.Contains(string(made.Data["config"]), access.Token) {
			return time.Since(began), nil
		}
		time.Sleep(often)
	}
	return 0, fmt.Errorf("the Secret of Argo CD does not follow: %w", ctx.Err())
}
