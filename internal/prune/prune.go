// Package prune judges what Argo CD wants to remove because it is not in the repository any more. Argo CD leaves out a file that holds no
// object, without a word: an empty one, one that was cut off, ciphertext, what Git LFS leaves in place of a file. To Argo CD that looks like
// a removal. Here an object goes when its file is gone, or holds other objects; it stays while its file is there and holds none at all.
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

// Revision is a commit of a repository, and the directory that manifests were taken from.
type Revision struct {
	RepoURL string `json:"repoURL"`
	ID      string `json:"revision"`
	Path    string `json:"path"`
}

// Case is what is to be judged.
type Case struct {
	Objects []placement.Object
	// Namespace is where objects go that name none.
	Namespace string
	// Generated says that the manifests come from Kustomize or Helm: which file an object comes from cannot be seen then.
	Generated bool
	// Now is the revision in which the objects are missing; Past are those that were deployed, the most telling first.
	Now  Revision
	Past []Revision
}

// Files holds the content of manifest files by their names within the directory.
type Files map[string][]byte

// Reader reads the manifest files of a revision.
type Reader func(ctx context.Context, r Revision) (Files, error)

// Held is an object that must not be removed.
type Held struct {
	Object placement.Object
	// File that held it, and what is wrong with the file now.
	File, Because string
	// Was is the revision in which the file still held it; empty when that is not known.
	Was Revision
}

// Verdict says which objects may go and which may not.
type Verdict struct {
	Free []placement.Object
	Held []Held
}

// Judge decides on every object. The past is read only where a file of today is suspicious. Without an answer to what it has to know it
// returns an error, and nothing may be removed; Suspects are the files that made it ask.
func Judge(ctx context.Context, c Case, read Reader) (Verdict, error) {
	files, err := read(ctx, c.Now)
	if err != nil {
		return Verdict{}, err
	}
	if len(files) == 0 { // something of it is deployed, or else nothing would be asked
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

// UnknownPastError says that the past could not be read, though there are files that hold nothing.
type UnknownPastError struct {
	Suspects []string
	Cause    error
}

func (e *UnknownPastError) Error() string { return "reading an earlier revision: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *UnknownPastError) Unwrap() error { return e.Cause }

// Memory returns what is to be remembered of objects that are held: in which revisions their files still held them. Argo CD's history is
// short, and a hold lasts until somebody decides.
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

// Remembered reads what Memory returned. What is damaged tells nothing.
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
	// open are the objects that nothing is known about yet.
	open []placement.Object
	now  tree
	// hollow are the files of now that hold no object, with what they are instead.
	hollow map[string]emptiness
	// filled are those of them that are blank now and held something in an earlier revision; remembered says that one was read.
	filled     map[string]Revision
	remembered bool
}

// decided says whether an earlier revision could tell no more.
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

// recall looks into an earlier revision: what is found there is decided.
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

// renamed returns a file that is blank now and was not there in an earlier revision, where one that was there is gone: the one may be the other by a
// new name.
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

// rest decides on what no revision explains: it stays while a file is blank that was not, or of which nobody knows what it was.
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
