package main

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"path/filepath"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/util"

	"github.com/nautes-labs/deployment-runtime/hack/markdown"
)

// repository is where the files lie that are no pages.
const repository = "https://github.com/nautes-labs/deployment-runtime"

// site is the site in the making.
type site struct {
	root, version string
	pages         pages
	menu          []section
	// listed are the pages that the menu names.
	listed map[string]bool
	layout *template.Template
	// assets are files that pages show, by their path in the repository, with that in the site.
	assets map[string]string
}

func newSite(root, version string, ps pages) (*site, error) {
	menu, err := readMenu(root, ps)
	if err != nil {
		return nil, err
	}
	layout, err := template.ParseFiles(filepath.Join(root, "docs", "site", "layout.html"))
	if err != nil {
		return nil, fmt.Errorf("reading the layout: %w", err)
	}
	s := &site{root: root, version: version, pages: ps, menu: menu, layout: layout, listed: map[string]bool{},
		assets: map[string]string{"docs/site/style.css": "style.css", "docs/site/site.js": "site.js"}}
	for _, section := range menu {
		for _, source := range section.Pages {
			s.listed[source] = true
		}
	}
	return s, nil
}

// files returns the whole site by path.
func (s *site) files() (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, p := range s.pages {
		html, err := s.render(p)
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", p.source, err)
		}
		out[p.out] = html
	}
	for _, language := range []string{english, chinese} {
		index, err := s.searchIndex(language)
		if err != nil {
			return nil, err
		}
		out["search-"+language+".js"] = []byte(index)
	}
	for source, to := range s.assets {
		data, err := os.ReadFile(filepath.Join(s.root, source))
		if err != nil {
			return nil, fmt.Errorf("reading a file that the site shows: %w", err)
		}
		out[to] = data
	}
	return out, nil
}

// write replaces a directory by the site.
func (s *site) write(dir string) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the old site: %w", err)
	}
	for name, data := range files {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // A site is for everybody.
			return fmt.Errorf("making a directory: %w", err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return fmt.Errorf("writing the site: %w", err)
		}
	}
	return nil
}

// shown is what the layout gets.
type shown struct {
	Title, Language, Version string
	Body                     template.HTML
	// Root is the link to the root of the site.
	Root    string
	Menu    []heading
	Outline []markdown.Heading
	// Other is the page in the other language, or the first page there.
	Other, Home, Source string
	Words               map[string]string
}

func (s *site) render(p *page) ([]byte, error) {
	m := markdown.New(goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(linker{s, p}, 100))))
	var body bytes.Buffer
	if err := m.Renderer().Render(&body, p.text, markdown.Parse(m, p.text)); err != nil {
		return nil, fmt.Errorf("rendering the text: %w", err)
	}
	home, other := s.pages.in(p.language, s.pages["docs/README.md"]), otherLanguage(p.language)
	there := s.pages.in(other, p)
	if there.language != other {
		there = s.pages.in(other, s.pages["docs/README.md"])
	}
	v := shown{
		Title: p.title, Language: p.language, Version: s.version,
		Body: template.HTML(body.String()), //nolint:gosec // Our own pages; goldmark leaves raw HTML out.
		Root: relative(p.out, "."), Menu: s.menuOf(p), Words: words()[p.language],
		Home: relative(p.out, home.out), Other: relative(p.out, there.out),
		Source: repository + "/blob/main/" + p.source,
	}
	for _, h := range p.headings {
		if h.Level == 2 {
			v.Outline = append(v.Outline, h)
		}
	}
	var out bytes.Buffer
	if err := s.layout.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("filling in the layout: %w", err)
	}
	return out.Bytes(), nil
}

func otherLanguage(language string) string {
	if language == english {
		return chinese
	}
	return english
}

// words are the words of the layout.
func words() map[string]map[string]string {
	return map[string]map[string]string{
		english: {
			"name": "Deployment runtimes", "search": "Search", "menu": "Menu", "outline": "On this page",
			"other": "中文", "otherCode": "zh-CN", "theme": "Light or dark", "source": "Source of this page",
			"nothing": "Nothing found", "foreign": "", "code": "en", "skip": "To the text",
		},
		chinese: {
			"name": "部署运行时", "search": "搜索", "menu": "目录", "outline": "本页内容",
			"other": "English", "otherCode": "en", "theme": "浅色或深色", "source": "本页源文件",
			"nothing": "没有找到结果", "foreign": "（英文）", "code": "zh-CN", "skip": "跳到正文",
		},
	}
}
