package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	"github.com/nautes-labs/deployment-runtime/test/devenv/process"
	"github.com/nautes-labs/deployment-runtime/test/watch"
)

// prometheus is a real one that scrapes the operator and the REST API every second.
type prometheus struct {
	url   string
	group *process.Group
}

// prometheusEnd is how long Prometheus may take to end.
const prometheusEnd = 10 * time.Second

// startPrometheus starts it, for the rest of the story. The jobs are named as those of the chart's PodMonitors.
func (p *Product) startPrometheus(operator, apiserver string) *prometheus {
	p.Helper()
	dir := p.TempDir()
	rules := filepath.Join(dir, "alerts.yaml")
	p.Expect(os.WriteFile(rules, []byte(p.hastyRules()), 0o600)).To(Succeed())
	config := filepath.Join(dir, "prometheus.yaml")
	p.Expect(os.WriteFile(config, fmt.Appendf(nil, `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
- {job_name: nautes/nautes-operator, static_configs: [{targets: [%q]}]}
- {job_name: nautes/nautes-apiserver, static_configs: [{targets: [%q]}]}
`, rules, operator, apiserver), 0o600)).To(Succeed())
	listen, err := p.W.Env.FreeAddress()
	p.Expect(err).NotTo(HaveOccurred())
	m := &prometheus{url: "http://" + listen, group: process.NewGroup(func(err error) { p.Error(err) })}
	server, err := m.group.Start(process.Command{
		Name: "prometheus", Path: p.W.Env.PrometheusPath(), Log: filepath.Join(p.W.Env.Dir, "prometheus.log"),
		Args: []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + listen},
	})
	p.Expect(err).NotTo(HaveOccurred())
	p.Cleanup(func() {
		defer m.group.Stop()
		p.Expect(server.Stop(prometheusEnd)).To(Succeed())
	})
	p.Eventually(func() error { return answers(p.Ctx, m.url+"/-/ready") }).Should(Succeed())
	p.Eventually(func() (int, error) { return m.figures(p.Ctx, "up == 1") }).Should(Equal(2), "both programs are scraped")
	return m
}

// hastyRules returns the rules of the chart, made for the short waits of a story: an alert fires after two seconds,
// rates are those of the last ten seconds, and what lasts for five is long.
func (p *Product) hastyRules() string {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(root, "charts", "deployment-runtime", "files", "alerts.yaml"))
	p.Expect(err).NotTo(HaveOccurred())
	hasty := regexp.MustCompile(`(?m)^    for: \S+$`).ReplaceAllString(string(text), "    for: 2s")
	return strings.NewReplacer("[5m]", "[10s]", "> 1800", "> 5", "> 900", "> 5").Replace(hasty)
}

// root is the root of the repository, as the packages that run the scenarios see it.
const root = "../../.."

// get asks Prometheus, and reads the member data of its answer.
func (m *prometheus) get(ctx context.Context, path string, query url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.url+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("reading Prometheus' answer: %w", err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("prometheus answers %s", answer.Error)
	}
	return nil
}

// alert is one that Prometheus tells of.
type alert struct {
	State               string
	Labels, Annotations map[string]string
}

// firing returns the names of the alerts that fire and concern one of the products or clusters, or none at all: other
// stories left theirs as they were.
func (p *Product) firing(m *prometheus, ours ...string) func() ([]string, error) {
	return func() ([]string, error) {
		var found struct{ Alerts []alert }
		if err := m.get(p.Ctx, "/api/v1/alerts", nil, &found); err != nil {
			return nil, err
		}
		var out []string
		for _, a := range found.Alerts {
			if a.State != "firing" || !a.concerns(ours) {
				continue
			}
			for name, text := range a.Annotations {
				p.Expect(text).NotTo(Or(BeEmpty(), ContainSubstring("<no value>"), ContainSubstring("{{"),
					ContainSubstring("error expanding")), "%s of %s", name, a.Labels["alertname"])
			}
			out = append(out, a.Labels["alertname"])
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	}
}

func (a alert) concerns(ours []string) bool {
	for _, label := range []string{"product", "cluster"} {
		if value := a.Labels[label]; value != "" {
			return slices.Contains(ours, value)
		}
	}
	return true
}

// figures returns how many series a query has a figure for.
func (m *prometheus) figures(ctx context.Context, query string) (n int, err error) {
	var found struct {
		Result []struct{ Value [2]any }
	}
	err = m.get(ctx, "/api/v1/query", url.Values{"query": {query}}, &found)
	for _, series := range found.Result {
		if series.Value[1] != "NaN" {
			n++
		}
	}
	return n, err
}

// silent returns the panels of the dashboards with a query that Prometheus has no figure for, or refuses.
func (p *Product) silent(m *prometheus) []string {
	p.Helper()
	panels, err := watch.Panels(root)
	p.Expect(err).NotTo(HaveOccurred())
	var out []string
	for _, panel := range panels {
		for _, query := range panel.Queries {
			figures, err := m.figures(p.Ctx, query)
			if err != nil || figures == 0 {
				out = append(out, fmt.Sprintf("%s: %s: %s: %v", panel.Dashboard, panel.Title, query, err))
			}
		}
	}
	return out
}
