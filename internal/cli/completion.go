package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nautes-labs/deployment-runtime/internal/client"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

const (
	completionTime = 1500 * time.Millisecond // the shell waits for the answer
	completionMany = 200
)

// completeKindAndNames completes the kind first, then names that exist.
func (g *global) completeKindAndNames(cmd *cobra.Command, args []string, begin string) ([]string,
	cobra.ShellCompDirective) {
	if len(args) == 0 {
		var words []string
		for _, k := range served() {
			words = append(words, strings.ToLower(k.Name))
		}
		return beginningWith(words, begin), cobra.ShellCompDirectiveNoFileComp
	}
	kind, err := kindOf(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := slices.DeleteFunc(g.liveNames(cmd.Context(), kind),
		func(n string) bool { return slices.Contains(args[1:], n) })
	return beginningWith(names, begin), cobra.ShellCompDirectiveNoFileComp
}

func (g *global) completeProducts(cmd *cobra.Command, _ []string, begin string) ([]string, cobra.ShellCompDirective) {
	for _, k := range served() {
		if k.Name == "Product" {
			return beginningWith(g.liveNames(cmd.Context(), k), begin), cobra.ShellCompDirectiveNoFileComp
		}
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// liveNames asks the server for names, for a short time. After any failure there are no names and no message. Stdin
// belongs to the shell and is not read.
func (g *global) liveNames(ctx context.Context, kind kinds.Kind) []string {
	quiet := *g
	quiet.complete()
	surroundings := *g.Surroundings
	surroundings.Stderr = discard{}
	quiet.Surroundings, quiet.timeout, quiet.verbose = &surroundings, completionTime, false
	place, err := quiet.place(kind)
	if err != nil || quiet.token == "-" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	c, err := quiet.connect(ctx)
	if err != nil {
		return nil
	}
	names, err := c.Names(ctx, client.Place{Product: place.Product, Collection: place.Collection}, completionMany)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(n string) bool { return n != clean(n) })
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func beginningWith(words []string, begin string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, begin) })
}

// completeRuntime completes the commands that are about deployment runtimes alone: the kind, then names.
func (g *global) completeRuntime(cmd *cobra.Command, args []string,
	begin string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"dr"}, cobra.ShellCompDirectiveNoFileComp
	}
	return g.completeKindAndNames(cmd, args, begin)
}
