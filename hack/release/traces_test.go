package main

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
)

// TestTheChartSendsTracesWhereItIsTold: both programs get the flags, and the network lets them through.
func TestTheChartSendsTracesWhereItIsTold(t *testing.T) {
	manifests := func(endpoint string) string {
		t.Helper()
		c, err := loader.LoadDir("../../charts/" + chartName)
		must(t, err)
		values(t, c.Values, "image")["repository"] = "registry.example.com/deployment-runtime"
		values(t, c.Values, "apiserver")["gitlabURL"] = "https://gitlab.example.com"
		values(t, c.Values, "traces")["otlpEndpoint"] = endpoint
		values(t, c.Values, "apiserver")["enabled"] = true
		values(t, c.Values, "networkPolicy")["enabled"] = true
		if endpoint != "" {
			values(t, c.Values, "traces")["headersSecretName"] = "collector-headers"
		}
		out, err := render(c)
		must(t, err)
		return out
	}
	with, without := manifests("http://collector.observability:4318"), manifests("")
	for _, text := range []string{"- --otlp-endpoint=http://collector.observability:4318\n", "- --trace-ratio=1\n",
		"port: 4318}", "name: collector-headers\n"} {
		if got := strings.Count(with, text); got != 2 {
			t.Errorf("%q is there %d times, want it for both programs:\n%s", text, got, with)
		}
	}
	for _, text := range []string{"otlp", "OTEL", "trace-ratio", "4318"} {
		if strings.Contains(without, text) {
			t.Errorf("without a collector there is %q", text)
		}
	}
}

func values(t *testing.T, of map[string]any, name string) map[string]any {
	t.Helper()
	v, ok := of[name].(map[string]any)
	if !ok {
		t.Fatalf("the chart has no values %s", name)
	}
	return v
}
