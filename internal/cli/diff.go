package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

type diffOptions struct{ filesOptions }

func newDiff(g *global) *cobra.Command {
	o := &diffOptions{filesOptions: filesOptions{global: g}}
	cmd := &cobra.Command{
		Use:   "diff -f FILE|DIR|- [-p PRODUCT] [-i] [--remove]",
		Short: "Show what apply would change in git, and what would run where",
		Long: `diff asks the server what apply, or with --remove what remove, would do: the change in
default.project, where runtimes would be deployed, and every rule that speaks against it. Nothing is
changed. The exit code is 2 if the change would be refused.

` + inputHelp,
		Example: `  nautes diff -f dr-dev.yaml -p nautes-labs`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.runWith(cmd.Context(), o.run) },
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.removing, "remove", false, "show what remove would change")
	return cmd
}

func (o *diffOptions) run(ctx context.Context, c *client.Client) error {
	steps := stepsToSave(o.resources)
	if o.removing {
		steps = stepsToRemove(o.resources)
	}
	refused, made := 0, map[string]bool{}
	for _, s := range steps {
		if s.single == nil && made[s.product] {
			o.warn("what lies in %s cannot be shown before the product itself is there", s.product)
			continue
		}
		p, err := s.preview(ctx, c, o.removing, o.write())
		if err != nil {
			return s.failed("previewing", err)
		}
		if s.single != nil && s.single.kind.Name == "Product" && p.Base == "" {
			made[s.product] = p.Verdict == wire.VerdictSave
		}
		refused += o.show(s, p)
	}
	return o.verdict(refused)
}

// verdict returns the exit code for a number of violations, which have been printed already.
func (o *diffOptions) verdict(refused int) error {
	if refused > 0 {
		return reported{problem.New(problem.Invalid, problem.ReasonRefused, "the change would be refused")}
	}
	return nil
}

// show prints a preview and returns the number of its violations.
func (o *diffOptions) show(s step, p *client.Preview) int {
	o.warnings(p.Warnings)
	s.locate(p.Violations)
	st := o.style()
	for _, line := range strings.Split(strings.TrimRight(p.Diff, "\n"), "\n") {
		if p.Diff == "" {
			break
		}
		fmt.Fprintln(o.Stdout, paintDiff(st, visible(line)))
	}
	for _, plan := range p.Plan {
		fmt.Fprintf(o.Stdout, "%s %s to cluster %s, namespaces %s, from %s %s %s\n", st.bold("deploys"),
			clean(plan.Name), clean(plan.Cluster),
			clean(strings.Join(plan.Namespaces, ",")), clean(plan.Source.URL), clean(plan.Source.TargetRevision),
			clean(plan.Source.Path))
	}
	switch p.Verdict {
	case wire.VerdictUnchanged:
		for _, r := range s.resources() {
			fmt.Fprintf(o.Stderr, "%s %s\n", clean(r.String()), o.errorStyle().dim("unchanged"))
		}
		if len(p.Violations) > 0 {
			o.warn("nothing changes, but what %s holds already violates rules:", s.product)
			o.violations(p.Violations)
		}
	case wire.VerdictRefused:
		fmt.Fprintf(o.Stderr, "%s the change of %s would be refused:\n", o.errorStyle().bad("error:"), clean(s.product))
		o.violations(p.Violations)
		return max(1, len(p.Violations))
	}
	return 0
}

func paintDiff(st style, line string) string {
	switch {
	case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
		return st.bold(line)
	case strings.HasPrefix(line, "+"):
		return st.good(line)
	case strings.HasPrefix(line, "-"):
		return st.bad(line)
	case strings.HasPrefix(line, "@@"):
		return st.dim(line)
	}
	return line
}

// visible replaces characters that would control a terminal. It keeps tabs.
func visible(line string) string {
	parts := strings.Split(line, "\t")
	for i := range parts {
		parts[i] = clean(parts[i])
	}
	return strings.Join(parts, "\t")
}
