// Command bench prints the figures of docs/benchmarks.md: how long a runtime takes from apply to Application and to
// pods, how long the fix of a broken default.project takes, what the operator writes when nothing happens, and how much
// memory it needs. Timings on a shared machine are noisy, so each stands beside a yardstick that was measured in the
// same run.
//
//	go run ./test/bench -runtimes 200 -idle 10m
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var b bench
	flag.IntVar(&b.runtimes, "runtimes", 200, "number of runtimes, deployed one at a time")
	flag.DurationVar(&b.idle, "idle", 10*time.Minute, "how long to count the operator's writes while nothing happens")
	flag.StringVar(&b.argoCD, "argocd", devenv.ArgoCDDefault, "version of Argo CD")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return b.run(ctx)
}
