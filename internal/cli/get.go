package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// The formats of -o.
const (
	formatTable = ""
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatName  = "name"
)

type getOptions struct {
	*global
	output string
	kind   kinds.Kind
	names  []string
}

func newGet(g *global) *cobra.Command {
	o := &getOptions{global: g}
	cmd := &cobra.Command{
		Use:   "get KIND [NAME...] [-p PRODUCT] [-o wide|json|yaml|name]",
		Short: "Show one, several or all resources of a kind",
		Long: "get shows resources: all of a kind, or those that are named.\n\nKinds: " + kindWords() + ".\n\n" +
			"What -o yaml or json prints, apply takes back. With -o json one name prints an object, " +
			"anything else a list.",
		Example: `  nautes get dr -p nautes-labs
  nautes get dr dr-dev -p nautes-labs -o yaml > dr-dev.yaml
  nautes get products`,
		Args:              atLeastOneArg,
		ValidArgsFunction: g.completeKindAndNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	addOutputFlag(cmd, &o.output, formatWide, formatJSON, formatYAML, formatName)
	return cmd
}

func addOutputFlag(cmd *cobra.Command, value *string, formats ...string) {
	cmd.Flags().StringVarP(value, "output", "o", "", "format: "+strings.Join(formats, "|"))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

func checkFormat(format string, known ...string) error {
	if format == "" || slices.Contains(known, format) {
		return nil
	}
	return usage("output format %q is not known: use one of %s", format, strings.Join(known, ", "))
}

func (o *getOptions) complete(args []string) error {
	o.global.complete()
	kind, err := kindOf(args[0])
	o.kind, o.names = kind, args[1:]
	return err
}

func (o *getOptions) validate() error {
	if _, err := o.place(o.kind); err != nil {
		return err
	}
	if err := namesAreUsable(o.names); err != nil {
		return err
	}
	return checkFormat(o.output, formatWide, formatJSON, formatYAML, formatName)
}

func (o *getOptions) run(ctx context.Context) error {
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	place, err := o.place(o.kind)
	if err != nil {
		return err
	}
	items, err := o.fetch(ctx, c, place)
	if err != nil && len(items) == 0 {
		return err
	}
	return errors.Join(err, o.print(items))
}

// fetch returns the items that it found, even if other requests failed.
func (o *getOptions) fetch(ctx context.Context, c *client.Client, place client.Place) ([]shown, error) {
	if len(o.names) == 0 {
		items, warnings, err := listItems(ctx, c, o.kind, place)
		o.warnings(warnings)
		return items, err
	}
	var items []shown
	var failure error // the last one; those before are printed as they occur
	for _, name := range o.names {
		item, err := getItem(ctx, c, o.kind, place, name)
		if err == nil {
			items = append(items, item)
			continue
		}
		if failure != nil {
			o.report(failure)
		}
		failure = err
		if ctx.Err() != nil {
			break
		}
	}
	return items, failure
}

func (o *getOptions) print(items []shown) error {
	if o.output != formatTable && o.output != formatWide && len(o.names) == 0 {
		items = o.withFile(items)
	}
	switch o.output {
	case formatJSON:
		var all any = documentsOf(items)
		if len(o.names) == 1 && len(items) == 1 {
			all = items[0].document
		}
		data, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			return fmt.Errorf("encoding the answer: %w", err)
		}
		fmt.Fprintf(o.Stdout, "%s\n", data)
		return nil
	case formatYAML:
		return o.printYAML(items)
	case formatName:
		for _, item := range items {
			fmt.Fprintf(o.Stdout, "%s/%s\n", strings.ToLower(o.kind.Name), clean(item.name))
		}
		return nil
	}
	if len(items) == 0 {
		fmt.Fprintf(o.Stderr, "No %s found.\n", o.kind.Collection)
		return nil
	}
	t := &table{columns: viewOf(o.kind.Name).columns}
	for _, item := range items {
		t.rows = append(t.rows, item.row)
	}
	return t.write(o.Stdout, o.Terminal, o.output == formatWide)
}

// withFile leaves out runtimes that are deleted and not gone yet: what is printed for apply must not bring them back.
func (o *getOptions) withFile(items []shown) []shown {
	return slices.DeleteFunc(items, func(s shown) bool {
		if s.phase != "" {
			o.warn("deployment runtime %s is deleted and not gone yet, and is left out", clean(s.name))
		}
		return s.phase != ""
	})
}

func (o *getOptions) printYAML(items []shown) error {
	for i, item := range items {
		data, err := yaml.Marshal(item.document)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", item.name, err)
		}
		if i > 0 {
			fmt.Fprintln(o.Stdout, "---")
		}
		fmt.Fprintf(o.Stdout, "%s", data)
	}
	return nil
}

func documentsOf(items []shown) []document {
	out := make([]document, 0, len(items))
	for _, item := range items {
		out = append(out, item.document)
	}
	return out
}
