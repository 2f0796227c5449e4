package layout

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	gitdiff "github.com/go-git/go-git/v5/plumbing/format/diff"
	linediff "github.com/go-git/go-git/v5/utils/diff"
)

// Diff returns what edits do to the files of the tree, as git diff shows it.
func (t *Tree) Diff(edits []Edit) (string, error) {
	var p filePatches
	for _, e := range edits {
		p = append(p, newFilePatch(e.Path, t.Data(e.Path), e.Data))
	}
	var b strings.Builder
	if err := gitdiff.NewUnifiedEncoder(&b, gitdiff.DefaultContextLines).Encode(p); err != nil {
		return "", fmt.Errorf("writing a diff: %w", err)
	}
	return b.String(), nil
}

// The types below are what go-git writes diffs of.

type filePatches []gitdiff.FilePatch

// FilePatches implements gitdiff.Patch.
func (p filePatches) FilePatches() []gitdiff.FilePatch { return p }

// Message implements gitdiff.Patch.
func (p filePatches) Message() string { return "" }

type filePatch struct {
	from, to gitdiff.File
	chunks   []gitdiff.Chunk
}

func newFilePatch(path string, before, after []byte) filePatch {
	f := filePatch{}
	if before != nil {
		f.from = diffFile{path, before}
	}
	if after != nil {
		f.to = diffFile{path, after}
	}
	for _, d := range linediff.Do(string(before), string(after)) {
		c := diffChunk{text: d.Text, operation: gitdiff.Equal}
		switch {
		case d.Type > 0:
			c.operation = gitdiff.Add
		case d.Type < 0:
			c.operation = gitdiff.Delete
		}
		f.chunks = append(f.chunks, c)
	}
	return f
}

// IsBinary implements gitdiff.FilePatch.
func (f filePatch) IsBinary() bool { return false }

// Files implements gitdiff.FilePatch.
func (f filePatch) Files() (from, to gitdiff.File) { return f.from, f.to }

// Chunks implements gitdiff.FilePatch.
func (f filePatch) Chunks() []gitdiff.Chunk { return f.chunks }

type diffFile struct {
	path string
	data []byte
}

// Hash implements gitdiff.File.
func (f diffFile) Hash() plumbing.Hash { return plumbing.ComputeHash(plumbing.BlobObject, f.data) }

// Mode implements gitdiff.File.
func (f diffFile) Mode() filemode.FileMode { return filemode.Regular }

// Path implements gitdiff.File.
func (f diffFile) Path() string { return f.path }

type diffChunk struct {
	text      string
	operation gitdiff.Operation
}

// Content implements gitdiff.Chunk.
func (c diffChunk) Content() string { return c.text }

// Type implements gitdiff.Chunk.
func (c diffChunk) Type() gitdiff.Operation { return c.operation }
