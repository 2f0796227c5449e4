package layout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tree is what the files of one commit say. It can be used by several goroutines.
type Tree struct {
	files map[string]*parsed
	// paths are sorted.
	paths    []string
	kinds    map[string][]*Entry
	named    map[identity][]*Entry
	broken   map[identity][]string
	findings []Finding
}

// Read returns the tree of the files of a commit. It never fails: what is wrong is a Finding.
func Read(files []File) *Tree {
	all := make(map[string]*parsed, len(files))
	for _, f := range files {
		all[f.Path] = parseFile(f)
	}
	return index(all)
}

// With returns the tree as it would be after the edits. Files that are not edited are not read again.
func With(t *Tree, edits []Edit) *Tree {
	all := maps.Clone(t.files)
	for _, e := range edits {
		if e.Data == nil {
			delete(all, e.Path)
			continue
		}
		all[e.Path] = parseFile(File{Path: e.Path, Data: e.Data, Blob: blobID(e.Data)})
	}
	return index(all)
}

func index(files map[string]*parsed) *Tree {
	t := &Tree{
		files: files, paths: slices.Sorted(maps.Keys(files)),
		kinds: map[string][]*Entry{}, named: map[identity][]*Entry{}, broken: map[identity][]string{},
	}
	bytes := 0
	for _, path := range t.paths {
		p := files[path]
		for _, e := range p.entries {
			t.kinds[e.Kind] = append(t.kinds[e.Kind], e)
			id := identity{e.Kind, e.Name}
			t.named[id] = append(t.named[id], e)
		}
		for _, id := range p.broken {
			t.broken[id] = append(t.broken[id], path)
		}
		t.findings = append(t.findings, p.findings...)
		if inStream(path) {
			bytes += len(p.file.Data)
		}
	}
	for _, entries := range t.kinds {
		slices.SortStableFunc(entries, func(a, b *Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	if bytes > maxStreamBytes {
		t.findings = append(t.findings, Finding{Code: CodeStreamBlocked, Message: fmt.Sprintf(
			"the files below the four directories have %d MB together, and Argo CD reads %d MB at most: remove some", bytes/1000/1000, maxStreamBytes/1000/1000)})
	}
	t.findDuplicates()
	sortFindings(t.findings)
	return t
}

func (t *Tree) findDuplicates() {
	for id, entries := range t.named {
		if len(entries) < 2 {
			continue
		}
		first := entries[0]
		t.findings = append(t.findings, Finding{Code: CodeDuplicate, File: first.File, Line: first.Line, Message: fmt.Sprintf(
			"%s %q stands in more than one place (%s): keep one of them", id.kind, shown(id.name), placesOf(entries))})
	}
}

func sortFindings(findings []Finding) {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message))
	})
}

// placesOf names the files of entries, and the documents where a file holds several of them.
func placesOf(entries []*Entry) string {
	count := map[string]int{}
	for _, e := range entries {
		count[e.File]++
	}
	var places []string
	for _, e := range entries {
		place := shown(e.File)
		if count[e.File] > 1 {
			place = fmt.Sprintf("%s line %d", place, e.Line)
		}
		places = append(places, place)
	}
	return strings.Join(slices.Compact(places), ", ")
}

// Of returns the entries of a kind, sorted by name, then by place.
func (t *Tree) Of(kind string) []*Entry { return slices.Clone(t.kinds[kind]) }

// Find returns the entries of a name, sorted by place; more than one is a duplicate.
func (t *Tree) Find(kind, name string) []*Entry { return slices.Clone(t.named[identity{kind, name}]) }

// Findings returns what is wrong with the files, sorted by file and line.
func (t *Tree) Findings() []Finding { return slices.Clone(t.findings) }

// FindingsFor returns Findings, and what is wrong in the default.project of this product: its resource name, such as product-7.
func (t *Tree) FindingsFor(product string) []Finding {
	findings := t.Findings()
	for _, entries := range t.kinds {
		for _, e := range entries {
			if namespace := e.Object.GetNamespace(); namespace != "" && namespace != product {
				findings = append(findings, Finding{Code: CodeForbiddenNamespace, File: e.File, Line: e.Line, Message: fmt.Sprintf(
					"line %d: %s %q says that it lies in namespace %s, Argo CD refuses it and holds up the whole product: remove metadata.namespace",
					e.Line, e.Kind, shown(e.Name), shown(namespace))})
			}
		}
	}
	sortFindings(findings)
	return findings
}

// Data returns the bytes of a file, or nil when there is none or it was not read. Don't change them.
func (t *Tree) Data(path string) []byte {
	if p := t.files[path]; p != nil {
		return p.file.Data
	}
	return nil
}
