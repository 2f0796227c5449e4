package gitrepo

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Signature is the author of a commit and the time.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit is a commit to push.
type Commit struct {
	// Author is the committer as well.
	Author  Signature
	Message string
	// Edits name every file at most once. Deletions are applied first, so that a file may replace a directory.
	Edits []layout.Edit
}

// built is a commit that the server doesn't have yet.
type built struct {
	commit plumbing.Hash
	// objects are the git objects that the server needs for the commit.
	objects *memory.Storage
	// blobs are the written files by path. trees are the changed directories by path, nil for deleted ones.
	blobs map[string]plumbing.Hash
	trees map[string][]byte
}

// add keeps an object in memory. Writing to memory never fails.
func (b *built) add(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	o := &plumbing.MemoryObject{}
	o.SetType(kind)
	_, _ = o.Write(data)
	h, _ := b.objects.SetEncodedObject(o)
	return h
}

// build makes the commit on top of base. base is nil for the first commit.
func build(base *Snapshot, c Commit) (*built, error) {
	if err := check(c); err != nil {
		return nil, err
	}
	b := &built{objects: memory.NewStorage(), blobs: map[string]plumbing.Hash{}, trees: map[string][]byte{}}
	var known map[string][]byte
	var parent, before plumbing.Hash
	if base != nil {
		known, parent = base.trees, base.head
		before = plumbing.ComputeHash(plumbing.TreeObject, known[""])
	}
	d := &directory{known: known}
	if err := d.load(); err != nil {
		return nil, err
	}
	for _, e := range c.Edits {
		if e.Data == nil {
			if err := d.remove(e.Path); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range c.Edits {
		if e.Data != nil {
			b.blobs[e.Path] = b.add(plumbing.BlobObject, e.Data)
			if err := d.put(e.Path, b.blobs[e.Path]); err != nil {
				return nil, err
			}
		}
	}
	root := d.write(b)
	if base != nil && root == before {
		return nil, badCommit("it changes nothing")
	}
	b.commit = b.add(plumbing.CommitObject, encodeCommit(root, parent, c))
	return b, nil
}

// pack returns the objects as git sends them. It does not look for deltas between them: the objects are few and mostly
// consist of hashes.
func (b *built) pack() ([]byte, error) {
	hashes := slices.Collect(maps.Keys(b.objects.Objects))
	plumbing.HashesSort(hashes)
	var out bytes.Buffer
	if _, err := packfile.NewEncoder(&out, b.objects, false).Encode(hashes, 0); err != nil {
		return nil, fmt.Errorf("packing a commit: %w", err)
	}
	return out.Bytes(), nil
}

func encodeCommit(root, parent plumbing.Hash, c Commit) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "tree %s\n", root)
	if !parent.IsZero() {
		fmt.Fprintf(&out, "parent %s\n", parent)
	}
	name, email := crumb(c.Author.Name), crumb(c.Author.Email)
	if name == "" {
		name = email
	}
	who := fmt.Sprintf("%s <%s> %d %s", name, email, c.Author.When.Unix(), c.Author.When.Format("-0700"))
	fmt.Fprintf(&out, "author %s\ncommitter %s\n\n%s\n", who, who, message(c.Message))
	return out.Bytes()
}

// crumb removes the characters that would end a name or an email address in a commit.
func crumb(text string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r == '<' || r == '>' || unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")), " .,:;\"'\\")
}

func message(text string) string {
	return strings.TrimRight(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", ""), " \t\r\n")
}

func badCommit(format string, args ...any) *problem.Problem {
	return problem.New(problem.Internal, problem.ReasonBadCommit, "a commit is not made: "+format, args...)
}

// check refuses a commit that must not be pushed. Our own code makes the paths, so this is only the last guard.
func check(c Commit) error {
	switch {
	case len(c.Edits) == 0:
		return badCommit("it changes nothing")
	case message(c.Message) == "":
		return badCommit("it has no message")
	case crumb(c.Author.Email) == "":
		return badCommit("its author has no email address")
	case c.Author.When.Unix() <= 0:
		return badCommit("it has no time")
	}
	seen := map[string]bool{}
	for _, e := range c.Edits {
		if !cleanPath(e.Path) {
			return badCommit("%q is no path of a file", e.Path)
		}
		if seen[e.Path] {
			return badCommit("%s is named twice", e.Path)
		}
		seen[e.Path] = true
	}
	return nil
}

// cleanPath says whether a path stays inside the repository, names none of git's own files, and can be written as it is
// on every file system.
func cleanPath(at string) bool {
	if at == "" || len(at) > maxPath || !utf8.ValidString(at) {
		return false
	}
	if strings.ContainsFunc(at, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' || r == ':' }) {
		return false
	}
	for name := range strings.SplitSeq(at, "/") {
		bare := strings.ToLower(strings.TrimRight(name, ". "))
		if bare == "" || bare == ".git" || bare == "git~1" || bare == ".gitmodules" || len(name) > 255 ||
			bare != strings.ToLower(name) {
			return false
		}
	}
	return true
}
