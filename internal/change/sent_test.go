package change

import (
	"slices"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
)

func TestACommitOfOursIsRecognised(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600))
	ours := sent{base: "b", commit: gitrepo.Commit{Author: gitrepo.Signature{Email: "a@example.com", When: when},
		Message: "Save it\n\nNautes-Request-Id: 1\n"}}
	for sentence, c := range map[string]struct {
		change func(*githost.Commit)
		want   string
	}{
		"as it was sent":                    {func(*githost.Commit) {}, "x"},
		"with other white space at the end": {func(c *githost.Commit) { c.Message += "\n" }, "x"},
		"the same of somebody else":         {func(c *githost.Commit) { c.AuthorEmail = "b@example.com" }, ""},
		"the same of another request": {func(c *githost.Commit) {
			c.Message = "Save it\n\nNautes-Request-Id: 2"
		}, ""},
		"the same a second later": {func(c *githost.Commit) { c.AuthoredAt = c.AuthoredAt.Add(time.Second) },
			""},
		"a copy on top of something else":    {func(c *githost.Commit) { c.Parents = []string{"other"} }, ""},
		"a copy as the first commit":         {func(c *githost.Commit) { c.Parents = nil }, ""},
		"a merge of what it was on top of":   {func(c *githost.Commit) { c.Parents = []string{"b", "other"} }, ""},
		"in the same second in another zone": {func(c *githost.Commit) { c.AuthoredAt = c.AuthoredAt.UTC() }, "x"},
	} {
		t.Run(sentence, func(t *testing.T) {
			found := githost.Commit{ID: "x", Parents: []string{"b"}, Message: "Save it\n\nNautes-Request-Id: 1",
				AuthorEmail: "a@example.com", AuthoredAt: when.Truncate(time.Second)}
			c.change(&found)
			if got := ours.in([]githost.Commit{{ID: "y", Parents: []string{"x"}}, found}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAHistoryThatIsTooOldOrTooShortTellsNothing(t *testing.T) {
	line := []githost.Commit{{ID: "d", Parents: []string{"c"}}, {ID: "c", Parents: []string{"b"}},
		{ID: "b", Parents: []string{"a"}}}
	whole := slices.Concat(line, []githost.Commit{{ID: "a"}})
	for sentence, c := range map[string]struct {
		history    []githost.Commit
		head, base string
		want       bool
	}{
		"from the head back to the base":           {line, "d", "b", true},
		"main moved on since the head was told":    {line, "c", "b", true},
		"older than the head":                      {line, "e", "b", false},
		"it ends before the base":                  {line, "d", "a", false},
		"whole, and the base was the empty branch": {whole, "d", "", true},
		"whole, and the base was forced away":      {whole, "d", "z", true},
		"not whole, and the base was empty":        {line, "d", "", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := reaches(c.history, c.head, c.base); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestWarningsAreTakenOnceInTheirOrder(t *testing.T) {
	got := collected([]string{"b", "a"}, nil, []string{"a", "c", "b"})
	if len(got) != 3 || got[0] != "b" || got[1] != "a" || got[2] != "c" {
		t.Errorf("got %v", got)
	}
	if collected() == nil {
		t.Error("no warnings are an empty list")
	}
}
