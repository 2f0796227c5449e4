package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/yuin/goldmark/ast"

	"github.com/nautes-labs/deployment-runtime/hack/markdown"
)

// passage is what the search finds: a section of a page.
type passage struct {
	Link    string `json:"u"`
	Page    string `json:"p"`
	Heading string `json:"h"`
	Text    string `json:"t"`
}

// passagesOf divides a page by its headings.
func passagesOf(p *page) []passage {
	out := []passage{{Link: p.out, Page: p.title, Heading: p.title}}
	next := 0
	for n := p.tree.FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() == ast.KindHeading {
			h := p.headings[next]
			next++
			if h.Level > 1 {
				out = append(out, passage{Link: p.out + "#" + h.Anchor, Page: p.title, Heading: h.Text})
			}
			continue
		}
		last := &out[len(out)-1]
		last.Text = strings.TrimSpace(last.Text + " " + plain(n, p.text))
	}
	return out
}

// plain returns all text below a block, code too.
func plain(n ast.Node, source []byte) string {
	var parts []string
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch {
		case n.Kind() == ast.KindHTMLBlock:
			return ast.WalkSkipChildren, nil
		case n.Type() == ast.TypeBlock && n.FirstChild() != nil && n.FirstChild().Type() == ast.TypeInline:
			parts = append(parts, markdown.TextOf(n, source))
			return ast.WalkSkipChildren, nil
		case n.Type() == ast.TypeBlock && n.Lines() != nil:
			parts = append(parts, string(n.Lines().Value(source)))
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// searchIndex is a script, because a page that is opened as a file may load scripts but not data. The Chinese one also
// has the pages that are not translated.
func (s *site) searchIndex(language string) (string, error) {
	var all []passage
	for _, p := range s.pages.sorted(english) {
		all = append(all, passagesOf(s.pages.in(language, p))...)
	}
	data, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("encoding the search index: %w", err)
	}
	return "window.searchIndex = " + string(data) + ";\n", nil
}
