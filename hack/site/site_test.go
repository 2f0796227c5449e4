package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func built(t *testing.T) (*site, map[string][]byte) {
	t.Helper()
	s, err := newSite(root, "v1", loaded(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.files()
	if err != nil {
		t.Fatal(err)
	}
	return s, files
}

// document is a page of the site as a browser sees it.
type document struct {
	ids   map[string]bool
	links []string
	// loaded is what the browser loads by itself.
	loaded []string
}

func parse(t *testing.T, text []byte) document {
	t.Helper()
	tree, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := document{ids: map[string]bool{}}
	for n := range tree.Descendants() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && d.ids[a.Val]:
				t.Errorf("the id %q is there twice", a.Val)
			case a.Key == "id":
				d.ids[a.Val] = true
			case a.Key == "src" || a.Key == "href" && n.Data == "link":
				d.loaded = append(d.loaded, a.Val)
			case a.Key == "href":
				d.links = append(d.links, a.Val)
			}
		}
	}
	return d
}

// TestTheSiteHoldsTogether follows every link of every page within the site, in both languages.
func TestTheSiteHoldsTogether(t *testing.T) {
	_, files := built(t)
	documents := map[string]document{}
	for name, text := range files {
		if path.Ext(name) == ".html" {
			documents[name] = parse(t, text)
		}
	}
	if len(documents) < 80 {
		t.Fatalf("only %d pages", len(documents))
	}
	for name, d := range documents {
		for _, link := range d.loaded {
			if _, has := files[path.Join(path.Dir(name), link)]; !has && link != "data:," {
				t.Errorf("%s loads %s, which is not in the site", name, link)
			}
		}
		for _, link := range d.links {
			if strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
				continue
			}
			link, err := url.PathUnescape(link)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			to, anchor, _ := strings.Cut(link, "#")
			file := name
			if to != "" {
				file = path.Join(path.Dir(name), to)
			}
			if _, has := files[file]; !has || anchor != "" && !documents[file].ids[anchor] {
				t.Errorf("%s: %s leads nowhere", name, link)
			}
		}
	}
}

// TestTheMenuHasEveryPage fails for a new page that nobody would find.
func TestTheMenuHasEveryPage(t *testing.T) {
	s, _ := built(t)
	for _, section := range s.menu {
		if section.Title[english] == "" || section.Title[chinese] == "" {
			t.Errorf("a section of the menu has the titles %v", section.Title)
		}
	}
	for _, p := range s.pages.sorted(english) {
		if !s.listed[p.source] && !s.listed[path.Dir(p.source)+"/README.md"] {
			t.Errorf("%s is not in the menu: name it in docs/site/menu.yaml", p.source)
		}
	}
}

// TestTheSearchFindsSections looks at the index that the pages load.
func TestTheSearchFindsSections(t *testing.T) {
	_, files := built(t)
	for language, want := range map[string]passage{
		english: {Link: "howto/troubleshooting.html#accepted", Text: "PermissionDenied"},
		chinese: {Link: "zh/howto/troubleshooting.html#accepted", Text: "PermissionDenied"},
	} {
		text := strings.TrimPrefix(string(files["search-"+language+".js"]), "window.searchIndex = ")
		var index []passage
		if err := json.Unmarshal([]byte(strings.TrimSuffix(text, ";\n")), &index); err != nil {
			t.Fatal(err)
		}
		found := slices.ContainsFunc(index, func(p passage) bool {
			return p.Link == want.Link && strings.Contains(p.Text, want.Text)
		})
		if !found {
			t.Errorf("the index %s has no passage %s", language, want.Link)
		}
		for _, p := range index {
			page, _, _ := strings.Cut(p.Link, "#")
			if _, has := files[page]; !has || p.Heading == "" {
				t.Errorf("the index %s leads to %q %q", language, p.Link, p.Heading)
			}
		}
	}
}

// TestLanguagesLeadToEachOther looks at the switch in the header.
func TestLanguagesLeadToEachOther(t *testing.T) {
	s, files := built(t)
	for _, c := range []struct{ from, to string }{
		{"docs/howto/install.md", "docs/zh/howto/install.md"}, {"docs/zh/howto/install.md", "docs/howto/install.md"},
		{"README.md", "README.zh.md"}, {"docs/security.md", "docs/zh/README.md"},
	} {
		from, to := s.pages[c.from], s.pages[c.to]
		want := `<a class="other" href="` + relative(from.out, to.out) + `"`
		if !strings.Contains(string(files[from.out]), want) {
			t.Errorf("%s does not hold %s", c.from, want)
		}
	}
}

func TestTwoBuildsAreEqual(t *testing.T) {
	_, first := built(t)
	_, second := built(t)
	if !maps.EqualFunc(first, second, bytes.Equal) {
		t.Error("two builds of the same pages differ")
	}
}
