package devenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

// Cluster is one Kubernetes cluster: etcd, an API server and, where the options ask for them, the controllers and
// nodes that make pods run. Its methods may be called concurrently.
type Cluster struct {
	// Name is the name in the options, "management" for the management cluster.
	Name string

	host  *host
	dir   string
	pki   *pki
	token string
	plan  clusterPlan

	mu      sync.Mutex // held while servers are started and stopped
	etcd    *Service
	api     *Service
	workers []*Service

	addresses sync.RWMutex // guards what follows
	etcdPort  int
	etcdData  string
	apiPort   int
}

// clusterPlan says what runs in a cluster beside etcd and the API server.
type clusterPlan struct {
	// controllers is the --controllers list of the controller manager; empty = no controller manager.
	controllers string
	// nodes is the number of kwok nodes; with nodes come the scheduler and kwok.
	nodes int
}

func newCluster(h *host, dir, name string, plan clusterPlan) (*Cluster, error) {
	c := &Cluster{Name: name, host: h, dir: filepath.Join(dir, name), token: rand.Text(), plan: plan}
	if err := os.MkdirAll(c.dir, 0o750); err != nil {
		return nil, fmt.Errorf("creating the directory of cluster %s: %w", name, err)
	}
	var err error
	if c.pki, err = newPKI(c.dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.tokenFile(), []byte(c.token+",devenv-admin,devenv-admin,system:masters\n"),
		0o600); err != nil {
		return nil, fmt.Errorf("writing the token file: %w", err)
	}
	if err := h.takePorts(&c.etcdPort, &c.apiPort); err != nil {
		return nil, err
	}
	if c.etcd, err = c.newEtcd(); err != nil {
		return nil, err
	}
	if c.api, err = c.newAPIServer(); err != nil {
		return nil, err
	}
	if c.workers, err = c.newWorkers(); err != nil {
		return nil, err
	}
	return c, nil
}

// start brings the whole cluster up and returns when it is ready to be used.
func (c *Cluster) start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.startAll(ctx)
}

// startAll expects c.mu to be held.
func (c *Cluster) startAll(ctx context.Context) error {
	if err := c.etcd.Start(ctx); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	return c.startWorkers(ctx)
}

func (c *Cluster) startAPIServer(ctx context.Context) error {
	if err := c.api.Start(ctx); err != nil {
		return err
	}
	return c.writeKubeconfig()
}

func (c *Cluster) startWorkers(ctx context.Context) error {
	starts, startCtx := errgroup.WithContext(ctx)
	for _, w := range c.workers {
		starts.Go(func() error { return w.Start(startCtx) })
	}
	starts.Go(func() error { return c.createNodes(startCtx) })
	if err := starts.Wait(); err != nil {
		return err
	}
	return c.awaitWorkers(ctx)
}

// URL is the address of the API server.
func (c *Cluster) URL() string {
	c.addresses.RLock()
	defer c.addresses.RUnlock()
	return "https://" + address(c.apiPort)
}

// Admin returns the built-in access of group system:masters, which nothing revokes.
func (c *Cluster) Admin() Access { return Access{Server: c.URL(), CA: c.pki.ca, Token: c.token} }

// RESTConfig returns a new client configuration for the built-in administrator, without a rate limit.
func (c *Cluster) RESTConfig() *rest.Config { return c.Admin().RESTConfig() }

// Kubeconfig returns the kubeconfig of the built-in administrator.
func (c *Cluster) Kubeconfig() ([]byte, error) { return c.Admin().Kubeconfig("") }

// KubeconfigFile is the path of a file with Kubeconfig. It is rewritten when the API server moves.
func (c *Cluster) KubeconfigFile() string { return filepath.Join(c.dir, "kubeconfig") }

func (c *Cluster) writeKubeconfig() error {
	data, err := c.Kubeconfig()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.KubeconfigFile(), data, 0o600); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", c.Name, err)
	}
	return nil
}

func (c *Cluster) tokenFile() string { return filepath.Join(c.dir, "tokens.csv") }

// httpClient trusts the cluster's servers and authenticates as the administrator.
func (c *Cluster) httpClient() (*http.Client, error) {
	client, err := rest.HTTPClientFor(c.RESTConfig())
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", c.Name, err)
	}
	return client, nil
}
