package devenv

import (
	"fmt"
	"io"
	"slices"

	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// ManagementName is the name of the management cluster, which every environment has.
const ManagementName = "management"

// Versions of Argo CD for Options.ArgoCD.
const (
	ArgoCDDefault = toolchain.ArgoCDVersion
	ArgoCDV32     = toolchain.ArgoCDVersionV32
	ArgoCDV2      = toolchain.ArgoCDVersionV2
)

// Options say what an environment consists of. The zero value is one API server.
type Options struct {
	// APIServers names further clusters that are an API server alone: no controllers, no pods.
	APIServers []string
	// RuntimeClusters names complete clusters, in which pods run on simulated nodes.
	RuntimeClusters []string
	// Nodes is the number of nodes of each runtime cluster. Default: 1.
	Nodes int
	// ControllerManager gives the management cluster what makes namespaces terminate, owners take their objects
	// along and service accounts appear. RuntimeClusters and ArgoCD imply it.
	ControllerManager bool
	// Git adds a git server.
	Git bool
	// ArgoCD is the version to run in the management cluster, one of those above; empty = none.
	ArgoCD string
	// ArgoCDConfig adds to Argo CD's ConfigMaps, by name and key: {"argocd-cm": {"timeout.reconciliation": "1s"}}.
	// It wins over config/argocd of this repository, which is applied too.
	ArgoCDConfig map[string]map[string]string
	// Kubectl makes Cluster.Kubectl work. ArgoCD implies it.
	Kubectl bool
	// Helm makes Cluster.Helm work. ArgoCD implies it.
	Helm bool
	// Prometheus makes Env.PrometheusPath work. No Prometheus is started.
	Prometheus bool
	// Log receives what takes long, servers that end unexpectedly, and where logs are kept. Default: standard error.
	Log io.Writer
	// Dir holds data and logs. Default: a new temporary directory, removed by Stop unless Keep was called.
	Dir string
}

// complete fills in the defaults and what one option implies for another.
func (o Options) complete(defaultLog io.Writer) (Options, error) {
	if o.Log == nil {
		o.Log = defaultLog
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.ArgoCD != "" {
		if _, err := toolchain.ArgoCD(o.ArgoCD); err != nil {
			return o, err
		}
	}
	o.ControllerManager = o.ControllerManager || o.ArgoCD != "" || len(o.RuntimeClusters) > 0
	o.Kubectl = o.Kubectl || o.ArgoCD != ""
	o.Helm = o.Helm || o.ArgoCD != ""
	names := append([]string{ManagementName}, append(slices.Clone(o.APIServers), o.RuntimeClusters...)...)
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) || slices.Contains(names, "") {
		return o, fmt.Errorf("clusters need different names that are not empty: %q", names)
	}
	return o, nil
}

// plans says for each cluster what runs in it.
func (o Options) plans() map[string]clusterPlan {
	plans := map[string]clusterPlan{ManagementName: {}}
	if o.ControllerManager {
		plans[ManagementName] = clusterPlan{controllers: managementControllers}
	}
	for _, name := range o.APIServers {
		plans[name] = clusterPlan{}
	}
	for _, name := range o.RuntimeClusters {
		plans[name] = clusterPlan{controllers: "*", nodes: o.Nodes}
	}
	return plans
}

// tools lists the binaries that the options need; nothing else is built.
func (o Options) tools() []toolchain.Tool {
	tools := []toolchain.Tool{toolchain.Etcd, toolchain.KubeAPIServer}
	if o.ControllerManager {
		tools = append(tools, toolchain.KubeControllerManager)
	}
	if len(o.RuntimeClusters) > 0 {
		tools = append(tools, toolchain.KubeScheduler, toolchain.Kwok)
	}
	if o.Kubectl {
		tools = append(tools, toolchain.Kubectl)
	}
	if o.ArgoCD != "" {
		tools = append(tools, argoCDTool(o.ArgoCD), toolchain.Kustomize)
	}
	if o.Helm {
		tools = append(tools, toolchain.Helm)
	}
	if o.Prometheus {
		tools = append(tools, toolchain.Prometheus, toolchain.Promtool)
	}
	return tools
}
