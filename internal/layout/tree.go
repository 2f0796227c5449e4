package layout

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Tree is the content of the files of one commit. Several goroutines can use it.
type Tree struct {
	// files are sorted by path.
	files []*parsed
	// resources are sorted by kind, name and place.
	resources []*resource

	// The following are made when they are first asked for, because a batch makes a tree for each of its documents and
	// few of these trees need them.
	finding     sync.Once
	findings    []Finding
	namingRepos sync.Once
	repoNames   map[string]string
}

// Read returns the tree of a limited number of files, such as those of a person's own working copy. It never fails:
// what is wrong becomes a Finding.
func Read(files []File) *Tree {
	t, _ := read(files, func(int64, string) error { return nil })
	return t
}

// Load returns the tree of a commit that anybody may have made. It stops when the context ends. It returns a problem as
// soon as the tree takes more than MaxTreeBytes, because a partial tree would look as if the other objects were
// deleted.
func Load(ctx context.Context, files []File) (*Tree, error) { return load(ctx, files, MaxTreeBytes) }

func load(ctx context.Context, files []File, most int64) (*Tree, error) {
	const piece = 64 << 10
	last := int64(0)
	return read(files, func(bytes int64, file string) error {
		if bytes-last > piece { // let other requests run before the next files
			last = bytes
			runtime.Gosched()
		}
		if bytes > most {
			return problem.New(problem.Invalid, problem.ReasonRepositoryTooLarge,
				"its files take more than the %d MiB that are read of a repository, aliases written out; the last one "+
					"that was read is %s: remove files, or make them smaller",
				most>>20, shown(file))
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading %d files: %w", len(files), err)
		}
		return nil
	})
}

// read calls goOn after each file with the memory that all files take so far.
func read(files []File, goOn func(bytes int64, file string) error) (*Tree, error) {
	r := newReader()
	all := make(map[string]*parsed, len(files))
	size := newSize()
	for _, f := range files {
		all[f.Path] = r.parseFile(f)
		if err := goOn(size.add(all[f.Path]), f.Path); err != nil {
			return nil, err
		}
	}
	t := &Tree{files: make([]*parsed, 0, len(all)), resources: make([]*resource, 0, len(all))}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		t.files = append(t.files, all[path])
		t.resources = all[path].appendTo(t.resources)
	}
	slices.SortFunc(t.resources, compareResources)
	return t, nil
}

// With returns the tree as it would be after the edits. Files without an edit are not read again.
func With(t *Tree, edits []Edit) *Tree {
	r := newReader()
	next := &Tree{files: slices.Clone(t.files)}
	gone := map[*parsed]bool{}
	var added []*resource
	for _, e := range edits {
		i, found := next.search(e.Path)
		if found {
			gone[next.files[i]] = true
			next.files = slices.Delete(next.files, i, i+1)
		}
		if e.Data != nil {
			p := r.parseFile(File{Path: e.Path, Data: e.Data, Blob: blobID(e.Data)})
			next.files = slices.Insert(next.files, i, p)
			added = p.appendTo(added)
		}
	}
	next.resources = make([]*resource, 0, len(t.resources)+len(added))
	for _, r := range t.resources {
		if !gone[r.in] {
			next.resources = append(next.resources, r)
		}
	}
	for _, r := range added {
		if gone[r.in] { // a later edit is of the same file
			continue
		}
		i, _ := slices.BinarySearchFunc(next.resources, r, compareResources)
		next.resources = slices.Insert(next.resources, i, r)
	}
	return next
}

func (p *parsed) appendTo(all []*resource) []*resource {
	for i := range p.resources {
		all = append(all, &p.resources[i])
	}
	return all
}

func compareResources(a, b *resource) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.name, b.name),
		strings.Compare(a.in.file.Path, b.in.file.Path),
		cmp.Compare(a.section, b.section), cmp.Compare(a.item, b.item))
}

