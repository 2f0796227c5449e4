package layout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
)

// patch changes the text of one document and leaves everything else as a person wrote it: comments, the order of keys,
// indentation and quotes. It finds the places by the positions of the parsed nodes. Where it does not understand how
// the text is written, it gives up; rewrite also reads the result again, so a mistake here never reaches a file.
type patch struct {
	text  []byte
	lines []int
	// characters are the offsets of the characters in a line, for lines that were asked about.
	characters map[int][]int
	// isJSON says that new text must be JSON.
	isJSON bool
	// keepEmpty says that a key with an empty value may stay although the object does not need it.
	keepEmpty bool
	// step is how much deeper a mapping stands than its key. dash is the same for the dashes of a list.
	step, dash int
	splices    []splice
}

// splice puts a text in the place of the bytes from start to end.
type splice struct {
	start, end int
	text       string
}

// patched returns the section with its objects replaced, or false when it cannot be edited in place.
func (c *content) patched(s section, all []replacement, index int) (string, bool) {
	want, err := replaced(s, all, index, formInPlace)
	if err != nil || want == nil {
		return "", false
	}
	have, isMap := plainValue(s.JSON).(map[string]any)
	var document yaml.Node
	text := c.text[s.start:s.end]
	if err := yaml.Unmarshal(text, &document); err != nil || !isMap || s.inline {
		return "", false
	}
	root := document.Content[0]
	p := &patch{text: text, lines: lineStarts(text), characters: map[int][]int{}, isJSON: c.isJSON, keepEmpty: true,
		step: 2}
	for _, r := range all {
		if r.of.section == index && len(r.of.unknown) > 0 {
			p.keepEmpty = false // the unknown field may be an empty one
		}
	}
	p.measure(root)
	to := slot{node: root, end: len(p.lines), whole: func(any) bool { return false }}
	if !p.value(to, have, plainValue(canonicalJSON(want))) {
		return "", false
	}
	return p.apply(c.breaks)
}

// formInPlace is the form of a new object. It keeps the namespace that the file names, if it is the right one.
func formInPlace(r *replacement) (map[string]any, error) {
	fields, err := form(r.with)
	if namespace := r.of.namespace(); err == nil && namespace != "" &&
		(r.with.GetNamespace() == "" || r.with.GetNamespace() == namespace) {
		metadata, _ := fields["metadata"].(map[string]any)
		metadata["namespace"] = namespace
	}
	return fields, err
}

func plainValue(raw json.RawMessage) any {
	var value any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &value); err != nil {
		return nil
	}
	return value
}

func canonicalJSON(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil
	}
	return bytes.TrimSpace(out.Bytes())
}

func same(a, b any) bool { return bytes.Equal(canonicalJSON(a), canonicalJSON(b)) }

// slot is a value in the text. end is the line behind everything that may belong to it; it counts in block style only.
// whole writes another value in its place.
type slot struct {
	node  *yaml.Node
	end   int
	whole func(want any) bool
}

// value changes one value. It changes as little as possible: a member of a mapping or of a list before the whole.
func (p *patch) value(at slot, have, want any) bool {
	if same(have, want) {
		return true
	}
	before := len(p.splices)
	if p.inside(at, have, want) {
		return true
	}
	p.splices = p.splices[:before]
	return (isFlow(at.node) && p.replaceFlow(at.node, want)) || at.whole(want)
}

func isFlow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// inside changes members of a value, or a scalar where it stands.
func (p *patch) inside(at slot, have, want any) bool {
	n := at.node
	switch want := want.(type) {
	case map[string]any:
		has, isMap := have.(map[string]any)
		if !isMap || len(want) == 0 || n.Kind != yaml.MappingNode || len(n.Content) == 0 {
			return false
		}
		if isFlow(n) {
			return p.flowMapping(n, has, want)
		}
		return p.mapping(at, has, want)
	case []any:
		has, isList := have.([]any)
		if !isList || len(want) == 0 || n.Kind != yaml.SequenceNode || len(n.Content) != len(has) {
			return false
		}
		if isFlow(n) {
			return p.flowList(n, has, want)
		}
		return p.list(at, has, want)
	}
	return n.Kind == yaml.ScalarNode && p.scalar(n, want)
}

// mostCompared bounds the work of comparing two lists that have many differences. Longer ones are written anew.
const mostCompared = 1_000_000

// mapping changes a mapping in block style.
func (p *patch) mapping(at slot, have, want map[string]any) bool {
	nodes := at.node.Content
	indent := nodes[0].Column - 1
	last := nodes[0].Line - 1
	for i := 0; i+1 < len(nodes); i += 2 {
		key, next := nodes[i], at.end
		if i+2 < len(nodes) {
			next = nodes[i+2].Line - 1
		}
		first := key.Line - 1
		last = p.contentEnd(first, next, nodes[i+1])
		has, known := have[key.Value]
		if !known { // for example a merge of another mapping
			continue
		}
		wanted, stays := want[key.Value]
		switch {
		case stays:
			end := last
			to := slot{nodes[i+1], next, func(v any) bool {
				return p.cut(p.offset(key), p.line(end), strings.TrimLeft(p.entry(key.Value, v, indent), " "))
			}}
			if !p.value(to, has, wanted) {
				return false
			}
		case p.keepEmpty && isEmpty(has):
		case !p.removeLines(key, first, last):
			return false
		}
	}
	added := ""
	for _, key := range sortedKeys(want) {
		if _, known := have[key]; !known {
			added += p.entry(key, want[key], indent)
		}
	}
	return p.insert(last, added)
}

