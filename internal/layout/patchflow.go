package layout

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// span is a member of a collection in flow style: an item, or a key with its value.
type span struct{ start, end int }

// flowMapping changes a mapping such as {a: b}. JSON consists of them.
func (p *patch) flowMapping(n *yaml.Node, have, want map[string]any) bool {
	var spans []span
	var stays []bool
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		end, ok := p.endOf(value)
		has, known := have[key.Value]
		if !ok || !known {
			return false
		}
		wanted, isWanted := want[key.Value]
		spans = append(spans, span{p.offset(key), end})
		stays = append(stays, isWanted || (p.keepEmpty && isEmpty(has)))
		if isWanted && !p.value(p.flowSlot(value), has, wanted) {
			return false
		}
	}
	var added []string
	for _, key := range sortedKeys(want) {
		if _, known := have[key]; !known {
			added = append(added, p.flowText(key)+": "+p.flowText(want[key]))
		}
	}
	return p.flowMembers(n, spans, stays, added)
}

// flowList changes a list such as [a, b]. Items are added at its end only.
func (p *patch) flowList(n *yaml.Node, have, want []any) bool {
	kept, inPlace, ok := matchItems(have, want)
	if !ok {
		return false
	}
	if inPlace {
		kept = make([]int, len(have))
	}
	var spans []span
	var stays []bool
	next := 0
	for i, item := range n.Content {
		end, ok := p.endOf(item)
		if !ok {
			return false
		}
		spans = append(spans, span{p.offset(item), end})
		switch {
		case inPlace:
			kept[i] = i
			if !p.value(p.flowSlot(item), have[i], want[i]) {
				return false
			}
		case kept[i] >= 0 && kept[i] != next:
			return false
		}
		stays = append(stays, kept[i] >= 0)
		if kept[i] >= 0 {
			next++
		}
	}
	var added []string
	for _, v := range want[next:] {
		added = append(added, p.flowText(v))
	}
	return p.flowMembers(n, spans, stays, added)
}

func (p *patch) flowSlot(n *yaml.Node) slot {
	return slot{node: n, whole: func(want any) bool { return p.replaceFlow(n, want) }}
}

// flowMembers removes the members that do not stay, and adds new ones behind the last that stays.
func (p *patch) flowMembers(n *yaml.Node, spans []span, stays []bool, added []string) bool {
	first := slices.Index(stays, true)
	if first < 0 {
		return false
	}
	if first > 0 {
		p.cut(spans[0].start, spans[first].start, "")
	}
	last := first
	for i := first + 1; i < len(spans); i++ {
		if stays[i] {
			last = i
			continue
		}
		p.cut(spans[i-1].end, spans[i].end, "")
	}
	if len(added) > 0 {
		between := p.betweenMembers(p.offset(n), spans[last].start)
		p.cut(spans[last].end, spans[last].end, between+strings.Join(added, between))
	}
	return true
}

// betweenMembers returns what separates a member from the one before it: on lines of their own when they stand so.
func (p *patch) betweenMembers(open, member int) string {
	begin := bytes.LastIndexByte(p.text[:member], '\n') + 1
	margin := p.text[begin:member]
	if begin > open && len(bytes.TrimSpace(margin)) == 0 {
		return ",\n" + string(margin)
	}
	return ", "
}

// replaceFlow writes another value in the place of one in flow style.
func (p *patch) replaceFlow(n *yaml.Node, want any) bool {
	end, ok := p.endOf(n)
	return ok && p.cut(p.offset(n), end, p.flowText(want))
}

// flowText returns a value on one line.
func (p *patch) flowText(value any) string {
	if p.isJSON {
		return string(canonicalJSON(value))
	}
	switch v := value.(type) {
	case map[string]any:
		var members []string
		for _, key := range sortedKeys(v) {
			members = append(members, p.flowText(key)+": "+p.flowText(v[key]))
		}
		return "{" + strings.Join(members, ", ") + "}"
	case []any:
		var members []string
		for _, item := range v {
			members = append(members, p.flowText(item))
		}
		return "[" + strings.Join(members, ", ") + "]"
	case string:
		if written, ok := plainScalar(v); ok && !strings.ContainsAny(v, "[]{},:#\"'") {
			return written
		}
	}
	return string(canonicalJSON(value))
}

// endOf returns the offset behind a scalar on one line, an alias, or a collection in flow style.
func (p *patch) endOf(n *yaml.Node) (int, bool) {
	at := p.offset(n)
	rest := p.text[at:]
	switch {
	case n.Kind == yaml.MappingNode, n.Kind == yaml.SequenceNode:
		return p.endOfCollection(n, at)
	case n.Kind == yaml.AliasNode:
		return at + 1 + len(n.Value), bytes.HasPrefix(rest, []byte("*"+n.Value))
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		length, ok := quotedLength(rest)
		return at + length, ok
	}
	// a plain scalar; one that goes over several lines does not stand there as its value says
	return at + len(n.Value), n.Value != "" && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 &&
		bytes.HasPrefix(rest, []byte(n.Value))
}

// quotedLength returns the length of the quoted text at the beginning.
func quotedLength(text []byte) (int, bool) {
	for i := 1; i < len(text) && (text[0] == '"' || text[0] == '\''); i++ {
		switch {
		case text[0] == '"' && text[i] == '\\':
			i++
		case text[i] != text[0]:
		case text[0] == '\'' && i+1 < len(text) && text[i+1] == '\'': // a quote in the text is doubled
			i++
		default:
			return i + 1, true
		}
	}
	return 0, false
}

func (p *patch) endOfCollection(n *yaml.Node, at int) (int, bool) {
	if at == len(p.text) || !isFlow(n) || !bytes.ContainsRune([]byte("[{"), rune(p.text[at])) {
		return 0, false
	}
	end := at + 1
	if len(n.Content) > 0 {
		var ok bool
		if end, ok = p.endOf(n.Content[len(n.Content)-1]); !ok {
			return 0, false
		}
	}
	for end < len(p.text) {
		switch p.text[end] {
		case ']', '}':
			return end + 1, true
		case '#':
			for end < len(p.text) && p.text[end] != '\n' {
				end++
			}
		case ' ', '\t', '\r', '\n', ',':
			end++
		default:
			return 0, false
		}
	}
	return 0, false
}
