package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"

	"github.com/nautes-labs/deployment-runtime/hack/markdown"
)

func loaded(t *testing.T) pages {
	t.Helper()
	ps, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// TestTranslationsSayWhatTheEnglishPagesSay fails when an English page was changed and its translation was not.
func TestTranslationsSayWhatTheEnglishPagesSay(t *testing.T) {
	ps := loaded(t)
	for _, p := range ps.sorted(chinese) {
		of := ps[p.of]
		switch {
		case of == nil:
			t.Errorf("%s does not say which page it translates: begin it with <!-- translated-from: PAGE BLOB -->", p.source)
		case blobOf(of.text) != p.at:
			t.Errorf("%s was changed after %s was translated.\nSee what changed:  git diff %s -- %s\n"+
				"Translate that, then note it:  go run ./hack/site -translated %s", p.of, p.source, p.at, p.of, p.source)
		default:
			sameForm(t, of, p)
		}
	}
}

// sameForm compares what a translation has in common with its page: levels of headings, blocks of code, and the rows of
// tables with the words in code in their first cells.
func sameForm(t *testing.T, of, p *page) {
	t.Helper()
	want, got := formOf(of), formOf(p)
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			t.Errorf("%s has %q where %s has %q", p.source, got[i], of.source, want[i])
			return
		}
	}
	if len(want) != len(got) {
		t.Errorf("%s has %d headings, blocks of code and rows, %s has %d", p.source, len(got), of.source, len(want))
	}
}

func formOf(p *page) []string {
	code := regexp.MustCompile("`[^`]+`")
	var out []string
	_ = ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n.Kind().String() {
		case "Heading":
			out = append(out, "heading "+string(rune('0'+n.(*ast.Heading).Level)))
		case "FencedCodeBlock":
			fence, _ := n.(*ast.FencedCodeBlock)
			out = append(out, "code "+string(fence.Language(p.text)))
		case "TableRow":
			words := []string{}
			_ = ast.Walk(n.FirstChild(), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
				if entering && n.Kind() == ast.KindCodeSpan {
					words = append(words, code.ReplaceAllString(markdown.TextOf(n, p.text), "$0"))
				}
				return ast.WalkContinue, nil
			})
			out = append(out, "row "+strings.Join(words, " "))
		}
		return ast.WalkContinue, nil
	})
	return out
}

// TestTranslationsLeadToTranslations checks that a Chinese reader is not led to English where there is Chinese.
func TestTranslationsLeadToTranslations(t *testing.T) {
	ps := loaded(t)
	for _, p := range ps.sorted(chinese) {
		for _, link := range markdown.Links(p.tree) {
			to := ps.follow(root, p, link).page
			if to == nil || to.source == p.of || to.language == chinese {
				continue
			}
			if there := ps.in(chinese, to); there.language == chinese {
				t.Errorf("%s: %s leads to English, there is %s", p.source, link, there.source)
			}
		}
	}
}

// TestNotingATranslation changes nothing of a page but the blob.
func TestNotingATranslation(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("docs/a.md", "hello\n")
	const before, rest = "<!-- translated-from: docs/a.md 0000000000000000000000000000000000000000 -->\n", "# 你好\n"
	write("docs/zh/a.md", before+rest)
	if err := run("", true, []string{"docs/zh/a.md"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("docs/zh/a.md")
	if err != nil {
		t.Fatal(err)
	}
	// git hash-object says this of a file that holds "hello" and a line feed.
	const blob = "ce013625030ba8dba906f756967f9e9ca394464a"
	if want := strings.ReplaceAll(before, strings.Repeat("0", 40), blob) + rest; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	write("docs/zh/b.md", rest)
	if err := run("", true, []string{"docs/zh/b.md"}); err == nil || !strings.Contains(err.Error(), "begin it with <!--") {
		t.Errorf("a page that does not say what it translates: %v", err)
	}
}
