package gitrepo

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// maxTreeBytes bounds the size of one directory or commit message.
const maxTreeBytes = 8 << 20

var (
	errTooBig  = errors.New("the commit unpacks to more than is read")
	errDamaged = errors.New("the pack is damaged")
)

// object is one object of a pack. A blob that is too large to be read has no data.
type object struct {
	kind    plumbing.ObjectType
	data    []byte
	dropped bool
}

// pack holds the objects of one fetch by their hashes. The hashes are computed from the content, so the server cannot
// pass off another object.
type pack struct {
	objects  map[plumbing.Hash]*object
	byOffset map[int64]*object
	waiting  []delta
	left     int64
}

// delta is an object that is described by its difference to a base object.
type delta struct {
	offset int64
	base   plumbing.Hash
	data   []byte
}

// readPack unpacks objects, at most maxBytes and maxObjects of them. go-git's own parser has no such bounds, see
// docs/decisions/0024.
func readPack(ctx context.Context, r io.Reader, maxBytes int64, maxObjects int) (*pack, error) {
	scanner := packfile.NewScanner(r)
	_, count, err := scanner.Header()
	if err != nil {
		return nil, fmt.Errorf("reading a pack: %w", err)
	}
	if int64(count) > int64(maxObjects) {
		return nil, errTooBig
	}
	p := &pack{objects: map[plumbing.Hash]*object{}, byOffset: map[int64]*object{}, left: maxBytes}
	for range count {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading a pack: %w", err)
		}
		if err := p.next(scanner); err != nil {
			return nil, err
		}
	}
	for len(p.waiting) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading a pack: %w", err)
		}
		if err := p.resolve(); err != nil {
			return nil, err
		}
	}
	p.byOffset = nil
	return p, nil
}

func (p *pack) next(scanner *packfile.Scanner) error {
	h, err := scanner.NextObjectHeader()
	if err != nil {
		return fmt.Errorf("reading a pack: %w", err)
	}
	if h.Type == plumbing.BlobObject && h.Length > layout.MaxFileBytes {
		return p.skip(scanner, h)
	}
	data, err := p.read(scanner, h.Length)
	if err != nil {
		return err
	}
	switch h.Type {
	case plumbing.OFSDeltaObject:
		base := p.byOffset[h.OffsetReference]
		if base == nil {
			return fmt.Errorf("%w: the base of a difference is missing", errDamaged)
		}
		return p.apply(base, delta{offset: h.Offset, data: data})
	case plumbing.REFDeltaObject:
		d := delta{offset: h.Offset, base: h.Reference, data: data}
		if base := p.objects[h.Reference]; base != nil {
			return p.apply(base, d)
		}
		p.waiting = append(p.waiting, d)
		return nil
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		p.keep(h.Offset, &object{kind: h.Type, data: data})
		return nil
	default:
		return fmt.Errorf("%w: an object has type %d", errDamaged, h.Type)
	}
}

// skip reads past a blob that is too large.
func (p *pack) skip(scanner *packfile.Scanner, h *packfile.ObjectHeader) error {
	if _, _, err := scanner.NextObject(io.Discard); err != nil {
		return fmt.Errorf("reading a pack: %w", err)
	}
	p.byOffset[h.Offset] = &object{kind: h.Type, dropped: true}
	return nil
}

func (p *pack) read(scanner *packfile.Scanner, length int64) ([]byte, error) {
	if err := p.take(length); err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(make([]byte, 0, length))
	n, _, err := scanner.NextObject(out)
	if err != nil {
		return nil, fmt.Errorf("reading a pack: %w", err)
	}
	if n != length {
		return nil, fmt.Errorf("%w: an object has %d bytes instead of %d", errDamaged, n, length)
	}
	return out.Bytes(), nil
}

func (p *pack) take(length int64) error {
	if length < 0 || length > maxTreeBytes || length > p.left {
		return errTooBig
	}
	p.left -= length
	return nil
}

func (p *pack) keep(offset int64, o *object) {
	p.byOffset[offset] = o
	p.objects[plumbing.ComputeHash(o.kind, o.data)] = o
}

// apply makes an object from its base and the difference to it.
func (p *pack) apply(base *object, d delta) error {
	size, err := sizeAfter(d.data)
	if err != nil {
		return err
	}
	large := base.kind == plumbing.BlobObject && size > layout.MaxFileBytes
	switch {
	case large:
		p.byOffset[d.offset] = &object{kind: base.kind, dropped: true}
		return nil
	case base.dropped:
		return errTooBig
	}
	if err := p.take(int64(size)); err != nil { //nolint:gosec // sizeAfter bounds it
		return err
	}
	data, err := packfile.PatchDelta(base.data, d.data)
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	p.left += int64(len(d.data))
	p.keep(d.offset, &object{kind: base.kind, data: bytes.Clone(data)})
	return nil
}

// sizeAfter returns the size of the result of a difference.
func sizeAfter(data []byte) (uint64, error) {
	_, n := binary.Uvarint(data)
	if n <= 0 {
		return 0, errDamaged
	}
	size, m := binary.Uvarint(data[n:])
	if m <= 0 || size > 1<<40 {
		return 0, errDamaged
	}
	return size, nil
}

// resolve applies the differences whose base came later in the pack.
func (p *pack) resolve() error {
	waiting := p.waiting
	p.waiting = nil
	for _, d := range waiting {
		base := p.objects[d.base]
		if base == nil {
			p.waiting = append(p.waiting, d)
			continue
		}
		if err := p.apply(base, d); err != nil {
			return err
		}
	}
	if len(p.waiting) == len(waiting) {
		return fmt.Errorf("%w: the base of a difference is missing", errDamaged)
	}
	return nil
}

// tree returns the content of a directory.
func (p *pack) tree(h plumbing.Hash) ([]byte, error) {
	if o := p.objects[h]; o != nil && o.kind == plumbing.TreeObject {
		return o.data, nil
	}
	return nil, fmt.Errorf("%w: directory %s is missing", errDamaged, h)
}

// root returns the root directory of a commit, and false when there is no such commit.
func (p *pack) root(commit plumbing.Hash) (plumbing.Hash, bool) {
	o := p.objects[commit]
	if o == nil || o.kind != plumbing.CommitObject {
		return plumbing.ZeroHash, false
	}
	line, _, _ := bytes.Cut(o.data, []byte("\n"))
	id, ok := bytes.CutPrefix(line, []byte("tree "))
	if !ok || !plumbing.IsHash(string(id)) {
		return plumbing.ZeroHash, false
	}
	return plumbing.NewHash(string(id)), true
}
