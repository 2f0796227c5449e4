package change

import (
	"context"
	"fmt"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// maxTries is how often a read or a change begins again on a main that keeps moving.
const maxTries = 8

// read returns what main holds. If main moved, or was replaced, before it was read, read asks the git host again what
// the caller may do, and tries again.
func (a *access) read(ctx context.Context, product string, why purpose) (snapshot *gitrepo.Snapshot, err error) {
	for range maxTries {
		snapshot, err = a.snapshot(ctx, a.head)
		if !isReason(err, problem.ReasonLostRace) && !problem.Is(err, problem.Missing) {
			return snapshot, err
		}
		if err := a.reopen(ctx, product, why); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// snapshot returns what main held at a head; nil for the empty head of a repository without commits.
func (a *access) snapshot(ctx context.Context, head string) (*gitrepo.Snapshot, error) {
	if head == "" {
		return nil, nil
	}
	snapshot, err := a.repos.Snapshot(ctx, a.remote(), head)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", a.project.Path, err)
	}
	return snapshot, nil
}

func headOf(snapshot *gitrepo.Snapshot) string {
	if snapshot == nil {
		return ""
	}
	return snapshot.Head()
}

func treeOf(snapshot *gitrepo.Snapshot) *layout.Tree {
	if snapshot == nil {
		return layout.Read(nil)
	}
	return snapshot.Tree()
}

// warningsOf returns what is wrong with the files of a tree, in a stable order. Never nil.
func warningsOf(tree *layout.Tree, product string) []string {
	warnings := []string{}
	for _, f := range tree.FindingsFor(product) {
		warnings = append(warnings, warning(f.Code, f.File, f.Message))
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}
