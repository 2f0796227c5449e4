package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// phaseOf returns the phase of a runtime that is deleted and not gone yet; of any other it is empty.
func phaseOf(r wire.DeploymentRuntime) string {
	if r.Status == nil {
		return ""
	}
	return r.Status.Phase
}

// standing tells the runtimes that have a file from those that are deleted and not gone yet.
func standing(items []wire.DeploymentRuntime) (standing, leaving []wire.DeploymentRuntime) {
	for _, r := range items {
		if phaseOf(r) == "" {
			standing = append(standing, r)
		} else {
			leaving = append(leaving, r)
		}
	}
	return standing, leaving
}

// departure follows the removal of runtimes.
type departure struct {
	start time.Time
	// said is what was told of each runtime last, held since when its removal is held.
	said map[string]string
	held map[string]time.Time
}

// untilGone waits until the runtimes are gone. It tells on stderr what is waited for.
func (o *deleteOptions) untilGone(ctx context.Context, c *client.Client, limit time.Duration) error {
	d := departure{start: o.Now(), said: map[string]string{}, held: map[string]time.Time{}}
	for {
		left, pause, err := o.remaining(ctx, c)
		if err != nil {
			return err
		}
		if left != nil {
			if err := o.judgeLeft(&d, left); err != nil || len(left) == 0 {
				return err
			}
		}
		rest := limit - o.Now().Sub(d.start)
		if rest <= 0 {
			return problem.New(problem.Unavailable, problem.ReasonTimedOut,
				"not everything is gone after %s: look at the reasons above, or wait longer with --timeout", limit)
		}
		if err := o.Wait(ctx, min(pause, rest)); err != nil {
			return err
		}
	}
}

// remaining returns the runtimes that are not gone yet. It is nil if the server could not say: that is tried again.
func (o *deleteOptions) remaining(ctx context.Context,
	c *client.Client) ([]wire.DeploymentRuntime, time.Duration, error) {
	place, err := o.place(o.kind)
	if err != nil {
		return nil, 0, err
	}
	left := []wire.DeploymentRuntime{}
	for _, name := range o.names {
		item, err := client.Get[wire.DeploymentRuntime](ctx, c, place, name)
		p := problem.As(err)
		switch {
		case err == nil:
			left = append(left, item)
		case p != nil && p.Class == problem.Missing:
		case p != nil && (p.Class == problem.Unavailable || p.Class == problem.RateLimited):
			o.warn("%s", p.Message)
			return nil, max(o.pause(), p.After), nil
		default:
			return nil, 0, err
		}
	}
	return left, o.pause(), nil
}

// judgeLeft tells what changed. It fails if somebody brought a runtime back, or if a removal needs a person.
func (o *deleteOptions) judgeLeft(d *departure, left []wire.DeploymentRuntime) error {
	now := o.Now()
	for _, r := range left {
		phase, why := phaseOf(r), sentence(r.Status)
		if phase == "" {
			return problem.New(problem.Conflict, problem.ReasonConflict,
				"deployment runtime %s has a file again: somebody saved it meanwhile", r.Name)
		}
		if d.said[r.Name] != why {
			d.said[r.Name] = why
			fmt.Fprintf(o.Stderr, "%s %s\n",
				o.errorStyle().dim(fmt.Sprintf("%6s", now.Sub(d.start).Round(time.Second))), clean(r.Name+": "+why))
		}
		since, held := d.held[r.Name]
		switch {
		case phase != wire.PhaseHeld:
			delete(d.held, r.Name)
		case !held:
			d.held[r.Name] = now
		case now.Sub(since) >= patience:
			return problem.New(problem.Invalid, r.Status.Reason, "the removal of deployment runtime %s is held: %s",
				r.Name, r.Status.Message)
		}
	}
	return nil
}
