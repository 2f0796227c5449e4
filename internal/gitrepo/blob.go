package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// BlobAt returns the git blob id of a file in a commit. The commit may be any that the host hands out. found is false
// when the commit has no such file and when there is no such commit. BlobAt reads directories only.
func (s *Store) BlobAt(ctx context.Context, r Remote, commit, path string) (blob string, found bool, err error) {
	h, ok := hash(commit)
	if !ok {
		return "", false, nil
	}
	if snapshot := s.cached(key{r.ProjectID, h}); snapshot != nil {
		blob, found = snapshot.blobAt(path)
		return blob, found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	done, err := s.slot(ctx, r)
	if err != nil {
		return "", false, err
	}
	defer done()
	p, err := s.fetch(ctx, r, h, wantNames)
	if lost := problem.As(err); lost != nil && lost.Reason == problem.ReasonLostRace {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("looking for %s in commit %s: %w", plain(path, r.Token), commit, err)
	}
	root, ok := p.root(h)
	if !ok {
		return "", false, nil
	}
	blob, found, err = p.blobAt(root, path)
	if err != nil {
		return "", false, unreadable(r, err)
	}
	return blob, found, nil
}

// SameAt says whether the file had this git blob id in a commit. It is false when there is no such commit.
func (s *Store) SameAt(ctx context.Context, r Remote, commit, path, blob string) (bool, error) {
	then, found, err := s.BlobAt(ctx, r, commit, path)
	return found && then == blob, err
}

// blobAt finds a file below a directory and returns its blob id.
func (p *pack) blobAt(tree plumbing.Hash, path string) (string, bool, error) {
	names := strings.Split(path, "/")
	for i, name := range names {
		raw, err := p.tree(tree)
		if err != nil {
			return "", false, err
		}
		entries, err := parseTree(raw)
		if err != nil {
			return "", false, err
		}
		at := slices.IndexFunc(entries, func(e entry) bool { return e.name == name })
		last := i == len(names)-1
		switch {
		case at < 0 || entries[at].isDirectory() == last || entries[at].mode == modeSubmodule:
			return "", false, nil
		case last:
			return entries[at].hash.String(), true, nil
		}
		tree = entries[at].hash
	}
	return "", false, errors.New("a path has no name")
}
