package devenv

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// TB is the part of testing.TB and of ginkgo's GinkgoT() that ForTest needs.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Fatalf(format string, args ...any)
}

// ForTest returns an environment that ends with the test; the logs of a failed test are kept.
func ForTest(t TB, o Options) *Env {
	t.Helper()
	e, err := startInterruptibly(o)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	release := endOnInterrupt(e)
	t.Cleanup(func() {
		release()
		if t.Failed() {
			e.Keep()
		}
		e.Stop()
	})
	return e
}

// Main runs the tests of a package with one environment for all of them: it starts the environment, stores it in
// *env, runs the tests, and returns the exit code for os.Exit. The logs of failed tests are kept.
func Main(m interface{ Run() int }, o Options, env **Env) int {
	e, err := startInterruptibly(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer e.Stop()
	defer endOnInterrupt(e)()
	*env = e
	code := m.Run()
	if code != 0 {
		e.Keep()
	}
	return code
}

// Run is for commands: it starts an environment, hands it to work with a context that ends on Ctrl-C or SIGTERM,
// and stops it whatever happens. The logs are kept when work fails, unless it was interrupted.
func Run(ctx context.Context, o Options, work func(context.Context, *Env) error) error {
	ctx, release := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer release()
	e, err := Start(ctx, o)
	if err != nil {
		return err
	}
	defer e.Stop()
	err = work(ctx, e)
	if err != nil && ctx.Err() == nil {
		e.Keep()
	}
	return err
}

// startInterruptibly cleans up when a signal arrives during the start.
func startInterruptibly(o Options) (*Env, error) {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	return Start(ctx, o)
}

// endOnInterrupt ends the environment and then this process when a signal arrives: a test binary that dies of Ctrl-C
// runs no cleanup by itself.
func endOnInterrupt(e *Env) (release func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			e.Stop()
			os.Exit(130)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
