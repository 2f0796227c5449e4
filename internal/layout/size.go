package layout

import "reflect"

// What the parts of a tree take on top of the data of their files. Measured, and rounded up: a test of package gitrepo holds them to what
// snapshots take.
const (
	bytesPerFile     = 240
	bytesPerResource = 440
	bytesPerFinding  = 250
	bytesPerBroken   = 48
	// bytesPerMeta is for labels or annotations, beside their text; bytesPerLabel comes on top for each.
	bytesPerMeta  = 750
	bytesPerLabel = 100
	// bytesPerElement is for an element of a list, beside its text: a string and the room that a list which grew has to spare.
	bytesPerElement = 24
	// usualText of an object is in bytesPerResource.
	usualText = 1 << 10
)

// Bytes returns the memory that the tree takes, estimated. Trees share what they have in common, and each counts it.
func (t *Tree) Bytes() int64 {
	s := newSize()
	for _, p := range t.files {
		s.add(p)
	}
	return s.bytes
}

// size adds up what files take. What several files of the same bytes share counts once.
type size struct {
	bytes int64
	seen  map[*byte]bool
}

func newSize() *size { return &size{seen: map[*byte]bool{}} }

// add returns the sum with one file more.
func (s *size) add(p *parsed) int64 {
	total := bytesPerFile + len(p.file.Path) + bytesPerResource*len(p.resources)
	if len(p.file.Data) > 0 && !s.seen[&p.file.Data[0]] {
		s.seen[&p.file.Data[0]] = true
		total += len(p.file.Data) * 9 / 8 // memory comes in sizes
		for i := range p.resources {
			total += p.resources[i].more()
		}
	}
	if p.trouble != nil {
		total += bytesPerBroken * len(p.trouble.broken)
		for _, f := range p.trouble.findings {
			total += bytesPerFinding + len(f.Message)
		}
	}
	s.bytes += int64(total)
	return s.bytes
}

// elementsOf is how many elements the lists of a spec have.
func elementsOf(spec any) int {
	elements := 0
	walk(reflect.ValueOf(spec), func(v reflect.Value) {
		if v.Kind() == reflect.Slice {
			elements += v.Len()
		}
	})
	return elements
}

// more is what an object takes that is not like most.
func (r *resource) more() int {
	total := max(0, r.text-usualText) + bytesPerElement*(elementsOf(r.spec)+len(r.unknown))
	if r.meta != nil {
		total += bytesPerMeta + bytesPerLabel*(len(r.meta.Labels)+len(r.meta.Annotations)+len(r.meta.Finalizers)+len(r.meta.OwnerReferences))
	}
	return total
}
