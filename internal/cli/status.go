package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

const (
	pollEvery   = 5 * time.Second
	pollJitter  = 0.2 // part of pollEvery, in both directions, so that many waiting jobs do not ask at the same moment
	defaultWait = 10 * time.Minute
)

type statusOptions struct {
	*global
	watch bool
	wait  bool
	kind  kinds.Kind
	name  string
	// revision is what --wait waits for; empty is whatever is deployed.
	revision string
}

func newStatus(g *global) *cobra.Command {
	o := &statusOptions{global: g}
	cmd := &cobra.Command{
		Use:   "status dr|env|product [NAME] [-p PRODUCT] [--watch|--wait [--revision SHA|HEAD]]",
		Short: "Tell how deployment runtimes are, or follow them",
		Long: `status tells how one deployment runtime is, with all conditions, or all of a product. Of environments
and of the product it tells all conditions.

--wait follows them until each is Ready, and tells progress on stderr. It ends with exit code 2 as
soon as one has failed: its reason is one that does not pass by itself, and stood for half a minute.
It ends with exit code 6 after --timeout (10 minutes by default). What was applied or pushed is
there at once, so a runtime that does not exist, and a product without any, ends it with exit code
4. --watch follows until you stop it.

After a push to the code repo the runtime is Ready at the revision before it for a moment. --wait
--revision waits until it is Ready at that commit. HEAD is the commit that is checked out in the
current directory.`,
		Example: `  nautes status dr dr-dev -p nautes-labs
  nautes status env -p nautes-labs
  nautes apply -f dr-dev.yaml && nautes status dr dr-dev -p nautes-labs --wait
  git push && nautes status dr dr-dev -p nautes-labs --wait --revision HEAD`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usage("name what to look at: nautes status dr [NAME]")
			}
			return nil
		},
		ValidArgsFunction: g.completeRuntime,
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
	cmd.Flags().BoolVar(&o.watch, "watch", false, "follow the runtimes until you stop")
	cmd.Flags().BoolVar(&o.wait, "wait", false, "follow the runtimes until all are Ready or one has failed")
	cmd.Flags().StringVar(&o.revision, "revision", "", "with --wait: the commit to wait for, or HEAD")
	cmd.MarkFlagsMutuallyExclusive("watch", "wait")
	return cmd
}

func (o *statusOptions) complete(args []string) (err error) {
	o.global.complete()
	if o.kind, err = kindOf(args[0]); err != nil {
		return err
	}
	if len(args) > 1 {
		o.name = args[1]
	}
	return nil
}

func (o *statusOptions) validate() error {
	switch o.kind.Name {
	case "DeploymentRuntime":
	case "Environment", "Product":
		if o.watch || o.wait {
			return usage("--watch and --wait follow deployment runtimes alone: leave them out")
		}
	default:
		return usage("status is told of deployment runtimes, environments and products: use nautes status dr, or "+
			"nautes get %s", o.kind.Collection)
	}
	if o.revision != "" && !o.wait {
		return usage("--revision says what --wait waits for: add --wait")
	}
	if o.name != "" {
		if err := namesAreUsable([]string{o.name}); err != nil {
			return err
		}
	}
	_, err := o.place(o.kind)
	return err
}

func (o *statusOptions) run(ctx context.Context) error {
	limit := defaultWait
	if o.wait || o.watch {
		limit = o.patience()
	}
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	if o.revision, err = o.commitOf(ctx, o.revision); err != nil {
		return err
	}
	if o.kind.Name != "DeploymentRuntime" {
		return o.standings(ctx, c)
	}
	if !o.wait && !o.watch {
		items, err := o.look(ctx, c)
		if err != nil {
			return err
		}
		if err := o.show(items); err != nil || o.name == "" || items[0].Status == nil {
			return err
		}
		return o.conditions(items[0].Status.Conditions)
	}
	return o.follow(ctx, c, limit)
}

func (o *statusOptions) look(ctx context.Context, c *client.Client) ([]wire.DeploymentRuntime, error) {
	place, err := o.place(o.kind)
	if err != nil {
		return nil, err
	}
	if o.name != "" {
		item, err := client.Get[wire.DeploymentRuntime](ctx, c, place, o.name)
		return []wire.DeploymentRuntime{item}, err
	}
	all, err := client.List[wire.DeploymentRuntime](ctx, c, place)
	return all.Items, err
}

