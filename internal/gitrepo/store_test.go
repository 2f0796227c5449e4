package gitrepo_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// gate holds up fetches until it is opened, and tells when one has come.
type gate struct {
	came chan *http.Request
	open chan struct{}
}

func (h *host) gate() gate {
	g := gate{came: make(chan *http.Request, 100), open: make(chan struct{})}
	h.meddle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body) // until then a server doesn't see that a client goes away
			r.Body = io.NopCloser(bytes.NewReader(body))
			g.came <- r
			select {
			case <-g.open:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
	return g
}

type answer struct {
	snapshot *gitrepo.Snapshot
	err      error
}

func (h *host) ask(ctx context.Context, s *gitrepo.Store, r gitrepo.Remote, head string) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		snapshot, err := s.Snapshot(ctx, r, head)
		out <- answer{snapshot, err}
	}()
	return out
}

func TestManyWhoAskCostOneFetch(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	snapshots := make([]*gitrepo.Snapshot, 50)
	var all sync.WaitGroup
	for i := range snapshots {
		all.Go(func() {
			r := h.remote()
			r.Token = secret.New(fmt.Sprintf("token-%d", i))
			snapshot, err := s.Snapshot(t.Context(), r, head)
			if err != nil {
				t.Error(err)
			}
			snapshots[i] = snapshot
		})
	}
	all.Wait()
	for _, snapshot := range snapshots {
		if snapshot != snapshots[0] {
			t.Fatal("there are several snapshots of one commit")
		}
	}
	if h.fetches() != 1 {
		t.Errorf("%d fetches", h.fetches())
	}
}

func TestWhoGivesUpDoesNotEndTheFetchOfOthers(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	g := h.gate()
	ctx, giveUp := context.WithCancel(t.Context())
	first := h.ask(ctx, s, h.remote(), head)
	<-g.came
	second := h.ask(t.Context(), s, h.remote(), head)
	gitrepo.WaitForWaiting(s, 2)
	giveUp()
	if a := <-first; !errors.Is(a.err, context.Canceled) {
		t.Errorf("the first got %v", a.err)
	}
	close(g.open)
	a := <-second
	must(t, a.err)
	if h.fetches() != 1 {
		t.Errorf("%d fetches", h.fetches())
	}
}

func TestTheLastWhoGivesUpEndsTheFetch(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	g := h.gate()
	ctx, giveUp := context.WithCancel(t.Context())
	first := h.ask(ctx, s, h.remote(), head)
	r := <-g.came
	giveUp()
	if a := <-first; !errors.Is(a.err, context.Canceled) {
		t.Errorf("got %v", a.err)
	}
	<-r.Context().Done() // the server sees the connection go
	close(g.open)
	h.snapshot(s, head)
}

func TestARefusalIsForTheOneWhoIsRefused(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	g := gate{came: make(chan *http.Request, 100), open: make(chan struct{})}
	h.meddle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if _, password, _ := r.BasicAuth(); password == "revoked" {
			g.came <- r
			<-g.open
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
	revoked := h.remote()
	revoked.Token = secret.New("revoked")
	first := h.ask(t.Context(), s, revoked, head)
	<-g.came
	alike, other := h.ask(t.Context(), s, revoked, head), h.ask(t.Context(), s, h.remote(), head)
	gitrepo.WaitForWaiting(s, 3)
	close(g.open)
	for _, who := range []<-chan answer{first, alike} {
		wantProblem(t, (<-who).err, problem.Forbidden, problem.ReasonForbidden)
	}
	must(t, (<-other).err)
	if len(g.came) != 0 {
		t.Error("a token that was refused was sent again")
	}
}

func TestATroubleOfTheHostIsForAll(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	g := gate{came: make(chan *http.Request, 100), open: make(chan struct{})}
	h.meddle(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		g.came <- r
		<-g.open
		http.Error(w, "no", http.StatusInternalServerError)
	})
	other := h.remote()
	other.Token = secret.New("another")
	first := h.ask(t.Context(), s, h.remote(), head)
	<-g.came
	second := h.ask(t.Context(), s, other, head)
	gitrepo.WaitForWaiting(s, 2)
	close(g.open)
	for _, who := range []<-chan answer{first, second} {
		wantProblem(t, (<-who).err, problem.Unavailable, problem.ReasonUnavailable)
	}
	if len(g.came) != 0 {
		t.Error("it was asked again")
	}
	h.meddle(nil)
	h.snapshot(s, head) // a failure is not kept
}

