package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nautes-labs/deployment-runtime/controllers/metrics"
)

func TestEveryMetricOfTheOperatorHasHelpAndIsInTheDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	described := make(chan *prometheus.Desc, 100)
	(&metrics.Collector{}).Describe(described)
	if _, err := metrics.NewCounters(describing{described}); err != nil {
		t.Fatal(err)
	}
	close(described)
	parts := regexp.MustCompile(`fqName: "([^"]+)", help: "([^"]*)", .*variableLabels: \{([^}]*)\}`)
	names := map[string]bool{}
	for desc := range described {
		m := parts.FindStringSubmatch(desc.String())
		if len(m) == 0 || m[2] == "" {
			t.Fatalf("%s has no help", desc)
		}
		name, labels := m[1], ""
		if m[3] != "" {
			labels = "`" + strings.ReplaceAll(m[3], ",", "`, `") + "` "
		}
		names[name] = true
		if row := "| `" + name + "` | " + labels + "|"; !strings.Contains(string(docs), row) {
			t.Errorf("docs/metrics.md has no row %q", row)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(nautes_[a-z_]+)`").FindAllStringSubmatch(string(docs), -1) {
		if !strings.HasPrefix(m[1], "nautes_apiserver_") && !names[m[1]] {
			t.Errorf("docs/metrics.md has %s, which does not exist", m[1])
		}
	}
}

// describing is a registry that only asks what a collector counts.
type describing struct{ to chan<- *prometheus.Desc }

func (d describing) Register(c prometheus.Collector) error {
	c.Describe(d.to)
	return nil
}

func (d describing) MustRegister(...prometheus.Collector) {}
func (d describing) Unregister(prometheus.Collector) bool { return true }
