// Package command is the command line of the manager: it reads flags, builds the parts, and runs them.
package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/version"
)

// Execute runs the command line and returns the exit code: 0, or 1 after one clear line on stderr.
func Execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := Command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "manager: %v\n", err)
		return 1
	}
	return 0
}

// Command returns the command line of the manager, for those who describe it too.
func Command() *cobra.Command {
	root := &cobra.Command{
		Use:   "manager",
		Short: "Deploys DeploymentRuntimes to runtime clusters through Argo CD",
		Long: "manager runs the operator of deployment runtimes: it resolves an environment to a runtime cluster, " +
			"prepares namespaces and\n" +
			"tenancy, and creates or removes Argo CD Applications. Without a subcommand it runs the operator.",
		SilenceUsage: true, SilenceErrors: true,
		Version:           version.String(),
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	operator := operatorCommand()
	root.Flags().AddFlagSet(operator.Flags())
	root.Args, root.RunE = cobra.NoArgs, operator.RunE
	root.AddCommand(operator, apiServerCommand(), releaseCommand(), argoCDCommand())
	return root
}
