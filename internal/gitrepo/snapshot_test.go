package gitrepo_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

func TestASnapshotHoldsWhatCanBeResourcesAndNamesTheRest(t *testing.T) {
	h := newHost(t)
	head := h.raw(
		"M 100644 inline runtimes/a.yaml\ndata 2\na\n",
		"M 100755 inline runtimes/run.sh\ndata 2\nb\n",
		"M 120000 inline envs/link.yaml\ndata 6\n/etc/x",
		"M 160000 1111111111111111111111111111111111111111 projects/sub",
		"M 100644 inline docs/chart.yaml\ndata 2\nc\n",
		"M 100644 inline docs/guide.md\ndata 2\nd\n",
		"M 100644 inline empty.yaml\ndata 0\n",
		"M 100644 inline runtimes/large.yaml\n"+data(strings.Repeat("x", layout.MaxFileBytes+1)),
		"M 100644 inline runtimes/largest.yaml\n"+data(strings.Repeat("y", layout.MaxFileBytes)),
	)
	s := h.snapshot(gitrepo.NewStore(gitrepo.Options{}), head)
	type file struct{ Skipped, Data string }
	got := map[string]file{}
	for _, f := range s.Tree().Files() {
		content := string(f.Data)
		if len(content) > 10 {
			content = fmt.Sprint(len(content))
		}
		got[f.Path] = file{f.Skipped, content}
		if want := h.git("", "rev-parse", head+":"+f.Path); f.Blob != want {
			t.Errorf("%s has blob %s, want %s", f.Path, f.Blob, want)
		}
		if f.Skipped == "" && (f.Data != nil) != (f.Path != "docs/guide.md") {
			t.Errorf("%s: data %v", f.Path, f.Data)
		}
	}
	same(t, "files", got, map[string]file{
		"runtimes/a.yaml": {"", "a\n"}, "runtimes/run.sh": {"", "b\n"}, "docs/chart.yaml": {"", "c\n"},
		"docs/guide.md": {}, "empty.yaml": {},
		"envs/link.yaml": {layout.SkippedSymlink, ""}, "projects/sub": {layout.SkippedSubmodule, ""},
		"runtimes/large.yaml":   {layout.SkippedTooLarge, ""},
		"runtimes/largest.yaml": {"", fmt.Sprint(layout.MaxFileBytes)},
	})
	if s.Head() != head {
		t.Errorf("head %s, want %s", s.Head(), head)
	}
}

func data(content string) string { return fmt.Sprintf("data %d\n%s", len(content), content) }

func TestASnapshotIsExactlyTheCommitThatWasAskedFor(t *testing.T) {
	h := newHost(t)
	first := h.write(map[string]string{"runtimes/a.yaml": "a"})
	second := h.write(map[string]string{"runtimes/b.yaml": "b"})
	s := gitrepo.NewStore(gitrepo.Options{})
	if n := len(h.snapshot(s, first).Tree().Files()); n != 1 {
		t.Errorf("an older commit has %d files, want 1", n)
	}
	if n := len(h.snapshot(s, second).Tree().Files()); n != 2 {
		t.Errorf("the head has %d files, want 2", n)
	}
	blob := h.git("", "rev-parse", second+":runtimes/b.yaml")
	for name, commit := range map[string]string{"unknown": strings.Repeat("1", 40), "a blob": blob} {
		_, err := s.Snapshot(t.Context(), h.remote(), commit)
		t.Run(name, func(t *testing.T) { wantProblem(t, err, problem.Conflict, problem.ReasonLostRace) })
	}
	for _, head := range []string{"", "main", strings.ToUpper(first), strings.Repeat("0", 40),
		strings.Repeat("1", 64)} {
		_, err := s.Snapshot(t.Context(), h.remote(), head)
		wantProblem(t, err, problem.Internal, problem.ReasonBadRemote)
	}
}

func TestAServerThatHandsOutHeadsOnly(t *testing.T) {
	h := newHost(t)
	h.git("", "config", "uploadpack.allowAnySHA1InWant", "false")
	first := h.write(map[string]string{"runtimes/a.yaml": "a"})
	second := h.write(map[string]string{"runtimes/b.yaml": "b"})
	s := gitrepo.NewStore(gitrepo.Options{})
	_, err := s.Snapshot(t.Context(), h.remote(), first)
	wantProblem(t, err, problem.Conflict, problem.ReasonLostRace)
	if n := len(h.snapshot(s, second).Tree().Files()); n != 2 {
		t.Errorf("the head has %d files, want 2", n)
	}
}

