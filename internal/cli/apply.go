package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// filesOptions are shared by the commands that take files.
type filesOptions struct {
	*global
	files    []string
	insecure bool
	strict   bool
	// removing says that only kind, name and product of a resource matter.
	removing bool

	resources []*resource
}

func (o *filesOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.files, "filename", "f", nil,
		"file, directory (with all YAML and JSON files below it), or - for stdin; may be repeated")
	addInsecureFlag(cmd, &o.insecure)
	cmd.Flags().BoolVar(&o.strict, "strict", false,
		"refuse members that mean nothing, such as misspelt ones, instead of warning of them")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
}

func addInsecureFlag(cmd *cobra.Command, value *bool) {
	cmd.Flags().BoolVarP(value, "insecure", "i", false,
		"skip the rules on references and policies; the commit says so, and the operator still judges")
}

// complete reads the files. What is wrong with them is reported before anything is sent.
func (o *filesOptions) complete() error {
	o.global.complete()
	if len(o.files) == 0 {
		return usage("name what to read: -f FILE, -f DIRECTORY, or -f - for stdin")
	}
	resources, err := o.readInput(o.files)
	if err != nil {
		return err
	}
	if !o.removing || o.strict {
		for _, r := range resources {
			if err := r.parse(); err != nil {
				return err
			}
		}
	}
	o.resources = resources
	return nil
}

func (o *filesOptions) validate() error {
	if o.token == "-" {
		for _, f := range o.files {
			if f == "-" {
				return usage("stdin can hold either the token or the resources: give one of them in another way")
			}
		}
	}
	if err := o.nothingUnknown(); err != nil {
		return err
	}
	return o.assign(o.resources)
}

// nothingUnknown refuses members that mean nothing, where that is wanted. It names them with their places.
func (o *filesOptions) nothingUnknown() error {
	if !o.strict {
		return nil
	}
	var told []string
	for _, r := range o.resources {
		if len(r.unknown) > 0 {
			told = append(told, fmt.Sprintf("%s: %s: %s", r.where, r, strings.Join(r.unknown, ", ")))
		}
	}
	if len(told) == 0 {
		return nil
	}
	return problem.New(problem.Invalid, problem.ReasonInputUnreadable,
		"members that mean nothing: %s; correct or remove them, or leave --strict out", strings.Join(told, "; "))
}

func (o *filesOptions) write() client.Write {
	return client.Write{SkipCheck: o.insecure, Strict: o.strict}
}

// runWith runs a command that takes files: validate the flags, read the files, connect, then do.
func (o *filesOptions) runWith(ctx context.Context, do func(context.Context, *client.Client) error) error {
	if err := o.complete(); err != nil {
		return err
	}
	if err := o.validate(); err != nil {
		return err
	}
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	return do(ctx, c)
}

const inputHelp = `Input is YAML or JSON with any number of documents, in one of two forms: the resource itself
(metadata and spec, as it lies in default.project; names of products and code repos may stand in
place of their ids), or name and product inside spec.`

func newApply(g *global) *cobra.Command {
	o := &filesOptions{global: g}
	cmd := &cobra.Command{
		Use:   "apply -f FILE|DIR|- [-p PRODUCT] [-i]",
		Short: "Create or replace resources",
		Long: `apply creates or replaces resources.

` + inputHelp + `

Products come first, one by one, because a GitLab group stands behind each. Environments, projects, code repos, bindings and runtimes of
a product become one commit, judged as a whole. A code repo that is given by its name gets its GitLab project, one that is given as
repo-<id> has it. Whatever stops half-way can be repeated.`,
		Example: `  nautes apply -f dr-dev.yaml
  nautes apply -f ./product/ -p nautes-labs
  nautes get dr dr-dev -p nautes-labs -o yaml | sed s/development/staging/ | nautes apply -f -`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.runWith(cmd.Context(), o.apply) },
	}
	o.addFlags(cmd)
	return cmd
}

func (o *filesOptions) apply(ctx context.Context, c *client.Client) error {
	for _, s := range stepsToSave(o.resources) {
		saved, err := s.save(ctx, c, o.write())
		if err != nil {
			return s.failed("saving", err)
		}
		o.tell(s, saved, "saved")
	}
	return nil
}

func newRemove(g *global) *cobra.Command {
	o := &filesOptions{global: g, removing: true}
	cmd := &cobra.Command{
		Use:   "remove -f FILE|DIR|- [-p PRODUCT] [-i]",
		Short: "Delete the resources that files name",
		Long: `remove deletes the resources that files name, in the reverse order of apply. What is not there is
told and stops nothing. Of each document only kind, name and product count. GitLab projects of code
repos stay; see nautes delete coderepo --delete-repository.

` + inputHelp,
		Example: `  nautes remove -f dr-dev.yaml`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.runWith(cmd.Context(), o.remove) },
	}
	o.addFlags(cmd)
	return cmd
}

func (o *filesOptions) remove(ctx context.Context, c *client.Client) error {
	for _, s := range stepsToRemove(o.resources) {
		done, err := s.remove(ctx, c, o.write())
		if problem.Is(err, problem.Missing) {
			if s, err = o.withoutAbsent(ctx, c, s); err != nil {
				return err
			}
			if len(s.resources()) == 0 {
				continue
			}
			done, err = s.remove(ctx, c, o.write())
		}
		if err != nil {
			return s.failed("deleting", err)
		}
		o.tell(s, done, "deleted")
	}
	return nil
}

// isAbsent says whether the server knows that the resource does not exist. A product that the caller cannot see, a
// wrong address and the page of a proxy do not tell that.
func isAbsent(err error, r *resource) bool {
	var refused *client.RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	code := problem.Code(refused.Reason)
	return code == problem.CodeResourceNotFound || code == problem.CodeProductNotFound && r.kind.Name == "Product"
}

// withoutAbsent asks for each resource of a step and leaves out those that do not exist.
func (o *filesOptions) withoutAbsent(ctx context.Context, c *client.Client, s step) (step, error) {
	left := step{product: s.product}
	for _, r := range s.resources() {
		item, err := client.Get[struct {
			Status struct{ Phase string } `json:"status"`
		}](ctx, c, placeOf(r), r.name)
		switch {
		case item.Status.Phase != "":
			o.warn("%s is deleted already and not gone yet: nothing to delete", r)
		case isAbsent(err, r):
			o.warn("%s is not there: nothing to delete", r)
		case err != nil:
			return step{}, err
		case s.single != nil:
			left.single = r
		default:
			left.batch = append(left.batch, r)
		}
	}
	return left, nil
}
