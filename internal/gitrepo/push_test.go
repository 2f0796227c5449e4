package gitrepo_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// asFetched checks that a snapshot which was made without a fetch is what a fetch would have brought, and that git
// finds nothing wrong.
func (h *host) asFetched(made *gitrepo.Snapshot) {
	h.Helper()
	h.git("", "fsck", "--strict", "--no-dangling")
	if head := h.head(); head != made.Head() {
		h.Fatalf("main is at %s, the snapshot at %s", head, made.Head())
	}
	fetched := h.snapshot(gitrepo.NewStore(gitrepo.Options{}), made.Head())
	same(h, "files", made.Tree().Files(), fetched.Tree().Files())
	same(h, "findings", made.Tree().Findings(), fetched.Tree().Findings())
	twice, seen := int64(0), map[string]bool{} // a fetch brings what several files hold once
	for _, f := range made.Tree().Files() {
		if seen[f.Blob] {
			twice += int64(len(f.Data) * 9 / 8)
		}
		seen[f.Blob] = true
	}
	if made.Bytes()-fetched.Bytes() > twice || made.Bytes() < fetched.Bytes() {
		h.Errorf("%d bytes, fetched %d", made.Bytes(), fetched.Bytes())
	}
}

func TestACommitIsWhatGitWouldMake(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a", "runtimes/b.yaml": "b"}))
	before := h.fetches()
	c := commit(put("runtimes/a.yaml", "changed"), layout.Edit{Path: "runtimes/b.yaml"}, put("envs/c.yaml", "c"))
	c.Author.Name = "Ada <x@y> Lovelace\nparent 1111"
	c.Message = "Save runtime a\n\nFor a reason.\x00\n\n"
	next, err := s.Push(t.Context(), h.remote(), base, c)
	must(t, err)
	if _, err := s.Snapshot(t.Context(), h.remote(), next.Head()); err != nil || h.fetches() != before {
		t.Errorf("%d fetches after the push, %v", h.fetches()-before, err)
	}
	same(t, "commit", h.git("", "cat-file", "commit", next.Head()), strings.Join([]string{
		"tree " + h.git("", "rev-parse", "main^{tree}"), "parent " + base.Head(),
		"author Ada x@y Lovelaceparent 1111 <ada@example.com> 1700000000 +0100",
		"committer Ada x@y Lovelaceparent 1111 <ada@example.com> 1700000000 +0100",
		"", "Save runtime a", "", "For a reason.",
	}, "\n"))
	same(t, "changes", h.git("", "diff", "--name-status", "main^", "main"),
		"A\tenvs/c.yaml\nM\truntimes/a.yaml\nD\truntimes/b.yaml")
	h.asFetched(next)
}

func TestTheFirstCommit(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	first, err := s.Push(t.Context(), h.remote(), nil, commit(put("README.md", "x"), put("runtimes/a.yaml", "a")))
	must(t, err)
	h.asFetched(first)
	_, err = s.Push(t.Context(), h.remote(), nil, commit(put("README.md", "y")))
	wantProblem(t, err, problem.Conflict, problem.ReasonLostRace)
	next, err := s.Push(t.Context(), h.remote(), first, commit(put("runtimes/b.yaml", "b")))
	must(t, err)
	h.asFetched(next)
}

func TestFilesOfAnySizeArePacked(t *testing.T) {
	h := newHost(t)
	var edits []layout.Edit
	for _, size := range []int{0, 1, 15, 16, 2047, 2048, 1<<18 - 1, 1 << 18} {
		edits = append(edits, put(fmt.Sprintf("docs/%d", size), noise(size, 1)))
	}
	next, err := gitrepo.NewStore(gitrepo.Options{}).Push(t.Context(), h.remote(), nil, commit(edits...))
	must(t, err)
	h.asFetched(next)
}

