package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// served returns the kinds of the API, in the order in which they are applied: a product first, a runtime last.
func served() []kinds.Kind {
	var out []kinds.Kind
	for _, k := range kinds.All() {
		if k.Collection != "" {
			out = append(out, k)
		}
	}
	return out
}

// kindOf returns the kind for a word of the user, such as dr.
func kindOf(word string) (kinds.Kind, error) {
	if k, found := kinds.ByWord(strings.ToLower(word)); found {
		return k, nil
	}
	return kinds.Kind{}, usage("kind %q is not known: use one of %s", clean(word), kindWords())
}

func kindWords() string {
	var words []string
	for _, k := range served() {
		all := slices.Clone(k.Words)
		words = append(words, strings.ToLower(k.Name)+" ("+
			strings.Join(slices.DeleteFunc(all, func(w string) bool { return w == strings.ToLower(k.Name) }), ", ")+")")
	}
	return strings.Join(words, ", ")
}

// place returns the collection of the kind, in the product that the user names.
func (g *global) place(k kinds.Kind) (client.Place, error) {
	p := client.Place{Collection: k.Collection}
	if k.Scope == kinds.Tenant {
		return p, nil
	}
	var err error
	p.Product, err = g.productNamed()
	return p, err
}

// namesAreUsable refuses names that would mean something else in a path.
func namesAreUsable(names []string) error {
	for _, name := range names {
		if name == "" || name == "." || name == ".." || name != clean(name) {
			return usage("%q is no name of a resource", clean(name))
		}
	}
	return nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument like %q: see nautes %s --help", cmd.Name(), clean(args[0]), cmd.Name())
	}
	return nil
}

func atLeastOneArg(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("name a kind: %s", kindWords())
	}
	return nil
}
