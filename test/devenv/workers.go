package devenv

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// managementControllers are what a cluster without pods needs: namespaces that end, owners that take their objects
// along, and service accounts.
const managementControllers = "namespace-controller,garbage-collector-controller,serviceaccount-controller," +
	"clusterrole-aggregation-controller"

// newWorkers prepares what turns an API server into a cluster, as far as the plan asks for it.
func (c *Cluster) newWorkers() ([]*Service, error) {
	var workers []*Service
	if c.plan.controllers != "" {
		s, err := c.newControlLoop(toolchain.KubeControllerManager,
			"--controllers="+c.plan.controllers,
			"--service-account-private-key-file="+c.pki.serviceAccountKey,
			"--use-service-account-credentials=true",
			// On a busy machine a simulated node misses its heartbeats, and nothing would make its pods ready again.
			"--node-monitor-grace-period=24h",
			"--kube-api-qps=500", "--kube-api-burst=1000")
		if err != nil {
			return nil, err
		}
		workers = append(workers, s)
	}
	if c.plan.nodes > 0 {
		s, err := c.newControlLoop(toolchain.KubeScheduler, "--kube-api-qps=500", "--kube-api-burst=1000")
		if err != nil {
			return nil, err
		}
		kwok, err := c.newKwok()
		if err != nil {
			return nil, err
		}
		workers = append(workers, s, kwok)
	}
	return workers, nil
}

// newControlLoop prepares the controller manager or the scheduler, which have these flags in common.
func (c *Cluster) newControlLoop(tool toolchain.Tool, flags ...string) (*Service, error) {
	var port int
	if err := c.host.takePorts(&port); err != nil {
		return nil, err
	}
	client, err := c.httpClient()
	if err != nil {
		return nil, err
	}
	s := newService(c.host, c.dir, string(tool))
	s.command = func(context.Context) (process.Command, error) {
		return process.Command{Path: c.host.binaries[tool], Args: append([]string{
			"--kubeconfig=" + c.KubeconfigFile(),
			"--bind-address=127.0.0.1",
			"--secure-port=" + strconv.Itoa(port),
			"--tls-cert-file=" + c.pki.servingCert,
			"--tls-private-key-file=" + c.pki.servingKey,
			"--leader-elect=false",
		}, flags...)}, nil
	}
	s.ready = func(ctx context.Context) error { return answersOK(ctx, client, "https://"+address(port)+"/healthz") }
	return s, nil
}

func (c *Cluster) newKwok() (*Service, error) {
	var port int
	if err := c.host.takePorts(&port); err != nil {
		return nil, err
	}
	s := newService(c.host, c.dir, "kwok")
	s.command = func(ctx context.Context) (process.Command, error) {
		stages, err := c.writeStages(ctx)
		if err != nil {
			return process.Command{}, err
		}
		// kwok 0.8 fills a map without a lock when its controllers see their first objects, and dies of it where two of
		// them run at the same moment.
		return process.Command{Path: c.host.binaries[toolchain.Kwok],
			Env: []string{"KWOK_WORKDIR=" + c.dir, "GOMAXPROCS=1"}, Args: []string{
				"--kubeconfig=" + c.KubeconfigFile(),
				"--manage-all-nodes=true",
				"--config=" + stages,
				"--server-address=" + address(port),
			}}, nil
	}
	s.ready = func(ctx context.Context) error {
		return answersOK(ctx, http.DefaultClient, "http://"+address(port)+"/healthz")
	}
	return s, nil
}

// writeStages tells kwok how nodes become ready and pods run.
func (c *Cluster) writeStages(ctx context.Context) (string, error) {
	stages, err := c.host.tools.KwokStages(ctx)
	if err != nil {
		return "", err
	}
	file := filepath.Join(c.dir, "kwok.yaml")
	if err := os.WriteFile(file, stages, 0o600); err != nil {
		return "", fmt.Errorf("writing the stages of kwok: %w", err)
	}
	return file, nil
}
