package gitrepo_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/test/devenv/gitserver"
)

const (
	project = "shop/default.project"
	token   = "glpat-canary-1"
)

// host is real git over HTTP, with one repository.
type host struct {
	testing.TB
	*gitserver.Repos
	dir string
	url string

	mu        sync.Mutex
	intercept func(w http.ResponseWriter, r *http.Request, next http.Handler)
	requests  []*http.Request
}

func newHost(t testing.TB) *host {
	t.Helper()
	h := &host{TB: t, dir: t.TempDir()}
	repos, err := gitserver.NewRepos(h.dir)
	must(t, err)
	h.Repos = repos
	must(t, repos.CreateRepo(t.Context(), project))
	server := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *host) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	intercept := h.intercept
	h.requests = append(h.requests, r.Clone(r.Context()))
	h.mu.Unlock()
	if intercept != nil {
		intercept(w, r, h.Repos)
		return
	}
	h.Repos.ServeHTTP(w, r)
}

// meddle puts a handler before git, nil removes it.
func (h *host) meddle(with func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.intercept = with
}

func (h *host) seen() []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*http.Request(nil), h.requests...)
}

func (h *host) remote() gitrepo.Remote {
	return gitrepo.Remote{ProjectID: 7, URL: h.url + "/" + project + ".git", Token: secret.New(token)}
}

func (h *host) path() string { return filepath.Join(h.dir, project+".git") }

// git runs git in the repository.
func (h *host) git(stdin string, args ...string) string {
	h.Helper()
	cmd := exec.CommandContext(h.Context(), "git", args...)
	cmd.Dir = h.path()
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	cmd.Stdin = strings.NewReader(stdin)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		h.Fatalf("git %v: %v: %s", args, err, trouble.String())
	}
	return strings.TrimSpace(out.String())
}

// write commits files to main and returns the new head.
func (h *host) write(files map[string]string) string {
	h.Helper()
	sha, err := h.Write(h.Context(), project, "by hand", files)
	must(h, err)
	return sha
}

// raw commits lines of git fast-import, such as "M 120000 inline link\ndata 1\nx".
func (h *host) raw(lines ...string) string {
	h.Helper()
	from := ""
	if head := h.git("", "for-each-ref", "--format=%(objectname)", "refs/heads/main"); head != "" {
		from = "from " + head + "\n"
	}
	h.git("commit refs/heads/main\ncommitter x <x@example.com> 1 +0000\ndata 1\nx\n"+from+strings.Join(lines, "\n")+
		"\n\ndone\n", "fast-import", "--quiet", "--done")
	return h.head()
}

func (h *host) head() string { return h.git("", "rev-parse", "refs/heads/main") }

func (h *host) snapshot(s *gitrepo.Store, head string) *gitrepo.Snapshot {
	h.Helper()
	snapshot, err := s.Snapshot(h.Context(), h.remote(), head)
	must(h, err)
	return snapshot
}

// fetches are the transfers so far.
func (h *host) fetches() int { return h.Counts(project).Fetches }

func commit(edits ...layout.Edit) gitrepo.Commit {
	return gitrepo.Commit{
		Author: gitrepo.Signature{Name: "Ada", Email: "ada@example.com",
			When: time.Unix(1700000000, 0).In(time.FixedZone("", 3600))},
		Message: "Change it", Edits: edits,
	}
}

func put(path, data string) layout.Edit { return layout.Edit{Path: path, Data: []byte(data)} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%v)", err, cause(err))
	}
}

func cause(err error) error {
	if p := problem.As(err); p != nil {
		return p.Cause
	}
	return nil
}

// wantProblem checks class and reason, and that nothing shows the token.
func wantProblem(t testing.TB, err error, class problem.Class, reason string) (message string, after time.Duration) {
	t.Helper()
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want %s %s", err, class, reason)
	}
	if p.Class != class || p.Reason != reason {
		t.Errorf("got %s %s: %s (%v); want %s %s", p.Class, p.Reason, p.Message, p.Cause, class, reason)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, token) {
			t.Errorf("the token is shown: %s", text)
		}
	}
	return p.Message, p.After
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
