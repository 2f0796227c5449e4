package main

import (
	"context"
	"fmt"
	"os"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
)

// coldStart creates all runtimes while the operator is down, starts it, and measures until every status says Applied.
// Then it counts what a second start writes.
func (w *world) coldStart(ctx context.Context, profile string) (c cost, err error) {
	if err := w.createRuntimes(ctx, 0, w.runtimes); err != nil {
		return c, err
	}
	if err := w.running(ctx, func(o *operator.Process) error {
		c, err = w.measureStart(ctx, o, profile)
		if err != nil {
			return err
		}
		_, err = o.Settle(ctx, calm, patience)
		return err
	}); err != nil {
		return c, err
	}
	err = w.running(ctx, func(o *operator.Process) error {
		c.restarted, err = o.Settle(ctx, calm, patience)
		return err
	})
	return c, err
}

func (w *world) untilApplied(ctx context.Context, runtimes int) error {
	return w.until(ctx, func() (bool, error) {
		n, err := w.seen.runtimes(ctx, api.ConditionApplied)
		return n >= runtimes, err
	})
}

// measureStart measures an operator that was started just now.
func (w *world) measureStart(ctx context.Context, o *operator.Process, profile string) (c cost, err error) {
	c.runtimes = w.runtimes
	before, err := servedBy(ctx, w.runtimeServers()...)
	if err != nil {
		return c, err
	}
	defer w.profileStart(ctx, o, profile)()
	began := time.Now()
	anything := func(*argo.Application) bool { return true }
	for _, step := range []struct {
		into  *time.Duration
		count func() (int, error)
	}{
		{&c.recorded, func() (int, error) { n, _, err := w.seen.applications(ctx, anything); return n, err }},
		{&c.automated, func() (int, error) { _, n, err := w.seen.applications(ctx, automated); return n, err }},
		{&c.applied, func() (int, error) { return w.seen.runtimes(ctx, api.ConditionApplied) }},
	} {
		if err := w.until(ctx, func() (bool, error) {
			n, err := step.count()
			return n >= w.runtimes, err
		}); err != nil {
			return c, err
		}
		*step.into = time.Since(began)
	}
	if c.cpu, err = o.CPU(ctx); err != nil {
		return c, err
	}
	requests, err := o.Requests(ctx)
	if err != nil {
		return c, err
	}
	after, err := servedBy(ctx, w.runtimeServers()...)
	if err != nil {
		return c, err
	}
	after.since(before).print(w.runtimes)
	c.onClusters = after.since(before).writes()
	c.onHub, c.reads = requests.Writes-c.onClusters, requests.Reads
	c.peak, err = o.PeakMemory()
	return c, err
}

// profileStart profiles the operator as soon as it listens, where a file is named. What it returns waits for the end.
func (w *world) profileStart(ctx context.Context, o *operator.Process, file string) (wait func()) {
	if file == "" {
		return func() {}
	}
	const seconds = 30
	done := make(chan error, 1)
	go func() {
		if err := w.until(ctx, func() (bool, error) {
			_, err := o.Requests(ctx)
			return err == nil, nil
		}); err != nil {
			done <- err
			return
		}
		done <- o.Profile(ctx, seconds, file)
	}()
	return func() {
		if err := <-done; err != nil {
			fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		}
	}
}

// bareLoop makes so many writes without a thought, divided over n runtimes: it creates an Application for each and
// changes it, and on the cluster of the runtime it creates a namespace and what lies in it. Each Application is as large
// as one of the operator.
func (w *world) bareLoop(ctx context.Context, n, onHub, onClusters int) (time.Duration, error) {
	like, err := w.seen.example()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = inParallel(n, func(i int) error {
		name := fmt.Sprint("yardstick-", i)
		app := &argo.Application{ObjectMeta: in("default", name), Spec: like.Spec}
		app.Annotations = like.Annotations
		for k := range share(onHub, n, i) {
			if k == 0 {
				if err := w.create(ctx, app); err != nil {
					return err
				}
				continue
			}
			o, patch := bare(app, k)
			if err := w.hub.Patch(ctx, o, patch); err != nil {
				return err
			}
		}
		return w.bareTenancy(ctx, name, i%w.clusters, share(onClusters, n, i))
	})
	return time.Since(began), err
}

func (w *world) bareTenancy(ctx context.Context, name string, cluster, writes int) error {
	for k := range writes {
		var o client.Object = &corev1.Namespace{ObjectMeta: in("", name)}
		if k > 0 {
			o = &rbacv1.RoleBinding{ObjectMeta: in(name, fmt.Sprint("yardstick-", k)),
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"}}
		}
		if err := w.remotes[cluster].Create(ctx, o); err != nil {
			return fmt.Errorf("creating %T %s: %w", o, name, err)
		}
	}
	return nil
}

// share is how many of all things the i-th of n does.
func share(all, n, i int) int { return all*(i+1)/n - all*i/n }