// show prints a table, and the reason for each runtime that is not ready.
func (o *statusOptions) show(items []wire.DeploymentRuntime) error {
	if len(items) == 0 {
		fmt.Fprintln(o.Stderr, "No deploymentruntimes found.")
		return nil
	}
	v := view{columns: statusColumns()}
	t := &table{columns: v.columns}
	for _, r := range items {
		t.rows = append(t.rows, v.row(&r))
	}
	if err := t.write(o.Stdout, o.Terminal, false); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	for _, r := range items {
		if r.Status == nil || !r.Status.Ready {
			fmt.Fprintf(o.Stdout, "%s: %s\n", clean(r.Name), clean(sentence(r.Status)))
		}
	}
	return nil
}

// follow asks again and again. The time limit applies only to --wait.
func (o *statusOptions) follow(ctx context.Context, c *client.Client, limit time.Duration) error {
	f := &following{start: o.Now(), runtimes: map[string]*followed{}}
	for {
		done, pause, err := o.turn(ctx, c, f)
		if done || err != nil {
			return err
		}
		if o.wait {
			left := limit - o.Now().Sub(f.start)
			if left <= 0 {
				return o.timedOut(limit, f.last)
			}
			pause = min(pause, left)
		}
		if err := o.Wait(ctx, pause); err != nil {
			return o.stopped(err)
		}
	}
}

// turn asks once, prints what changed, and returns how long to wait before the next time. It prints failed requests and
// continues.
func (o *statusOptions) turn(ctx context.Context, c *client.Client, f *following) (done bool,
	pause time.Duration, err error) {
	pause = o.pause()
	items, err := o.look(ctx, c)
	if p := problem.As(err); p != nil && (p.Class == problem.Unavailable || p.Class == problem.RateLimited) {
		o.warn("%s", p.Message)
		return false, max(pause, p.After), nil
	}
	if err != nil {
		return false, 0, err
	}
	for _, news := range f.note(items, o.Now()) {
		fmt.Fprintf(o.Stderr, "%s %s\n",
			o.errorStyle().dim(fmt.Sprintf("%6s", o.Now().Sub(f.start).Round(time.Second))), clean(news))
	}
	if o.wait {
		done, err = o.judge(f, items)
	}
	return done, pause, err
}

// stopped returns the result when the user stops following. With --watch that is a success.
func (o *statusOptions) stopped(err error) error {
	if o.watch {
		return nil
	}
	return err
}

// patience takes --timeout as the limit of a wait as a whole. Each request then has the default limit.
func (g *global) patience() time.Duration {
	limit := g.timeout
	if limit <= 0 { // connect refuses a negative one
		return defaultWait
	}
	g.timeout = 0
	return limit
}

func (s *Surroundings) pause() time.Duration {
	return time.Duration(float64(pollEvery) * (1 + pollJitter*(2*s.Random()-1)))
}

// judge says whether waiting is over. If it is, judge prints the runtimes.
func (o *statusOptions) judge(f *following, items []wire.DeploymentRuntime) (done bool, err error) {
	items, leaving := standing(items)
	if len(items) == 0 && len(leaving) > 0 {
		return true, problem.New(problem.Missing, problem.ReasonNoRuntimes,
			"deployment runtime %s is deleted and not gone yet: %s", leaving[0].Name, sentence(leaving[0].Status))
	}
	if len(items) == 0 {
		return true, problem.New(problem.Missing, problem.ReasonNoRuntimes,
			"%s has no deployment runtime to wait for: apply one, or correct --product", o.product)
	}
	for _, r := range items {
		if f.failed(r.Name, o.Now()) {
			if err := o.show(items); err != nil {
				return true, err
			}
			return true, problem.New(problem.Invalid, r.Status.Reason, "deployment runtime %s has failed: %s", r.Name,
				sentence(r.Status))
		}
	}
	if slices.ContainsFunc(items, func(r wire.DeploymentRuntime) bool { return !o.arrived(r) }) {
		return false, nil
	}
	return true, o.show(items)
}

func (o *statusOptions) timedOut(limit time.Duration, items []wire.DeploymentRuntime) error {
	if len(items) > 0 {
		if err := o.show(items); err != nil {
			return err
		}
	}
	if o.revision != "" {
		return problem.New(problem.Unavailable, problem.ReasonTimedOut, "not everything is ready at revision %s after "+
			"%s: look at the reasons and revisions above, whether the commit is pushed to the branch that is deployed, "+
			"or wait longer with --timeout", short(o.revision), limit)
	}
	return problem.New(problem.Unavailable, problem.ReasonTimedOut,
		"not everything is ready after %s: look at the reasons above, or wait longer with --timeout", limit)
}
