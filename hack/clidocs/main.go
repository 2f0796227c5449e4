// Command clidocs writes what a release ships beside the command line: man pages and completions. The time on the man
// pages is that of SOURCE_DATE_EPOCH.
//
//	go run ./hack/clidocs v1.2.3 DIRECTORY
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/nautes-labs/deployment-runtime/internal/cli"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/clidocs VERSION DIRECTORY")
		os.Exit(2)
	}
	if err := write(cli.Command(os.Args[1]), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "clidocs: %v\n", err)
		os.Exit(1)
	}
}

// write writes man/*.1 and completions/* below a directory.
func write(root *cobra.Command, version, dir string) error {
	man, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, d := range []string{man, completions} {
		if err := os.MkdirAll(d, 0o750); err != nil { //nolint:gosec // whoever calls it says where to
			return fmt.Errorf("making a directory: %w", err)
		}
	}
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "nautes " + version, Manual: "nautes"}
	if err := doc.GenManTree(root, header, man); err != nil {
		return fmt.Errorf("writing man pages: %w", err)
	}
	for file, generate := range map[string]func(string) error{
		"nautes.bash": func(to string) error { return root.GenBashCompletionFileV2(to, true) },
		"_nautes":     root.GenZshCompletionFile,
		"nautes.fish": func(to string) error { return root.GenFishCompletionFile(to, true) },
		"nautes.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := generate(filepath.Join(completions, file)); err != nil {
			return fmt.Errorf("writing completions: %w", err)
		}
	}
	return nil
}
