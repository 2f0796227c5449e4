package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// gauge is a metric that is counted at each scrape.
type gauge struct {
	name string
	desc *prometheus.Desc
}

func newGauge(name, help string, labels ...string) gauge {
	full := prometheus.BuildFQName(Namespace, "", name)
	return gauge{name: full, desc: prometheus.NewDesc(full, help, labels, nil)}
}

// The names of the gauges, without the namespace. docs/metrics.md lists them.
const (
	objects        = "objects"
	objectState    = "object_condition"
	problems       = "namespace_problems"
	removals       = "removals"
	removalAge     = "oldest_removal_age_seconds"
	notReadyAge    = "oldest_not_ready_age_seconds"
	streamCompared = "default_project_compared_timestamp_seconds"
	tokenExpiry    = "deploy_token_expiry_timestamp_seconds"
	argoCDInfo     = "argocd_info"
)

func gauges() map[string]gauge {
	out := map[string]gauge{}
	for _, g := range []struct {
		name, help string
		labels     []string
	}{
		{objects, "Objects of our kinds by condition. Each object counts once for each of its conditions. Labels that " +
			"do not apply to a kind are empty; of a Product and a Cluster the label has its own name.",
			[]string{"kind", "product", "environment", "cluster", "condition", "status", "reason"}},
		{objectState, "1 for each condition of each object. Only with --metrics-per-object.",
			[]string{"kind", "namespace", "name", "condition", "status", "reason"}},
		{problems, "Namespaces of a product on a runtime cluster that are not as they should be. There is no series " +
			"where there is none.", []string{"product", "cluster"}},
		{removals, "Runtimes whose removal was requested and has not ended. hold is the reason why it waits for a " +
			"person, and empty where it goes on by itself.", []string{"product", "cluster", "hold"}},
		{notReadyAge, "Seconds since the oldest of the DeploymentRuntimes that are not Ready ceased to be so, by the " +
			"reason that it has now.", []string{"product", "cluster", "reason"}},
		{removalAge, "Seconds since the oldest of these removals was requested.", []string{"product", "cluster", "hold"}},
		{streamCompared, "When Argo CD last compared the default.project of a product with the management cluster.",
			[]string{"product"}},
		{tokenExpiry, "When the first of the deploy tokens expires with which Argo CD reads the repositories of " +
			"a product. The operator replaces them long before.", []string{"product"}},
		{argoCDInfo, "1 for the version of Argo CD, as its repo-server tells it.", []string{"version"}},
	} {
		out[g.name] = newGauge(g.name, g.help, g.labels...)
	}
	return out
}
