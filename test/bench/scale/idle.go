package main

import (
	"context"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

// idleAim is how much of a core, in percent, the operator may take while nothing happens.
const idleAim = 3

// idle: what the operator does while Argo CD refreshes Applications and says the same of them.
func (b *bench) idle(ctx context.Context, w *world, o *operator.Process) error {
	requests, err := o.Requests(ctx)
	if err != nil {
		return err
	}
	cpu, err := o.CPU(ctx)
	if err != nil {
		return err
	}
	servers := append(w.runtimeServers(), w.env.Management)
	served, err := servedBy(ctx, servers...)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := w.noise(ctx, b.noise, b.idleFor); err != nil {
		return err
	}
	took := time.Since(began)
	requestsNow, err := o.Requests(ctx)
	if err != nil {
		return err
	}
	cpuNow, err := o.CPU(ctx)
	if err != nil {
		return err
	}
	servedNow, err := servedBy(ctx, servers...)
	if err != nil {
		return err
	}
	b.report.Begin("idle", w.runtimes)
	servedNow.since(served).print(1)
	add := func(what string, value float64, unit string, atMost float64) {
		b.report.Add(results.Figure{Scenario: "idle", Runtimes: w.runtimes, What: what, Value: value, Unit: unit,
			AtMost: &atMost})
	}
	add("writes", float64(requestsNow.Writes-requests.Writes), "", 0)
	add("lists a minute", float64(servedNow.since(served).lists())/took.Minutes(), "", float64(w.clusters+1))
	b.report.Add(results.Figure{Scenario: "idle", Runtimes: w.runtimes, What: "reads a minute, most of them probes",
		Value: float64(requestsNow.Reads-requests.Reads) / took.Minutes(),
		Note:  "each cluster is asked for its version and its identity every 30 s"})
	add("CPU of a core", 100*(cpuNow-cpu).Seconds()/took.Seconds(), "%", idleAim)
	return nil
}

// noise refreshes Applications at a rate.
func (w *world) noise(ctx context.Context, perSecond int, lasting time.Duration) error {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	end := time.NewTimer(lasting)
	defer end.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil
		case <-ticker.C:
			if err := w.refresh(ctx, i%w.runtimes); err != nil {
				return err
			}
		}
	}
}
