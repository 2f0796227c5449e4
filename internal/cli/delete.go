package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

type deleteOptions struct {
	*global
	kind             kinds.Kind
	names            []string
	yes              bool
	insecure         bool
	deleteRepository bool
	wait             bool
}

func newDelete(g *global) *cobra.Command {
	o := &deleteOptions{global: g}
	cmd := &cobra.Command{
		Use:   "delete KIND NAME... [-p PRODUCT] [-y] [-i] [--wait]",
		Short: "Delete resources by name",
		Long: `delete deletes resources of one kind, after asking. Deleting a deployment runtime destroys it in its
runtime cluster. Several resources of default.project become one commit. The GitLab project of a
code repo stays, unless --delete-repository is given.

A deleted runtime runs on until the operator has removed it, and longer where the removal is held or
has to wait. --wait follows the runtimes until they are gone, and tells on stderr what is waited for.
It ends with exit code 2 as soon as a removal is held for half a minute, because a person has to
approve that, and with exit code 6 after --timeout (10 minutes by default).

Kinds: ` + kindWords() + ".",
		Example:           `  nautes delete dr dr-dev -p nautes-labs`,
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
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&o.deleteRepository, "delete-repository", false,
		"delete the GitLab projects of the code repos as well, with their history")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the deployment runtimes are gone")
	addInsecureFlag(cmd, &o.insecure)
	return cmd
}

func (o *deleteOptions) complete(args []string) (err error) {
	o.global.complete()
	o.kind, err = kindOf(args[0])
	o.names = args[1:]
	return err
}

func (o *deleteOptions) validate() error {
	switch {
	case len(o.names) == 0:
		return usage("name what to delete: nautes delete %s NAME...", o.kind.Collection)
	case o.kind.Name == "Cluster":
		return usage("clusters are registered by the platform team and cannot be deleted here")
	case o.deleteRepository && o.kind.Name != "CodeRepo":
		return usage("--delete-repository is for code repos")
	case o.wait && o.kind.Name != "DeploymentRuntime":
		return usage("--wait is for deployment runtimes: anything else is gone with its file")
	case !o.yes && !o.Interactive:
		return usage("there is no terminal to ask: add -y")
	case !o.yes && o.token == "-":
		return usage("stdin holds the token, so you cannot be asked: add -y")
	}
	if err := namesAreUsable(o.names); err != nil {
		return err
	}
	_, err := o.place(o.kind)
	return err
}

func (o *deleteOptions) run(ctx context.Context) error {
	limit := defaultWait
	if o.wait {
		limit = o.patience()
	}
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	if !o.yes {
		confirmed, err := o.confirmed(ctx)
		if err != nil {
			return err
		}
		if !confirmed {
			fmt.Fprintln(o.Stderr, "Nothing was deleted.")
			return nil
		}
	}
	w := client.Write{SkipCheck: o.insecure, DeleteRepository: o.deleteRepository}
	for _, s := range o.steps() {
		done, err := s.remove(ctx, c, w)
		if err != nil {
			return s.failed("deleting", err)
		}
		o.tell(s, done, "deleted")
	}
	if o.wait {
		return o.untilGone(ctx, c, limit)
	}
	return nil
}

// steps are single calls for kinds with a group or project in GitLab, else one batch.
func (o *deleteOptions) steps() []step {
	var singles []step
	var batch []*resource
	place, _ := o.place(o.kind) // validate has checked the kind
	for _, name := range o.names {
		r := &resource{kind: o.kind, name: name, product: place.Product}
		singles = append(singles, step{product: place.Product, single: r})
		batch = append(batch, r)
	}
	if len(batch) == 1 || o.kind.Scope == kinds.Tenant || o.deleteRepository {
		return singles
	}
	return []step{{product: place.Product, batch: batch}}
}

func (o *deleteOptions) confirmed(ctx context.Context) (bool, error) {
	of := ""
	if o.kind.Scope == kinds.Product {
		of = " of " + o.product
	}
	what := o.kind.Name + " " + strings.Join(o.names, ", ") + of
	if o.deleteRepository {
		what += " and the GitLab projects with all their history"
	}
	fmt.Fprintf(o.Stderr, "Delete %s? [y/N] ", clean(what))
	answer, err := bufio.NewReader(untilDone(ctx, o.Stdin)).ReadString('\n')
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(o.Stderr, "\nNothing was deleted.")
		return false, reported{err}
	}
	answer = strings.ToLower(strings.TrimSpace(answer)) // no answer is a no
	return answer == "y" || answer == "yes", nil
}