func TestWhatIsNotEditedStaysAsItIs(t *testing.T) {
	h := newHost(t)
	head := h.raw(
		"M 100755 inline runtimes/run.sh\ndata 1\na",
		"M 120000 inline runtimes/link\ndata 6\n../../",
		"M 160000 1111111111111111111111111111111111111111 runtimes/sub",
		"M 100644 inline runtimes.yaml\ndata 1\nb",
		"M 100644 inline runtimes-a.yaml\ndata 1\nc",
		"M 100644 inline runtimes/deep/er/x.yaml\ndata 1\nd",
		"M 100644 inline big/file.bin\n"+data(noise(layout.MaxFileBytes*2, 1)),
		"M 100755 inline runtimes/tool.yaml\ndata 1\ne",
	)
	before := h.git("", "ls-tree", "-r", "main")
	s := gitrepo.NewStore(gitrepo.Options{})
	next, err := s.Push(t.Context(), h.remote(), h.snapshot(s, head), commit(
		put("runtimes/tool.yaml", "changed"), put("runtimes/new.yaml", "n"), put("runtimes0/x.yaml", "z"),
		layout.Edit{Path: "runtimes/deep/er/x.yaml"}))
	must(t, err)
	h.asFetched(next)
	want := map[string]bool{}
	for _, line := range strings.Split(before, "\n") {
		want[line] = !strings.Contains(line, "deep/er/x") && !strings.Contains(line, "tool.yaml")
	}
	after := h.git("", "ls-tree", "-r", "main")
	for line, stays := range want {
		if stays != strings.Contains(after+"\n", line+"\n") {
			t.Errorf("%s stays: want %v", line, stays)
		}
	}
	for _, made := range []string{"100755 blob " + h.git("", "rev-parse", "main:runtimes/tool.yaml"),
		"\truntimes/new.yaml", "\truntimes0/x.yaml"} {
		if !strings.Contains(after, made) {
			t.Errorf("%q is not in\n%s", made, after)
		}
	}
	if got := h.git("", "ls-tree", "-d", "-r", "--name-only", "main"); got != "big\nruntimes\nruntimes/sub\nruntimes0" {
		t.Errorf("directories: %s", got)
	}
}

func TestFilesAndDirectoriesInEachOthersPlace(t *testing.T) {
	gone := func(path string) layout.Edit { return layout.Edit{Path: path} }
	for name, c := range map[string]struct {
		edits  []layout.Edit
		reason string
		class  problem.Class
	}{
		"a file below a file": {[]layout.Edit{put("a.yaml/b.yaml", "x")},
			problem.ReasonPathTaken, problem.Conflict},
		"a file where a directory is": {[]layout.Edit{put("dir", "x")}, problem.ReasonPathTaken,
			problem.Conflict},
		"a file through a symbolic link": {[]layout.Edit{put("link/x.yaml", "x")},
			problem.ReasonPathTaken, problem.Conflict},
		"a file where a symbolic link is": {[]layout.Edit{put("link", "x")}, problem.ReasonPathTaken,
			problem.Conflict},
		"a directory for a file that goes": {[]layout.Edit{put("a.yaml/b.yaml", "x"), gone("a.yaml")},
			"", ""},
		"a file for a directory that goes": {[]layout.Edit{put("dir", "x"), gone("dir/sub/x.yaml"),
			gone("dir/y.yaml")}, "", ""},
		"a file for a directory of which a part stays": {[]layout.Edit{put("dir", "x"), gone("dir/y.yaml")},
			problem.ReasonPathTaken, problem.Conflict},
		"a directory that goes and comes": {[]layout.Edit{put("dir/z/x.yaml", "x"),
			gone("dir/sub/x.yaml"), gone("dir/y.yaml")}, "", ""},
		"a directory below that goes and comes": {[]layout.Edit{put("dir/sub/n.yaml", "x"),
			gone("dir/sub/x.yaml")}, "", ""},
		"two new files of which one is below the other": {[]layout.Edit{put("n", "x"), put("n/m", "x")},
			problem.ReasonPathTaken, problem.Conflict},
		"everything goes": {[]layout.Edit{gone("a.yaml"), gone("dir/sub/x.yaml"),
			gone("dir/y.yaml"), gone("link")}, "", ""},
		"a file that is not there goes": {[]layout.Edit{gone("dir/none.yaml")}, problem.ReasonBadCommit,
			problem.Internal},
		"a file goes of a directory that is not there": {[]layout.Edit{gone("none/x/y.yaml")}, problem.ReasonBadCommit,
			problem.Internal},
		"a directory goes": {[]layout.Edit{gone("dir")}, problem.ReasonBadCommit,
			problem.Internal},
		"nothing changes": {[]layout.Edit{put("a.yaml", "a")}, problem.ReasonBadCommit,
			problem.Internal},
		"no edits": {nil, problem.ReasonBadCommit, problem.Internal},
		"one file twice": {[]layout.Edit{put("b.yaml", "1"), put("b.yaml", "2")},
			problem.ReasonBadCommit, problem.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			head := h.raw("M 100644 inline a.yaml\ndata 1\na", "M 100644 inline dir/sub/x.yaml\ndata 1\nb",
				"M 100644 inline dir/y.yaml\ndata 1\nc", "M 120000 inline link\ndata 3\ndir")
			s := gitrepo.NewStore(gitrepo.Options{})
			next, err := s.Push(t.Context(), h.remote(), h.snapshot(s, head), commit(c.edits...))
			if c.reason != "" {
				wantProblem(t, err, c.class, c.reason)
				if h.head() != head {
					t.Error("main moved")
				}
				return
			}
			must(t, err)
			h.asFetched(next)
		})
	}
}

