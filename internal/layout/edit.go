package layout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"
	goyaml "sigs.k8s.io/yaml/goyaml.v2"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// replacement puts an object in the place of an entry. Without an object it removes the entry.
type replacement struct {
	of   *resource
	with client.Object
}

// manner is how a document that changes is written. The first that gives what it should is taken.
type manner int

const (
	// inPlace changes only the text of what changes.
	inPlace manner = iota
	// withComments writes the document anew, between the comments before and after it.
	withComments
	// alone writes it without any comment.
	alone
)

// rewrite returns the file with the replacements. Documents without a replacement stay as they are, byte for byte.
// People write files in many ways, so rewrite reads its result again and compares: if the result says anything else
// than it should, it returns an error.
func (p *parsed) rewrite(all ...replacement) (Edit, error) {
	c, _ := parse(p.file.Path, p.file.Data) // it was read before, so this does not fail
	if c.damaged > 0 {
		return Edit{}, problem.New(problem.Conflict, problem.ReasonFileUnreadable, "%s is not UTF-8 in line %d, and "+
			"characters would be lost: save it in UTF-8 by git first", shown(p.file.Path), c.damaged)
	}
	want, err := c.objectsAfter(all)
	if err != nil {
		return Edit{}, err
	}
	for _, how := range []manner{inPlace, withComments, alone} {
		data, err := c.compose(p.file.Path, all, how)
		if err != nil {
			return Edit{}, err
		}
		if data == nil && len(want) == 0 {
			return Edit{Path: p.file.Path}, nil
		}
		if got, ok := objectsIn(p.file.Path, data); ok && slices.Equal(got, want) {
			return Edit{Path: p.file.Path, Data: data}, nil
		}
	}
	return Edit{}, problem.New(problem.Conflict, problem.ReasonFileUnreadable,
		"%s is written in a way that cannot be edited here: change %s %q by git",
		shown(p.file.Path), all[0].of.kind, shown(all[0].of.name))
}

// objectsAfter returns what the objects of the file mean after the replacements.
func (c *content) objectsAfter(all []replacement) ([]string, error) {
	var out []string
	reader := newReader()
	for i, s := range c.sections {
		for _, m := range membersOf(s.JSON) {
			if r := replacementOf(all, i, m.item); r != nil {
				if r.with == nil {
					continue
				}
				fields, err := form(r.with)
				if err != nil {
					return nil, err
				}
				m = member{fields: plainFields(fields)}
			}
			out = append(out, reader.meaning(m))
		}
	}
	return out, nil
}

// meaning returns what an object says, as canonical JSON. For our kinds a field with an empty value says nothing.
func (r *reader) meaning(m member) string {
	if k, ours := r.kindOf(m); ours {
		res, wrong := r.resource(m, k)
		if wrong == "" && !res.legacy && len(res.unknown) == 0 && !res.isOwned() {
			if fields, err := form(res.object()); err == nil {
				return canonical(fields)
			}
		}
	}
	return canonical(m.fields)
}

// isOwned says whether the file names finalizers or owners. A file must not.
func (r *resource) isOwned() bool {
	return r.meta != nil && len(r.meta.Finalizers)+len(r.meta.OwnerReferences) > 0
}

func plainFields(fields map[string]any) map[string]any {
	plain, _ := plainValue(canonicalJSON(fields)).(map[string]any)
	return plain
}

// objectsIn returns what the objects of a file mean.
func objectsIn(path string, data []byte) ([]string, bool) {
	if data == nil || len(data) > MaxFileBytes || bytes.Contains(data, []byte(skipMarker)) {
		return nil, false
	}
	c, trouble := parse(path, data)
	if trouble != nil {
		return nil, false
	}
	var out []string
	reader := newReader()
	for _, s := range c.sections {
		for _, m := range membersOf(s.JSON) {
			out = append(out, reader.meaning(m))
		}
	}
	return out, true
}

// canonical returns the JSON of a value, with sorted keys.
func canonical(fields map[string]any) string {
	raw, err := json.Marshal(fields)
	if err != nil {
		return ""
	}
	return string(raw)
}

