package main

import (
	"context"
	"fmt"
	"os"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// result is what one size costs.
type result struct {
	runtimes, products int
	// recorded is when all Applications were there, automated when all of them synced by themselves, applied when all
	// statuses said so.
	recorded, automated, applied time.Duration
	requests                     operator.Requests
	served                       counted
	cpu                          time.Duration
	peak                         int
	// yardstick is how long a loop takes for as many writes.
	yardstick time.Duration
	// restarted is what a second start writes.
	restarted operator.Requests
}

// measure is one size: products are there, the operator is down, the runtimes are created, and it starts.
func (w *world) measure(ctx context.Context, env *devenv.Env) (err error) {
	if err := w.prepare(ctx, env); err != nil {
		return err
	}
	if w.binary, err = operator.Build(ctx, env); err != nil {
		return err
	}
	if err := w.settled(ctx, func(*operator.Process) error { return w.inhabit(ctx) }); err != nil {
		return fmt.Errorf("making the products: %w", err)
	}
	if err := w.createRuntimes(ctx); err != nil {
		return fmt.Errorf("creating the runtimes: %w", err)
	}
	w.result = result{runtimes: w.runtimes, products: w.products}
	if err := w.coldStart(ctx); err != nil {
		return err
	}
	if err := w.bareLoop(ctx); err != nil {
		return fmt.Errorf("measuring the yardstick: %w", err)
	}
	return w.settled(ctx, func(o *operator.Process) (err error) {
		w.result.restarted, err = o.Settle(ctx, patience)
		return err
	})
}

// settled runs the operator while something is done, and until it is calm.
func (w *world) settled(ctx context.Context, during func(*operator.Process) error) error {
	o, err := operator.Start(ctx, w.env, w.binary)
	if err != nil {
		return err
	}
	defer o.Stop()
	if err := during(o); err != nil {
		return err
	}
	_, err = o.Settle(ctx, patience)
	return err
}

func (w *world) coldStart(ctx context.Context) error {
	before, err := w.served(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	o, err := operator.Start(ctx, w.env, w.binary)
	if err != nil {
		return err
	}
	defer func() { w.result.cpu = o.Stop() }()
	if w.profile != "" {
		profiled := make(chan error, 1)
		go func() { profiled <- w.profileStart(ctx, o) }()
		defer func() {
			if err := <-profiled; err != nil {
				fmt.Fprintf(os.Stderr, "scale: %v\n", err)
			}
		}()
	}
	for _, step := range []struct {
		into *time.Duration
		done func() (bool, error)
	}{
		{&w.result.recorded, func() (bool, error) {
			all, _, err := w.applications(ctx)
			return all >= w.runtimes, err
		}},
		{&w.result.automated, func() (bool, error) {
			_, automated, err := w.applications(ctx)
			return automated >= w.runtimes, err
		}},
		{&w.result.applied, func() (bool, error) {
			n, err := w.applied(ctx)
			return n >= w.runtimes, err
		}},
	} {
		if err := w.until(ctx, step.done); err != nil {
			return err
		}
		*step.into = time.Since(began)
	}
	if w.result.requests, err = o.Requests(ctx); err != nil {
		return err
	}
	after, err := w.served(ctx)
	if err != nil {
		return err
	}
	w.result.served = after.since(before)
	w.result.peak, err = o.PeakMemory()
	return err
}

// served is what all API servers have served so far.
func (w *world) served(ctx context.Context) (counted, error) {
	servers := []*devenv.Cluster{w.env.Management}
	for _, name := range clusters() {
		servers = append(servers, w.env.Cluster(name))
	}
	return servedBy(ctx, servers...)
}

// profileStart profiles the operator as soon as it listens.
func (w *world) profileStart(ctx context.Context, o *operator.Process) error {
	if err := w.until(ctx, func() (bool, error) {
		_, err := o.Requests(ctx)
		return err == nil, nil
	}); err != nil {
		return err
	}
	return o.Profile(ctx, profileSeconds, w.profile)
}

// profileSeconds is how long the operator is profiled.
const profileSeconds = 30

// bareLoop makes as many writes of Applications as the operator made: it creates each, and then changes it.
func (w *world) bareLoop(ctx context.Context) error {
	var template argo.ApplicationList
	if err := w.hub.List(ctx, &template, client.InNamespace(argoCD), client.Limit(1)); err != nil {
		return err
	}
	began := time.Now()
	changes := w.result.requests.Writes/w.runtimes - 1
	err := inParallel(w.runtimes, func(i int) error {
		app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("yardstick-", i)},
			Spec: template.Items[0].Spec}
		app.Annotations = template.Items[0].Annotations
		if err := w.hub.Create(ctx, app); err != nil {
			return err
		}
		for n := range changes {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"change":"%d"}}}`, n)
			if err := w.hub.Patch(ctx, app, client.RawPatch("application/merge-patch+json", patch)); err != nil {
				return err
			}
		}
		return nil
	})
	w.result.yardstick = time.Since(began)
	return err
}
