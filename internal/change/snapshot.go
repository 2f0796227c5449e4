package change

import (
	"context"
	"fmt"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// read returns what main holds. Where main moved on, or was replaced, before it was read, the git host is asked again what the caller may do.
func (s *Service) read(ctx context.Context, a *access, product string, why purpose) (snapshot *gitrepo.Snapshot, err error) {
	for range maxTries {
		snapshot, err = s.snapshot(ctx, a, a.head)
		if !isReason(err, gitrepo.ReasonLostRace) && !problem.Is(err, problem.Missing) {
			return snapshot, err
		}
		if err := s.reopen(ctx, a, product, why); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// snapshot returns what main held at a head; nil for the empty head of a repository without commits.
func (s *Service) snapshot(ctx context.Context, a *access, head string) (*gitrepo.Snapshot, error) {
	if head == "" {
		return nil, nil
	}
	snapshot, err := s.Repos.Snapshot(ctx, a.remote(), head)
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
