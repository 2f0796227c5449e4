package gitrepo

import (
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// directory is a directory that a commit changes. Directories that the commit doesn't change are never read: the entry
// in their parent is enough.
type directory struct {
	path string
	// known are the directories of the previous commit, by path.
	known    map[string][]byte
	entries  []entry
	children map[string]*directory
}

func (d *directory) load() error {
	var err error
	d.entries, err = parseTree(d.known[d.path])
	return err
}

func (d *directory) find(name string) int {
	return slices.IndexFunc(d.entries, func(e entry) bool { return e.name == name })
}

// child returns a directory below this one. It returns nil when there is none and create is false.
func (d *directory) child(name string, create bool) (*directory, error) {
	at := d.at(name)
	i := d.find(name)
	switch {
	case i < 0 && !create:
		return nil, nil
	case i < 0:
		d.entries = append(d.entries, entry{mode: modeDirectory, name: name})
	case !d.entries[i].isDirectory():
		return nil, problem.New(problem.Conflict, problem.ReasonPathTaken,
			"%s is a file, and a directory of that name is needed: remove or rename the file", at)
	}
	if c := d.children[name]; c != nil {
		return c, nil
	}
	if _, known := d.known[at]; i >= 0 && !known {
		return nil, badCommit("directory %s was not read", at)
	}
	c := &directory{path: at, known: d.known}
	if err := c.load(); err != nil {
		return nil, err
	}
	if d.children == nil {
		d.children = map[string]*directory{}
	}
	d.children[name] = c
	return c, nil
}

func (d *directory) at(name string) string { return strings.TrimPrefix(d.path+"/"+name, "/") }

// put writes a file. An existing file keeps its mode.
func (d *directory) put(at string, blob plumbing.Hash) error {
	if first, rest, below := strings.Cut(at, "/"); below {
		c, err := d.child(first, true)
		if err != nil {
			return err
		}
		return c.put(rest, blob)
	}
	i := d.find(at)
	if i < 0 {
		d.entries = append(d.entries, entry{mode: modeFile, name: at, hash: blob})
		return nil
	}
	if !d.entries[i].isFile() {
		return problem.New(problem.Conflict, problem.ReasonPathTaken,
			"%s is a directory, a symbolic link or a submodule, and a file is to be written there: remove it",
			d.at(at))
	}
	d.entries[i].hash = blob
	return nil
}

// remove deletes a file.
func (d *directory) remove(at string) error {
	if first, rest, below := strings.Cut(at, "/"); below {
		c, err := d.child(first, false)
		if err != nil {
			return err
		}
		if c == nil {
			return badCommit("it deletes a file below %s, which is not there", d.at(first))
		}
		err = c.remove(rest)
		if err == nil && len(c.entries) == 0 {
			i := d.find(first) // git has no empty directories
			d.entries = slices.Delete(d.entries, i, i+1)
		}
		return err
	}
	i := d.find(at)
	if i < 0 || d.entries[i].isDirectory() {
		return badCommit("it deletes %s, which is no file", d.at(at))
	}
	d.entries = slices.Delete(d.entries, i, i+1)
	return nil
}

// write adds the changed files and directories to the commit and returns the hash of the directory.
func (d *directory) write(b *built) plumbing.Hash {
	for name, c := range d.children {
		h := c.write(b)
		if i := d.find(name); i >= 0 && d.entries[i].isDirectory() {
			d.entries[i].hash = h
		}
	}
	if len(d.entries) == 0 && d.path != "" {
		b.trees[d.path] = nil
		return plumbing.ZeroHash
	}
	raw := encodeTree(d.entries)
	b.trees[d.path] = raw
	return b.add(plumbing.TreeObject, raw)
}
