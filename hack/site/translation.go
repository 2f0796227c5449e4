package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// translationComment is the first line of a page that is a translation: the English page, and its git blob when it was
// translated. `git diff <blob> HEAD:<page>` shows what changed since.
const translationComment = "<!-- translated-from: %s %s -->\n"

// translatedFrom reads that line. Both are empty where there is none.
func translatedFrom(text []byte) (of, at string) {
	line := regexp.MustCompile(`^<!-- translated-from: (\S+) ([0-9a-f]{40}) -->\n`)
	if m := line.FindSubmatch(text); m != nil {
		return string(m[1]), string(m[2])
	}
	return "", ""
}

// blobOf returns the id that git gives the file.
func blobOf(text []byte) string { return plumbing.ComputeHash(plumbing.BlobObject, text).String() }

// noteTranslated writes the blob of the English page into its translation.
func noteTranslated(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a translation: %w", err)
	}
	of, at := translatedFrom(text)
	if of == "" {
		return fmt.Errorf("%s does not say what it translates: begin it with "+strings.TrimSpace(translationComment),
			path, "PAGE", strings.Repeat("0", 40))
	}
	original, err := os.ReadFile(of) //nolint:gosec // A page of this repository, which names it.
	if err != nil {
		return fmt.Errorf("reading the page that %s translates: %w", path, err)
	}
	changed := strings.Replace(string(text), at, blobOf(original), 1)
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil { //nolint:gosec // The file that the caller named.
		return fmt.Errorf("writing a translation: %w", err)
	}
	return nil
}
