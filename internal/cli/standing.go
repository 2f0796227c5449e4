package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// maxStandings bounds how many objects are asked for one by one.
const maxStandings = 50

// standings tells what the operator says of environments, or of the product: all conditions of each.
func (o *statusOptions) standings(ctx context.Context, c *client.Client) error {
	names, err := o.standing(ctx, c)
	if err != nil {
		return err
	}
	if len(names) > maxStandings {
		return problem.New(problem.Invalid, problem.ReasonTooMany,
			"%d %s are more than the %d that are told at once: name one", len(names), o.kind.Collection, maxStandings)
	}
	if len(names) == 0 {
		fmt.Fprintf(o.Stderr, "No %s found.\n", o.kind.Collection)
	}
	place, err := o.place(o.kind)
	if err != nil {
		return err
	}
	for i, name := range names {
		item, err := client.Get[struct {
			Status *wire.Standing `json:"status"`
		}](ctx, c, place, name)
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(o.Stdout)
		}
		if item.Status == nil {
			fmt.Fprintf(o.Stdout, "%s: %s\n", clean(name), sentence(nil))
			continue
		}
		s := wire.Status{Reason: item.Status.Reason, Message: item.Status.Message}
		fmt.Fprintf(o.Stdout, "%s: %s\n", clean(name), clean(sentence(&s)))
		if err := o.conditions(item.Status.Conditions); err != nil {
			return err
		}
	}
	return nil
}

// standing returns the names of what status is told of.
func (o *statusOptions) standing(ctx context.Context, c *client.Client) ([]string, error) {
	if o.name != "" {
		return []string{o.name}, nil
	}
	if o.kind.Name == "Product" {
		product, err := o.productNamed()
		return []string{product}, err
	}
	place, err := o.place(o.kind)
	if err != nil {
		return nil, err
	}
	return c.Names(ctx, place, maxStandings+1)
}

// conditions prints all conditions of an object, the one that sums them up first. Messages are never cut.
func (o *statusOptions) conditions(all []wire.Condition) error {
	t := &table{columns: []column{{title: "CONDITION"}, {title: "STATUS", paint: paintReady}, {title: "REASON"},
		{title: "MESSAGE"}}}
	summary := func(c wire.Condition) bool { return c.Type == "Ready" }
	for _, c := range slices.Concat(only(all, summary), slices.DeleteFunc(slices.Clone(all), summary)) {
		message := c.Message
		if !c.Observed {
			message = "(of an earlier state of the object) " + message
		}
		t.rows = append(t.rows, []string{c.Type, c.Status, c.Reason, message})
	}
	if len(t.rows) == 0 {
		return nil
	}
	return t.write(o.Stdout, Terminal{Colour: o.Terminal.Colour}, false)
}

func only[T any](all []T, holds func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool { return !holds(one) })
}