// found returns the findings, sorted. The slice is shared: don't change it.
func (t *Tree) found() []Finding {
	t.finding.Do(func() {
		for _, p := range t.files {
			if p.trouble != nil {
				t.findings = append(t.findings, p.trouble.findings...)
			}
		}
		if bytes := t.streamed(); bytes > maxStreamBytes {
			t.findings = append(t.findings, Finding{Code: CodeStreamBlocked, Message: fmt.Sprintf(
				"the files below the four directories have %d MB together, and Argo CD reads %d MB "+
					"at most: remove some", bytes/1000/1000, maxStreamBytes/1000/1000)})
		}
		t.findDuplicates()
		sortFindings(t.findings)
		t.findings = firstOf(t.findings)
	})
	return t.findings
}

// maxFindings bounds the findings of one tree, because every answer contains them.
const maxFindings = 1000

func firstOf(findings []Finding) []Finding {
	more := len(findings) - maxFindings
	if more <= 0 {
		return findings
	}
	return append(slices.Clone(findings[:maxFindings]), Finding{Code: CodeNotRead, Message: fmt.Sprintf(
		"%d more findings are not listed: mend these first", more)})
}

// streamed returns how many bytes Argo CD reads. If all files together are within its limit, it returns their size.
func (t *Tree) streamed() int {
	all, streamed := 0, 0
	for _, p := range t.files {
		all += len(p.file.Data)
	}
	if all <= maxStreamBytes {
		return all
	}
	for _, p := range t.files {
		if inStream(p.file.Path) {
			streamed += len(p.file.Data)
		}
	}
	return streamed
}

func (r *resource) id() identity { return identity{r.kind, r.name} }

func (t *Tree) findDuplicates() {
	for i := 1; i < len(t.resources); i++ {
		first := t.resources[i-1]
		if t.resources[i].id() != first.id() {
			continue
		}
		all := t.find(first.id())
		t.findings = append(t.findings,
			Finding{Code: CodeDuplicate, File: first.in.file.Path, Line: first.line, Message: fmt.Sprintf(
				"%s %q stands in more than one place (%s): keep one of them", first.kind, shown(first.name),
				placesOf(all))})
		i += len(all) - 1
	}
}

func sortFindings(findings []Finding) {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Code, b.Code),
			strings.Compare(a.Message, b.Message))
	})
}

// maxPlaces bounds how many places a finding names.
const maxPlaces = 10

// placesOf names the files of resources, and the lines if a file holds several of them.
func placesOf(all []*resource) string {
	count := map[*parsed]int{}
	for _, r := range all {
		count[r.in]++
	}
	var places []string
	for _, r := range all {
		place := shown(r.in.file.Path)
		if count[r.in] > 1 {
			place = fmt.Sprintf("%s line %d", place, r.line)
		}
		places = append(places, place)
	}
	return strings.Join(text.First(slices.Compact(places), maxPlaces), ", ")
}

// search returns the index of a file and true, or the index where it would be inserted and false.
func (t *Tree) search(path string) (int, bool) {
	return slices.BinarySearchFunc(t.files, path,
		func(p *parsed, path string) int { return strings.Compare(p.file.Path, path) })
}

func (t *Tree) file(path string) *parsed {
	if i, found := t.search(path); found {
		return t.files[i]
	}
	return nil
}

// kind returns the resources of a kind, sorted by name, then by place.
func (t *Tree) kind(kind string) []*resource {
	i, _ := slices.BinarySearchFunc(t.resources, kind,
		func(r *resource, kind string) int { return strings.Compare(r.kind, kind) })
	rest := t.resources[i:]
	if end := slices.IndexFunc(rest, func(r *resource) bool { return r.kind != kind }); end >= 0 {
		return rest[:end]
	}
	return rest
}

// find returns the resources of a name, sorted by place.
func (t *Tree) find(id identity) []*resource {
	i, _ := slices.BinarySearchFunc(t.resources, id, func(r *resource, id identity) int {
		return cmp.Or(strings.Compare(r.kind, id.kind), strings.Compare(r.name, id.name))
	})
	end := i
	for end < len(t.resources) && t.resources[end].id() == id {
		end++
	}
	return t.resources[i:end]
}

