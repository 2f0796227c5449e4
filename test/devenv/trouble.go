package devenv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// frozenAfter is how long an API server may be silent before it counts as frozen.
const frozenAfter = 250 * time.Millisecond

// StopAPIServer makes the cluster unreachable: connections break and new ones are refused. Its data, and what runs
// beside the API server, stay. Stopping it twice is no error.
func (c *Cluster) StopAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.api.Kill()
}

// StartAPIServer ends StopAPIServer: the same cluster at the same address.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	// Those that waited have backed off, for up to half a minute.
	if err := c.stopAll(); err != nil {
		return err
	}
	return c.startWorkers(ctx)
}

// FreezeAPIServer makes the cluster hang: connections are accepted and nobody answers, as behind a broken network.
func (c *Cluster) FreezeAPIServer() error {
	client, err := c.httpClient()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	if err := c.api.Freeze(); err != nil {
		return err
	}
	// The threads of a process stop one after the other, and the last ones may still answer.
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); {
		probe, cancel := context.WithTimeout(context.Background(), frozenAfter)
		err := answersOK(probe, client, c.URL()+"/livez")
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
	}
	return fmt.Errorf("%s still answers", c.api.name)
}

// ThawAPIServer ends FreezeAPIServer.
func (c *Cluster) ThawAPIServer() error { return c.api.Thaw() }

// MoveAPIServer lets the API server listen at another address, which URL, RESTConfig and Kubeconfig return from then
// on. It is the same cluster with the same data and credentials; nobody answers at the old address.
func (c *Cluster) MoveAPIServer(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var port int
	if err := c.host.takePorts(&port); err != nil {
		return err
	}
	if err := c.stopAll(c.api); err != nil {
		return err
	}
	c.addresses.Lock()
	c.apiPort = port
	c.addresses.Unlock()
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	return c.startWorkers(ctx)
}

// ReplaceWithEmpty puts a new, empty cluster behind the same address. The administrator's credentials still work, as
// with a mistaken kubeconfig, but Identity differs and nothing of the old cluster is left.
func (c *Cluster) ReplaceWithEmpty(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.stopAll(c.api, c.etcd); err != nil {
		return err
	}
	if err := c.emptyEtcd(); err != nil {
		return err
	}
	return c.startAll(ctx)
}

// stopAll kills the workers and then the given services.
func (c *Cluster) stopAll(services ...*Service) error {
	for _, s := range append(slices.Clone(c.workers), services...) {
		if err := s.Kill(); err != nil {
			return fmt.Errorf("stopping %s: %w", s.name, err)
		}
	}
	return nil
}