// isEmpty says whether a value says the same as none.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return value == "" || value == false || same(value, 0)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// list changes a list in block style. Items that stay keep their lines.
func (p *patch) list(at slot, have, want []any) bool {
	items := at.node.Content // a list in block style has at least one
	indent := p.indentOf(items[0].Line - 1)
	stays, inPlace, ok := matchItems(have, want)
	if !ok {
		return false
	}
	last, next := items[0].Line-1, 0 // next is the wanted item that comes next
	for i, item := range items {
		if prefix := p.text[p.line(item.Line-1):p.offset(item)]; string(bytes.TrimSpace(prefix)) != "-" {
			return false
		}
		end := at.end
		if i+1 < len(items) {
			end = items[i+1].Line - 1
		}
		first, behind := item.Line-1, p.contentEnd(item.Line-1, end, item)
		switch {
		case inPlace:
			to := slot{item, end, func(v any) bool {
				return p.cut(p.line(first), p.line(behind), p.item(v, indent))
			}}
			if !p.value(to, have[i], want[i]) {
				return false
			}
			next = i + 1
		case stays[i] < 0:
			p.cut(p.line(p.withComments(first)), p.line(behind), "")
		default:
			p.insert(last, p.items(want[next:stays[i]], indent))
			next = stays[i] + 1
		}
		last = behind
	}
	return p.insert(last, p.items(want[next:], indent))
}

// matchItems says whether items changed where they stand. Where one went, came or moved, it returns for each item that
// the list has the index in the wanted list, or -1 for one that goes: else the items behind it would get the comments of
// others. It is not ok where that would take too long.
func matchItems(have, want []any) (kept []int, inPlace, ok bool) {
	a, b := canonicalItems(have), canonicalItems(want)
	if isAligned(a, b) {
		return nil, true, true
	}
	head, tail := 0, 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		kept = append(kept, head)
		head++
	}
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	a, b = a[head:len(a)-tail], b[head:len(b)-tail]
	if len(a)*len(b) > mostCompared {
		return nil, false, false
	}
	for _, at := range keptItems(a, b) {
		if at >= 0 {
			at += head
		}
		kept = append(kept, at)
	}
	for i := range tail {
		kept = append(kept, head+len(b)+i)
	}
	return kept, false, true
}

// isAligned says whether no item of a list stands in another place of the other one.
func isAligned(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	before, after := map[string]bool{}, map[string]bool{}
	for i := range a {
		before[a[i]], after[b[i]] = true, true
	}
	for i := range a {
		if a[i] != b[i] && (after[a[i]] || before[b[i]]) {
			return false
		}
	}
	return true
}

// keptItems finds the longest common part of two lists.
func keptItems(a, b []string) []int {
	longest := make([][]int, len(a)+1)
	longest[len(a)] = make([]int, len(b)+1)
	for i := len(a) - 1; i >= 0; i-- {
		longest[i] = make([]int, len(b)+1)
		for j := len(b) - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if a[i] == b[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	out := make([]int, len(a))
	j := 0
	for i := range a {
		out[i] = -1
		for j < len(b) && longest[i][j] == longest[i][j+1] && longest[i][j] > longest[i+1][j] {
			j++
		}
		if j < len(b) && a[i] == b[j] && longest[i][j] == longest[i+1][j+1]+1 {
			out[i] = j
			j++
		}
	}
	return out
}

// canonicalItems writes each item once: comparing them needs many times as many looks.
func canonicalItems(items []any) []string {
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, string(canonicalJSON(item)))
	}
	return out
}

// scalar changes a scalar where it stands, in its quotes.
func (p *patch) scalar(n *yaml.Node, want any) bool {
	end, ok := p.endOf(n)
	if !ok {
		return false
	}
	written, ok := p.scalarLike(n, want)
	return ok && p.cut(p.offset(n), end, written)
}

// scalarLike writes a scalar with the quotes of another one.
func (p *patch) scalarLike(n *yaml.Node, want any) (string, bool) {
	text, isText := want.(string)
	switch {
	case !isText || n.Style&yaml.DoubleQuotedStyle != 0 || p.isJSON:
		return string(canonicalJSON(want)), true
	case n.Style&yaml.SingleQuotedStyle != 0 && !strings.ContainsFunc(text, unprintable):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'", true
	}
	return plainScalar(text)
}

// apply returns the text after all changes.
func (p *patch) apply(breaks func(string) string) (string, bool) {
	slices.SortStableFunc(p.splices, func(a, b splice) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return a.end - b.end
	})
	var out bytes.Buffer
	at := 0
	for _, s := range p.splices {
		if s.start < at {
			return "", false
		}
		fmt.Fprintf(&out, "%s%s", p.text[at:s.start], breaks(s.text))
		at = s.end
	}
	out.Write(p.text[at:])
	return out.String(), true
}
