package layout

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // git's own checksum of a blob, not a protection
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// parsed is one file and what its text says. It never changes, so several trees can share it. A tree keeps very many of
// them, so apart from the text a parsed holds as little as possible: what an edit needs is parsed again at that time.
type parsed struct {
	file      File
	resources []resource
	// trouble is nil for a file without findings.
	trouble *trouble
}

type trouble struct {
	findings []Finding
	// broken are objects that the file names but that cannot be read or edited.
	broken []identity
}

// identity is the key under which an object is looked up.
type identity struct{ kind, name string }

// reader reads the files of one tree.
type reader struct {
	// kinds are the kinds that may lie in a default.project. The list is made once because every object is looked up in
	// it.
	kinds []kinds.Kind
	// words holds texts that were read before, so that equal texts of several objects are kept in memory only once.
	words map[string]string
	// known holds files that were parsed. A file with the same bytes and the same reading is not parsed again.
	known map[reading]*parsed
}

// reading is everything besides the path that decides how the text of a file is read.
type reading struct {
	blob, extension string
	streamed        bool
}

func newReader() *reader {
	return &reader{kinds: kinds.OfScope(kinds.Product), words: map[string]string{}, known: map[reading]*parsed{}}
}

// word returns the copy of the text that was read before. A new text becomes that copy.
func (r *reader) word(said string) string {
	if known, ok := r.words[said]; ok {
		return known
	}
	r.words[said] = said
	return said
}

// page is a file while it is being parsed.
type page struct {
	*reader
	*parsed
	content *content
}

func (r *reader) parseFile(f File) *parsed {
	same := reading{f.Blob, path.Ext(f.Path), inStream(f.Path)}
	if first := r.known[same]; first != nil && f.Skipped == "" && bytes.Equal(first.file.Data, f.Data) {
		return first.at(f.Path)
	}
	p := r.parseNew(f)
	if f.Blob != "" && p.file.Data != nil {
		r.known[same] = p
	}
	return p
}

// at returns the same file at another path. The two share their content.
func (p *parsed) at(place string) *parsed {
	other := &parsed{file: p.file, resources: slices.Clone(p.resources)}
	other.file.Path = place
	for i := range other.resources {
		other.resources[i].in = other
	}
	if p.trouble != nil {
		other.trouble = &trouble{findings: slices.Clone(p.trouble.findings), broken: p.trouble.broken}
		for i := range other.trouble.findings {
			other.trouble.findings[i].File = place
		}
	}
	return other
}

func (r *reader) parseNew(f File) *parsed {
	p := page{r, &parsed{file: f}, nil}
	if !Matters(f.Path) {
		p.file.Data = nil
	}
	switch {
	case overridesSource(f):
		p.find(CodeStreamBlocked, 0, "Argo CD reads this file before all others: it can make Argo CD leave files of "+
			"the product out and remove what they made; delete it")
	case f.Skipped == "" && len(f.Data) > MaxFileBytes:
		p.file.Data, p.file.Skipped = nil, SkippedTooLarge
		fallthrough
	case f.Skipped != "":
		p.skipped()
	case !inStream(f.Path):
		p.elsewhere()
	case isPointer(f.Data):
		p.find(CodeNotRead, 0, "the file is a pointer to a file in Git LFS and is not followed: commit the file itself")
	case path.Ext(f.Path) == ".jsonnet":
		p.find(CodeNotRead, 0, "what comes out of Jsonnet is not seen here, and Argo CD leaves it out unless it is "+
			"told otherwise: commit YAML")
	default:
		p.read()
	}
	return p.parsed
}

func (p *parsed) wrong() *trouble {
	if p.trouble == nil {
		p.trouble = &trouble{}
	}
	return p.trouble
}

func (p *parsed) find(code string, line int, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if line > 0 {
		message = fmt.Sprintf("line %d: %s", line, message)
	}
	p.wrong().findings = append(p.wrong().findings,
		Finding{Code: code, File: p.file.Path, Line: line, Message: message})
}

func (p *parsed) breaks(kind, name string) {
	p.wrong().broken = append(p.wrong().broken, identity{kind, name})
}

func (p *parsed) skipped() {
	switch {
	case !inDirectories(p.file.Path), p.file.Skipped != SkippedSubmodule && !inStream(p.file.Path):
	case p.file.Skipped == SkippedTooLarge:
		p.find(CodeNotRead, 0, "the file is larger than %d MiB and is not read: split it", MaxFileBytes>>20)
	default:
		p.find(CodeStreamBlocked, 0, "the file is a %s: it is not followed here, and Argo CD may refuse the whole "+
			"product for it; commit the files themselves", shown(p.file.Skipped))
	}
}

