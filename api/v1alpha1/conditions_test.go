package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// reasons returns the values of the constants Reason... of conditions.go.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, isValue := n.(*ast.ValueSpec)
		if !isValue || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, value)
		return true
	})
	return out
}

func TestTheTroubleshootingGuideKnowsEveryReasonAndNoOther(t *testing.T) {
	text, err := os.ReadFile("../../docs/howto/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| ((?:`[A-Za-z]+`(?:, )?)+) \\|").FindAllStringSubmatch(string(text),
		-1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			documented[strings.Trim(name, "`")] = true
		}
	}
	known := map[string]bool{}
	for _, reason := range reasons(t) {
		known[reason] = true
		if !documented[reason] {
			t.Errorf("no table of docs/howto/troubleshooting.md has a row for reason %s", reason)
		}
	}
	for reason := range documented {
		if !known[reason] {
			t.Errorf("docs/howto/troubleshooting.md has a row for %s, which no condition has as a reason", reason)
		}
	}
}