// Many small commits by chance, against a model; git checks every one of them.
func TestCommitsByChance(t *testing.T) {
	h := newHost(t)
	h.hook("") // a hook that takes everything
	h.git("", "config", "receive.fsckObjects", "true")
	chance := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "a-b", "a.yaml", "a0", "b", "envs", "x.yaml"}
	model := map[string]string{"keep.yaml": "x"}
	s := gitrepo.NewStore(gitrepo.Options{})
	snapshot, err := s.Push(t.Context(), h.remote(), nil, commit(put("keep.yaml", "x")))
	must(t, err)
	pushed := 0
	for range 60 {
		var edits []layout.Edit
		want := maps.Clone(model)
		for range 1 + chance.IntN(5) {
			at := names[chance.IntN(len(names))]
			for range chance.IntN(3) {
				at += "/" + names[chance.IntN(len(names))]
			}
			if slices.ContainsFunc(edits, func(e layout.Edit) bool { return e.Path == at }) {
				continue
			}
			if _, there := want[at]; there && chance.IntN(2) == 0 {
				edits = append(edits, layout.Edit{Path: at})
				delete(want, at)
				continue
			}
			content := fmt.Sprint(chance.IntN(3))
			edits = append(edits, put(at, content))
			want[at] = content
		}
		clash := false
		for file := range want {
			for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
				_, isFile := want[dir]
				clash = clash || isFile
			}
		}
		next, err := s.Push(t.Context(), h.remote(), snapshot, commit(edits...))
		switch {
		case clash:
			wantProblem(t, err, problem.Conflict, problem.ReasonPathTaken)
			continue
		case maps.Equal(model, want):
			wantProblem(t, err, problem.Internal, problem.ReasonBadCommit)
			continue
		}
		must(t, err)
		pushed++
		snapshot, model = next, want
		var listed []string
		for _, f := range snapshot.Tree().Files() {
			listed = append(listed, f.Path)
		}
		same(t, "files", listed, slices.Sorted(maps.Keys(model)))
	}
	h.asFetched(snapshot)
	for at, content := range model {
		if got := h.git("", "cat-file", "blob", "main:"+at); got != content {
			t.Errorf("%s holds %q, want %q", at, got, content)
		}
	}
	if pushed < 10 {
		t.Errorf("only %d commits", pushed)
	}
}

