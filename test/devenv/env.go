package devenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// Env is a running environment.
type Env struct {
	// Management is the management cluster; it is always there.
	Management *Cluster
	// Git is nil unless the options ask for it.
	Git *gitserver.Server
	// ArgoCD is nil unless the options ask for it.
	ArgoCD *ArgoCD
	// Dir holds a directory per cluster with the log of each of its servers.
	Dir string
	// StartedIn is how long the start took, builds not included.
	StartedIn time.Duration

	host      *host
	directory *directory
	clusters  map[string]*Cluster
	keep      atomic.Bool
	stop      sync.Once
}

// Prepare builds what the options need, which takes minutes the first time on a machine. Start does the same; call
// Prepare before tests with a time limit.
func Prepare(ctx context.Context, o Options) error {
	o, err := o.complete(os.Stderr)
	if err != nil {
		return fmt.Errorf("reading the options of the environment: %w", err)
	}
	tools, err := toolchain.New(toolchain.Options{Log: o.Log})
	if err != nil {
		return err
	}
	if _, err := tools.Binaries(ctx, o.tools()...); err != nil {
		return fmt.Errorf("preparing the environment: %w", err)
	}
	return nil
}

// Start brings an environment up, everything in parallel, and returns when it is ready. The context bounds the start
// alone: the environment lives until Stop. After an error nothing is left running, and the error says which server
// failed, with the end of its log.
func Start(ctx context.Context, o Options) (*Env, error) {
	o, err := o.complete(os.Stderr)
	if err != nil {
		return nil, fmt.Errorf("reading the options of the environment: %w", err)
	}
	h, err := newHost(ctx, o.Log, o.tools())
	if err != nil {
		return nil, fmt.Errorf("preparing the environment: %w", err)
	}
	began := time.Now()
	e := &Env{host: h, clusters: map[string]*Cluster{}}
	if err := e.start(ctx, o); err != nil {
		if ctx.Err() == nil {
			e.Keep()
		}
		e.Stop()
		return nil, fmt.Errorf("starting the environment: %w", err)
	}
	e.StartedIn = time.Since(began)
	return e, nil
}

func (e *Env) start(ctx context.Context, o Options) error {
	if err := e.prepare(o); err != nil {
		return err
	}
	starts, ctx := errgroup.WithContext(ctx)
	for name, c := range e.clusters {
		starts.Go(func() error {
			if err := c.start(ctx); err != nil {
				return err
			}
			if name == ManagementName && e.ArgoCD != nil {
				return e.ArgoCD.install(ctx)
			}
			return nil
		})
	}
	return starts.Wait()
}

// prepare makes everything that needs no waiting.
func (e *Env) prepare(o Options) (err error) {
	if e.directory, err = newDirectory(o.Dir); err != nil {
		return fmt.Errorf("creating the directory of the environment: %w", err)
	}
	e.Dir = e.directory.path
	for name, plan := range o.plans() {
		c, err := newCluster(e.host, e.Dir, name, plan)
		if err != nil {
			return err
		}
		e.clusters[name] = c
	}
	e.Management = e.clusters[ManagementName]
	if o.Git {
		if e.Git, err = gitserver.New(filepath.Join(e.Dir, "git")); err != nil {
			return err
		}
	}
	if o.ArgoCD != "" {
		e.ArgoCD, err = newArgoCD(e.Management, e.Dir, o.ArgoCD, o.ArgoCDConfig)
	}
	return err
}

// Cluster returns a cluster by its name in the options; nil when there is none.
func (e *Env) Cluster(name string) *Cluster { return e.clusters[name] }

// FreeAddress returns an address of 127.0.0.1 for a server of the caller's own. Its port is nobody else's until Stop.
func (e *Env) FreeAddress() (string, error) {
	var port int
	if err := e.host.takePorts(&port); err != nil {
		return "", err
	}
	return address(port), nil
}

// Keep makes Stop leave the logs behind and say where they are. Call it when something failed.
func (e *Env) Keep() { e.keep.Store(true) }

// Stop ends every process and removes the directory. It may be called more than once and returns when all is gone.
func (e *Env) Stop() {
	e.stop.Do(func() {
		e.host.stop()
		if e.ArgoCD != nil {
			e.ArgoCD.close()
		}
		if e.Git != nil {
			e.report("stopping the git server", e.Git.Close())
		}
		if e.directory == nil {
			return
		}
		if !e.keep.Load() {
			e.report("removing the directory", e.directory.remove())
			return
		}
		for _, c := range e.clusters {
			e.report("removing data", os.RemoveAll(c.etcdData))
		}
		e.report("keeping the directory", e.directory.keep())
		e.host.say("logs are in %s", e.Dir)
	})
}

func (e *Env) report(what string, err error) {
	if err != nil {
		e.host.say("%s: %v", what, err)
	}
}
