package devenv

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

func (c *Cluster) newEtcd() (*Service, error) {
	var peer int
	if err := c.host.takePorts(&peer); err != nil {
		return nil, err
	}
	if err := c.emptyEtcd(); err != nil {
		return nil, err
	}
	s := newService(c.host, c.dir, "etcd")
	s.command = func(context.Context) (process.Command, error) {
		return process.Command{Path: c.host.binaries[toolchain.Etcd], Args: c.etcdFlags("http://" + address(peer))}, nil
	}
	s.ready = func(ctx context.Context) error { return answersOK(ctx, http.DefaultClient, c.etcdURL()+"/health") }
	return s, nil
}

func (c *Cluster) etcdFlags(peerURL string) []string {
	c.addresses.RLock()
	defer c.addresses.RUnlock()
	return []string{
		"--data-dir=" + c.etcdData,
		"--listen-client-urls=" + c.etcdURL(),
		"--advertise-client-urls=" + c.etcdURL(),
		"--listen-peer-urls=" + peerURL,
		"--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=default=" + peerURL,
		"--unsafe-no-fsync", // A crash of the machine ends the test anyway.
		"--log-level=warn",
	}
}

// etcdURL needs no lock: the port never changes.
func (c *Cluster) etcdURL() string { return "http://" + address(c.etcdPort) }

// emptyEtcd gives etcd a new data directory for its next start.
func (c *Cluster) emptyEtcd() error {
	c.addresses.Lock()
	defer c.addresses.Unlock()
	if c.etcdData != "" {
		if err := os.RemoveAll(c.etcdData); err != nil {
			return fmt.Errorf("removing the data of etcd: %w", err)
		}
	}
	var err error
	if c.etcdData, err = os.MkdirTemp(c.dir, "etcd-"); err != nil {
		return fmt.Errorf("creating the data directory of etcd: %w", err)
	}
	return nil
}

// answersOK asks an endpoint once.
func answersOK(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return nil
}
