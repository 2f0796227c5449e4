// Package text makes text fit for a message: on one line, bounded, and lists with their first few elements. It is pure.
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

// First returns the first elements, and "and 4 more" as one more where some are left out. It is for lists that are
// joined otherwise than by Few.
func First(list []string, most int) []string {
	if len(list) <= most {
		return list
	}
	return append(slices.Clone(list[:most]), andMore(len(list)-most))
}

func andMore(n int) string { return fmt.Sprintf("and %d more", n) }

// OneLine replaces what would begin a new line, or steer a terminal, by spaces.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Cut shortens s to so many bytes, the ellipsis included, without cutting a character.
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

// CutRunes shortens s to so many characters, and then adds the ellipsis.
func CutRunes(s string, most int, ellipsis string) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + ellipsis
	}
	return s
}