func TestAnEmptyRepositoryHasNoSnapshot(t *testing.T) {
	h := newHost(t)
	_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), h.remote(), strings.Repeat("1", 40))
	wantProblem(t, err, problem.Conflict, problem.ReasonLostRace)
}

// noise is what doesn't compress.
func noise(bytes int, seed byte) string {
	raw := make([]byte, bytes)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(raw)
	return string(raw)
}

// allocated returns what a function allocates, garbage included: an upper bound of what it needs at one time.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

func TestALargeFileIsNotSent(t *testing.T) {
	h := newHost(t)
	h.git("", "config", "pack.compression", "0") // the test would wait for nothing else
	head := h.write(map[string]string{"runtimes/a.yaml": "a", "runtimes/video.yaml": noise(100<<20, 1)})
	var got gitrepo.Observation
	s := gitrepo.NewStore(gitrepo.Options{Observe: func(o gitrepo.Observation) { got = o }})
	var snapshot *gitrepo.Snapshot
	used := allocated(func() { snapshot = h.snapshot(s, head) })
	if used > 16<<20 || got.Bytes > 4<<10 {
		t.Errorf("allocated %d MiB and received %d bytes", used>>20, got.Bytes)
	}
	if f := snapshot.Tree().Files()[1]; f.Skipped != layout.SkippedTooLarge || f.Data != nil {
		t.Errorf("got %+v", f)
	}
}

func TestWithoutFiltersWhatIsReadIsBounded(t *testing.T) {
	h := newHost(t)
	h.git("", "config", "uploadpack.allowFilter", "false")
	s := gitrepo.NewStore(gitrepo.Options{MaxPackBytes: 4 << 20})
	small := h.write(map[string]string{"runtimes/a.yaml": "a", "runtimes/zeros.yaml": strings.Repeat("0", 40<<20)})
	var snapshot *gitrepo.Snapshot
	if used := allocated(func() { snapshot = h.snapshot(s, small) }); used > 16<<20 {
		t.Errorf("allocated %d MiB for a file that compresses well", used>>20)
	}
	if f := snapshot.Tree().Files()[1]; f.Skipped != layout.SkippedTooLarge {
		t.Errorf("got %+v", f)
	}
	h.git("", "config", "pack.compression", "0")
	large := h.write(map[string]string{"runtimes/noise.yaml": noise(30<<20, 2)})
	var err error
	if used := allocated(func() { _, err = s.Snapshot(t.Context(), h.remote(), large) }); used > 16<<20 {
		t.Errorf("allocated %d MiB for a file that doesn't", used>>20)
	}
	wantProblem(t, err, problem.Invalid, problem.ReasonRepositoryTooLarge)
}

func TestCountsAndSizesAreBounded(t *testing.T) {
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprintf("runtimes/%d.yaml", i)] = noise(8<<10, byte(i))
	}
	for name, o := range map[string]gitrepo.Options{
		"files":                 {MaxFiles: 40},
		"bytes that come":       {MaxPackBytes: 100 << 10},
		"bytes that come of it": {MaxPackBytes: 402 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			_, err := gitrepo.NewStore(o).Snapshot(t.Context(), h.remote(), h.write(files))
			wantProblem(t, err, problem.Invalid, problem.ReasonRepositoryTooLarge)
		})
	}
	h := newHost(t)
	h.snapshot(gitrepo.NewStore(gitrepo.Options{MaxFiles: 60, MaxPackBytes: 1 << 20}), h.write(files))
}

// A tree that holds another one ten times, ten levels deep, is small and has ten billion files.
func TestATreeThatMultipliesIsRefused(t *testing.T) {
	h := newHost(t)
	tree := h.git("100644 blob "+h.git("x", "hash-object", "-w", "--stdin")+"\ta.yaml\n", "mktree")
	for range 10 {
		var lines strings.Builder
		for i := range 10 {
			fmt.Fprintf(&lines, "040000 tree %s\td%d\n", tree, i)
		}
		tree = h.git(lines.String(), "mktree")
	}
	head := h.git("", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit-tree", "-m", "bomb", tree)
	must(t, h.SetBranch(t.Context(), project, "main", head))
	used := allocated(func() {
		_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), h.remote(), head)
		wantProblem(t, err, problem.Invalid, problem.ReasonRepositoryTooLarge)
	})
	if used > 64<<20 {
		t.Errorf("allocated %d MiB", used>>20)
	}
}

