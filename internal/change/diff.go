package change

import (
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	gitdiff "github.com/go-git/go-git/v5/plumbing/format/diff"
	linediff "github.com/go-git/go-git/v5/utils/diff"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// unifiedDiff returns what the edits do to the files, as git diff shows it.
func unifiedDiff(before func(path string) []byte, edits []layout.Edit) (string, error) {
	var p patch
	for _, e := range edits {
		p = append(p, newFilePatch(e.Path, before(e.Path), e.Data))
	}
	var b strings.Builder
	err := gitdiff.NewUnifiedEncoder(&b, gitdiff.DefaultContextLines).Encode(p)
	return b.String(), err
}

// The types below are what go-git writes diffs of.

type patch []gitdiff.FilePatch

// FilePatches implements gitdiff.Patch.
func (p patch) FilePatches() []gitdiff.FilePatch { return p }

// Message implements gitdiff.Patch.
func (p patch) Message() string { return "" }

type filePatch struct {
	from, to gitdiff.File
	chunks   []gitdiff.Chunk
}

func newFilePatch(path string, before, after []byte) filePatch {
	f := filePatch{}
	if before != nil {
		f.from = file{path, before}
	}
	if after != nil {
		f.to = file{path, after}
	}
	for _, d := range linediff.Do(string(before), string(after)) {
		c := chunk{text: d.Text, operation: gitdiff.Equal}
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

type file struct {
	path string
	data []byte
}

// Hash implements gitdiff.File.
func (f file) Hash() plumbing.Hash { return plumbing.ComputeHash(plumbing.BlobObject, f.data) }

// Mode implements gitdiff.File.
func (f file) Mode() filemode.FileMode { return filemode.Regular }

// Path implements gitdiff.File.
func (f file) Path() string { return f.path }

type chunk struct {
	text      string
	operation gitdiff.Operation
}

// Content implements gitdiff.Chunk.
func (c chunk) Content() string { return c.text }

// Type implements gitdiff.Chunk.
func (c chunk) Type() gitdiff.Operation { return c.operation }
