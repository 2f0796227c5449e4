// Package prune judges objects that Argo CD wants to remove because the repository does not hold them any more. Argo CD
// silently ignores a file that holds no object: an empty or truncated file, an encrypted one, a pointer of Git LFS. To
// Argo CD this looks like the removal of the objects. Here an object may be removed when its file is gone or holds
// other objects. It is held while its file exists and holds no object at all.
package prune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// Revision is a commit of a repository, and the directory that the manifests were read from.
type Revision struct {
	RepoURL string `json:"repoURL"`
	ID      string `json:"revision"`
	Path    string `json:"path"`
}

// Case is what Judge decides about.
type Case struct {
	Objects []placement.Object
	// Namespace is where objects without a namespace of their own are deployed.
	Namespace string
	// Generated says that the manifests come from Kustomize or Helm. It is then unknown which file an object comes
	// from.
	Generated bool
	// Now is the revision that lacks the objects. Past are the revisions that were deployed before, those that tell
	// most first.
	Now  Revision
	Past []Revision
}

// Files holds the content of manifest files by their names relative to the directory.
type Files map[string][]byte

// Reader reads the manifest files of a revision.
type Reader func(ctx context.Context, r Revision) (Files, error)

// Held is an object that must not be removed.
type Held struct {
	Object placement.Object
	// File is the file that held the object. Because says what is wrong with the file now.
	File, Because string
	// Was is the revision in which the file still held the object; empty when that is not known.
	Was Revision
}

// Verdict says which objects may be removed and which may not.
type Verdict struct {
	Free []placement.Object
	Held []Held
}

// Judge decides on every object. It reads past revisions only if a file of the current one is suspicious. If a revision
// that it needs cannot be read it returns an error, and nothing may be removed.
func Judge(ctx context.Context, c Case, read Reader) (Verdict, error) {
	files, err := read(ctx, c.Now)
	if err != nil {
		return Verdict{}, err
	}
	if len(files) == 0 { // Judge is asked about deployed objects, so there must have been files
		return Verdict{}, errors.New("no manifest file was found")
	}
	now := newTree(files, c.Generated)
	j := judgement{Case: c, now: now, hollow: now.hollow(c.Generated), filled: map[string]Revision{}}
	for _, o := range c.Objects {
		if file := now.unread(o, c.Namespace); file != "" {
			j.Held = append(j.Held, Held{Object: o, File: file, Because: "still holds it, but Argo CD leaves the file out"})
		} else {
			j.open = append(j.open, o)
		}
	}
	for _, r := range c.Past {
		if len(j.hollow) == 0 || j.decided() {
			break
		}
		if r == c.Now || r.RepoURL != c.Now.RepoURL {
			continue
		}
		past, err := read(ctx, r)
		if err != nil {
			return Verdict{}, &UnknownPastError{Suspects: slices.Sorted(maps.Keys(j.hollow)), Cause: err}
		}
		j.recall(r, newTree(past, c.Generated))
	}
	j.rest()
	return j.Verdict, nil
}

// UnknownPastError says that a past revision could not be read although there are files that hold nothing. Suspects are
// those files.
type UnknownPastError struct {
	Suspects []string
	Cause    error
}

func (e *UnknownPastError) Error() string { return "reading an earlier revision: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *UnknownPastError) Unwrap() error { return e.Cause }

// Memory returns the revisions in which files still held the objects that are held, as text to store. Argo CD's history
// is short, and an object is held until a person decides.
func Memory(held []Held) string {
	var known []Revision
	for _, h := range held {
		if h.Was.ID != "" && !slices.Contains(known, h.Was) {
			known = append(known, h.Was)
		}
	}
	if len(known) == 0 {
		return ""
	}
	b, err := json.Marshal(known)
	if err != nil { // strings always marshal
		panic(fmt.Sprintf("encoding revisions: %v", err))
	}
	return string(b)
}

// Remembered reads what Memory returned. A damaged text gives no revisions.
func Remembered(memory string) []Revision {
	var known []Revision
	if json.Unmarshal([]byte(memory), &known) != nil {
		return nil
	}
	return known
}

// judgement is the state of a case that is being judged.
type judgement struct {
	Case
	Verdict
	// open are the objects that are not decided yet.
	open []placement.Object
	now  tree
	// hollow are the files of now that hold no object, with the reason.
	hollow map[string]emptiness
	// filled are the hollow files that held something in an earlier revision, with that revision. remembered says that
	// an earlier revision was read.
	filled     map[string]Revision
	remembered bool
}

// decided says whether reading another earlier revision would change nothing.
func (j *judgement) decided() bool {
	if !j.Generated || len(j.open) == 0 {
		return len(j.open) == 0
	}
	for file := range j.hollow {
		if _, known := j.filled[file]; !known {
			return false
		}
	}
	return true
}

// recall decides on the objects that an earlier revision holds.
func (j *judgement) recall(r Revision, past tree) {
	j.remembered = true
	for file := range j.hollow {
		content, was := past.files[file]
		if _, known := j.filled[file]; !known && was && blankness(content) == holdsSomething {
			j.filled[file] = r
		}
	}
	j.open = slices.DeleteFunc(j.open, func(o placement.Object) bool {
		files := past.holders(o)
		for _, file := range files {
			if is, hollow := j.hollow[file]; hollow {
				j.Held = append(j.Held, Held{Object: o, File: file, Because: string(is), Was: r})
				return true
			}
		}
		if file := j.renamed(files, past); file != "" {
			j.Held = append(j.Held, Held{Object: o, File: file, Because: string(j.hollow[file]), Was: r})
			return true
		}
		if len(files) > 0 {
			j.Free = append(j.Free, o)
		}
		return len(files) > 0
	})
}

// renamed returns a blank file that may be one of the given files under a new name: one of the given files is gone now,
// and the blank file did not exist in the earlier revision.
func (j *judgement) renamed(files []string, past tree) string {
	if !slices.ContainsFunc(files, func(file string) bool { _, stands := j.now.files[file]; return !stands }) {
		return ""
	}
	for _, file := range slices.Sorted(maps.Keys(j.hollow)) {
		if _, was := past.files[file]; !was && j.hollow[file] != holdsNoObject {
			return file
		}
	}
	return ""
}

// rest decides on the objects that no revision explains. They are held while there is a blank file that held something
// in an earlier revision, or while there is a blank file and no earlier revision was read. Otherwise they may be
// removed.
func (j *judgement) rest() {
	var suspect string
	for _, file := range slices.Sorted(maps.Keys(j.hollow)) {
		if _, known := j.filled[file]; j.hollow[file] != holdsNoObject && (known || !j.remembered) {
			suspect = file
			break
		}
	}
	for _, o := range j.open {
		if suspect == "" {
			j.Free = append(j.Free, o)
		} else {
			j.Held = append(j.Held, Held{Object: o, File: suspect, Because: string(j.hollow[suspect]), Was: j.filled[suspect]})
		}
	}
}