func TestALongHistoryCostsWhatAShortOneCosts(t *testing.T) {
	received := func(commits int) (bytes int64) {
		h := newHost(t)
		var in strings.Builder
		for i := range commits {
			fmt.Fprintf(&in, "commit refs/heads/main\nmark :%d\ncommitter x <x@example.com> 1 +0000\ndata 1\nx\n", i+1)
			for f := range 20 {
				if i == 0 || i%20 == f {
					fmt.Fprintf(&in, "M 100644 inline runtimes/%d.yaml\n%s\n", f,
						data(fmt.Sprintf("%d-%06d", f, commits-i)))
				}
			}
		}
		h.git(in.String()+"done\n", "fast-import", "--quiet", "--done")
		s := gitrepo.NewStore(gitrepo.Options{Observe: func(o gitrepo.Observation) { bytes += o.Bytes }})
		base := h.snapshot(s, h.head())
		_, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/new.yaml", "x")))
		must(t, err)
		return bytes
	}
	if short, long := received(1), received(5000); long > short+200 {
		t.Errorf("received %d bytes of 5,000 commits and %d bytes of one", long, short)
	}
}

func TestWhoeverAnswersMayBeWrong(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	canary := http.NewServeMux()
	canary.HandleFunc("/", func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			http.Error(w, "said the host to "+token, code)
		}
	}
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		class  problem.Class
		reason string
		after  int
	}{
		"a bad token":   {"/info/refs", status(401), problem.Forbidden, problem.ReasonForbidden, 0},
		"no access":     {"/info/refs", status(403), problem.Forbidden, problem.ReasonForbidden, 0},
		"nothing there": {"/info/refs", status(404), problem.Missing, problem.ReasonMissing, 0},
		"moved": {"/info/refs", status(301, "Location", h.url+"/elsewhere"), problem.Missing,
			problem.ReasonMoved, 0},
		"too many requests": {"/info/refs", status(429, "Retry-After", "7"), problem.RateLimited,
			problem.ReasonRateLimited, 7},
		"too many requests, later": {"/git-upload-pack", status(429, "Retry-After", "8"), problem.RateLimited,
			problem.ReasonRateLimited, 8},
		"out of order": {"/info/refs", status(503, "Retry-After", "9"), problem.Unavailable,
			problem.ReasonUnavailable, 9},
		"out of order, later": {"/git-upload-pack", status(500), problem.Unavailable, problem.ReasonUnavailable, 0},
		"a page for people": {"/info/refs", status(200, "Content-Type", "text/html"), problem.Unavailable,
			problem.ReasonBadAnswer, 0},
		"nonsense of the right type": {"/info/refs", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			fmt.Fprint(w, "zzzz")
		}, problem.Unavailable, problem.ReasonBadAnswer, 0},
		"no pack": {"/git-upload-pack", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			fmt.Fprint(w, "0000")
		}, problem.Unavailable, problem.ReasonBadAnswer, 0},
		"a connection that is closed": {"/git-upload-pack", func(http.ResponseWriter,
			*http.Request) {
			panic(http.ErrAbortHandler)
		}, problem.Unavailable, problem.ReasonUnavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h.meddle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.HasSuffix(r.URL.Path, c.path) {
					c.answer(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
			_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), h.remote(), head)
			if _, after := wantProblem(t, err, c.class, c.reason); int(after.Seconds()) != c.after {
				t.Errorf("after %v, want %d s", after, c.after)
			}
		})
	}
	for _, r := range h.seen() {
		if strings.Contains(r.URL.String(), token) {
			t.Errorf("the token stands in %s", r.URL)
		}
		if name, password, _ := r.BasicAuth(); name != "oauth2" || password != token {
			t.Errorf("%s came as %q with a token: %v", r.URL, name, password == token)
		}
	}
}

func TestAHalfAnswerIsNoSnapshot(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": noise(4<<10, 1)})
	h.meddle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			w = &cut{ResponseWriter: w, left: 1000}
		}
		next.ServeHTTP(w, r)
	})
	_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), h.remote(), head)
	wantProblem(t, err, problem.Unavailable, problem.ReasonBadAnswer)
}

// cut swallows what comes after some bytes.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	if _, err := c.ResponseWriter.Write(p[:min(len(p), c.left)]); err != nil {
		return 0, err
	}
	c.left -= min(len(p), c.left)
	return len(p), nil
}

func TestAddressesThatAreNotPlainAreRefused(t *testing.T) {
	for _, url := range []string{"", "/tmp/x", "file:///tmp/x", "git@host:a/b.git", "ssh://host/a",
		"https://u:p@host/a", "https:///a", "https://host/a?x=y"} {
		_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), gitrepo.Remote{ProjectID: 1, URL: url},
			strings.Repeat("1", 40))
		wantProblem(t, err, problem.Internal, problem.ReasonBadRemote)
	}
}
