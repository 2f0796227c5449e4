package layout

// What the parts of a tree take on top of the data of their files. Measured, and rounded up: a test of package gitrepo holds them to what
// snapshots take.
const (
	bytesPerFile     = 240
	bytesPerResource = 440
	bytesPerFinding  = 250
	// bytesPerMeta is for labels or annotations, beside their text; bytesPerLabel comes on top for each.
	bytesPerMeta  = 750
	bytesPerLabel = 100
)

// Bytes returns the memory that the tree takes, estimated. Trees share what they have in common, and each counts it.
func (t *Tree) Bytes() int64 {
	total := 0
	for _, p := range t.files {
		total += bytesPerFile + len(p.file.Path) + len(p.file.Data)*9/8 // memory comes in sizes
	}
	for _, r := range t.resources {
		total += bytesPerResource
		if r.meta != nil {
			total += bytesPerMeta + bytesPerLabel*(len(r.meta.Labels)+len(r.meta.Annotations)+len(r.meta.Finalizers)+len(r.meta.OwnerReferences))
		}
	}
	for _, f := range t.findings {
		total += bytesPerFinding + len(f.Message)
	}
	return int64(total)
}
