package text_test

import (
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/text"
)

func TestFilesAreDecodedAsArgoCDDoes(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"UTF-8":                                   {"a: ü\n", "a: ü\n"},
		"nothing":                                 {"", ""},
		"UTF-8 with a mark":                       {"\ufeffa: 1", "a: 1"},
		"UTF-16, the small byte first":            {"\xff\xfea\x00:\x00 \x00\xfc\x00", "a: ü"},
		"UTF-16, the large byte first":            {"\xfe\xff\x00a\x00:\x00 \x00\xfc", "a: ü"},
		"UTF-16 that breaks off inside":           {"\xff\xfea\x00b", "a\ufffd"},
		"half a pair of UTF-16":                   {"\xff\xfe\x00\xd8a\x00", "\ufffda"},
		"UTF-16 without a mark is UTF-8 with NUL": {"a\x00", "a\x00"},
		"other encodings are replaced":            {"# f\xfcr\xff\n", "# f\ufffdr\ufffd\n"},
		"behind a mark they stay":                 {"\ufeffa\xff", "a\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(text.Decoded([]byte(c.data))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
