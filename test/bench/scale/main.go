// Command scale measures how the operator grows and how fast it reacts, for docs/benchmarks.md. Argo CD does not run:
// its CustomResourceDefinitions are enough, its own work is not what is measured, and where its part is needed this
// program writes what Argo CD would write. Timings of a shared machine mean little by themselves, so every aim is a
// ratio to something that is measured in the same run.
//
//	go run ./test/bench/scale                                              (the sizes of the report, about an hour)
//	go run ./test/bench/scale -only growth,trouble -json results.json      (some scenarios; the others in the file stay)
//	go run ./test/bench/scale -quick                                       (all scenarios with few runtimes: minutes)
//	go run ./test/bench/scale -from results.json -plot docs/benchmarks     (only the table and the plots of a result)
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/bench/results"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
}

// bench is one run: what was asked for, and what came out so far.
type bench struct {
	settings
	binary string
	report *results.Report
}

// scenario is one line of the program: some scenarios stand in the same world, because filling it takes long.
type scenario struct {
	names []string
	run   func(*bench, context.Context) error
}

func scenarios() []scenario {
	return []scenario{
		{[]string{"growth"}, (*bench).growth},
		{[]string{"one-product"}, (*bench).oneProduct},
		{[]string{"one-cluster"}, (*bench).oneCluster},
		{[]string{"reactions", "idle", "restart", "memory"}, (*bench).inPlace},
		{[]string{"trouble"}, (*bench).trouble},
		{[]string{"waves"}, (*bench).waves},
		{[]string{"teardown"}, (*bench).teardown},
	}
}

func run() error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	b := &bench{settings: s}
	if s.from != "" {
		if b.report, err = results.Load(s.from); err != nil {
			return err
		}
		return b.publish()
	}
	if b.report, err = results.LoadOrNew(s.json); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "scale-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if b.binary, err = operator.Build(ctx, dir); err != nil {
		return err
	}
	for _, sc := range scenarios() {
		if !slices.ContainsFunc(sc.names, b.wants) {
			continue
		}
		if err := sc.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(sc.names, ", "), err)
		}
		if err := b.report.Save(s.json); err != nil {
			return err
		}
	}
	return b.publish()
}

// wants says whether a scenario was asked for.
func (b *bench) wants(name string) bool { return len(b.only) == 0 || slices.Contains(b.only, name) }

// publish prints the table, and draws the plots where that was asked for.
func (b *bench) publish() error {
	fmt.Println()
	fmt.Print(b.report.Table())
	if b.plots == "" {
		return nil
	}
	return results.Plot(b.report, b.plots)
}
