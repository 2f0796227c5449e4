package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/nautes-labs/deployment-runtime/internal/cli"
	"github.com/nautes-labs/deployment-runtime/internal/command"
)

// addCommands writes a page for each command of nautes and manager.
func addCommands(out files) error {
	for _, p := range []struct {
		dir, about string
		root       *cobra.Command
	}{
		{"cli", "The command line for developers. [How to use it](../../howto/use-the-command-line.md) shows the way.",
			cli.Command("")},
		{"manager", "The program in the image: the operator and the API server. [Installing](../../howto/install.md) " +
			"says how they are run.", command.Command()},
	} {
		name := p.root.Name()
		var list strings.Builder
		fmt.Fprintf(&list, "%s# %s\n\n%s\n\n| command | does |\n|---|---|\n", notice, name, p.about)
		err := eachCommand(p.root, func(cmd *cobra.Command) error {
			file := strings.ReplaceAll(cmd.CommandPath(), " ", "_") + ".md"
			fmt.Fprintf(&list, "| [%s](%s) | %s |\n", cmd.CommandPath(), file, cell(cmd.Short))
			text, err := commandPage(cmd)
			out[pagesDir+"/"+p.dir+"/"+file] = text
			return err
		})
		if err != nil {
			return err
		}
		out[pagesDir+"/"+p.dir+"/README.md"] = list.String()
	}
	return nil
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command) error) error {
	if !cmd.IsAvailableCommand() && cmd.HasParent() || cmd.IsAdditionalHelpTopicCommand() {
		return nil
	}
	if err := do(cmd); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if err := eachCommand(c, do); err != nil {
			return err
		}
	}
	return nil
}

// commandPage is what cobra writes, with headings that begin at the first level.
func commandPage(cmd *cobra.Command) (string, error) {
	cmd.DisableAutoGenTag = true
	cmd.Flags().VisitAll(sortDefault)
	var b bytes.Buffer
	if err := doc.GenMarkdown(cmd, &b); err != nil {
		return "", fmt.Errorf("writing the page of %s: %w", cmd.CommandPath(), err)
	}
	lines, fenced := strings.Split(b.String(), "\n"), false
	for i, line := range lines {
		line = strings.TrimRight(line, " \t")
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if !fenced {
			line = strings.TrimPrefix(line, "#")
		}
		lines[i] = line
	}
	return notice + strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n", nil
}

// sortDefault sorts the default of a map, which pflag prints in the random order of Go's maps.
func sortDefault(f *pflag.Flag) {
	if text, is := strings.CutPrefix(f.DefValue, "["); is && strings.HasPrefix(f.Value.Type(), "stringTo") {
		entries := strings.Split(strings.TrimSuffix(text, "]"), ",")
		slices.Sort(entries)
		f.DefValue = "[" + strings.Join(entries, ",") + "]"
	}
}
