package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// target is where a link of a page leads.
type target struct {
	// page is a page of the site; nil for everything else.
	page *page
	// path is its path in the repository; empty outside of it.
	path string
	// dir says that the path is a directory, anchor what follows #.
	dir    bool
	anchor string
	// missing says that the repository has no such file.
	missing bool
}

// follow returns where a link of a page leads.
func (ps pages) follow(root string, from *page, link string) target {
	link, anchor, _ := strings.Cut(link, "#")
	if strings.Contains(link, ":") {
		return target{}
	}
	if link == "" {
		return target{page: from, path: from.source, anchor: anchor}
	}
	t := target{path: path.Join(path.Dir(from.source), link), anchor: anchor}
	info, err := os.Stat(filepath.Join(root, t.path))
	t.missing = err != nil || t.path == ".." || strings.HasPrefix(t.path, "../")
	t.dir = err == nil && info.IsDir()
	t.page = ps[t.path]
	if t.dir {
		t.page = ps[path.Join(t.path, "README.md")]
	}
	return t
}

// has says whether a page has an anchor.
func (p *page) has(anchor string) bool {
	for _, h := range p.headings {
		if h.Anchor == anchor {
			return true
		}
	}
	return false
}

// relative returns the link from one file of the site to another.
func relative(from, to string) string {
	link, err := filepath.Rel(path.Dir(from), to)
	if err != nil {
		return to
	}
	return filepath.ToSlash(link)
}

// linker rewrites the links of a page to those of the site. What is no page lies in the repository.
type linker struct {
	site *site
	page *page
}

// Transform is called by the parser for the whole tree.
func (l linker) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			n.Destination = []byte(l.rewrite(string(n.Destination)))
		case *ast.Image:
			n.Destination = []byte(l.rewrite(string(n.Destination)))
		}
		return ast.WalkContinue, nil
	})
}

func (l linker) rewrite(link string) string {
	t := l.site.pages.follow(l.site.root, l.page, link)
	anchor := ""
	if t.anchor != "" {
		anchor = "#" + t.anchor
	}
	switch {
	case t.path == "":
		return link
	case t.page == l.page:
		return anchor
	case t.page != nil:
		return relative(l.page.out, t.page.out) + anchor
	case strings.HasPrefix(t.path, docsDir) && !t.dir:
		l.site.assets[t.path] = strings.TrimPrefix(t.path, docsDir)
		return relative(l.page.out, strings.TrimPrefix(t.path, docsDir))
	case t.dir:
		return repository + "/tree/main/" + t.path
	}
	return repository + "/blob/main/" + t.path + anchor
}
