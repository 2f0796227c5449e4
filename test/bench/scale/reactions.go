package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

const (
	// lanes is how many people change something at a time.
	lanes = 4
	// reactionAim is how many times a bare patch a reaction may take, p99 beside p99.
	reactionAim = 5
)

// inPlace runs the scenarios for which many runtimes must be there.
func (b *bench) inPlace(ctx context.Context) error {
	return b.inWorld(ctx, b.shapeOf(b.inPlaceSize), func(ctx context.Context, w *world) error {
		if _, err := w.coldStart(ctx, ""); err != nil {
			return err
		}
		err := w.running(ctx, func(o *operator.Process) error { return b.whileItRuns(ctx, w, o) })
		if err == nil && b.wants("restart") {
			err = b.restart(ctx, w)
		}
		if err == nil && b.wants("memory") {
			err = b.memory(ctx, w)
		}
		return err
	})
}

// whileItRuns runs the scenarios of an operator that runs all the time.
func (b *bench) whileItRuns(ctx context.Context, w *world, o *operator.Process) error {
	if err := w.synced(ctx); err != nil {
		return fmt.Errorf("waiting until all runtimes are ready: %w", err)
	}
	if _, err := o.Settle(ctx, calm, patience); err != nil {
		return err
	}
	if b.wants("idle") {
		if err := b.idle(ctx, w, o); err != nil {
			return fmt.Errorf("idle: %w", err)
		}
	}
	if b.wants("reactions") {
		if err := b.reactions(ctx, w); err != nil {
			return fmt.Errorf("reactions: %w", err)
		}
		if err := w.synced(ctx); err != nil {
			return fmt.Errorf("waiting until all changes are applied: %w", err)
		}
	}
	_, err := o.Settle(ctx, calm, patience)
	return err
}

// reactions: how long a change takes to have its effect, while others are created. First a change of a path, then one
// of the health that Argo CD tells.
func (b *bench) reactions(ctx context.Context, w *world) error {
	b.report.Begin("reactions", w.runtimes)
	for k, r := range []struct {
		what   string
		change func(context.Context, int, int) (time.Duration, error)
	}{
		{"path -> Application", w.changePath},
		{"health -> status", w.changeHealth},
	} {
		var others error
		var done sync.WaitGroup
		from := w.runtimes + k*b.others
		done.Go(func() { others = w.createRuntimes(ctx, from, from+b.others) })
		t, err := w.sample(ctx, b.samples, 0, r.change)
		done.Wait()
		if err != nil {
			return err
		}
		if others != nil {
			return others
		}
		b.reportReaction(w.runtimes, r.what, t)
	}
	return nil
}

func (b *bench) reportReaction(n int, what string, t timed) {
	b.report.Keep(what, t.reactions.All())
	b.report.Keep("bare patch beside "+what, t.bare.All())
	for _, percent := range []int{50, 99} {
		r, y := t.reactions.At(percent), t.bare.At(percent)
		f := results.Figure{Scenario: "reactions", Runtimes: n,
			What: fmt.Sprintf("%s, p%d, times a bare patch", what, percent), Value: figures.Ratio(r, y),
			Note: fmt.Sprintf("%s and %s", figures.Round(r), figures.Round(y))}
		if percent == 99 {
			f.AtMost = aimOf(reactionAim)
		}
		b.report.Add(f)
	}
}

// timed are the durations of reactions, and of bare patches in the same minute.
type timed struct{ reactions, bare figures.Timings }

// sample times a change again and again, of runtimes all over the world, each beside a bare patch: so often, or longer
// where a time is given.
func (w *world) sample(ctx context.Context, samples int, atLeast time.Duration,
	change func(context.Context, int, int) (time.Duration, error)) (t timed, err error) {
	yardsticks, err := w.yardsticks(ctx)
	if err != nil {
		return t, err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	began, next := time.Now(), 0
	for lane := range lanes {
		all.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				k := next
				next++
				over := err != nil || (k >= samples && time.Since(began) >= atLeast)
				mu.Unlock()
				if over {
					return
				}
				bareTook, e := w.timeBare(ctx, yardsticks[lane], k)
				if e == nil {
					var took time.Duration
					took, e = change(ctx, k%w.runtimes, k)
					mu.Lock()
					t.bare.Add(bareTook)
					t.reactions.Add(took)
					mu.Unlock()
				}
				mu.Lock()
				if e != nil && err == nil {
					err = e
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return t, err
}

// yardsticks makes an Application for each lane that means nothing to anybody.
func (w *world) yardsticks(ctx context.Context) ([]*argo.Application, error) {
	var all []*argo.Application
	for lane := range lanes {
		app := &argo.Application{ObjectMeta: in("default", fmt.Sprint("lane-", lane)), Spec: argo.ApplicationSpec{
			Source: &argo.ApplicationSource{RepoURL: "https://gitlab.example.com/team/app.git", Path: "app"}}}
		if err := client.IgnoreAlreadyExists(w.hub.Create(ctx, app)); err != nil {
			return nil, err
		}
		all = append(all, app)
	}
	return all, nil
}

func (w *world) timeBare(ctx context.Context, app *argo.Application, k int) (time.Duration, error) {
	o, patch := bare(app, k)
	began := time.Now()
	err := w.hub.Patch(ctx, o, patch)
	return time.Since(began), err
}

// changePath changes what a runtime deploys, and waits for the Application.
func (w *world) changePath(ctx context.Context, i, _ int) (time.Duration, error) {
	path := newPath()
	met := w.seen.expect(&argo.Application{}, w.application(i), func(o client.Object) bool {
		return o.(*argo.Application).Spec.Source.Path == path
	})
	began := time.Now()
	if err := w.setPath(ctx, i, path); err != nil {
		return 0, err
	}
	return away(ctx, began, met)
}

// newPath is one that no other runtime has.
func newPath() string { return fmt.Sprint("path-", time.Now().UnixNano()) }

func (w *world) setPath(ctx context.Context, i int, path string) error {
	key := w.runtime(i)
	return w.hub.Patch(ctx, &api.DeploymentRuntime{ObjectMeta: in(key.Namespace, key.Name)},
		client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"manifestSource":{"path":%q}}}`, path)))
}

// changeHealth lets Argo CD tell another health, and waits for the status of the runtime.
func (w *world) changeHealth(ctx context.Context, i, k int) (time.Duration, error) {
	to := health.HealthStatusDegraded
	if k/w.runtimes%2 == 1 { // the next time around
		to = health.HealthStatusHealthy
	}
	met := w.seen.expect(&api.DeploymentRuntime{}, w.runtime(i), func(o client.Object) bool {
		return o.(*api.DeploymentRuntime).Status.Health == string(to)
	})
	began := time.Now()
	if err := w.turn(ctx, i, to); err != nil {
		return 0, err
	}
	return away(ctx, began, met)
}
