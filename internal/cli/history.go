package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

type historyOptions struct {
	*global
	kind kinds.Kind
	name string
}

func newHistory(g *global) *cobra.Command {
	o := &historyOptions{global: g}
	cmd := &cobra.Command{
		Use:   "history dr NAME [-p PRODUCT]",
		Short: "Tell the last rollouts of a deployment runtime",
		Long: `history tells the last 20 rollouts of a deployment runtime, the newest first: when each began, how long
it took, the revision, its author, and how it ended. A rollout is Deployed once the runtime was ready with it.
Replaced means that the next one began before that. A commit that changes no manifest is no rollout.`,
		Example: `  nautes history dr dr-dev -p nautes-labs`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 { //nolint:mnd // the kind and the name
				return usage("name one deployment runtime: nautes history dr NAME")
			}
			return nil
		},
		ValidArgsFunction: g.completeRuntime,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.complete()
			return o.run(cmd.Context(), args)
		},
	}
	return cmd
}

func (o *historyOptions) run(ctx context.Context, args []string) (err error) {
	if o.kind, err = kindOf(args[0]); err != nil {
		return err
	}
	if o.name = args[1]; o.kind.Name != "DeploymentRuntime" {
		return usage("only deployment runtimes have a history: use nautes history dr NAME")
	}
	if err := namesAreUsable([]string{o.name}); err != nil {
		return err
	}
	place, err := o.place(o.kind)
	if err != nil {
		return err
	}
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	list, err := client.History(ctx, c, place, o.name)
	if err != nil {
		return err
	}
	for _, w := range list.Warnings {
		fmt.Fprintln(o.Stderr, "Warning: "+clean(w))
	}
	if len(list.Items) == 0 {
		fmt.Fprintln(o.Stderr, "No rollouts found.")
		return nil
	}
	return o.show(list.Items)
}

// show prints a table, and why the newest rollout failed.
func (o *historyOptions) show(rollouts []wire.Rollout) error {
	v := view{columns: []column{
		{title: "STARTED", path: "started_at", empty: none},
		{title: "REVISION", path: "revision", show: short},
		{title: "TARGET", path: "target_revision", flexible: true},
		{title: "OUTCOME", path: "outcome", empty: "Applied"},
		{title: "TOOK", path: "duration", empty: none},
		{title: "AUTHOR", path: "author", empty: none, flexible: true},
		{title: "IMAGES", path: "images", empty: none, flexible: true},
	}}
	t := &table{columns: v.columns}
	for _, r := range rollouts {
		t.rows = append(t.rows, v.row(&r))
	}
	if err := t.write(o.Stdout, o.Terminal, false); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	if newest := rollouts[0]; newest.Message != "" {
		fmt.Fprintf(o.Stdout, "%s failed: %s\n", short(clean(newest.Revision)), clean(newest.Message))
	}
	return nil
}