func replacementOf(all []replacement, section, item int) *replacement {
	i := slices.IndexFunc(all, func(r replacement) bool { return r.of.section == section && r.of.item == item })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// compose returns the bytes of the file with the replacements. It returns nil when only comments would be left.
func (c *content) compose(path string, all []replacement, how manner) ([]byte, error) {
	var out bytes.Buffer
	left := 0
	for i, s := range c.sections {
		if !slices.ContainsFunc(all, func(r replacement) bool { return r.of.section == i }) {
			out.Write(c.text[s.start:s.end])
			if !s.empty {
				left++
			}
			continue
		}
		fields, err := replaced(s, all, i, func(r *replacement) (map[string]any, error) { return form(r.with) })
		if err != nil {
			return nil, err
		}
		if fields == nil {
			out.WriteString(c.without(s, how != alone))
			continue
		}
		left++
		if how == inPlace {
			if text, ok := c.patched(s, all, i); ok {
				out.WriteString(text)
				continue
			}
		}
		written, err := c.write(fields, path)
		if err != nil {
			return nil, err
		}
		out.WriteString(c.around(s, written, how != alone, out.Len() == 0))
	}
	if left == 0 {
		return nil, nil
	}
	return append(slices.Clone(c.bom), out.Bytes()...), nil
}

// replaced returns the content of a document after the replacements, or nil when the document is removed.
func replaced(
	s section, all []replacement, index int, form func(*replacement) (map[string]any, error),
) (map[string]any, error) {
	if r := replacementOf(all, index, -1); r != nil {
		if r.with == nil {
			return nil, nil
		}
		return form(r)
	}
	var list map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(s.JSON, &list); err != nil {
		return nil, fmt.Errorf("reading the list in document %d: %w", s.Index, err)
	}
	items := []any{}
	for _, m := range membersOf(s.JSON) {
		r := replacementOf(all, index, m.item)
		switch {
		case r == nil:
			items = append(items, m.fields)
		case r.with != nil:
			fields, err := form(r)
			if err != nil {
				return nil, err
			}
			items = append(items, fields)
		}
	}
	if len(items) == 0 {
		return nil, nil
	}
	list["items"] = items
	return list, nil
}

// write returns a document in the format of the file, with the line breaks of the file.
func (c *content) write(fields map[string]any, path string) (string, error) {
	var data []byte
	var err error
	if strings.HasSuffix(path, ".json") {
		data, err = json.MarshalIndent(fields, "", "  ")
		data = append(data, '\n')
	} else {
		data, err = goyaml.Marshal(fields)
	}
	if err != nil {
		return "", fmt.Errorf("encoding a document of %s: %w", shown(path), err)
	}
	return c.breaks(string(data)), nil
}

// breaks gives a text the line breaks of the file.
func (c *content) breaks(text string) string {
	if first := bytes.IndexByte(c.text, '\n'); first > 0 && c.text[first-1] == '\r' {
		return strings.ReplaceAll(text, "\n", "\r\n")
	}
	return text
}

// around returns the section with a new document between the comments before and after the old document.
func (c *content) around(s section, document string, keepComments, first bool) string {
	if c.isJSON {
		return document
	}
	before, after := string(c.text[s.start:s.body]), c.tail(s)
	switch {
	case !keepComments && first:
		return document
	case !keepComments:
		return c.breaks("---\n") + document
	case s.inline:
		before += c.breaks("---\n")
	}
	return before + document + after
}

// without returns what is left of the section when its document is removed: comments above the first separator and
// below the document.
func (c *content) without(s section, keepComments bool) string {
	if !keepComments || c.isJSON {
		return ""
	}
	after := c.tail(s)
	if strings.TrimSpace(after) == "" {
		after = ""
	}
	var kept strings.Builder
	for _, line := range strings.SplitAfter(after, "\n") {
		if !strings.HasPrefix(line, "...") {
			kept.WriteString(line)
		}
	}
	if s.separator == s.body && !s.inline { // no separator of its own: the comments above belong to the document
		return kept.String()
	}
	return string(c.text[s.start:s.separator]) + kept.String()
}

// tail returns the end of the section: lines that are empty, comments without indentation, or the end marker. An
// indented comment may be text of a key.
func (c *content) tail(s section) string {
	lines := strings.SplitAfter(string(c.text[s.body:s.end]), "\n")
	i := len(lines)
	for i > 1 {
		line := strings.TrimSpace(lines[i-1])
		if line != "" && line != "..." && !strings.HasPrefix(lines[i-1], "#") {
			break
		}
		i--
	}
	return strings.Join(lines[i:], "")
}