// elsewhere reports resources in files that Argo CD does not read.
func (p *page) elsewhere() {
	if !manifestName(p.file.Path) || !bytes.Contains(text.Decoded(p.file.Data), []byte(api.Group)) {
		return
	}
	c, trouble := parse(p.file.Path, p.file.Data)
	if trouble != nil {
		return
	}
	for _, s := range c.sections {
		for _, m := range membersOf(s.JSON) {
			if m.group() == api.Group {
				p.find(CodeNotSynced, s.Line,
					"%s %q stands where nothing reads it: move the file below %s, with the extension .yaml",
					shown(m.text("kind")), shown(m.name()), p.home(m))
			}
		}
	}
}

func (r *reader) home(m member) string {
	if k, known := r.kindOf(m); known {
		return k.Directory + "/"
	}
	return "one of the four directories"
}

func (p *page) read() {
	c, trouble := parse(p.file.Path, p.file.Data)
	p.content = c
	if i := bytes.Index(c.text, []byte(skipMarker)); i >= 0 {
		p.find(CodeStreamBlocked, lineAt(c.text, i), "the text %s makes Argo CD leave the file out and remove "+
			"what it made of it, from 3.1 on: take the text out", skipMarker)
		p.giveUp()
		return
	}
	if trouble != nil {
		p.find(CodeStreamBlocked, trouble.line,
			"%s; until then nothing of it counts, and Argo CD may apply nothing of the whole product", trouble.what)
		p.giveUp()
		return
	}
	if c.damaged > 0 {
		p.find(CodeNotUTF8, c.damaged, "the file is not UTF-8, Argo CD reads another character there, and it cannot be "+
			"changed here: save it in UTF-8")
	}
	var nameless []int
	for i, s := range c.sections {
		if s.empty {
			continue
		}
		members := membersOf(s.JSON)
		for _, m := range members {
			p.admit(m, i)
		}
		if !bytes.HasPrefix(s.JSON, []byte("{")) || hasNoKind(members) {
			nameless = append(nameless, s.Line)
		}
	}
	p.resources = slices.Clone(p.resources) // drop spare capacity
	if (c.plain() && p.oursAlone(c)) || !refusedByArgoCD(p.file.Path, c.text) {
		return
	}
	for _, line := range nameless {
		p.find(CodeStreamBlocked, line,
			"the document is no resource, and Argo CD applies nothing of the whole product because of it: "+
				"add apiVersion and kind, or move the file out of the four directories")
	}
	if len(nameless) == 0 {
		p.find(CodeStreamBlocked,
			1, "Argo CD cannot read the file and applies nothing of the whole product because of it: "+
				"use plain YAML, with documents separated by lines that hold --- alone")
	}
}

// giveUp notes the objects in the readable part of a file that cannot be read to its end.
func (p *page) giveUp() {
	for _, s := range p.content.sections {
		for _, m := range membersOf(s.JSON) {
			if k, ours := p.kindOf(m); ours {
				p.breaks(k.Name, m.name())
			}
		}
	}
}

func hasNoKind(members []member) bool {
	for _, m := range members {
		if m.text("kind") == "" {
			return true
		}
	}
	return false
}

// admit adds one object that Argo CD reads to the resources, or reports what is wrong with it.
func (p *page) admit(m member, section int) {
	line := p.content.sections[section].Line
	if m.text("kind") == "" {
		return
	}
	if annotation := m.hook(); annotation != "" {
		p.find(CodeStreamBlocked, line, "%s %q is a hook by its annotation %s, and Argo CD does not keep hooks as it "+
			"keeps other resources: remove the annotation",
			shown(m.text("kind")), shown(m.name()), annotation)
	}
	k, ours := p.kindOf(m)
	if !ours {
		p.find(CodeForbiddenKind, line, "%s", p.forbidden(m))
		return
	}
	res, wrong := p.resource(m, k)
	if wrong != "" {
		p.breaks(k.Name, m.name())
		p.find(CodeStreamBlocked, line, "%s; until then it does not count, and it may hold up the whole product", wrong)
		return
	}
	res.in, res.section, res.item = p.parsed, section, m.item
	res.document, res.line = p.content.sections[section].Index, line
	p.resources = append(p.resources, res)
	if res.legacy {
		p.find(CodeLegacyShape, line, "%s %q is written as newer versions of Nautes do, which the cluster refuses: "+
			"rewrite it with nautes migrate, or save it", res.kind, shown(res.name))
	}
	if len(res.unknown) > 0 {
		p.find(CodeStreamBlocked, line, "%s %q has fields that its kind does not have, Argo CD refuses it and may "+
			"hold up the whole product: remove %s",
			res.kind, shown(res.name), strings.Join(res.unknown, ", "))
	}
}

// blobID returns the git blob id of data.
func blobID(data []byte) string {
	h := sha1.New() //nolint:gosec // git's own checksum of a blob, not a protection
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
