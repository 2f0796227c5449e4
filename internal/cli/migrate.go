package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

type migrateOptions struct {
	*global
	dir      string
	dryRun   bool
	insecure bool
}

func newMigrate(g *global) *cobra.Command {
	o := &migrateOptions{global: g}
	cmd := &cobra.Command{
		Use:   "migrate [DIR] [-p PRODUCT] [--dry-run] [-i]",
		Short: "Rewrite files that other versions of Nautes wrote",
		Long: `migrate rewrites deployment runtimes that are written as newer versions of Nautes do, with
destination {environment, namespaces} and account. Without a directory it does so through the
server, in one commit; it then also writes the code repos of other products with their product, as
in product-9/repo-5. With one it rewrites the files of a checkout of default.project, which you
commit yourself.`,
		Example: `  nautes migrate -p nautes-labs
  nautes migrate ./default.project --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("name one directory: nautes migrate [DIR]")
			}
			return nil
		},
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.complete()
			if len(args) > 0 {
				o.dir = args[0]
				return o.files()
			}
			return o.rewrite(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "tell what would be rewritten, and change nothing")
	addInsecureFlag(cmd, &o.insecure)
	return cmd
}

// files rewrites a checkout.
func (o *migrateOptions) files() error {
	files, err := readCheckout(o.dir)
	if err != nil {
		return err
	}
	tree := layout.Read(files)
	edits, err := layout.Migrate(tree)
	if err != nil {
		return fmt.Errorf("rewriting %s: %w", o.dir, err)
	}
	done := "rewritten"
	if o.dryRun {
		done = "would be rewritten"
	}
	for _, e := range edits {
		if o.dryRun {
			if err := o.showEdit(tree, e); err != nil {
				return err
			}
		} else {
			if err := replaceFile(filepath.Join(o.dir, filepath.FromSlash(e.Path)), e.Data); err != nil {
				return err
			}
		}
		fmt.Fprintf(o.Stdout, "%s %s\n", clean(e.Path), done)
	}
	if len(edits) == 0 {
		fmt.Fprintln(o.Stderr, "Nothing to rewrite.")
	}
	return nil
}

// showEdit prints what would change in a file.
func (o *migrateOptions) showEdit(tree *layout.Tree, e layout.Edit) error {
	diff, err := tree.Diff([]layout.Edit{e})
	if err != nil {
		return err
	}
	st := o.style()
	for line := range strings.Lines(diff) {
		fmt.Fprintln(o.Stdout, paintDiff(st, visible(strings.TrimSuffix(line, "\n"))))
	}
	return nil
}

// replaceFile replaces a file as a whole and keeps its mode.
func replaceFile(name string, data []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("rewriting %s: %w", name, err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".nautes-*")
	if err != nil {
		return fmt.Errorf("rewriting %s: %w", name, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("rewriting %s: %w", name, err)
	}
	return nil
}

// rewrite saves the runtimes that the server reports as legacy without a change. The server then writes them in the
// current form, with full names.
func (o *migrateOptions) rewrite(ctx context.Context) error {
	kind, _ := kinds.ByName("DeploymentRuntime")
	place, err := o.place(kind)
	if err != nil {
		return err
	}
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	all, err := client.List[wire.DeploymentRuntime](ctx, c, place)
	if err != nil {
		return err
	}
	s := step{product: place.Product}
	for _, r := range all.Items {
		if phaseOf(r) == "" && isLegacy(r.Name, all.Warnings) {
			r.Status = nil
			s.batch = append(s.batch, &resource{kind: kind, name: r.Name, product: place.Product, body: mustJSON(r)})
		}
	}
	w := client.Write{SkipCheck: o.insecure}
	switch {
	case len(s.batch) == 0:
		fmt.Fprintln(o.Stderr, "Nothing to rewrite.")
		return nil
	case o.dryRun:
		p, err := s.preview(ctx, c, false, w)
		if err != nil {
			return s.failed("rewriting", err)
		}
		d := diffOptions{filesOptions: filesOptions{global: o.global}}
		return d.verdict(d.show(s, p))
	}
	saved, err := s.save(ctx, c, w)
	if err != nil {
		return s.failed("rewriting", err)
	}
	o.tell(s, saved, "rewritten")
	return nil
}

// isLegacy says whether a warning of the server reports the runtime, or the code repo that it names, as legacy. Such a
// warning quotes the name.
func isLegacy(name string, warnings []string) bool {
	for _, w := range warnings {
		if (strings.HasPrefix(w, layout.CodeLegacyShape) || strings.HasPrefix(w, wire.WarningLegacyCodeRepo)) &&
			strings.Contains(w, strconv.Quote(name)) {
			return true
		}
	}
	return false
}
