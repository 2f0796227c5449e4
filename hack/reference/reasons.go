package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nautes-labs/deployment-runtime/hack/markdown"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

const guide = "docs/howto/troubleshooting.md"

// word is a constant with its meaning.
type word struct{ value, meaning string }

// group is a block of constants with the comment above it.
type group struct {
	title string
	words []word
}

// addReasons writes the pages of conditions and of failures from the comments of the constants.
func addReasons(out files) error {
	conditions, err := groupsOf("api/v1alpha1/conditions.go")
	if err != nil {
		return err
	}
	sections, err := sectionsOf(guide)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(notice + "# Conditions and reasons\n\nThe status of an object has conditions. Each has a reason, " +
		"and a message with the next step. True is good. [Troubleshooting](../howto/troubleshooting.md) says what to do " +
		"about each reason.\n")
	for _, g := range conditions {
		column := "reason"
		if strings.HasPrefix(g.title, "Condition types") {
			column, g.title = "condition", "Conditions"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| %s | meaning | |\n|---|---|---|\n", g.title, column)
		for _, w := range g.words {
			link := ""
			if section, has := sections[w.value]; has && column == "reason" {
				link = fmt.Sprintf("[what to do](../howto/troubleshooting.md#%s)", section)
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", code(w.value), cell(w.meaning), link)
		}
	}
	out[pagesDir+"/conditions.md"] = b.String()
	return addFailures(out)
}

func addFailures(out files) error {
	failures, err := groupsOf("internal/problem/reasons.go")
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(notice + "# Reasons of failures\n\nWhat a request or a command failed for. Reasons that are " +
		"conditions too are on the page of [conditions](conditions.md). The [REST API](rest.md#failures) answers with " +
		"the code in the member `reason`, and names the reason of a broken rule in `violations[].rule`. A program that " +
		"compares reasons can rely on them: they never change.\n\n## Exit codes of nautes\n\n")
	exitCodes(&b)
	for _, g := range failures {
		fmt.Fprintf(&b, "\n## %s\n\n| reason | meaning |\n|---|---|\n", g.title)
		for _, w := range g.words {
			fmt.Fprintf(&b, "| %s | %s |\n", code(w.value), cell(w.meaning))
		}
	}
	out[pagesDir+"/failures.md"] = b.String()
	return nil
}

// exitCodes writes which classes of failures end the command line with which code.
func exitCodes(b *strings.Builder) {
	byCode := map[int][]problem.Class{}
	for _, class := range []problem.Class{
		problem.Invalid, problem.Unauthenticated, problem.Forbidden, problem.Missing, problem.Conflict,
		problem.Waiting, problem.Unavailable, problem.RateLimited, problem.Internal,
	} {
		byCode[class.ExitCode()] = append(byCode[class.ExitCode()], class)
	}
	b.WriteString("| code | class of the failure |\n|---|---|\n")
	fmt.Fprintf(b, "| %d | none: done |\n", problem.ExitDone)
	fmt.Fprintf(b, "| %d | the command was not used as it should be |\n", problem.ExitUsage)
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		fmt.Fprintf(b, "| %d | %s |\n", code, codes(byCode[code]))
	}
}

// groupsOf returns the blocks of constants in a file, each with the first sentence of its comment as its title.
func groupsOf(file string) ([]group, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	var out []group
	for _, d := range tree.Decls {
		block, is := d.(*ast.GenDecl)
		if !is || block.Tok != token.CONST {
			continue
		}
		g := group{title: strings.TrimSuffix(firstSentence(block.Doc.Text()), ".")}
		for _, s := range block.Specs {
			spec, _ := s.(*ast.ValueSpec)
			value, err := valueOf(spec)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", file, err)
			}
			g.words = append(g.words, word{value, meaningOf(spec)})
		}
		out = append(out, g)
	}
	return out, nil
}

// valueOf returns the word of a constant: a literal, or the name of a class such as string(Invalid).
func valueOf(spec *ast.ValueSpec) (string, error) {
	switch v := spec.Values[0].(type) {
	case *ast.BasicLit:
		word, err := strconv.Unquote(v.Value)
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", v.Value, err)
		}
		return word, nil
	case *ast.CallExpr:
		if class, is := v.Args[0].(*ast.Ident); is {
			return class.Name, nil
		}
	}
	return "", fmt.Errorf("%s is neither a literal nor the name of a class", spec.Names[0].Name)
}

// meaningOf returns the comment of a constant without the constant's name.
func meaningOf(spec *ast.ValueSpec) string {
	text := strings.TrimPrefix(strings.Join(strings.Fields(spec.Doc.Text()), " "), spec.Names[0].Name)
	return strings.TrimSpace(strings.TrimLeft(text, ":,"))
}

// sectionsOf returns, by the word in the first cell of a row, the anchor of the first section that has such a row.
func sectionsOf(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the guide: %w", err)
	}
	out, section := map[string]string{}, ""
	for line := range strings.SplitSeq(string(text), "\n") {
		if title, is := strings.CutPrefix(line, "## "); is {
			section = markdown.Anchor(title)
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, m := range regexp.MustCompile("`([A-Za-z]+)`").FindAllStringSubmatch(first, -1) {
			if _, has := out[m[1]]; !has && strings.HasPrefix(line, "| `") {
				out[m[1]] = section
			}
		}
	}
	return out, nil
}