func TestPushersRace(t *testing.T) {
	const pushers, pushes = 8, 3
	h := newHost(t)
	h.write(map[string]string{"README.md": "x"})
	s := gitrepo.NewStore(gitrepo.Options{})
	var mu sync.Mutex
	var made []string
	lost := 0
	var all sync.WaitGroup
	for p := range pushers {
		all.Go(func() {
			for done := 0; done < pushes; {
				head, err := h.Head(t.Context(), project, "main")
				if err != nil {
					t.Error(err)
					return
				}
				base, err := s.Snapshot(t.Context(), h.remote(), head)
				if err != nil {
					t.Error(err)
					return
				}
				next, err := s.Push(t.Context(), h.remote(), base,
					commit(put(fmt.Sprintf("runtimes/p%d-%d.yaml", p, done), "x")))
				mu.Lock()
				switch found := problem.As(err); {
				case err == nil:
					made = append(made, next.Head())
					done++
				case found != nil && found.Reason == problem.ReasonLostRace && found.Class == problem.Conflict:
					lost++
				default:
					t.Errorf("%v (%v)", err, cause(err))
					done++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	history := h.git("", "rev-list", "--first-parent", "main")
	for _, commit := range made {
		if !strings.Contains(history, commit) {
			t.Errorf("%s was reported and is not in the history", commit)
		}
	}
	if n := strings.Count(history, "\n"); n != pushers*pushes || len(made) != pushers*pushes {
		t.Errorf("%d commits, %d reported, want %d", n, len(made), pushers*pushes)
	}
	if files := strings.Count(h.git("", "ls-tree", "-r", "--name-only", "main"), "\n"); files != pushers*pushes {
		t.Errorf("%d files, want %d", files, pushers*pushes)
	}
	t.Logf("%d lost races", lost)
}

func TestMainIsWhereItWasJudgedOrThePushIsLost(t *testing.T) {
	for name, move := range map[string]func(h *host, first, judged string){
		"somebody pushed": func(h *host, _, _ string) { h.write(map[string]string{"x": "x"}) },
		"rewound":         func(h *host, first, _ string) { must(h, h.SetBranch(h.Context(), project, "main", first)) },
		"deleted":         func(h *host, _, _ string) { must(h, h.SetBranch(h.Context(), project, "main", "")) },
		"made anew": func(h *host, _, _ string) {
			must(h, h.SetBranch(h.Context(), project, "main", ""))
			h.raw("M 100644 inline other\ndata 1\nx")
		},
		"made anew, and the old one is forgotten": func(h *host, _, _ string) {
			must(h, h.SetBranch(h.Context(), project, "main", ""))
			h.raw("M 100644 inline other\ndata 1\nx")
			h.git("", "reflog", "expire", "--expire=now", "--all")
			h.git("", "gc", "--quiet", "--prune=now")
		},
	} {
		for setting, value := range map[string]string{"anything goes": "false", "fast-forwards only": "true"} {
			t.Run(name+", "+setting, func(t *testing.T) {
				h := newHost(t)
				h.git("", "config", "receive.denyNonFastForwards", value)
				first := h.write(map[string]string{"runtimes/a.yaml": "a"})
				judged := h.write(map[string]string{"runtimes/a.yaml": "b"})
				s := gitrepo.NewStore(gitrepo.Options{})
				base := h.snapshot(s, judged)
				move(h, first, judged)
				_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
				wantProblem(t, err, problem.Conflict, problem.ReasonLostRace)
				if log := h.git("", "log", "--all", "--format=%s"); strings.Contains(log, "Change it") {
					t.Errorf("the commit is there:\n%s", log)
				}
			})
		}
	}
}

func TestAPushIsOneRequest(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
	before := len(h.seen())
	_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
	must(t, err)
	var asked []string
	for _, r := range h.seen()[before:] {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if name, password, _ := r.BasicAuth(); name != "oauth2" || password != token {
			t.Errorf("%s came as %q with a token: %v", r.URL, name, password == token)
		}
	}
	same(t, "requests", asked, []string{"POST /" + project + ".git/git-receive-pack"})
}

// transport looks at requests before they are sent.
type transport struct {
	http.RoundTripper
	look func(*http.Request)
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.look(r)
	return t.RoundTripper.RoundTrip(r)
}

func TestAPushCannotBeSentAgainByTheTransport(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{
		HTTP: &http.Client{Transport: transport{http.DefaultTransport, func(r *http.Request) {
			if r.GetBody != nil || r.Header.Get("Idempotency-Key") != "" || r.Header.Get("X-Idempotency-Key") != "" {
				t.Error("net/http may send it again")
			}
		}}}})
	_, err := s.Push(t.Context(), h.remote(), nil, commit(put("README.md", "x")))
	must(t, err)
}

// A host may stop the hooks that follow a push when the connection ends.
func TestAPushListensUntilTheHostIsDone(t *testing.T) {
	h := newHost(t)
	h.script("post-receive", "echo 'GitLab: thank you' >&2")
	dials := 0
	own := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(own.CloseIdleConnections)
	s := gitrepo.NewStore(gitrepo.Options{HTTP: &http.Client{Transport: own}})
	base, err := s.Push(t.Context(), h.remote(), nil, commit(put("README.md", "x")))
	must(t, err)
	_, err = s.Push(t.Context(), h.remote(), base, commit(put("README.md", "y")))
	must(t, err)
	if dials != 1 {
		t.Errorf("%d connections: the first one was cut off", dials)
	}
}

func (h *host) hook(script string) {
	h.Helper()
	h.script("pre-receive", script)
}

func (h *host) script(hook, script string) {
	h.Helper()
	must(h, os.MkdirAll(filepath.Join(h.path(), "hooks"), 0o750))
	must(h, os.WriteFile(filepath.Join(h.path(), "hooks", hook), []byte("#!/bin/sh\n"+script), 0o700))
}

func TestARefusalIsInTheHostsWords(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
	for name, c := range map[string]struct{ script, want string }{
		"protected": {"echo 'GitLab: You are not allowed to push code to protected branches on this " +
			"project.' >&2; exit 1",
			" (pre-receive hook declined): GitLab: You are not allowed to push code to protected branches " +
				"on this project."},
		"others' words stay out": {"echo debug /var/secret >&2; echo 'GitLab: one' >&2; echo; echo '  GitLab: " +
			"two' >&2; exit 1", " (pre-receive hook declined): GitLab: one GitLab: two"},
		"no words": {"exit 1", " (pre-receive hook declined)"},
		"a token": {"echo 'GitLab: bad token " + token + "!' >&2; exit 1",
			" (pre-receive hook declined): GitLab: bad token [redacted]!"},
		"control characters": {`printf 'GitLab: a\033[31mb\n' >&2; exit 1`,
			" (pre-receive hook declined): GitLab: a[31mb"},
		"several lines": {`printf 'debug\nGitLab: \n======\nPUSH BLOCKED: Secrets detected\n\n  in a.yaml:3\n' >&2
			exit 1`,
			" (pre-receive hook declined): GitLab: PUSH BLOCKED: Secrets detected in a.yaml:3"},
		"very many words": {"echo 'GitLab: " + strings.Repeat("x", 5000) + "' >&2; exit 1",
			" (pre-receive hook declined): GitLab: " + strings.Repeat("x", 1024-8-3) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			h.hook(c.script)
			_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
			message, _ := wantProblem(t, err, problem.Forbidden, problem.ReasonPushRefused)
			same(t, "message", message, "the git host refused the push to branch main of "+h.remote().URL+c.want)
		})
	}
}

func TestAnAnswerThatGetsLost(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		push   func(w http.ResponseWriter, r *http.Request, next http.Handler)
		landed bool
	}{
		"after the push": {func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&cut{ResponseWriter: nowhere{}}, r)
			panic(http.ErrAbortHandler)
		}, true},
		"in the middle of the report": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&cut{ResponseWriter: w, left: 12}, r)
		}, true},
		"of which nothing came": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&cut{ResponseWriter: w}, r)
		}, true},
		"behind a gateway": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&cut{ResponseWriter: nowhere{}}, r)
			http.Error(w, "bad gateway", http.StatusBadGateway)
		}, true},
		"behind a proxy that calls it unavailable": {func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&cut{ResponseWriter: nowhere{}}, r)
			http.Error(w, "upstream reset", http.StatusServiceUnavailable)
		}, true},
		"before the push": {abort, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			s := gitrepo.NewStore(gitrepo.Options{})
			base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
			h.meddle(c.push)
			before := len(h.seen())
			_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
			wantProblem(t, err, problem.Unavailable, problem.ReasonOutcomeUnknown)
			if n := len(h.seen()) - before; n != 1 {
				t.Errorf("%d requests for one push", n)
			}
			h.meddle(nil)
			if landed := h.head() != base.Head(); landed != c.landed {
				t.Errorf("landed: %v, want %v", landed, c.landed)
			}
		})
	}
}

