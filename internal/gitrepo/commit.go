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

// Signature is who made a commit.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit is what to push.
type Commit struct {
	// Author is committer as well.
	Author  Signature
	Message string
	// Edits name every file once. Deletions come before everything else, so that a file may take the place of a directory.
	Edits []layout.Edit
}

// built is a commit that the server doesn't know yet.
type built struct {
	commit plumbing.Hash
	// objects that the server needs for it.
	objects *memory.Storage
	// blobs of the files that were written, by path; trees are the directories that changed, nil for those that went.
	blobs map[string]plumbing.Hash
	trees map[string][]byte
}

// add keeps an object in memory, which never fails.
func (b *built) add(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	o := &plumbing.MemoryObject{}
	o.SetType(kind)
	_, _ = o.Write(data)
	h, _ := b.objects.SetEncodedObject(o)
	return h
}

// build makes the commit on top of base, nil for the first one.
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

// pack returns the objects as git sends them. They are few and mostly hashes: it is not worth the time to look for what they have in common.
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

// crumb leaves out what would end a name or an address early.
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

// check refuses what should never come here: paths are made by our own code, and this is its last guard.
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

// cleanPath says whether a path is one that every file system takes as it stands, inside the repository and outside of git's own files.
func cleanPath(at string) bool {
	if at == "" || len(at) > maxPath || !utf8.ValidString(at) {
		return false
	}
	if strings.ContainsFunc(at, func(r rune) bool { return !unicode.IsPrint(r) || r == '\\' || r == ':' }) {
		return false
	}
	for name := range strings.SplitSeq(at, "/") {
		bare := strings.ToLower(strings.TrimRight(name, ". "))
		if bare == "" || bare == ".git" || bare == "git~1" || bare == ".gitmodules" || len(name) > 255 || bare != strings.ToLower(name) {
			return false
		}
	}
	return true
}
