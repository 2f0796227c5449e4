package layout

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	goyaml "sigs.k8s.io/yaml/goyaml.v2"
)

// measure finds out how the document is indented.
func (p *patch) measure(root *yaml.Node) {
	foundStep, foundDash := false, false
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if value.Style&yaml.FlowStyle != 0 || len(value.Content) == 0 || value.Line == key.Line {
				continue
			}
			switch {
			case value.Kind == yaml.MappingNode && !foundStep:
				foundStep, p.step = true, max(value.Content[0].Column-key.Column, 1)
			case value.Kind == yaml.SequenceNode && !foundDash:
				foundDash, p.dash = true, max(p.indentOf(value.Content[0].Line-1)-(key.Column-1), 0)
			}
		}
		for _, child := range n.Content {
			visit(child)
		}
	}
	visit(root)
}

// line returns the offset of a line, from 0. Behind the last line it is the end of the text.
func (p *patch) line(number int) int {
	if number >= len(p.lines) {
		return len(p.text)
	}
	return p.lines[number]
}

// offset returns where a node begins. The parser counts columns in characters, and a file may be one long line: where
// the characters of a line begin is worked out once.
func (p *patch) offset(n *yaml.Node) int {
	begins, known := p.characters[n.Line]
	if !known {
		for i := range p.lineText(n.Line - 1) {
			begins = append(begins, i)
		}
		p.characters[n.Line] = begins
	}
	if n.Column > len(begins) {
		return p.line(n.Line)
	}
	return p.line(n.Line-1) + begins[n.Column-1]
}

// lineOf returns the line of an offset, from 0.
func (p *patch) lineOf(offset int) int {
	i, found := slices.BinarySearch(p.lines, offset)
	if found {
		return i
	}
	return i - 1
}

func (p *patch) lineText(number int) string { return string(p.text[p.line(number):p.line(number+1)]) }

func (p *patch) indentOf(number int) int {
	text := p.lineText(number)
	return len(text) - len(strings.TrimLeft(text, " "))
}

// contentEnd returns the line behind a value. Comments, blank lines and the end mark of a document that follow do not
// belong to it, unless they are the text of a block scalar.
func (p *patch) contentEnd(first, next int, value *yaml.Node) int {
	leaf := value
	for leaf.Style&yaml.FlowStyle == 0 && len(leaf.Content) > 0 {
		leaf = leaf.Content[len(leaf.Content)-1]
	}
	if leaf.Kind == yaml.ScalarNode && leaf.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return p.blockEnd(leaf, next)
	}
	if leaf.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 { // a line of it may look like a comment
		if length, ok := quotedLength(p.text[p.offset(leaf):]); ok {
			return min(next, p.lineOf(p.offset(leaf)+length-1)+1)
		}
	}
	for next > first+1 {
		text := strings.TrimSpace(p.lineText(next - 1))
		if text != "" && !strings.HasPrefix(text, "#") && text != "..." {
			break
		}
		next--
	}
	return next
}

// blockEnd returns the line behind the text of a block scalar.
func (p *patch) blockEnd(n *yaml.Node, next int) int {
	header := n.Line - 1
	indicators := p.indicators(n)
	keepsBlanks := strings.Contains(indicators, "+")
	end, indent := header+1, -1
	if strings.ContainsAny(indicators, "123456789") { // the first line may be indented further than the text
		indent = p.indentOf(header) + 1
	}
	for i := header + 1; i < next; i++ {
		if strings.TrimSpace(p.lineText(i)) == "" {
			if keepsBlanks && i < len(p.lines)-1 {
				end = i + 1
			}
			continue
		}
		if indent < 0 {
			indent = p.indentOf(i)
		}
		if p.indentOf(i) < indent {
			break
		}
		end = i + 1
	}
	return end
}

// indicators returns the header of a block scalar, such as |+, which may stand behind a tag or an anchor.
func (p *patch) indicators(n *yaml.Node) string {
	for _, word := range strings.Fields(string(p.text[p.offset(n):p.line(n.Line)])) {
		if word[0] == '|' || word[0] == '>' {
			return word
		}
	}
	return ""
}

// withComments returns the first of the comment lines directly above a line, which speak of it.
func (p *patch) withComments(first int) int {
	indent := p.indentOf(first)
	for first > 0 && p.indentOf(first-1) == indent && strings.HasPrefix(p.lineText(first - 1)[indent:], "#") {
		first--
	}
	return first
}

// removeLines removes the lines of a key and the comments above it.
func (p *patch) removeLines(key *yaml.Node, first, last int) bool {
	if len(bytes.TrimSpace(p.text[p.line(first):p.offset(key)])) > 0 {
		return false // the key of an item stands behind its dash
	}
	return p.cut(p.line(p.withComments(first)), p.line(last), "")
}

// insert adds whole lines before a line.
func (p *patch) insert(before int, text string) bool {
	if text == "" {
		return true
	}
	at := p.line(before)
	if at > 0 && p.text[at-1] != '\n' {
		text = "\n" + strings.TrimSuffix(text, "\n") // the file has no line break at its end
	}
	return p.cut(at, at, text)
}

func (p *patch) cut(start, end int, text string) bool {
	p.splices = append(p.splices, splice{start, end, text})
	return true
}

// entry returns the lines of a key and its value.
func (p *patch) entry(key string, value any, indent int) string {
	margin := strings.Repeat(" ", indent)
	name, ok := plainScalar(key)
	if !ok {
		name = string(canonicalJSON(key))
	}
	switch v := value.(type) {
	case map[string]any:
		if len(v) > 0 {
			out := margin + name + ":\n"
			for _, k := range sortedKeys(v) {
				out += p.entry(k, v[k], indent+p.step)
			}
			return out
		}
	case []any:
		if len(v) > 0 {
			return margin + name + ":\n" + p.items(v, indent+p.dash)
		}
	}
	return indented(marshalled(map[string]any{key: value}), margin)
}

func (p *patch) items(values []any, indent int) string {
	out := ""
	for _, v := range values {
		out += p.item(v, indent)
	}
	return out
}

// item returns the lines of an item of a list.
func (p *patch) item(value any, indent int) string {
	margin := strings.Repeat(" ", indent)
	fields, isMap := value.(map[string]any)
	if !isMap || len(fields) == 0 {
		return indented(marshalled([]any{value}), margin)
	}
	out := ""
	for _, k := range sortedKeys(fields) {
		out += p.entry(k, fields[k], indent+2)
	}
	return margin + "- " + strings.TrimLeft(out, " ")
}

func marshalled(value any) string {
	data, err := goyaml.Marshal(value)
	if err != nil {
		return "" // then the result is not what it should be, and is not taken
	}
	return string(data)
}

func indented(text, margin string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			out.WriteString(margin)
		}
		out.WriteString(line)
	}
	return out.String()
}

// plainScalar returns a text as YAML on one line, with quotes only where they are needed.
func plainScalar(text string) (string, bool) {
	written := strings.TrimSuffix(marshalled(text), "\n")
	return written, written != "" && !strings.Contains(written, "\n")
}

func unprintable(r rune) bool { return !strconv.IsPrint(r) }