func TestASlowHostIsGivenUp(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	warm := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(warm, head)
	h.gate()
	s := gitrepo.NewStore(gitrepo.Options{Timeout: 50 * time.Millisecond})
	_, err := s.Snapshot(t.Context(), h.remote(), head)
	wantProblem(t, err, problem.Unavailable, problem.ReasonTimedOut)
	_, _, err = s.BlobAt(t.Context(), h.remote(), head, "runtimes/a.yaml")
	wantProblem(t, err, problem.Unavailable, problem.ReasonTimedOut)
	_, err = s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "b")))
	wantProblem(t, err, problem.Unavailable, problem.ReasonOutcomeUnknown)
}

func TestFetchesWaitForEachOther(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	g := h.gate()
	defer close(g.open)
	s := gitrepo.NewStore(gitrepo.Options{MaxFetches: 1, Timeout: 200 * time.Millisecond})
	other := h.remote()
	other.ProjectID++
	first := h.ask(t.Context(), s, h.remote(), head)
	<-g.came
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	if _, _, err := s.BlobAt(ctx, other, head, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	second := h.ask(t.Context(), s, other, head)
	for _, who := range []<-chan answer{first, second} {
		wantProblem(t, (<-who).err, problem.Unavailable, problem.ReasonTimedOut)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	h := newHost(t)
	var heads []string
	for i := range 6 {
		heads = append(heads, h.write(map[string]string{"runtimes/a.yaml": fmt.Sprint(i)}))
	}
	kept := func(s *gitrepo.Store, r gitrepo.Remote, head string) bool {
		before := h.fetches()
		_, err := s.Snapshot(t.Context(), r, head)
		must(t, err)
		return h.fetches() == before
	}
	t.Run("by commits of one project", func(t *testing.T) {
		s := gitrepo.NewStore(gitrepo.Options{})
		for _, head := range heads {
			kept(s, h.remote(), head)
		}
		if !kept(s, h.remote(), heads[5]) || !kept(s, h.remote(), heads[2]) || kept(s, h.remote(), heads[0]) {
			t.Error("want the last four")
		}
	})
	t.Run("by bytes", func(t *testing.T) {
		one := h.snapshot(gitrepo.NewStore(gitrepo.Options{}), heads[0]).Bytes()
		s := gitrepo.NewStore(gitrepo.Options{MaxBytes: 2*one + one/2})
		remotes := make([]gitrepo.Remote, 3)
		for i := range remotes {
			remotes[i] = h.remote()
			remotes[i].ProjectID = int64(100 + i)
		}
		kept(s, remotes[0], heads[0])
		kept(s, remotes[1], heads[0])
		kept(s, remotes[0], heads[0]) // used last
		kept(s, remotes[2], heads[0])
		if !kept(s, remotes[0], heads[0]) || kept(s, remotes[1], heads[0]) {
			t.Error("want the two that were used last")
		}
	})
	t.Run("one that is larger than all may be", func(t *testing.T) {
		s := gitrepo.NewStore(gitrepo.Options{MaxBytes: 10})
		for range 2 {
			if kept(s, h.remote(), heads[0]) {
				t.Error("it was kept")
			}
		}
	})
	t.Run("projects are apart", func(t *testing.T) {
		s := gitrepo.NewStore(gitrepo.Options{})
		other := h.remote()
		other.ProjectID++
		if kept(s, h.remote(), heads[0]) || kept(s, other, heads[0]) {
			t.Error("one project's snapshot was handed out for another")
		}
	})
}

func TestBlobAt(t *testing.T) {
	h := newHost(t)
	old := h.raw("M 100644 inline runtimes/a.yaml\ndata 1\na", "M 100644 inline x\ndata 1\nx",
		"M 160000 1111111111111111111111111111111111111111 sub",
		"M 100644 inline large\n"+data(strings.Repeat("x", 3<<20)))
	now := h.write(map[string]string{"runtimes/a.yaml": "b", "runtimes/b.yaml": "b"})
	tree := h.git("", "rev-parse", old+"^{tree}")
	blob := func(commit, path string) string { return h.git("", "rev-parse", commit+":"+path) }
	for name, c := range map[string]struct{ commit, path, want string }{
		"an old commit":        {old, "runtimes/a.yaml", blob(old, "runtimes/a.yaml")},
		"the head":             {now, "runtimes/a.yaml", blob(now, "runtimes/a.yaml")},
		"a large file":         {old, "large", blob(old, "large")},
		"not there yet":        {old, "runtimes/b.yaml", ""},
		"a directory":          {old, "runtimes", ""},
		"below a file":         {old, "x/y", ""},
		"a submodule":          {old, "sub", ""},
		"below a submodule":    {old, "sub/x", ""},
		"no path":              {old, "", ""},
		"no such commit":       {strings.Repeat("1", 40), "x", ""},
		"a tree, not a commit": {tree, "x", ""},
		"no id":                {"main", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var received int64
			s := gitrepo.NewStore(gitrepo.Options{Observe: func(o gitrepo.Observation) { received += o.Bytes }})
			for _, warm := range []bool{false, true} {
				if warm && (c.commit == old || c.commit == now) {
					h.snapshot(s, c.commit)
				}
				got, found, err := s.BlobAt(t.Context(), h.remote(), c.commit, c.path)
				must(t, err)
				if got != c.want || found != (c.want != "") {
					t.Errorf("got %q, %v; want %q (with a snapshot: %v)", got, found, c.want, warm)
				}
				if same, err := s.SameAt(t.Context(), h.remote(), c.commit, c.path,
					blob(now, "runtimes/a.yaml")); err != nil || same != (c.want == blob(now, "runtimes/a.yaml")) {
					t.Errorf("same: %v, %v", same, err)
				}
			}
			if received > 10<<10 {
				t.Errorf("received %d bytes", received)
			}
		})
	}
	h.meddle(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "no", http.StatusForbidden)
	})
	_, _, err := gitrepo.NewStore(gitrepo.Options{}).BlobAt(t.Context(), h.remote(), old, "x")
	wantProblem(t, err, problem.Forbidden, problem.ReasonForbidden)
}

