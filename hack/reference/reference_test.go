package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

func generated(t *testing.T) files {
	t.Helper()
	t.Chdir("../..")
	out, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTwoRunsWriteTheSame(t *testing.T) {
	first := generated(t)
	second, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestEveryKindHasItsFieldsAndSchema(t *testing.T) {
	out := generated(t)
	for _, k := range kinds.All() {
		page, slug := out[pagesDir+"/kinds/"+strings.ToLower(k.Name)+".md"], strings.ToLower(k.Name)
		for name := range kinds.SpecOf(k.New()).Type().Fields() {
			field, _, _ := strings.Cut(name.Tag.Get("json"), ",")
			if !strings.Contains(page, "\n| `"+field+"` |") {
				t.Errorf("the page of %s has no row for %s", k.Name, field)
			}
			if !strings.Contains(out[schemasDir+"/"+slug+".json"], `"`+field+`": {`) {
				t.Errorf("the schema of %s has no field %s", k.Name, field)
			}
		}
	}
}

func TestEveryReasonOfAConditionLeadsToTheGuide(t *testing.T) {
	out := generated(t)
	_, reasons, _ := strings.Cut(out[pagesDir+"/conditions.md"], "\n## Reasons")
	rows := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| .* \\| (.*) \\|$").FindAllStringSubmatch(reasons, -1)
	if len(rows) < 80 {
		t.Fatalf("only %d reasons were found", len(rows))
	}
	for _, row := range rows {
		if !strings.HasPrefix(row[2], "[what to do](../howto/troubleshooting.md#") {
			t.Errorf("the row of %s leads to %q", row[1], row[2])
		}
	}
}

func TestEveryCommandAndOperationHasItsPlace(t *testing.T) {
	out := generated(t)
	for _, want := range []string{
		"cli/nautes.md", "cli/nautes_apply.md", "cli/nautes_validate.md", "manager/manager_operator.md",
		"manager/manager_apiserver.md", "manager/manager_release.md",
	} {
		if !strings.Contains(out[pagesDir+"/"+want], "\n# "+strings.NewReplacer("_", " ", ".md", "").
			Replace(want[strings.Index(want, "/")+1:])+"\n") {
			t.Errorf("%s is missing among %v", want, slices.Sorted(maps.Keys(out)))
		}
	}
	rest := out[pagesDir+"/rest.md"]
	for _, want := range []string{
		"\n### Deploymentruntime_SaveDeploymentRuntime\n", "\nPOST /api/v1/products/{product}/changes\n",
		"\n### Schema Problem\n", "| 412 | `PRECONDITION_FAILED` |",
	} {
		if !strings.Contains(rest, want) {
			t.Errorf("the page of the REST API does not hold %q", want)
		}
	}
}
