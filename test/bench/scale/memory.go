package main

import (
	"context"
	"fmt"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

// flatAim is how many times the memory the operator may take when there is much that is nothing to it.
const flatAim = 1.1

// memory: what a start takes, without and with many Secrets and Applications of others. A third of the Secrets lies
// in Argo CD's namespace, where the Secrets of charts and of repositories are too.
func (b *bench) memory(ctx context.Context, w *world) error {
	alone, err := w.peakOfStart(ctx)
	if err != nil {
		return err
	}
	if err := w.create(ctx, &corev1.Namespace{ObjectMeta: in("", "foreign")}); err != nil {
		return err
	}
	filler := make([]byte, 2<<10)
	namespaces := []string{"foreign", "default", argoCD}
	if err := inParallel(b.foreignSecrets, func(i int) error {
		return w.create(ctx, &corev1.Secret{ObjectMeta: in(namespaces[i%len(namespaces)], fmt.Sprint("foreign-", i)),
			Data: map[string][]byte{"release": filler}})
	}); err != nil {
		return err
	}
	if err := inParallel(b.foreignApplications, func(i int) error {
		name := fmt.Sprint("foreign-", i)
		app := &argo.Application{ObjectMeta: in(argoCD, name), Spec: argo.ApplicationSpec{Project: "default",
			Source:      &argo.ApplicationSource{RepoURL: "https://gitlab.example.com/foreign/app.git", Path: name},
			Destination: argo.ApplicationDestination{Name: "elsewhere", Namespace: name}}}
		app.Status = statusOf(app)
		return w.create(ctx, app)
	}); err != nil {
		return err
	}
	beside, err := w.peakOfStart(ctx)
	if err != nil {
		return err
	}
	b.report.Begin("memory", w.runtimes)
	b.report.Add(results.Figure{Scenario: "memory", Runtimes: w.runtimes, What: "peak memory of a start",
		Value: mebibytes(alone), Unit: "MiB", AtMost: aimIf(w.runtimes == peakFor, peakAim)})
	b.report.Add(results.Figure{Scenario: "memory", Runtimes: w.runtimes,
		What: fmt.Sprintf("the same beside %d Secrets and %d Applications of others, times", b.foreignSecrets,
			b.foreignApplications),
		Value: figures.Ratio(float64(beside), float64(alone)), AtMost: aimOf(flatAim),
		Note: fmt.Sprintf("%.0f MiB", mebibytes(beside))})
	return nil
}

// peakOfStart starts the operator with everything in place, and returns the most memory that it took until it was calm.
func (w *world) peakOfStart(ctx context.Context) (peak int, err error) {
	err = w.running(ctx, func(o *operator.Process) error {
		if _, err := o.Settle(ctx, calm, patience); err != nil {
			return err
		}
		peak, err = o.PeakMemory()
		return err
	})
	return peak, err
}
