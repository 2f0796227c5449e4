package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The formats of validate.
const (
	formatText        = "text"
	formatJUnit       = "junit"
	formatCodeQuality = "code-quality"
)

type validateOptions struct {
	*global
	dir     string
	server  bool
	outputs []string

	reports []reportTo
}

// reportTo is the format of a report and its file; "" is stdout.
type reportTo struct{ format, file string }

func newValidate(g *global) *cobra.Command {
	o := &validateOptions{global: g}
	cmd := &cobra.Command{
		Use:   "validate [DIR] [-p PRODUCT] [--server] [-o text|json|junit|code-quality[=FILE]]",
		Short: "Check a checkout of default.project by the rules of the server and the operator",
		Long: `validate reads a checkout of default.project, the current directory by default, and checks every
resource by the same schema and the same rules as the REST API and the operator. It works offline;
rules that need the management cluster are named as not checked. With --server the server judges the
checkout as if it became main, as a dry run, with what it knows of clusters and other products: all
that the checkout holds, and the deletion of what only main holds. That needs a token that may push
to main.

The product is the one that the files name, or --product. The exit code is 2 if anything is wrong;
warnings do not count.`,
		Example: `  nautes validate
  nautes validate -o junit=junit.xml -o code-quality=gl-code-quality-report.json   # in a job of GitLab CI`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("name one directory: nautes validate [DIR]")
			}
			return nil
		},
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.server, "server", false,
		"let the server judge as well what it would be if the checkout became main")
	formats := []string{formatText, formatJSON, formatJUnit, formatCodeQuality}
	cmd.Flags().StringArrayVarP(&o.outputs, "output", "o", nil,
		"report: text|json|junit|code-quality, to stdout or =FILE; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
	return cmd
}

func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func (o *validateOptions) complete(args []string) error {
	o.global.complete()
	o.dir = "."
	if len(args) > 0 {
		o.dir = args[0]
	}
	toStdout := 0
	for _, output := range o.outputs {
		format, file, _ := strings.Cut(output, "=")
		if err := checkFormat(format, formatText, formatJSON, formatJUnit, formatCodeQuality); err != nil ||
			format == "" {
			return cmp.Or(err, usage("name a format: -o junit=report.xml"))
		}
		if file == "" {
			toStdout++
		}
		o.reports = append(o.reports, reportTo{format, file})
	}
	switch {
	case toStdout > 1:
		return usage("only one report fits stdout: give the others a file, as in -o junit=report.xml")
	case toStdout == 0:
		o.reports = append(o.reports, reportTo{format: formatText})
	}
	return nil
}

func (o *validateOptions) run(ctx context.Context) error {
	found, tree, err := o.checkout(ctx)
	if err != nil {
		return err
	}
	var unasked error // the reports are written even if the server could not be asked
	if o.server {
		c, err := o.connect(ctx)
		if err != nil {
			return err
		}
		unasked = o.askServer(ctx, c, found, tree)
	}
	found.sort()
	for _, report := range o.reports {
		if err := o.write(report, found); err != nil {
			return err
		}
	}
	if wrong, _ := found.count(); wrong > 0 {
		if unasked != nil {
			o.warn("%v", unasked)
		}
		return reported{invalidCheckout()}
	}
	return unasked
}

func (o *validateOptions) write(report reportTo, found *findings) error {
	w := o.Stdout
	if report.file != "" {
		file, err := os.Create(report.file)
		if err != nil {
			return usage("writing the report: %v", err)
		}
		defer func() { _ = file.Close() }()
		if err := writeReport(file, report.format, found, style{}); err != nil {
			return err
		}
		if err := file.Sync(); err != nil && !errors.Is(err, os.ErrInvalid) {
			return fmt.Errorf("writing %s: %w", report.file, err)
		}
		return nil
	}
	return writeReport(w, report.format, found, o.style())
}

func writeReport(w io.Writer, format string, found *findings, st style) error {
	switch format {
	case formatJSON:
		return writeJSON(w, found)
	case formatJUnit:
		return found.writeJUnit(w)
	case formatCodeQuality:
		return found.writeCodeQuality(w)
	}
	found.writeText(w, st)
	return nil
}

// add adds a finding unless it is there already.
func (f *findings) add(one finding) {
	if !slices.ContainsFunc(f.Findings, func(o finding) bool {
		return o.File == one.File && o.Kind == one.Kind && o.Name == one.Name && o.Rule == one.Rule &&
			o.Message == one.Message
	}) {
		f.Findings = append(f.Findings, one)
	}
}