func TestAPrivateAuthority(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	server := httptest.NewUnstartedServer(http.HandlerFunc(h.serve))
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()
	r := h.remote()
	r.URL = server.URL + "/" + project + ".git"
	_, err := gitrepo.NewStore(gitrepo.Options{}).Snapshot(t.Context(), r, head)
	wantProblem(t, err, problem.Unavailable, problem.ReasonUnavailable)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	s := gitrepo.NewStore(gitrepo.Options{
		HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}})
	base, err := s.Snapshot(t.Context(), r, head)
	must(t, err)
	_, err = s.Push(t.Context(), r, base, commit(put("runtimes/b.yaml", "b")))
	must(t, err)
}

func TestExchangesAreObserved(t *testing.T) {
	h := newHost(t)
	head := h.write(map[string]string{"runtimes/a.yaml": "a"})
	now := time.Unix(0, 0)
	var seen []gitrepo.Observation
	s := gitrepo.NewStore(gitrepo.Options{
		Now: func() time.Time { now = now.Add(time.Second); return now },
		Observe: func(o gitrepo.Observation) {
			if o.Bytes == 0 {
				t.Errorf("nothing was received: %+v", o)
			}
			o.Bytes = 0
			seen = append(seen, o)
		},
	})
	base := h.snapshot(s, head)
	h.snapshot(s, head)
	_, _, err := s.BlobAt(t.Context(), h.remote(), strings.Repeat("1", 40), "x")
	must(t, err)
	_, err = s.Push(t.Context(), h.remote(), base, commit(put("runtimes/b.yaml", "b")))
	must(t, err)
	_, err = s.Push(t.Context(), h.remote(), base, commit(put("runtimes/b.yaml", "b")))
	wantProblem(t, err, problem.Conflict, problem.ReasonLostRace)
	same(t, "observations", seen, []gitrepo.Observation{
		{Operation: "fetch", Outcome: "ok", Duration: time.Second},
		{Operation: "blob", Outcome: "LostRace", Duration: time.Second},
		{Operation: "push", Outcome: "ok", Duration: time.Second},
		{Operation: "push", Outcome: "LostRace", Duration: time.Second},
	})
}

func TestASnapshotDoesNotChangeWithWhatItWasMadeOf(t *testing.T) {
	h := newHost(t)
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, h.write(map[string]string{"runtimes/a.yaml": "a"}))
	edits := []layout.Edit{put("runtimes/a.yaml", "b")}
	next, err := s.Push(t.Context(), h.remote(), base, commit(edits...))
	must(t, err)
	edits[0].Data[0] = 'x'
	if string(base.Tree().Files()[0].Data) != "a" || string(next.Tree().Files()[0].Data) != "b" ||
		string(next.Tree().Data("runtimes/a.yaml")) != "b" {
		t.Errorf("%s, %s", base.Tree().Files()[0].Data, next.Tree().Files()[0].Data)
	}
}

func TestMainThatCameBackIsPushedTo(t *testing.T) {
	h := newHost(t)
	judged := h.write(map[string]string{"runtimes/a.yaml": "a"})
	s := gitrepo.NewStore(gitrepo.Options{})
	base := h.snapshot(s, judged)
	h.write(map[string]string{"runtimes/a.yaml": "b"})
	must(t, h.SetBranch(t.Context(), project, "main", judged))
	next, err := s.Push(t.Context(), h.remote(), base, commit(put("runtimes/a.yaml", "mine")))
	must(t, err)
	h.asFetched(next)
}
