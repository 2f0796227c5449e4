package gitrepo_test

import (
	"path"
	"strings"
	"testing"
	"unicode"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestPathsThatAreNoneAreRefused(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, head)
	before := h.Counts(project).Pushes
	for _, at := range []string{
		"", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../x", "a/../b", "a/./b", "a/..", ".git", ".git/config",
		"a/.git/hooks/x", ".GIT/config", ".git./x", ".git /x",
		"GIT~1/config", ".gitmodules", ".g\u200cit/config", "a\x00b", "a\nb", "a\tb", "a\x7fb", "a\\b", "C:/x",
		".git::$INDEX_ALLOCATION/x", "a\xffb", "a ", "a.", "a/b./c",
		strings.Repeat("x", 256), strings.Repeat("x/", 3000) + "x",
	} {
		_, err := s.Push(t.Context(), h.remote(), base, commit(put(at, "x")))
		wantProblem(t, err, problem.Internal, problem.ReasonBadCommit)
	}
	if h.Counts(project).Pushes != before {
		t.Error("something was sent")
	}
	for _, at := range []string{"a", ".gitignore", "git", "runtimes/a-b.c_d.yaml", "runtimes/sub/x.yaml",
		"with space/ä.yaml", ".hidden", "a..b"} {
		if !gitrepo.CleanPath(at) {
			t.Errorf("%q is refused", at)
		}
	}
}

func TestCommitsThatAreNoneAreRefused(t *testing.T) {
	h := newHost(t)
	for name, change := range map[string]func(c *gitrepo.Commit){
		"no message":              func(c *gitrepo.Commit) { c.Message = "\n \x00" },
		"no address":              func(c *gitrepo.Commit) { c.Author.Email = "<>" },
		"no time":                 func(c *gitrepo.Commit) { c.Author.When = c.Author.When.AddDate(-100, 0, 0) },
		"an edit without content": func(c *gitrepo.Commit) { c.Edits = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := commit(put("a", "b"))
			change(&c)
			_, err := gitrepo.NewStore(gitrepo.Options{}).Push(t.Context(), h.remote(), nil, c)
			wantProblem(t, err, problem.Internal, problem.ReasonBadCommit)
		})
	}
	c := commit(put("a", "b"))
	c.Author.Name = "\n<>"
	first, err := gitrepo.NewStore(gitrepo.Options{}).Push(t.Context(), h.remote(), nil, c)
	must(t, err)
	h.asFetched(first)
	same(t, "author", h.git("", "log", "-1", "--format=%an <%ae>"), "ada@example.com <ada@example.com>")
}

func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"a/b.yaml", "../x", ".git/config", "a//b", "\x00", ".GIT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, at string) {
		if !gitrepo.CleanPath(at) {
			return
		}
		if at == "" || path.Clean("/"+at) != "/"+at || strings.ContainsFunc(at, unicode.IsControl) {
			t.Errorf("%q is taken", at)
		}
		for name := range strings.SplitSeq(at, "/") {
			if strings.EqualFold(name, ".git") || name == ".." {
				t.Errorf("%q is taken", at)
			}
		}
	})
}
