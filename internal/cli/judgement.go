package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// askServer lets the server judge the checkout as if it were main, in a dry run. All objects of the checkout are saved,
// even those that are the same in main. Objects that only main holds are deleted.
func (o *validateOptions) askServer(ctx context.Context, c *client.Client, found *findings, tree *layout.Tree) error {
	product := cmp.Or(o.product, found.Product)
	body, err := savesOf(tree)
	if err != nil {
		return err
	}
	gone, err := o.deletions(ctx, c, product, found, tree)
	if err != nil {
		return fmt.Errorf("comparing the checkout with main of %s: %w", product, err)
	}
	body.Changes = append(body.Changes, gone...)
	if len(body.Changes) == 0 {
		return nil // neither side has objects
	}
	p, err := c.PreviewChange(ctx, product, body, client.Write{})
	var refused *client.RefusedError
	switch {
	// some objects have no valid form: the rules were not checked
	case errors.As(err, &refused) && len(refused.Violations) > 0:
		found.takeAnswers(refused.Violations, tree)
		return nil
	case err != nil:
		return fmt.Errorf("asking the server to judge the checkout: %w", err)
	}
	found.Unchecked, found.asked = []string{}, true
	for _, w := range p.Warnings {
		if rule := wire.UncheckedRule(w); rule != "" {
			found.Unchecked = append(found.Unchecked, rule)
			continue
		}
		o.warn("%s", w)
	}
	found.takeAnswers(p.Violations, tree)
	return nil
}

// savesOf returns the objects of a checkout, each once. Duplicates are found without the server.
func savesOf(tree *layout.Tree) (wire.Changes, error) {
	var body wire.Changes
	for _, k := range kinds.OfScope(kinds.Product) {
		once := slices.CompactFunc(tree.Of(k.Name), func(a, b *layout.Entry) bool { return a.Name == b.Name })
		for _, e := range once {
			raw, err := objectJSON(e.Object)
			if err != nil {
				return wire.Changes{}, err
			}
			body.Changes = append(body.Changes, wire.Change{Object: raw})
		}
	}
	return body, nil
}

func objectJSON(obj ctrlclient.Object) (json.RawMessage, error) {
	data, err := layout.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", obj.GetName(), err)
	}
	raw, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", obj.GetName(), err)
	}
	return whole(raw), nil
}

// whole sets absent members to null where the server would keep the value from main: after a push of the file, such a
// value is gone.
func whole(object json.RawMessage) json.RawMessage {
	var members, spec map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil || json.Unmarshal(members["spec"], &spec) != nil {
		return object
	}
	for _, member := range wire.Absent(object) {
		spec[member] = json.RawMessage("null")
	}
	members["spec"] = mustJSON(spec)
	return mustJSON(members)
}

// deletions returns the objects that main holds and the checkout does not. If a file of the checkout cannot be read,
// its objects are unknown, and nothing counts as deleted.
func (o *validateOptions) deletions(ctx context.Context, c *client.Client, product string, found *findings,
	tree *layout.Tree) ([]wire.Change, error) {
	if slices.ContainsFunc(found.Findings, func(f finding) bool {
		return slices.Contains([]string{layout.CodeStreamBlocked, layout.CodeNotRead}, f.Rule)
	}) {
		o.warn("what was deleted is not judged, because files of the checkout cannot be read")
		return nil, nil
	}
	var gone []wire.Change
	var names []string
	for _, k := range kinds.OfScope(kinds.Product) {
		list, err := client.List[struct {
			Name string `json:"name"`
		}](ctx, c, client.Place{Product: product, Collection: k.Collection})
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			if !holds(tree, k.Name, item.Name) {
				gone = append(gone, wire.Change{Delete: true, Kind: k.Name, Name: item.Name})
				names = append(names, k.Name+" "+item.Name)
			}
		}
	}
	if len(names) > 0 {
		o.warn("judged as deleted, because main holds it and the checkout does not: %s; if you did not delete it, "+
			"bring the checkout up to date with main",
			strings.Join(names, ", "))
	}
	return gone, nil
}

// holds says whether the checkout has an object with this name of the server. The server names code repos by their
// paths.
func holds(tree *layout.Tree, kind, name string) bool {
	return len(tree.Find(kind, name)) > 0 || kind == "CodeRepo" &&
		slices.ContainsFunc(tree.Of(kind), func(e *layout.Entry) bool {
			repo, ok := e.Object.(*api.CodeRepo)
			return ok && repo.Spec.RepoName == name
		})
}

// takeAnswers adds the server's findings. A finding about an object that the checkout lacks names the path of its file
// in main.
func (f *findings) takeAnswers(violations []wire.Violation, tree *layout.Tree) {
	for _, v := range violations {
		one := finding{File: ".", Line: 1, Kind: v.Params["kind"], Name: v.Params["name"], Rule: v.Rule, Field: v.Field,
			Message: v.Message}
		if k, known := kinds.ByName(one.Kind); known {
			one.File = cmp.Or(k.Directory, one.File)
		}
		if entries := tree.Find(one.Kind, one.Name); len(entries) > 0 {
			one.File, one.Line = entries[0].File, entries[0].Line
		}
		f.add(one)
	}
}
