package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// step is one call of the API: a batch for the default.project of one product, or one resource.
type step struct {
	product string
	batch   []*resource
	single  *resource
}

// assign sets the product of each resource: the one in its document, else the one that all other documents name, else
// --product or PRODUCT. So resources of one product stay in one change, even if some documents say product-7 and
// PRODUCT says its path. It is an error if a document and --product name different products.
func (g *global) assign(all []*resource) error {
	var said []string
	for _, r := range all {
		if r.kind.Scope != kinds.Product || r.product == "" {
			continue
		}
		if g.productIsFlag && r.product != g.product && isProductID(r.product) == isProductID(g.product) {
			return usage("%s: %s says product %s, but --product says %s: make them agree", r.where, r, clean(r.product),
				clean(g.product))
		}
		if !slices.Contains(said, r.product) {
			said = append(said, r.product)
		}
	}
	for _, r := range all {
		switch {
		case r.kind.Scope != kinds.Product || r.product != "":
		case len(said) == 1:
			r.product = said[0]
		case g.product != "":
			r.product = g.product
		default:
			return problem.New(problem.Invalid, problem.ReasonProductMissing,
				"%s: %s names no product that it lies in: use --product, or %s", r.where, r, whereProductStands(r))
		}
	}
	return nil
}

func whereProductStands(r *resource) string {
	if r.kind.Name == "CodeRepoBinding" {
		return "spec.productName"
	}
	return "spec.product"
}

// stepsToSave returns the calls that save the resources, in order. First come products, one call each, because each has
// a GitLab group. Then comes one batch, and so one commit, for the default.project of each product. The server itself
// creates the GitLab projects of code repos.
func stepsToSave(all []*resource) []step {
	products, batches := stepsOf(all)
	return append(products, batches...)
}

// stepsToRemove returns the calls that delete the resources, in reverse order.
func stepsToRemove(all []*resource) []step {
	all = slices.Clone(all)
	slices.Reverse(all)
	products, batches := stepsOf(all)
	return append(batches, products...)
}

func stepsOf(all []*resource) (products, batches []step) {
	for _, r := range all {
		if r.kind.Name == "Product" {
			products = append(products, step{product: r.name, single: r})
			continue
		}
		i := slices.IndexFunc(batches, func(s step) bool { return s.product == r.product })
		if i < 0 {
			i = len(batches)
			batches = append(batches, step{product: r.product})
		}
		batches[i].batch = append(batches[i].batch, r)
	}
	return products, batches
}

// changes is the body of a batch.
func changes(batch []*resource, remove bool) wire.Changes {
	var body wire.Changes
	for _, r := range batch {
		c := wire.Change{Delete: remove, Kind: r.kind.Name, Name: r.name}
		switch {
		case remove:
		case r.object != nil:
			c = wire.Change{Object: withoutExtras(r.object)}
		default:
			c.Body = r.body
		}
		body.Changes = append(body.Changes, c)
	}
	return body
}

// withoutExtras removes the status, which only the operator writes, and spec.productName, which the path of the call
// says.
func withoutExtras(object json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return object
	}
	delete(members, "status")
	var spec map[string]json.RawMessage
	if json.Unmarshal(members["spec"], &spec) == nil && spec["productName"] != nil {
		delete(spec, "productName")
		members["spec"] = mustJSON(spec)
	}
	return mustJSON(members)
}

func placeOf(r *resource) client.Place {
	return client.Place{Product: r.product, Collection: r.kind.Collection}
}

// save makes the call of a step and returns what the server says.
func (s step) save(ctx context.Context, c *client.Client, w client.Write) (wire.Saved, error) {
	if s.single != nil {
		return c.Save(ctx, placeOf(s.single), s.single.name, s.single.body, w)
	}
	return c.Change(ctx, s.product, changes(s.batch, false), w)
}

func (s step) remove(ctx context.Context, c *client.Client, w client.Write) (wire.Saved, error) {
	if s.single != nil {
		d, err := c.Delete(ctx, placeOf(s.single), s.single.name, w)
		return wire.Saved{Message: d.Message, Commit: d.Commit, Changed: err == nil, Warnings: d.Warnings}, err
	}
	return c.Change(ctx, s.product, changes(s.batch, true), w)
}

func (s step) preview(ctx context.Context, c *client.Client, remove bool, w client.Write) (*client.Preview, error) {
	switch {
	case s.single != nil && remove:
		return c.PreviewDelete(ctx, placeOf(s.single), s.single.name, w)
	case s.single != nil:
		return c.PreviewSave(ctx, placeOf(s.single), s.single.name, s.single.body, w)
	}
	return c.PreviewChange(ctx, s.product, changes(s.batch, remove), w)
}

func (s step) resources() []*resource {
	if s.single != nil {
		return []*resource{s.single}
	}
	return s.batch
}

// failed says which step it was, and where the documents stand that were refused.
func (s step) failed(doing string, err error) error {
	var refused *client.RefusedError
	if errors.As(err, &refused) {
		s.locate(refused.Violations)
		refused.Message = s.located(refused.Message)
	}
	if s.single != nil {
		return fmt.Errorf("%s %s: %w", doing, s.single, err)
	}
	return fmt.Errorf("%s resources of %s: %w", doing, s.product, err)
}

// placed is the parameter of a violation that holds the place of the document in the input.
const placed = "where"

// locate adds to violations where the documents stand that they are about. One resource needs no place.
func (s step) locate(violations []wire.Violation) {
	if len(s.batch) < 2 {
		return
	}
	for _, v := range violations {
		i := slices.IndexFunc(s.batch, func(r *resource) bool {
			return r.where != "" && r.kind.Name == v.Params["kind"] && r.name == v.Params["name"]
		})
		if i >= 0 {
			v.Params[placed] = s.batch[i].where
		}
	}
}

// located replaces the number of a document in the server's message by its place and its name.
func (s step) located(message string) string {
	found := regexp.MustCompile(`^document ([0-9]+) of the batch`).FindStringSubmatch(message)
	if found == nil {
		return message
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n < 1 || n > len(s.batch) || s.batch[n-1].where == "" {
		return message
	}
	return fmt.Sprintf("%s: %s%s", s.batch[n-1].where, s.batch[n-1], strings.TrimPrefix(message, found[0]))
}

// tell prints on stdout what was done with each resource of a step.
func (g *global) tell(s step, saved wire.Saved, done string) {
	g.warnings(saved.Warnings)
	st := g.style()
	if !saved.Changed {
		done = "unchanged"
	}
	commit := ""
	if saved.Commit != "" {
		commit = " " + st.dim("("+short(saved.Commit)+")")
	}
	for _, r := range s.resources() {
		fmt.Fprintf(g.Stdout, "%s %s%s\n", clean(r.String()), st.good(done), commit)
	}
}
