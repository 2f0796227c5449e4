package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// Modes of directory entries, as git writes them.
const (
	modeDirectory = "40000"
	modeFile      = "100644"
	modeSymlink   = "120000"
	modeSubmodule = "160000"
)

// entry is one entry of a directory. The mode stays as it was written, because older programs wrote it differently.
type entry struct {
	mode string
	name string
	hash plumbing.Hash
}

func (e entry) isDirectory() bool { return e.mode == modeDirectory || e.mode == "0"+modeDirectory }

// isFile says whether the entry is a regular file, executable or not.
func (e entry) isFile() bool { return strings.HasPrefix(e.mode, "100") }

// parseTree reads the content of a tree object.
func parseTree(raw []byte) ([]entry, error) {
	var entries []entry
	for len(raw) > 0 {
		head, rest, ok := bytes.Cut(raw, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		if !ok || !spaced || name == "" || len(rest) < len(plumbing.ZeroHash) {
			return nil, fmt.Errorf("%w: a directory cannot be read", errDamaged)
		}
		e := entry{mode: mode, name: name}
		copy(e.hash[:], rest)
		entries = append(entries, e)
		raw = rest[len(e.hash):]
	}
	return entries, nil
}

// encodeTree writes the content of a tree object: git sorts directories as if their names ended with a slash.
func encodeTree(entries []entry) []byte {
	key := func(e entry) string {
		if e.isDirectory() {
			return e.name + "/"
		}
		return e.name
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(key(a), key(b)) })
	out := []byte{}
	for _, e := range entries {
		out = append(out, e.mode+" "+e.name+"\x00"...)
		out = append(out, e.hash[:]...)
	}
	return out
}

// listing collects the files of a commit.
type listing struct {
	pack     *pack
	left     int
	files    []layout.File
	trees    map[string][]byte
	maxBytes int
}

// maxPath bounds the length of a file's path, and so the depth of directories.
const maxPath = 4096

// walk lists a directory and everything below it. It leaves out names that no work tree can hold; they stay in the
// commit.
func (l *listing) walk(ctx context.Context, directory string, h plumbing.Hash) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("listing files: %w", err)
	}
	raw, err := l.pack.tree(h)
	if err != nil {
		return err
	}
	entries, err := parseTree(raw)
	if err != nil {
		return err
	}
	l.trees[directory] = bytes.Clone(raw)
	for _, e := range entries {
		l.left--
		if l.left < 0 {
			return errTooBig
		}
		if e.name == "." || e.name == ".." || strings.EqualFold(e.name, ".git") || strings.Contains(e.name, "/") {
			continue
		}
		at := path.Join(directory, e.name)
		l.maxBytes -= len(at)
		if len(at) > maxPath || l.maxBytes < 0 {
			return errTooBig
		}
		if !e.isDirectory() {
			l.files = append(l.files, l.file(at, e))
			continue
		}
		if err := l.walk(ctx, at, e.hash); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) file(at string, e entry) layout.File {
	f := layout.File{Path: at, Blob: e.hash.String()}
	switch e.mode {
	case modeSymlink:
		f.Skipped = layout.SkippedSymlink
	case modeSubmodule:
		f.Skipped = layout.SkippedSubmodule
	default:
		o := l.pack.objects[e.hash]
		switch {
		case o == nil || o.kind != plumbing.BlobObject:
			f.Skipped = layout.SkippedTooLarge
		case layout.Matters(at):
			f.Data = o.data
		}
	}
	return f
}