// brokenIn returns the files that name the object in a form that cannot be read.
func (t *Tree) brokenIn(id identity) []string {
	var paths []string
	for _, p := range t.files {
		if p.trouble != nil && slices.Contains(p.trouble.broken, id) {
			paths = append(paths, p.file.Path)
		}
	}
	return paths
}

func entriesOf(all []*resource) []*Entry {
	entries, out := make([]Entry, len(all)), make([]*Entry, len(all))
	for i, r := range all {
		entries[i] = r.entry()
		out[i] = &entries[i]
	}
	return out
}

// Of returns the entries of a kind, sorted by name, then by place.
func (t *Tree) Of(kind string) []*Entry { return entriesOf(t.kind(kind)) }

// Lengths returns Entry.Bytes of the entries of a kind, in the order of Of, without making the entries.
func (t *Tree) Lengths(kind string) []int {
	resources := t.kind(kind)
	lengths := make([]int, len(resources))
	for i, r := range resources {
		lengths[i] = r.text
	}
	return lengths
}

// Part returns n of the entries of a kind, from an offset on. The rest is not copied; there can be thousands.
func (t *Tree) Part(kind string, offset, n int) []*Entry {
	if n == 0 {
		return nil
	}
	return entriesOf(t.kind(kind)[offset : offset+n])
}

// Find returns the entries of a name, sorted by place. More than one is a duplicate.
func (t *Tree) Find(kind, name string) []*Entry { return entriesOf(t.find(identity{kind, name})) }

// First returns the first entry of Find, or nil. It copies only that one; there can be thousands.
func (t *Tree) First(kind, name string) *Entry {
	if all := t.find(identity{kind, name}); len(all) > 0 {
		e := all[0].entry()
		return &e
	}
	return nil
}

// Has says whether Find returns anything.
func (t *Tree) Has(kind, name string) bool { return len(t.find(identity{kind, name})) > 0 }

// RepoNames returns spec.repoName of the CodeRepos by their names. Of several CodeRepos with one name the first counts.
// The map is shared: don't change it. It is made once because every answer with a runtime needs all of it.
func (t *Tree) RepoNames() map[string]string {
	t.namingRepos.Do(func() {
		repos := t.kind("CodeRepo")
		t.repoNames = make(map[string]string, len(repos))
		for _, r := range slices.Backward(repos) {
			if spec, ok := r.spec.(*api.CodeRepoSpec); ok {
				t.repoNames[r.name] = spec.RepoName
			}
		}
	})
	return t.repoNames
}

// Findings returns the findings, sorted by file and line.
func (t *Tree) Findings() []Finding { return slices.Clone(t.found()) }

// FindingsFor returns Findings, and those that depend on the product. product is its resource name, such as product-7.
func (t *Tree) FindingsFor(product string) []Finding {
	findings := t.Findings()
	for _, r := range t.resources {
		if len(findings) > 2*maxFindings { // enough to know that there are more
			break
		}
		if namespace := r.namespace(); namespace != "" && namespace != product {
			findings = append(findings,
				Finding{Code: CodeForbiddenNamespace, File: r.in.file.Path, Line: r.line, Message: fmt.Sprintf(
					"line %d: %s %q says that it lies in namespace %s, Argo CD refuses it and holds up the "+
						"whole product: "+
						"remove metadata.namespace",
					r.line, r.kind, shown(r.name), shown(namespace))})
		}
	}
	sortFindings(findings)
	return firstOf(findings)
}

// Files returns the files, sorted by path. Their data is shared: don't change it.
func (t *Tree) Files() []File {
	out := make([]File, len(t.files))
	for i, p := range t.files {
		out[i] = p.file
	}
	return out
}

// File returns one file. Its data is shared: don't change it.
func (t *Tree) File(path string) (File, bool) {
	if p := t.file(path); p != nil {
		return p.file, true
	}
	return File{}, false
}

// Data returns the bytes of a file, or nil when there is none or it was not read. Don't change them.
func (t *Tree) Data(path string) []byte {
	f, _ := t.File(path)
	return f.Data
}
