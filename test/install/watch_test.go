package install

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// monitoring are the values of the chart that have the servers watched.
const monitoring = "metrics.podMonitor.enabled=true,metrics.podMonitor.labels.release=prometheus," +
	"metrics.podMonitor.interval=30s,metrics.alerts.enabled=true,metrics.alerts.labels.release=prometheus," +
	"metrics.alerts.runbook=https://wiki.example.com/runbook,metrics.dashboards.enabled=true," +
	"metrics.dashboards.labels.team=platform"

// installMonitoring installs the kinds of Prometheus Operator.
func installMonitoring(t *testing.T, cluster *devenv.Cluster) {
	t.Helper()
	file := filepath.Join("testdata", "monitoring-crds.yaml")
	if _, err := cluster.Kubectl(t.Context(), "apply", "--server-side", "-f", file); err != nil {
		t.Fatal(err)
	}
	_, err := cluster.Kubectl(t.Context(), "wait", "--for=condition=Established", "--timeout=1m", "-f", file)
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheChartBringsTheAlertsThatAreTested: those of the rule file, word by word but for where the runbook is, and each
// dashboard as it is.
func TestTheChartBringsTheAlertsThatAreTested(t *testing.T) {
	rendered, err := env.Cluster(hub).Helm(t.Context(), "template", "nautes", chart, "--namespace=nautes",
		"--kube-version=1.30", "--set", "image.repository=deployment-runtime", "--set", monitoring)
	if err != nil {
		t.Fatal(err)
	}
	objects := objectsOf(t, rendered)
	file, err := os.ReadFile(filepath.Join(chart, "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(file),
		"https://github.com/nautes-labs/deployment-runtime/blob/main/docs/howto/runbook.md",
		"https://wiki.example.com/runbook")
	var want map[string]any
	if err := yaml.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	rule := objects["PrometheusRule nautes/nautes"]
	if rule == nil || !reflect.DeepEqual(rule.Object["spec"], want) {
		t.Errorf("the chart has other alerts than the rule file: %v", rule)
	}
	dashboards, err := filepath.Glob(filepath.Join(chart, "files", "dashboards", "*.json"))
	if err != nil || len(dashboards) == 0 {
		t.Fatalf("found %v, %v", dashboards, err)
	}
	for _, path := range dashboards {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		board, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		object := objects["ConfigMap nautes/nautes-dashboard-"+name]
		if object == nil || object.GetLabels()["grafana_dashboard"] != "1" {
			t.Errorf("the chart has no dashboard %s: %v", name, object)
			continue
		}
		data, _ := object.Object["data"].(map[string]any)
		if got, _ := data["nautes-"+name+".json"].(string); strings.TrimSpace(got) != strings.TrimSpace(string(board)) {
			t.Errorf("dashboard %s differs from its file", name)
		}
	}
	for _, name := range []string{"nautes-operator", "nautes-apiserver"} {
		if monitored := objects["PodMonitor nautes/"+name] != nil; monitored != (name == "nautes-operator") {
			t.Errorf("%s is scraped: %t", name, monitored)
		}
	}
}
