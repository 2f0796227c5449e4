package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// section is a part of the menu, as docs/site/menu.yaml says it.
type section struct {
	// Title by language.
	Title map[string]string `json:"title"`
	// Pages by their path in the repository, in English. A README stands for its directory.
	Pages []string `json:"pages"`
}

func readMenu(root string, ps pages) ([]section, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "site", "menu.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading the menu: %w", err)
	}
	var menu []section
	if err := yaml.UnmarshalStrict(text, &menu); err != nil {
		return nil, fmt.Errorf("reading the menu: %w", err)
	}
	for _, s := range menu {
		for _, source := range s.Pages {
			if ps[source] == nil {
				return nil, fmt.Errorf("the menu names %s, which is no page: correct docs/site/menu.yaml", source)
			}
		}
	}
	return menu, nil
}

// entry is a line of the menu as a page shows it.
type entry struct {
	Title, Link string
	// Current is the page itself. Foreign pages are in another language.
	Current, Foreign bool
	// Inner are the pages of the directory that the reader is in.
	Inner []entry
}

// heading is a section of the menu as a page shows it.
type heading struct {
	Title   string
	Entries []entry
}

// menuOf returns the menu on a page.
func (s *site) menuOf(p *page) []heading {
	var out []heading
	for _, section := range s.menu {
		h := heading{Title: section.Title[p.language]}
		for _, source := range section.Pages {
			e := s.entry(p, s.pages[source])
			if path.Base(source) == "README.md" && path.Dir(source) == path.Dir(s.pages.in(english, p).source) {
				e.Inner = s.innerOf(p, source)
			}
			h.Entries = append(h.Entries, e)
		}
		out = append(out, h)
	}
	return out
}

func (s *site) entry(p, of *page) entry {
	shown := s.pages.in(p.language, of)
	return entry{Title: shown.title, Link: relative(p.out, shown.out), Current: shown == p,
		Foreign: shown.language != p.language}
}

// innerOf returns the pages beside a README.
func (s *site) innerOf(p *page, readme string) []entry {
	var out []entry
	for _, other := range s.pages.sorted(english) {
		if path.Dir(other.source) == path.Dir(readme) && other.source != readme && !s.listed[other.source] {
			out = append(out, s.entry(p, other))
		}
	}
	return out
}
