// Command devenv runs the whole system on this machine: `devenv demo` tells the guide's story once, from an empty
// cluster to the last deletion, and `devenv dev` sets the same up and stays until Ctrl-C; `devenv build` only builds
// the servers that the tests start. Everything is real but GitLab (test/fakegitlab) and the containers in the pods.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

func main() {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	release()
	os.Exit(code)
}

// run returns the exit code: 0, or 1 after one clear line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("devenv", flag.ContinueOnError)
	flags.SetOutput(stderr)
	argoCD := flags.String("argocd", devenv.ArgoCDDefault,
		"version of Argo CD: "+strings.Join(toolchain.ArgoCDVersions(), ", "))
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: devenv [-argocd VERSION] demo | dev | build")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 1
	}
	t := newTranscript(stdout)
	var err error
	switch what := flags.Arg(0); {
	case flags.NArg() == 1 && what == "demo":
		err = perform(ctx, t, *argoCD, demo())
		if err == nil {
			t.summary()
		}
	case flags.NArg() == 1 && what == "dev":
		err = perform(ctx, t, *argoCD, dev())
		if errors.Is(err, context.Canceled) {
			err = nil // Ctrl-C is how it ends.
		}
	case flags.NArg() == 1 && what == "build":
		err = build(ctx, *argoCD)
	default:
		flags.Usage()
		return 1
	}
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(stderr, "devenv: interrupted; everything has ended")
		return 1
	case err != nil:
		fmt.Fprintf(stderr, "devenv: FAILED: %v\n", err)
		return 1
	}
	return 0
}

// build builds every server that `make test` starts, and the version of Argo CD that is asked for, unless the user's
// cache holds it already. A test that had to wait for it would run into its time limit.
func build(ctx context.Context, argoCD string) error {
	for _, version := range []string{devenv.ArgoCDDefault, devenv.ArgoCDV2, argoCD} {
		if err := devenv.Prepare(ctx,
			devenv.Options{RuntimeClusters: []string{"any"}, Git: true, ArgoCD: version, Kubectl: true,
				Prometheus: true}); err != nil {
			return err
		}
	}
	return nil
}
