package cli

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidateACheckoutOffline(t *testing.T) {
	tests := map[string]struct {
		args   []string
		code   int
		golden string
	}{
		"a good one": {args: []string{"testdata/checkout/good"}, golden: "validate-good"},
		"a broken one": {args: []string{"testdata/checkout/broken"}, code: 2,
			golden: "validate-broken"},
		"a broken one for GitLab's JUnit": {args: []string{"testdata/checkout/broken", "-o", "junit"}, code: 2,
			golden: "validate-broken-junit"},
		"a good one for GitLab's JUnit": {args: []string{"testdata/checkout/good", "-o", "junit"},
			golden: "validate-good-junit"},
		"a broken one for Code Quality": {args: []string{"testdata/checkout/broken", "-o", "code-quality"}, code: 2,
			golden: "validate-broken-code-quality"},
		"a good one for Code Quality": {args: []string{"testdata/checkout/good", "-o", "code-quality"},
			golden: "validate-good-code-quality"},
		"a good one as JSON": {args: []string{"testdata/checkout/good", "-o", "json"},
			golden: "validate-good-json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			r := nautes(t, s, append([]string{"validate"}, test.args...), noProduct())
			expect(t, r, test.code)
			golden(t, test.golden, r.stdout)
			same(t, "stderr", "", r.stderr)
			same(t, "requests", []string{}, s.asked())
		})
	}
}

func TestValidateFindsEachMistake(t *testing.T) {
	r := nautes(t, nil, []string{"validate", "testdata/checkout/broken", "-o", "json"}, noProduct())
	expect(t, r, 2)
	var found findings
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, f := range found.Findings {
		rules[f.File+" "+f.Rule] = true
	}
	for _, want := range []string{
		"projects/broken.yaml STREAM_BLOCKED", "other/stray.yaml NOT_SYNCED", "runtimes/dr-legacy.yaml LEGACY_SHAPE",
		"runtimes/dr-legacy.yaml NamespaceReserved",
		"runtimes/dr-dev.yaml EnvironmentNotFound", "runtimes/dr-dev.yaml ProjectNotFound",
		"envs/envs.yaml EnvironmentOnSameCluster",
		"runtimes/dr-path.yaml InvalidField",
	} {
		if !rules[want] {
			t.Errorf("%q was not found in %v", want, rules)
		}
	}
	if !strings.Contains(r.stdout, "DUPLICATE") {
		t.Error("the duplicate was not found")
	}
}

func TestReportsIntoFiles(t *testing.T) {
	dir := t.TempDir()
	junit, quality := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "quality.json")
	r := nautes(t, nil, []string{"validate", "testdata/checkout/broken", "-o", "junit=" + junit, "-o",
		"code-quality=" + quality}, noProduct())
	expect(t, r, 2)
	golden(t, "validate-broken", r.stdout) // people read the job's log
	data, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Suite.Failures == 0 || suites.Suite.Tests != len(suites.Suite.Cases) {
		t.Errorf("%+v", suites.Suite)
	}
	data, err = os.ReadFile(quality)
	if err != nil {
		t.Fatal(err)
	}
	var report []struct {
		Description, Fingerprint, Severity string
		CheckName                          string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal(data, &report); err != nil || len(report) == 0 {
		t.Fatalf("%v: %s", err, data)
	}
	seen := map[string]bool{}
	for _, q := range report {
		if q.Description == "" || q.CheckName == "" || q.Severity == "" || q.Location.Lines.Begin < 1 ||
			seen[q.Fingerprint] || len(q.Fingerprint) != 64 {
			t.Errorf("%+v", q)
		}
		seen[q.Fingerprint] = true
	}
}

func TestWhichProductACheckoutIsOf(t *testing.T) {
	environment := func(product string) string {
		return head + "kind: Environment\nmetadata: {name: env-" + product + "}\nspec: {product: " + product +
			", cluster: c, envType: dev}\n"
	}
	tests := map[string]struct {
		files []string
		args  []string
		code  int
		says  string
	}{
		"the one of the files": {files: []string{"product-7"}, code: 0, says: "of product-7"},
		"two in the files": {files: []string{"product-7", "product-8"}, code: 2,
			says: "product-7 in envs/product-7.yaml, line 1; product-8 in envs/product-8.yaml, line 1"},
		"two in the files, and the user knows which": {files: []string{"product-7", "product-8"},
			args: []string{"-p", "product-7"}, code: 2, says: "ProductMismatch"},
		"the user knows better than the file": {files: []string{"product-7"}, args: []string{"-p", "product-8"},
			code: 2, says: "ProductMismatch"},
		"a human name says nothing of the id": {files: []string{"product-7"},
			args: []string{"-p", "nautes-labs"}, code: 0, says: "of product-7"},
		"a human name in the files is no product": {files: []string{"nautes-labs"}, code: 2, says: "product-<id>"},
		"no file": {code: 2, says: "product-<id>"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, product := range test.files {
				write(t, dir, "envs/"+product+".yaml",
					strings.Replace(environment(product), "cluster: c", "cluster: c-"+product, 1))
			}
			r := nautes(t, nil, append([]string{"validate", dir}, test.args...), noProduct())
			expect(t, r, test.code)
			if !strings.Contains(r.stdout+r.stderr, test.says) {
				t.Errorf("it does not say %q:\n%s%s", test.says, r.stdout, r.stderr)
			}
		})
	}
}

func TestALinkInACheckoutIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "envs/env.yaml",
		head+"kind: Environment\nmetadata: {name: env}\nspec: {product: product-7, cluster: c, envType: dev}\n")
	if err := os.Symlink(write(t, t.TempDir(), "secret.yaml", canary),
		filepath.Join(dir, "envs", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	r := nautes(t, nil, []string{"validate", dir}, noProduct())
	expect(t, r, 2)
	if !strings.Contains(r.stdout, "envs/link.yaml:1") || !strings.Contains(r.stdout, "symlink") {
		t.Errorf("stdout: %s", r.stdout)
	}
}

func TestMigrateACheckout(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "runtimes/dr-legacy.yaml", readTestdata(t, "checkout/broken/runtimes/dr-legacy.yaml"))
	other := write(t, dir, "runtimes/dr-dev.yaml", readTestdata(t, "guide.yaml"))
	before := readTestdata(t, "guide.yaml")
	r := nautes(t, nil, []string{"migrate", dir, "--dry-run"})
	expect(t, r, 0)
	if !strings.HasSuffix(r.stdout, "\nruntimes/dr-legacy.yaml would be rewritten\n") {
		t.Errorf("stdout: %s", r.stdout)
	}
	r = nautes(t, nil, []string{"migrate", dir})
	expect(t, r, 0)
	same(t, "stdout", "runtimes/dr-legacy.yaml rewritten\n", r.stdout)
	data, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(data), "account") ||
		!strings.Contains(string(data), "destination: env-dev\n") {
		t.Errorf("%v: %s", err, data)
	}
	data, err = os.ReadFile(other)
	if err != nil || string(data) != before {
		t.Errorf("another file was changed: %v: %s", err, data)
	}
	r = nautes(t, nil, []string{"migrate", dir})
	expect(t, r, 0)
	same(t, "stderr", "Nothing to rewrite.\n", r.stderr)
}
