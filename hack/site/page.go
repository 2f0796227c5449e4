package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"

	"github.com/nautes-labs/deployment-runtime/hack/markdown"
)

// The languages of the site.
const (
	english = "en"
	chinese = "zh"
)

// The prefixes of pages by their place in the repository.
const (
	docsDir    = "docs/"
	chineseDir = "docs/zh/"
)

// page is a Markdown file.
type page struct {
	// source is its path in the repository, out that in the site.
	source, out string
	language    string
	title       string
	// of is the English page that this one translates.
	of string
	// at is the git blob of the English page when it was translated.
	at string

	text     []byte
	tree     ast.Node
	headings []markdown.Heading
}

// pages are all pages by their path in the repository.
type pages map[string]*page

// load reads the pages of a repository: everything below docs, and both READMEs.
func load(root string) (pages, error) {
	out := pages{}
	files := os.DirFS(root)
	sources := []string{"README.md", "README.zh.md"}
	err := fs.WalkDir(files, "docs", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" {
			sources = append(sources, name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pages: %w", err)
	}
	m := markdown.New()
	for _, source := range sources {
		p, err := read(m, root, source)
		if err != nil {
			return nil, err
		}
		out[source] = p
	}
	return out, nil
}

func read(m goldmark.Markdown, root, source string) (*page, error) {
	text, err := os.ReadFile(filepath.Join(root, source))
	if err != nil {
		return nil, fmt.Errorf("reading a page: %w", err)
	}
	p := &page{source: source, out: outOf(source), language: english, text: text, tree: markdown.Parse(m, text)}
	if source == "README.zh.md" || strings.HasPrefix(source, chineseDir) {
		p.language = chinese
	}
	p.of, p.at = translatedFrom(text)
	p.headings = markdown.Headings(p.tree, text)
	if len(p.headings) == 0 || p.headings[0].Level != 1 {
		return nil, fmt.Errorf("%s does not begin with a heading of the first level", source)
	}
	p.title = p.headings[0].Text
	return p, nil
}

// outOf returns the path of a page in the site.
func outOf(source string) string {
	switch source {
	case "README.md":
		return "overview.html"
	case "README.zh.md":
		return "zh/overview.html"
	}
	name := strings.TrimPrefix(source, docsDir)
	if path.Base(name) == "README.md" {
		return path.Join(path.Dir(name), "index.html")
	}
	return strings.TrimSuffix(name, ".md") + ".html"
}

// sorted returns the pages of a language by their path.
func (ps pages) sorted(language string) []*page {
	var out []*page
	for _, p := range ps {
		if p.language == language {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *page) int { return strings.Compare(a.source, b.source) })
	return out
}

// in returns a page in a language, or the page itself where there is no translation.
func (ps pages) in(language string, p *page) *page {
	if language == english {
		if p.of != "" {
			return ps[p.of]
		}
		return p
	}
	for _, other := range ps {
		if other.language == language && other.of == p.source {
			return other
		}
	}
	return p
}
