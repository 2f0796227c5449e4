package gitserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

const repo = "group/project"

func newServer(t *testing.T) *gitserver.Server {
	t.Helper()
	s, err := gitserver.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.CreateRepo(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	return s
}

// git runs a git client in dir.
func git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func mustCommit(t *testing.T, s *gitserver.Server, c gitserver.Change) string {
	t.Helper()
	sha, err := s.Commit(t.Context(), repo, c)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

func clone(t *testing.T, s *gitserver.Server) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	mustGit(t, t.TempDir(), "clone", "--quiet", s.URL(repo), dir)
	return dir
}

func TestACommitReachesClones(t *testing.T) {
	s := newServer(t)
	mustCommit(t, s, gitserver.Change{Message: "first",
		Write: map[string]string{"a/b.yaml": "1\n", "c": "no newline", `odd "name`: ""}})
	sha := mustCommit(t, s, gitserver.Change{Message: "second\n\nwith a body", Write: map[string]string{"d": "2"},
		Delete: []string{"a"}})

	dir := clone(t, s)
	if got := strings.TrimSpace(mustGit(t, dir, "rev-parse", "HEAD")); got != sha {
		t.Errorf("cloned %s, committed %s", got, sha)
	}
	want := []string{"c", "d", `odd "name`}
	got, err := s.ListFiles(t.Context(), repo, "main")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "c")); err != nil || string(data) != "no newline" {
		t.Errorf("c = %q, %v", data, err)
	}
	if counts := s.Counts(repo); counts.Lookups == 0 || counts.Fetches == 0 || counts.Pushes != 0 {
		t.Errorf("counts after a clone = %+v", counts)
	}
}

func TestReplaceLeavesOnlyWhatIsWritten(t *testing.T) {
	s := newServer(t)
	mustCommit(t, s, gitserver.Change{Message: "first", Write: map[string]string{"a": "1", "b/c": "1"}})
	mustCommit(t, s, gitserver.Change{Message: "second", Replace: true, Write: map[string]string{"d": "1\n"}})
	got, err := s.ListFiles(t.Context(), repo, "main")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"d"}, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if content, err := s.ReadFile(t.Context(), repo, "main", "d"); err != nil || content != "1\n" {
		t.Errorf("d = %q, %v", content, err)
	}
}

func TestAForcedMoveRewritesTheBranch(t *testing.T) {
	s := newServer(t)
	first := mustCommit(t, s, gitserver.Change{Message: "first", Write: map[string]string{"a": "1"}})
	mustCommit(t, s, gitserver.Change{Message: "second", Write: map[string]string{"a": "2"}})
	rewritten := mustCommit(t, s,
		gitserver.Change{Message: "instead", Parent: first, Write: map[string]string{"a": "3"}})

	dir := clone(t, s)
	log := mustGit(t, dir, "log", "--format=%s")
	if want := "instead\nfirst\n"; log != want {
		t.Errorf("log = %q, want %q", log, want)
	}
	if err := s.SetBranch(t.Context(), repo, "main", first); err != nil {
		t.Fatal(err)
	}
	if head, err := s.Head(t.Context(), repo, "main"); err != nil || head != first || head == rewritten {
		t.Errorf("head = %s, %v; want %s", head, err, first)
	}
}

func TestAPushIsReceived(t *testing.T) {
	s := newServer(t)
	mustCommit(t, s, gitserver.Change{Message: "first", Write: map[string]string{"a": "1"}})
	dir := clone(t, s)
	// Larger than git's post buffer of 1 MiB, so that the client sends it in chunks; and not compressible.
	random := make([]byte, 3<<20)
	state := uint32(1)
	for i := range random {
		state = state*1664525 + 1013904223
		random[i] = byte(state >> 24)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), random, 0o644); err != nil {
		t.Fatal(err)
	}
	mustGit(t, dir, "add", ".")
	mustGit(t, dir, "commit", "--quiet", "-m", "large")
	mustGit(t, dir, "push", "--quiet", "origin", "main")
	content, err := s.ReadFile(t.Context(), repo, "main", "large")
	if err != nil {
		t.Fatal(err)
	}
	if content != string(random) {
		t.Errorf("the pushed file has %d bytes, want %d", len(content), len(random))
	}
}

func TestAccessIsPerRepository(t *testing.T) {
	reader := gitserver.Credential{User: "deploy", Password: "old", ReadOnly: true}
	writer := gitserver.Credential{User: "dev", Password: "p@ss"}
	rotated := gitserver.Credential{User: "deploy", Password: "new", ReadOnly: true}
	private := gitserver.Access{Credentials: []gitserver.Credential{reader, writer}}
	for name, tt := range map[string]struct {
		access gitserver.Access
		as     *gitserver.Credential
		push   bool
		want   bool
	}{
		"a stranger cannot read a private repository": {access: private, want: false},
		"a stranger can read a public repository":     {access: gitserver.Access{Public: true}, want: true},
		"a stranger cannot write a public repository": {access: gitserver.Access{Public: true},
			push: true, want: false},
		"a reader can read a private repository": {access: private, as: &reader, want: true},
		"a reader cannot write":                  {access: private, as: &reader, push: true, want: false},
		"a writer can write":                     {access: private, as: &writer, push: true, want: true},
		"an old password does not open the repository": {access: gitserver.Access{
			Credentials: []gitserver.Credential{rotated}}, as: &reader, want: false},
		"a rotated password opens the repository again": {access: gitserver.Access{
			Credentials: []gitserver.Credential{rotated}}, as: &rotated, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			mustCommit(t, s, gitserver.Change{Message: "first", Write: map[string]string{"a": "1"}})
			dir := clone(t, s)
			s.SetAccess(repo, tt.access)
			url := s.URL(repo)
			if tt.as != nil {
				url = strings.Replace(url, "http://",
					"http://"+tt.as.User+":"+strings.ReplaceAll(tt.as.Password, "@", "%40")+"@", 1)
			}
			args := []string{"fetch", url}
			if tt.push {
				args = []string{"push", url, "HEAD:refs/heads/other"}
			}
			out, err := git(t, dir, args...)
			if (err == nil) != tt.want {
				t.Errorf("git %s: %v\n%s", args[0], err, out)
			}
		})
	}
}

func TestTroubleIsServedUntilItEnds(t *testing.T) {
	s := newServer(t)
	mustCommit(t, s, gitserver.Change{Message: "first", Write: map[string]string{"a": "1"}})
	s.Fail(repo, 503)
	if out, err := git(t, t.TempDir(), "ls-remote", s.URL(repo)); err == nil {
		t.Errorf("a failing repository answers: %s", out)
	}
	s.Fail(repo, 0)
	mustGit(t, t.TempDir(), "ls-remote", s.URL(repo))
}

func TestNamesStayInsideTheDirectory(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"", "../x", "/etc/x", "a//b", "a/../b", "a.git", "a.git/hooks"} {
		if err := s.CreateRepo(t.Context(), name); err == nil {
			t.Errorf("created a repository named %q", name)
		}
	}
	if err := s.CreateRepo(t.Context(), repo); err == nil {
		t.Error("created a repository twice")
	}
}
