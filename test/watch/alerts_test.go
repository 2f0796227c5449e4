package watch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/test/devenv/toolchain"
)

// root is the root of the repository.
const root = "../.."

var rulesFile = filepath.Join(root, "charts", "deployment-runtime", "files", "alerts.yaml")

// rule is an alert as the rule file has it.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	var out []rule
	for _, group := range file.Groups {
		out = append(out, group.Rules...)
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEachAlertHasItsSectionInTheRunbook: and each section its alert, and the table says what the rules say.
func TestEachAlertHasItsSectionInTheRunbook(t *testing.T) {
	runbook := read(t, filepath.Join(root, "docs", "howto", "runbook.md"))
	var sections []string
	for _, m := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(runbook, -1) {
		sections = append(sections, m[1])
	}
	const page = "https://github.com/nautes-labs/deployment-runtime/blob/main/docs/howto/runbook.md#"
	var alerts []string
	for _, r := range rules(t) {
		alerts = append(alerts, r.Alert)
		if want := page + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s leads to %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if r.Annotations["summary"] == "" || !strings.Contains(r.Annotations["description"], "Next: ") {
			t.Errorf("%s does not say what is wrong and what is next", r.Alert)
		}
		row := "| [" + r.Alert + "](#" + strings.ToLower(r.Alert) + ") | " + r.Labels["severity"] + " |"
		if !strings.Contains(runbook, row) {
			t.Errorf("the table of the runbook has no row %q", row)
		}
		_, section, _ := strings.Cut(runbook, "\n## "+r.Alert+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		for _, part := range []string{"**Means.**", "**Look.**", "**Do.**"} {
			if !strings.Contains(section, part) {
				t.Errorf("the section of %s has no %s", r.Alert, part)
			}
		}
	}
	slices.Sort(alerts)
	slices.Sort(sections)
	if !slices.Equal(alerts, sections) {
		t.Errorf("there are the alerts\n%s\nand the sections\n%s", alerts, sections)
	}
}

// series finds metrics in a query: names before a selector, a range, an operator or an end, that are no function, label
// or keyword.
var series = regexp.MustCompile(`\b[a-z_]+_[a-z_]+\b`)

// undocumented returns the metrics of a query that docs/metrics.md does not list.
func undocumented(t *testing.T, query string) []string {
	t.Helper()
	docs := read(t, filepath.Join(root, "docs", "metrics.md"))
	query = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(query, `""`)                             // values
	query = regexp.MustCompile(`\b(by|on|without|ignoring) *\([^)]*\)`).ReplaceAllString(query, "") // labels
	query = regexp.MustCompile(`[a-z_]+ *(=~|!~|!=|=) *""`).ReplaceAllString(query, "")             // matchers
	query = regexp.MustCompile(`[a-z_]+\(`).ReplaceAllString(query, "(")                            // functions
	var out []string
	for _, name := range series.FindAllString(query, -1) {
		plain := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
		if !strings.Contains(docs, "`"+name+"`") && !strings.Contains(docs, "`"+plain+"`") {
			out = append(out, name)
		}
	}
	return out
}

func TestTheMetricsOfTheAlertsAreInTheDocs(t *testing.T) {
	for _, r := range rules(t) {
		if missing := undocumented(t, r.Expr); len(missing) > 0 {
			t.Errorf("%s asks for %s, which docs/metrics.md does not list", r.Alert, missing)
		}
	}
	if missing := undocumented(t, `sum by (no_label) (rate(no_such_metric{a_b="c_d"}[5m])) > 0`); !slices.Equal(missing,
		[]string{"no_such_metric"}) {
		t.Errorf("a metric that nobody has is not found, but %s", missing)
	}
}

// TestTheAlertsFireWhenTheyShould runs rules_test.yaml, which tells for every alert when it fires, and when not.
func TestTheAlertsFireWhenTheyShould(t *testing.T) {
	tests := read(t, "rules_test.yaml")
	for _, r := range rules(t) {
		if !strings.Contains(tests, "\n- name: "+r.Alert+"\n") {
			t.Errorf("rules_test.yaml has no test of the name %s", r.Alert)
		}
		if !strings.Contains(tests, `alertname="`+r.Alert+`"`) {
			t.Errorf("in rules_test.yaml %s never fires", r.Alert)
		}
	}
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
	promtool(t, "test", "rules", "rules_test.yaml")
}

// promtool runs promtool, which has to succeed.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	tools, err := toolchain.New(toolchain.Options{Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	paths, err := tools.Binaries(t.Context(), toolchain.Promtool, toolchain.Prometheus)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), paths[toolchain.Promtool], args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