// nowhere is an answer that nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

func TestPushesThatDoNotReachTheRepository(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			fmt.Fprint(w, "You cannot push, "+token)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		class  problem.Class
		reason string
	}{
		"a bad token":               {status(401), problem.Forbidden, problem.ReasonForbidden},
		"no right to push":          {status(403), problem.Forbidden, problem.ReasonPushRefused},
		"nothing there":             {status(404), problem.Missing, problem.ReasonMissing},
		"moved":                     {status(302, "Location", "/x"), problem.Missing, problem.ReasonMoved},
		"moved for good":            {status(308, "Location", "/x"), problem.Missing, problem.ReasonMoved},
		"too many requests":         {status(429), problem.RateLimited, problem.ReasonRateLimited},
		"busy, and says until when": {status(503, "Retry-After", "3"), problem.Unavailable, problem.ReasonUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(h.seen())
			h.meddle(func(w http.ResponseWriter, r *http.Request, _ http.Handler) { c.answer(w, r) })
			_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
			message, _ := wantProblem(t, err, c.class, c.reason)
			if n := len(h.seen()) - before; n != 1 {
				t.Errorf("%d requests for one push", n)
			}
			if c.reason == problem.ReasonPushRefused && !strings.Contains(message, "(You cannot push, [redacted])") {
				t.Errorf("the host's words are not in %q", message)
			}
		})
	}
	if h.head() != base.Head() {
		t.Error("main moved")
	}
}

func TestAPushThatNobodyTakes(t *testing.T) {
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	r := gitrepo.Remote{ProjectID: 7, URL: nobody.URL + "/x.git"}
	_, err := gitrepo.NewStore(gitrepo.Options{}).Push(t.Context(), r, nil, commit(put("README.md", "x")))
	wantProblem(t, err, problem.Unavailable, problem.ReasonUnavailable)
}

func TestAPackThatTheHostCannotStore(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
	h.git("", "config", "receive.maxInputSize", "10")
	_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
	wantProblem(t, err, problem.Unavailable, problem.ReasonUnavailable)
}

func TestACommitStaysInItsProject(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
	other := h.remote()
	other.ProjectID = 8
	_, err := s.Push(t.Context(), other, base, commit(put("runtimes/a.yaml", "mine")))
	wantProblem(t, err, problem.Internal, problem.ReasonBadRemote)
}

func TestWithoutTokenNoneIsSent(t *testing.T) {
	h := newHost(t)
	r := h.remote()
	r.Token = secret.Token{}
	_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), r, h.write(map[string]string{"a": "a"}))
	must(t, err)
	for _, q := range h.seen() {
		if q.Header.Get("Authorization") != "" {
			t.Error("something was sent")
		}
	}
}
