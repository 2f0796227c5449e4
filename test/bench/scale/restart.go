package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

// servedWithin is how soon after the caches are filled a change must be served that was made meanwhile.
const servedWithin = 1.0

// restart: the operator ends and another one starts, or the leader dies and the other replica goes on, with everything
// in place but one change that a user made meanwhile.
func (b *bench) restart(ctx context.Context, w *world) error {
	b.report.Begin("restart", w.runtimes)
	if err := w.running(ctx, func(o *operator.Process) error {
		requests, err := o.Settle(ctx, calm, patience)
		b.report.Add(results.Figure{Scenario: "restart", Runtimes: w.runtimes, What: "writes after a restart",
			Value: float64(requests.Writes), AtMost: aimOf(0)})
		return err
	}); err != nil {
		return err
	}
	change, err := w.changeMeanwhile(ctx, 0)
	if err != nil {
		return err
	}
	if err := w.running(ctx, func(o *operator.Process) error {
		return b.reportServed(ctx, w, o, change, "a restart")
	}); err != nil {
		return err
	}
	return b.newLeader(ctx, w)
}

// newLeader kills the leader of two replicas.
func (b *bench) newLeader(ctx context.Context, w *world) error {
	first, err := w.start(ctx, "--leader-elect=true")
	if err != nil {
		return err
	}
	defer first.Stop()
	if err := w.untilCalm(ctx); err != nil { // Settle would count its renewals of the lease
		return err
	}
	second, err := w.start(ctx, "--leader-elect=true")
	if err != nil {
		return err
	}
	defer second.Stop()
	if err := w.until(ctx, func() (bool, error) { // it waits for its turn
		_, waits, err := logged(second, "attempting to acquire leader lease")
		return waits, err
	}); err != nil {
		return err
	}
	first.Kill()
	change, err := w.changeMeanwhile(ctx, 1)
	if err != nil {
		return err
	}
	return b.reportServed(ctx, w, second, change, "a change of leader")
}

// changeMeanwhile changes what a runtime deploys, and returns a channel that tells when it is served.
func (w *world) changeMeanwhile(ctx context.Context, i int) (<-chan time.Time, error) {
	path := newPath()
	met := w.seen.expect(&argo.Application{}, w.application(i), func(o client.Object) bool {
		return o.(*argo.Application).Spec.Source.Path == path
	})
	return met, w.setPath(ctx, i, path)
}

// reportServed tells how long after its caches were filled the operator served a change, and how many writes to the
// API servers there were, but for that change and the lease.
func (b *bench) reportServed(ctx context.Context, w *world, o *operator.Process, change <-chan time.Time,
	after string) error {
	servers := append(w.runtimeServers(), w.env.Management)
	before, err := servedBy(ctx, servers...)
	if err != nil {
		return err
	}
	var at time.Time
	select {
	case at = <-change:
	case <-time.After(patience):
		return fmt.Errorf("a change is not served after %s", after)
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := w.untilCalm(ctx); err != nil {
		return err
	}
	now, err := servedBy(ctx, servers...)
	if err != nil {
		return err
	}
	filled, found, err := logged(o, `"Starting workers"`, `"deploymentruntime"`)
	if err != nil || !found {
		return fmt.Errorf("looking for the start of the workers in %s: %t %w", o.Log, found, err)
	}
	now.since(before).print(1)
	b.report.Add(results.Figure{Scenario: "restart", Runtimes: w.runtimes, Unit: "s",
		What: "a change served after the caches, " + after, Value: max(0, at.Sub(filled).Seconds()),
		AtMost: aimOf(servedWithin)})
	b.report.Add(results.Figure{Scenario: "restart", Runtimes: w.runtimes, What: "writes for one change, " + after,
		Value: float64(now.since(before).writes()), AtMost: aimOf(writesAim)})
	return nil
}

// untilCalm waits until the API servers are asked to write nothing for a while.
func (w *world) untilCalm(ctx context.Context) error {
	last, since := -1, time.Now()
	return w.until(ctx, func() (bool, error) {
		served, err := servedBy(ctx, append(w.runtimeServers(), w.env.Management)...)
		if n := served.writes(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) >= calm, err
	})
}

// logged returns the time of the first line of the operator's log that holds all of the words.
func logged(o *operator.Process, words ...string) (at time.Time, found bool, err error) {
	file, err := os.Open(o.Log)
	if err != nil {
		return at, false, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if !holdsAll(lines.Text(), words) {
			continue
		}
		var line struct{ Time time.Time }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			return at, true, nil // what is logged before the flags are read, of which only the presence counts
		}
		return line.Time, true, nil
	}
	return at, false, lines.Err()
}

func holdsAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}
