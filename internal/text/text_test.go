package text_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/internal/text"
)

func TestTheFirstFewOfAList(t *testing.T) {
	for name, tc := range map[string]struct {
		list         []string
		few, chained string
	}{
		"nothing":      {nil, "", ""},
		"one":          {[]string{"a"}, "a", "a"},
		"all of them":  {[]string{"a", "b"}, "a, b", "a; b"},
		"one too many": {[]string{"a", "b", "c"}, "a, b and 1 more", "a; b; and 1 more"},
		"many":         {[]string{"a", "b", "c", "d", "e"}, "a, b and 3 more", "a; b; and 3 more"},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(tc.list)
			if got := text.Few(tc.list, 2); got != tc.few {
				t.Errorf("Few: %q, want %q", got, tc.few)
			}
			if got := strings.Join(text.First(tc.list, 2), "; "); got != tc.chained {
				t.Errorf("First: %q, want %q", got, tc.chained)
			}
			if diff := cmp.Diff(before, tc.list); diff != "" {
				t.Errorf("the list was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestTextOfOneLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"plain":               {"é is kept", "é is kept"},
		"lines":               {"a\nb\r\nc\td", "a b  c d"},
		"separators":          {"a\u2028b\u2029c", "a b c"},
		"a terminal's escape": {"a\x1b[31mb\x7fc\u009bd", "a [31mb c d"},
		"no UTF-8":            {"a\xff\xfeb", "a?b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.OneLine(tc.text); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for name, tc := range map[string]struct {
		text, ellipsis, bytes, runes string
		most                         int
	}{
		"short enough":                 {text: "abcd", ellipsis: "...", most: 4, bytes: "abcd", runes: "abcd"},
		"too long":                     {text: "abcdef", ellipsis: "...", most: 5, bytes: "ab...", runes: "abcde..."},
		"without an ellipsis":          {text: "abcdef", most: 5, bytes: "abcde", runes: "abcde"},
		"a character of two bytes":     {text: "aéé", most: 4, bytes: "aé", runes: "aéé"},
		"no room but for the ellipsis": {text: "ééé", ellipsis: "...", most: 1, bytes: "...", runes: "é..."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.Cut(tc.text, tc.most, tc.ellipsis); got != tc.bytes {
				t.Errorf("Cut: %q, want %q", got, tc.bytes)
			}
			if got := text.CutRunes(tc.text, tc.most, tc.ellipsis); got != tc.runes {
				t.Errorf("CutRunes: %q, want %q", got, tc.runes)
			}
		})
	}
}
