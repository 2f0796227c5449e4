// Package markdown reads the pages of this repository: headings with their anchors, and links.
package markdown

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// New returns a reader and renderer of Markdown as git hosts understand it.
func New(options ...goldmark.Option) goldmark.Markdown {
	return goldmark.New(append([]goldmark.Option{
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	}, options...)...)
}

// Parse returns the tree of a page. Its headings have the anchors that git hosts give them.
func Parse(m goldmark.Markdown, source []byte) ast.Node {
	context := parser.NewContext(parser.WithIDs(&anchors{used: map[string]int{}}))
	return m.Parser().Parse(text.NewReader(source), parser.WithContext(context))
}

// anchors gives headings their ids.
type anchors struct{ used map[string]int }

// Generate returns the anchor of a heading. The second one of the same text ends in -1.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	id := Anchor(string(value))
	n := a.used[id]
	a.used[id]++
	if n > 0 {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	return []byte(id)
}

// Put is called for ids that stand in the text, which has none.
func (*anchors) Put([]byte) {}

// Anchor returns the anchor of a heading in Markdown, as GitHub and GitLab make it: lower case, without punctuation,
// with a - for a blank. Only where several - follow each other do they differ: GitLab makes one of them.
func Anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(withoutLinks(heading))) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// withoutLinks leaves the text of links.
func withoutLinks(heading string) string {
	var b strings.Builder
	for {
		open := strings.Index(heading, "](")
		if open < 0 {
			return b.String() + heading
		}
		end := strings.Index(heading[open:], ")")
		if end < 0 {
			return b.String() + heading
		}
		b.WriteString(heading[:open])
		heading = heading[open+end+1:]
	}
}

// Heading is a heading of a page.
type Heading struct {
	Level        int
	Text, Anchor string
}

// Headings returns the headings of a page in their order.
func Headings(tree ast.Node, source []byte) []Heading {
	var out []Heading
	walk(tree, func(n ast.Node) {
		if h, is := n.(*ast.Heading); is {
			id, _ := h.AttributeString("id")
			anchor, _ := id.([]byte)
			out = append(out, Heading{Level: h.Level, Text: TextOf(h, source), Anchor: string(anchor)})
		}
	})
	return out
}

// Links returns the destinations of the links and images of a page in their order.
func Links(tree ast.Node) []string {
	var out []string
	walk(tree, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Link:
			out = append(out, string(n.Destination))
		case *ast.Image:
			out = append(out, string(n.Destination))
		}
	})
	return out
}

// TextOf returns the text of a node without marks.
func TextOf(node ast.Node, source []byte) string {
	var b strings.Builder
	walk(node, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		}
	})
	return b.String()
}

// walk calls visit for a node and all below it.
func walk(node ast.Node, visit func(ast.Node)) {
	visit(node)
	for n := node.FirstChild(); n != nil; n = n.NextSibling() {
		walk(n, visit)
	}
}
