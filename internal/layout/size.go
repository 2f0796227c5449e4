package layout

import "reflect"

// Memory that the parts of a tree take on top of the data of their files. The numbers are measured and rounded up. A
// test of package gitrepo compares them with what snapshots take.
const (
	bytesPerFile     = 240
	bytesPerResource = 440
	bytesPerFinding  = 250
	bytesPerBroken   = 48
	// bytesPerMeta is the memory of labels or annotations on top of their text. bytesPerLabel is added for each of
	// them.
	bytesPerMeta  = 750
	bytesPerLabel = 100
	// bytesPerElement is the memory of an element of a list on top of its text: a string, and the spare capacity of a
	// list.
	bytesPerElement = 24
	// usualText is the length of an object's text that bytesPerResource contains.
	usualText = 1 << 10
)

// Bytes returns an estimate of the memory that the tree takes. What trees share is counted for each of them.
func (t *Tree) Bytes() int64 {
	s := newSize()
	for _, p := range t.files {
		s.add(p)
	}
	return s.bytes
}

// size adds up the memory of files. Data that several files of a tree share is counted once.
type size struct {
	bytes int64
	seen  map[*byte]bool
}

func newSize() *size { return &size{seen: map[*byte]bool{}} }

// add returns the sum after one more file.
func (s *size) add(p *parsed) int64 {
	total := bytesPerFile + len(p.file.Path) + bytesPerResource*len(p.resources)
	if len(p.file.Data) > 0 && !s.seen[&p.file.Data[0]] {
		s.seen[&p.file.Data[0]] = true
		total += len(p.file.Data) * 9 / 8 // allocations are rounded up to size classes
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

// elementsOf returns how many elements the lists of a spec have.
func elementsOf(spec any) int {
	elements := 0
	walk(reflect.ValueOf(spec), func(v reflect.Value) {
		if v.Kind() == reflect.Slice {
			elements += v.Len()
		}
	})
	return elements
}

// more returns the memory that an object takes beyond that of most objects.
func (r *resource) more() int {
	total := max(0, r.text-usualText) + bytesPerElement*(elementsOf(r.spec)+len(r.unknown))
	if r.meta != nil {
		total += bytesPerMeta + bytesPerLabel*(len(r.meta.Labels)+len(r.meta.Annotations)+len(r.meta.Finalizers)+
			len(r.meta.OwnerReferences))
	}
	return total
}
