// Command reference writes the pages of docs/reference and the JSON schemas for editors, from what the programs
// themselves say: the CRDs, the OpenAPI document, the commands, and the constants that hold reasons. `make generate`
// runs it.
//
//	go run ./hack/reference DIRECTORY
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where the pages and the schemas are written, below the directory that is given.
const (
	pagesDir   = "docs/reference"
	schemasDir = "schemas"
)

// notice begins every page.
const notice = "<!-- Written by `make generate`. Change what it is made from instead. -->\n\n"

// files are texts by their path below the given directory.
type files map[string]string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/reference DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "reference: %v\n", err)
		os.Exit(1)
	}
}

// write makes everything first. Then it replaces both directories, so that no page stays of what is not there any more.
func write(to string) error {
	out, err := generate()
	if err != nil {
		return err
	}
	for _, dir := range []string{pagesDir, schemasDir} {
		if err := os.RemoveAll(filepath.Join(to, dir)); err != nil { //nolint:gosec // Where the Makefile says.
			return fmt.Errorf("removing the old %s: %w", dir, err)
		}
	}
	for name, text := range out {
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // Pages are for everybody.
			return fmt.Errorf("making a directory: %w", err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // Where the Makefile says.
			return fmt.Errorf("writing a page: %w", err)
		}
	}
	return nil
}

// generate returns all pages and schemas. The sources are read from the current directory, the root of the module.
func generate() (files, error) {
	out := files{}
	for _, part := range []func(files) error{addKinds, addREST, addCommands, addReasons, addSchemas} {
		if err := part(out); err != nil {
			return nil, err
		}
	}
	out[pagesDir+"/README.md"] = index()
	return out, nil
}

func index() string {
	return notice + `# Reference

| page | says |
|---|---|
| [Kinds](kinds/README.md) | every field of the custom resources: type, default, bounds |
| [REST API](rest.md) | operations, parameters, bodies and answers |
| [nautes](cli/README.md) | the commands and flags for developers |
| [manager](manager/README.md) | the commands and flags of the operator and the API server |
| [Conditions and reasons](conditions.md) | what the status of an object says |
| [Reasons of failures](failures.md) | what the REST API and the command line answer, and exit codes |
| [Metrics](../metrics.md) | what Prometheus is told |
| [Versions](../versions.md) | what is tested with what |

These pages are written from the code, so they say what the programs do. The pages on metrics and versions are written
by hand and held to the code by tests.
`
}

// cell returns a text that fits a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// code returns a text as code in a cell. Nothing is escaped within code but the bar, which would end the cell.
func code(text string) string {
	mark := "`"
	if strings.Contains(text, "`") {
		mark = "``"
	}
	return mark + strings.ReplaceAll(text, "|", `\|`) + mark
}

func codes[T ~string](texts []T) string {
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		out = append(out, code(string(t)))
	}
	return strings.Join(out, ", ")
}
