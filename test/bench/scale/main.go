// Command scale prints how the operator grows, for docs/benchmarks.md: time, requests, CPU and memory until all
// runtimes are applied that were created while it was down. Argo CD does not run: its CustomResourceDefinitions are
// enough, and its own work is not what is measured. Timings of a shared machine mean little by themselves, so each run
// has its yardstick: a loop that makes as many writes to the same API server.
//
//	go run ./test/bench/scale
//	go run ./test/bench/scale -sizes 50,100 -per-product 10   (a minute)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "scale: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	sizes := flag.String("sizes", "500,1000,2000", "numbers of runtimes, a fresh environment for each")
	perProduct := flag.Int("per-product", 40, "runtimes of a product")
	profile := flag.String("cpuprofile", "",
		"file to write a CPU profile of the operator to: of the first 30 s of the last size")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetLogger(logr.Discard())
	var all []result
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || *perProduct < 1 {
			return errors.New("-sizes and -per-product must be numbers of at least 1")
		}
		w := &world{runtimes: n, products: (n + *perProduct - 1) / *perProduct, profile: *profile}
		o := devenv.Options{APIServers: clusters()}
		if err := devenv.Run(ctx, o, w.measure); err != nil {
			return fmt.Errorf("measuring %d runtimes: %w", n, err)
		}
		w.result.print()
		all = append(all, w.result)
	}
	printGrowth(all)
	return nil
}
