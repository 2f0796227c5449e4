package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/hack/markdown"
)

const root = "../.."

// everyPage reads all Markdown files of the repository, not only those of the site.
func everyPage(t *testing.T) pages {
	t.Helper()
	all := pages{}
	m := markdown.New()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "testdata" ||
			name == "bin" || name == "dist"):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		p, err := read(m, root, name)
		if err == nil {
			all[name] = p
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 80 {
		t.Fatalf("only %d pages were found", len(all))
	}
	return all
}

// TestLinksLeadSomewhere follows every relative link of every page.
func TestLinksLeadSomewhere(t *testing.T) {
	all := everyPage(t)
	for _, p := range all {
		for _, link := range markdown.Links(p.tree) {
			switch to := all.follow(root, p, link); {
			case to.path == "":
			case to.missing:
				t.Errorf("%s: %s leads to no file", p.source, link)
			case to.anchor == "":
			case to.page == nil:
				t.Errorf("%s: %s has an anchor, but is no page", p.source, link)
			case !to.page.has(to.anchor):
				t.Errorf("%s: %s has no such heading there", p.source, link)
			case strings.Contains(to.anchor, "--"):
				t.Errorf("%s: %s does not lead to the heading on GitLab, which writes one - for several: change the heading",
					p.source, link)
			}
		}
	}
}

// TestAddressesInCodeLeadSomewhere follows paths of pages in messages and comments of programs: a person who is told to
// see a page should find it.
func TestAddressesInCodeLeadSomewhere(t *testing.T) {
	all := everyPage(t)
	address := regexp.MustCompile(`\bdocs/[\w/.-]+\.md(#[\w-]+)?`)
	found := 0
	for _, dir := range []string{"api", "charts", "cmd", "config", "controllers", "hack", "internal", "test"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(os.DirFS(root), name)
			if err != nil {
				return err
			}
			for _, m := range address.FindAllString(string(text), -1) {
				found++
				page, anchor, _ := strings.Cut(m, "#")
				if to := all[page]; to == nil || anchor != "" && !to.has(anchor) {
					t.Errorf("%s: %s leads to no page or heading", name, m)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Fatalf("only %d addresses were found", found)
	}
}

func TestAnchorsAreThoseOfGitHosts(t *testing.T) {
	for heading, want := range map[string]string{
		"Install":                               "install",
		"1. Build the image and install":        "1-build-the-image-and-install",
		"See it work: `make demo`":              "see-it-work-make-demo",
		"It was meant: approve it":              "it-was-meant-approve-it",
		"Columns of `kubectl get`":              "columns-of-kubectl-get",
		"An empty `default.project`":            "an-empty-defaultproject",
		"[A link](x.md), and more":              "a-link-and-more",
		"一条命令看全貌：`make demo`":                   "一条命令看全貌make-demo",
		"Reasons of Resolved (and of Ready on)": "reasons-of-resolved-and-of-ready-on",
		"max_objects":                           "max_objects",
	} {
		if got := markdown.Anchor(heading); got != want {
			t.Errorf("%q has the anchor %q, want %q", heading, got, want)
		}
	}
	source := []byte("# One\n\n## Same\n\n## Same\n")
	m := markdown.New()
	headings := markdown.Headings(markdown.Parse(m, source), source)
	if len(headings) != 3 || headings[1].Anchor != "same" || headings[2].Anchor != "same-1" {
		t.Errorf("got %+v", headings)
	}
}
