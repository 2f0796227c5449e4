// Package text makes text fit for a message: one line, bounded, and lists with only their first elements. It names types
// in words, and decodes the text of files. It is pure.
package text

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Few returns "a, b and 4 more": the first names, and how many are left out.
func Few(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " " + andMore(len(names)-most)
}

// First returns the first elements. If some are left out, "and 4 more" is one more element. Use it for lists that are
// joined in another way than by Few.
func First(list []string, most int) []string {
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), andMore(len(list)-most))
}

func andMore(n int) string { return fmt.Sprintf("and %d more", n) }

// OneLine replaces characters that would begin a new line or control a terminal by spaces.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Cut shortens s to at most this many bytes, including the ellipsis, without cutting a character.
func Cut(s string, most int, ellipsis string) string {
	if len(s) <= most {
		return s
	}
	end := max(most-len(ellipsis), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}

// CutRunes shortens s to this many characters and adds the ellipsis.
func CutRunes(s string, most int, ellipsis string) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + ellipsis
	}
	return s
}
