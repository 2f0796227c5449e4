package gitrepo_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
)

// Types of objects in a pack.
const (
	blob = 3
	ofs  = 6
	ref  = 7
)

// rawPack is a pack as a hostile server may write it.
type rawPack struct {
	bytes.Buffer
}

func newPack(objects uint32) *rawPack {
	p := &rawPack{}
	p.WriteString("PACK")
	_ = binary.Write(p, binary.BigEndian, []uint32{2, objects})
	return p
}

// add writes an object that declares a size, and returns where it begins.
func (p *rawPack) add(kind byte, declared uint64, base, content []byte) int {
	at := p.Len()
	first, rest := byte(declared&15), declared>>4
	for b := kind<<4 | first; ; {
		if rest == 0 {
			p.WriteByte(b)
			break
		}
		p.WriteByte(b | 0x80)
		b, rest = byte(rest&127), rest>>7
	}
	p.Write(base)
	z := zlib.NewWriter(p)
	_, _ = z.Write(content)
	_ = z.Close()
	return at
}

// copies is a difference that repeats the first bytes of its base.
func copies(base, each, times int) []byte {
	out := binary.AppendUvarint(nil, uint64(base))
	out = binary.AppendUvarint(out, uint64(each*times))
	for range times {
		out = append(out, 0x80|0x10|0x20, byte(each), byte(each>>8))
	}
	return out
}

func TestPacksOfHostileServers(t *testing.T) {
	missing := bytes.Repeat([]byte{1}, 20)
	for name, c := range map[string]struct {
		pack func() *rawPack
		want error // nil: any, but one
	}{
		"nothing":               {func() *rawPack { return &rawPack{} }, nil},
		"more objects than may": {func() *rawPack { return newPack(1 << 31) }, gitrepo.ErrTooBig},
		"fewer than declared": {func() *rawPack {
			p := newPack(2)
			p.add(blob, 1, nil, []byte("x"))
			return p
		}, nil},
		"an object longer than declared": {func() *rawPack {
			p := newPack(1)
			p.add(blob, 1, nil, []byte("xxxx"))
			return p
		}, nil},
		"an object shorter than declared": {func() *rawPack {
			p := newPack(1)
			p.add(blob, 9, nil, []byte("xxxx"))
			return p
		}, gitrepo.ErrDamaged},
		"a commit without end": {func() *rawPack { p := newPack(1); p.add(1, 1<<40, nil, nil); return p },
			gitrepo.ErrTooBig},
		"a type that is none": {func() *rawPack {
			p := newPack(1)
			p.add(5, 1, nil, []byte("x"))
			return p
		}, gitrepo.ErrDamaged},
		"a difference to nothing": {func() *rawPack {
			p := newPack(1)
			d := copies(5, 1, 1)
			p.add(ref, uint64(len(d)), missing, d)
			return p
		}, gitrepo.ErrDamaged},
		"a difference to before the pack": {func() *rawPack {
			p := newPack(1)
			d := copies(5, 1, 1)
			p.add(ofs, uint64(len(d)), []byte{3}, d)
			return p
		}, gitrepo.ErrDamaged},
		"a difference that says nothing": {func() *rawPack {
			p := newPack(2)
			at := p.add(blob, 5, nil, []byte("12345"))
			p.add(ofs, 0, []byte{byte(p.Len() - at)}, nil)
			return p
		}, gitrepo.ErrDamaged},
		"differences that multiply": {func() *rawPack {
			p := newPack(100)
			base := bytes.Repeat([]byte("x"), 60000)
			at := p.add(blob, uint64(len(base)), nil, base)
			d := copies(len(base), 60000, 16)
			for range 99 {
				distance := p.Len() - at
				offset := []byte{byte(distance & 127)}
				for distance >>= 7; distance > 0; distance >>= 7 {
					distance--
					offset = append([]byte{byte(distance&127) | 0x80}, offset...)
				}
				p.add(ofs, uint64(len(d)), offset, d)
				// equal content has one hash, and still counts
			}
			return p
		}, gitrepo.ErrTooBig},
		"a small file from one that is too large": {func() *rawPack {
			p := newPack(2)
			large := make([]byte, layout.MaxFileBytes+1)
			at := p.add(blob, uint64(len(large)), nil, large)
			d := copies(len(large), 10, 1)
			distance := p.Len() - at
			p.add(ofs, uint64(len(d)), []byte{byte((distance>>7)-1) | 0x80, byte(distance & 127)}, d)
			return p
		}, gitrepo.ErrTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			used := allocated(func() { _, err = gitrepo.ReadPack(c.pack().Bytes(), 8<<20, 100) })
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if used > 128<<20 { // unbounded, the differences that multiply take several times as much
				t.Errorf("allocated %d MiB", used>>20)
			}
		})
	}
}

func TestADifferenceMayComeBeforeItsBase(t *testing.T) {
	p := newPack(2)
	h := newHost(t)
	base := strings.Repeat("0123456789", 10)
	id := h.git(base, "hash-object", "--stdin")
	raw := make([]byte, 20)
	for i := range raw {
		for _, c := range id[2*i : 2*i+2] {
			raw[i] = raw[i]<<4 | byte(strings.IndexRune("0123456789abcdef", c))
		}
	}
	d := copies(len(base), 10, 1)
	p.add(ref, uint64(len(d)), raw, d)
	p.add(blob, uint64(len(base)), nil, []byte(base))
	if n, err := gitrepo.ReadPack(p.Bytes(), 1<<20, 10); n != 2 || err != nil {
		t.Errorf("%d objects, %v", n, err)
	}
}

func FuzzReadPack(f *testing.F) {
	p := newPack(2)
	at := p.add(blob, 5, nil, []byte("12345"))
	d := copies(5, 5, 1)
	p.add(ofs, uint64(len(d)), []byte{byte(p.Len() - at)}, d)
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := gitrepo.ReadPack(data, 1<<20, 100); err == nil && n > 100 {
			t.Errorf("%d objects", n)
		}
	})
}
