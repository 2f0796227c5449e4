package gitrepo_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// Whatever one project or one caller asks for, there is a place left for the fetch of another.
func TestNobodyTakesAllFetches(t *testing.T) {
	for name, one := range map[string]struct {
		remote func(r gitrepo.Remote, i int) gitrepo.Remote
		most   int
	}{
		"one project, many callers": {func(r gitrepo.Remote,
			i int) gitrepo.Remote {
			r.Token = secret.New(fmt.Sprint("token-", i))
			return r
		}, 1},
		"one caller, many projects": {func(r gitrepo.Remote,
			i int) gitrepo.Remote {
			r.ProjectID += int64(i)
			return r
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			var heads []string
			for i := range 8 {
				heads = append(heads, h.write(map[string]string{"runtimes/a.yaml": fmt.Sprint(i)}))
			}
			h.git("", "config", "uploadpack.allowReachableSHA1InWant", "true")
			g := h.gate()
			s := gitrepo.NewStore(gitrepo.Options{MaxFetches: 4})
			var asked []<-chan answer
			for i, head := range heads {
				asked = append(asked, h.ask(t.Context(), s, one.remote(h.remote(), i), head))
			}
			for range one.most {
				<-g.came
			}
			gitrepo.WaitForFetches(s, len(heads)-one.most)
			other := h.remote()
			other.ProjectID, other.Token = 99, secret.New("another token")
			good := h.ask(t.Context(), s, other, heads[7])
			if r := <-g.came; !strings.Contains(r.Header.Get("Authorization"), basic(other.Token)) {
				t.Error("the next fetch is none of the other's")
			}
			if len(g.came) != 0 {
				t.Errorf("%d more were let through", len(g.came))
			}
			close(g.open)
			for _, a := range append(asked, good) {
				must(t, (<-a).err)
			}
		})
	}
}

// One project, whose commits are large, leaves the snapshots of others where they are.
func TestTheSnapshotsOfOneProjectLeaveRoomForOthers(t *testing.T) {
	h := newHost(t)
	small := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{MaxBytes: 1 << 20})
	other := h.remote()
	other.ProjectID = 99
	_, err := s.Snapshot(t.Context(), other, small)
	must(t, err)
	for i := range 4 {
		head := h.write(map[string]string{"runtimes/a.yaml": strings.Repeat("# "+fmt.Sprint(i), 80<<10)})
		_, err := s.Snapshot(t.Context(), h.remote(), head)
		must(t, err)
	}
	before := h.fetches()
	_, err = s.Snapshot(t.Context(), other, small)
	must(t, err)
	if h.fetches() != before {
		t.Error("the other project's snapshot was driven out")
	}
	if s.Bytes() > 512<<10 {
		t.Errorf("%d KiB are kept", s.Bytes()>>10)
	}
}

// A few kilobytes of git, by aliases and by one file under many paths, stand for gigabytes.
func TestARepositoryThatMultipliesIsRefusedWithinBounds(t *testing.T) {
	bomb := func(documents, times, length int) string {
		var b bytes.Buffer
		for i := range documents {
			fmt.Fprintf(&b, "---\napiVersion: nautes.resource.nautes.io/v1alpha1\nkind: Environment\nmetadata:\n "+
				" name: e%d\n  annotations:\n    a: &x %s\n", i, strings.Repeat("x", length))
			for n := range times {
				fmt.Fprintf(&b, "    a%d: *x\n", n)
			}
		}
		return b.String()
	}
	for name, one := range map[string]struct {
		content string
		paths   int
		refused bool
	}{
		"aliases in every document of a file": {bomb(48, 1000, 8<<10), 1, false},
		"one file under many paths":           {bomb(100, 1, 4), 15_000, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			blob := h.git(one.content, "hash-object", "-w", "--stdin")
			var lines strings.Builder
			for i := range one.paths {
				fmt.Fprintf(&lines, "100644 blob %s\t%05d.yaml\n", blob, i)
			}
			envs := h.git(lines.String(), "mktree")
			head := h.git("", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit-tree", "-m", "x",
				h.git("040000 tree "+envs+"\tenvs\n", "mktree"))
			must(t, h.SetBranch(t.Context(), project, "main", head))
			s := gitrepo.NewStore(gitrepo.Options{})
			var snapshot *gitrepo.Snapshot
			before := live()
			used := allocated(func() {
				var err error
				snapshot, err = s.Snapshot(t.Context(), h.remote(), head)
				if one.refused {
					wantProblem(t, err, problem.Invalid, problem.ReasonRepositoryTooLarge)
					if p := problem.As(err); p == nil || !strings.Contains(p.Message, "64 MiB") ||
						!strings.Contains(p.Message, "envs/") {
						t.Errorf("got %v", err)
					}
				} else {
					must(t, err)
				}
			})
			if kept := live() - before; kept > 16<<20 || used > 400<<20 {
				t.Errorf("it keeps %d MiB and took %d MiB", kept>>20, used>>20)
			}
			runtime.KeepAlive(snapshot)
			runtime.KeepAlive(s)
		})
	}
}

func basic(t secret.Token) string {
	return base64.StdEncoding.EncodeToString([]byte("oauth2:" + t.Reveal()))
}
