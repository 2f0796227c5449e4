package gitrepo

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// Snapshot is one commit of one project. It never changes, and can be used by several goroutines.
type Snapshot struct {
	project int64
	head    plumbing.Hash
	// files are sorted by path.
	files []layout.File
	// trees are the directories as git writes them, by path: enough to make the next commit without the blobs.
	trees map[string][]byte
	bytes int64

	once   sync.Once
	parse  func() *layout.Tree
	parsed atomic.Pointer[layout.Tree]
}

// Head returns the commit.
func (s *Snapshot) Head() string { return s.head.String() }

// Files returns the files of the commit, sorted by path. Shared: don't change them. Data is there for what can hold resources.
func (s *Snapshot) Files() []layout.File { return s.files }

// Tree returns what the files say. It is parsed once, and after a push of our own only where it changed.
func (s *Snapshot) Tree() *layout.Tree {
	s.once.Do(func() {
		s.parsed.Store(s.parse())
		s.parse = nil // it may hold another snapshot's tree
	})
	return s.parsed.Load()
}

// Bytes returns the memory that the snapshot takes, estimated, with its parsed tree.
func (s *Snapshot) Bytes() int64 { return s.bytes }

// What is estimated to come on top of names and data. TestBytesIsAtLeastWhatASnapshotTakes watches.
const (
	bytesPerFile     = 250
	bytesPerTree     = 120
	bytesPerResource = 1200
	parsedPerByte    = 3
)

// newSnapshot takes over what it gets.
func newSnapshot(project int64, head plumbing.Hash, files []layout.File, trees map[string][]byte) *Snapshot {
	slices.SortFunc(files, func(a, b layout.File) int { return strings.Compare(a.Path, b.Path) })
	s := &Snapshot{project: project, head: head, files: files, trees: trees}
	s.parse = func() *layout.Tree { return layout.Read(files) }
	for _, f := range files {
		s.bytes += bytesPerFile + int64(len(f.Path))
		if f.Data != nil {
			s.bytes += bytesPerResource + int64(len(f.Data))*(1+parsedPerByte)
		}
	}
	for at, raw := range trees {
		s.bytes += bytesPerTree + int64(len(at)+len(raw))
	}
	return s
}

// unpack makes the snapshot of a commit that was fetched; a problem says that it is too large.
func (s *Store) unpack(r Remote, head plumbing.Hash, p *pack) (*Snapshot, error) {
	root, ok := p.root(head)
	if !ok {
		return nil, lostRace(r, "%s is no commit that the git host hands out", head)
	}
	l := &listing{pack: p, left: s.options.MaxFiles, maxBytes: int(s.options.MaxPackBytes), trees: map[string][]byte{}}
	if err := l.walk("", root); err != nil {
		if errors.Is(err, errTooBig) {
			return nil, tooLarge(r.URL, "has more files than are read")
		}
		return nil, err
	}
	return newSnapshot(r.ProjectID, head, slices.Clip(l.files), l.trees), nil
}

// after returns the snapshot with a commit on top; base is nil for the first one.
func after(base *Snapshot, project int64, b *built, edits []layout.Edit) *Snapshot {
	files, trees := map[string]layout.File{}, map[string][]byte{}
	if base != nil {
		trees = maps.Clone(base.trees)
		for _, f := range base.files {
			files[f.Path] = f
		}
	}
	for _, e := range edits {
		delete(files, e.Path)
	}
	for _, e := range edits {
		if e.Data == nil {
			continue
		}
		f := layout.File{Path: e.Path, Blob: b.blobs[e.Path].String()}
		switch {
		case len(e.Data) > layout.MaxFileBytes:
			f.Skipped = layout.SkippedTooLarge
		case holdsResources(e.Path):
			f.Data = e.Data
		}
		files[e.Path] = f
	}
	for at, raw := range b.trees {
		if raw == nil {
			delete(trees, at)
			continue
		}
		trees[at] = raw
	}
	next := newSnapshot(project, b.commit, slices.AppendSeq(make([]layout.File, 0, len(files)), maps.Values(files)), trees)
	if base != nil {
		if parsed := base.parsed.Load(); parsed != nil {
			next.parse = func() *layout.Tree { return layout.With(parsed, edits) }
		}
	}
	return next
}

// blobAt returns the blob id of a file.
func (s *Snapshot) blobAt(path string) (string, bool) {
	i, found := slices.BinarySearchFunc(s.files, path, func(f layout.File, path string) int { return strings.Compare(f.Path, path) })
	if !found || s.files[i].Skipped == layout.SkippedSubmodule {
		return "", false
	}
	return s.files[i].Blob, true
}
