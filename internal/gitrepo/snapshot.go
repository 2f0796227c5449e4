package gitrepo

import (
	"context"
	"errors"
	"maps"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Snapshot is one commit of one project. It never changes. Several goroutines can use it.
type Snapshot struct {
	project int64
	head    plumbing.Hash
	tree    *layout.Tree
	// trees are the directories as git stores them, by path. They are enough to make the next commit without the blobs.
	trees map[string][]byte
	bytes int64
}

// Head returns the id of the commit.
func (s *Snapshot) Head() string { return s.head.String() }

// Tree returns the content of the files.
func (s *Snapshot) Tree() *layout.Tree { return s.tree }

// Bytes returns an estimate of the memory that the snapshot takes.
func (s *Snapshot) Bytes() int64 { return s.bytes }

// bytesPerTree is the memory that a directory takes on top of its content.
const bytesPerTree = 150

// newSnapshot makes a snapshot. It keeps tree and trees: the caller must not change them any more.
func newSnapshot(project int64, head plumbing.Hash, tree *layout.Tree, trees map[string][]byte) *Snapshot {
	s := &Snapshot{project: project, head: head, tree: tree, trees: trees, bytes: tree.Bytes()}
	for at, raw := range trees {
		s.bytes += bytesPerTree + int64(len(at)+len(raw))
	}
	return s
}

// unpack makes the snapshot of a fetched commit. It returns a problem when the commit is too large.
func (s *Store) unpack(ctx context.Context, r Remote, head plumbing.Hash, p *pack) (*Snapshot, error) {
	root, ok := p.root(head)
	if !ok {
		return nil, lostRace(r, "%s is no commit that the git host hands out", head)
	}
	l := &listing{pack: p, left: s.options.MaxFiles, maxBytes: int(s.options.MaxPackBytes), trees: map[string][]byte{}}
	if err := l.walk(ctx, "", root); err != nil {
		if errors.Is(err, errTooBig) {
			return nil, tooLarge(r.URL, "has more files than are read")
		}
		return nil, givenUp(ctx, r, err)
	}
	tree, err := layout.Load(ctx, l.files)
	if p := problem.As(err); p != nil {
		return nil, problem.New(p.Class, problem.ReasonRepositoryTooLarge,
			"repository %s cannot be read: %s", r.URL, p.Message)
	}
	if err != nil {
		return nil, givenUp(ctx, r, err)
	}
	return newSnapshot(r.ProjectID, head, tree, l.trees), nil
}

// givenUp reports that the time ran out before all files were read.
func givenUp(ctx context.Context, r Remote, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New(problem.Unavailable, problem.ReasonTimedOut,
			"reading the files of repository %s takes too long: it is for resources only, remove large files",
			r.URL).Because(err)
	}
	return err
}

// after returns base with a commit on top. base is nil for the first commit. The two share what the commit did not
// change.
func after(base *Snapshot, project int64, b *built, edits []layout.Edit) *Snapshot {
	tree, trees := layout.Read(nil), map[string][]byte{}
	if base != nil {
		tree, trees = base.tree, maps.Clone(base.trees)
	}
	for at, raw := range b.trees {
		if raw == nil {
			delete(trees, at)
			continue
		}
		trees[at] = raw
	}
	return newSnapshot(project, b.commit, layout.With(tree, edits), trees)
}

// blobAt returns the blob id of a file.
func (s *Snapshot) blobAt(path string) (string, bool) {
	f, found := s.tree.File(path)
	if !found || f.Skipped == layout.SkippedSubmodule {
		return "", false
	}
	return f.Blob, true
}
