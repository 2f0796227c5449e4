package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost/gitlab"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/schema"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

// processVariable makes this test binary an API server before the GitLab that it names.
const processVariable = "NAUTES_TEST_API_SERVER_BEFORE"

func TestMain(m *testing.M) {
	if url := os.Getenv(processVariable); url != "" {
		fmt.Fprintln(os.Stderr, serveBefore(context.Background(), url))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serveBefore is the API server as a process of its own. It serves until it is killed.
func serveBefore(ctx context.Context, url string) error {
	host, err := gitlab.New(gitlab.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		return err
	}
	shapes, err := schema.New()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := server.New(server.Options{
		Log: log, Audit: log, Metrics: server.NewMetrics(), Now: time.Now,
		Service: change.New(change.Options{
			Host: host, Repos: gitrepo.NewStore(gitrepo.Options{}), Schema: shapes, CodeRepoProvider: "gitlab",
			SystemNamespaces: rules.SystemNamespaces{"argocd", "nautes"}, Now: time.Now,
		}),
	})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", slog.String("address", l.Addr().String()))
	return s.Run(ctx, server.Listener{Listener: l, Patience: time.Minute})
}

// process is an API server that can be killed.
type process struct {
	*exec.Cmd
	t       *testing.T
	address string
	// home is all that it may write to.
	home   string
	stderr *serving
	ended  chan struct{}
}

// serving collects what a process says, and the address at which it serves.
type serving struct {
	logs
	address chan string
}

func (s *serving) Write(p []byte) (int, error) {
	var line struct{ Msg, Address string }
	if json.Unmarshal(p, &line) == nil && line.Msg == "serving" {
		s.address <- line.Address
	}
	return s.logs.Write(p)
}

func (l *lab) process() *process {
	l.Helper()
	program, err := os.Executable()
	l.must(err)
	home := l.TempDir()
	p := &process{
		Cmd: exec.CommandContext(l.Context(), program), t: l.T, home: home,
		stderr: &serving{address: make(chan string, 1)}, ended: make(chan struct{}),
	}
	p.Dir, p.Stderr = home, p.stderr
	p.Env = []string{processVariable + "=" + l.url, "HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}
	l.must(p.Start())
	go func() { defer close(p.ended); _ = p.Wait() }()
	l.Cleanup(func() { p.kill(syscall.SIGKILL) })
	select {
	case p.address = <-p.stderr.address:
	case <-p.ended:
		l.Fatalf("the process ended: %s", p.stderr.String())
	}
	return p
}

// kill sends a signal that ends the process, and waits for the end.
func (p *process) kill(signal syscall.Signal) {
	_ = p.Process.Signal(signal) // it may have ended
	<-p.ended
}

// send sends a request. A process that dies answers nothing: nil.
func (p *process) send(method, path, body, token string) *reply {
	r, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.address+path, strings.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return nil
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return nil
	}
	return &reply{resp, text.String()}
}

// left returns the files that the process left behind.
func (p *process) left() []string {
	var files []string
	err := filepath.WalkDir(p.home, func(path string, _ fs.DirEntry, err error) error {
		if path != p.home {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		p.t.Error(err)
	}
	return files
}

func TestAServerThatIsKilledLeavesNothingHalfDone(t *testing.T) {
	for name, c := range map[string]struct {
		at func(*http.Request) bool
		// mayLand: GitLab has the push, and nobody can tell it to forget it.
		mayLand bool
	}{
		// The commit is made in memory and pushed in one request: what GitLab sees last before that is the fetch.
		"before the push": {func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/git-upload-pack")
		}, false},
		"while GitLab takes the push": {isPush, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			other := l.replica()
			ada := l.person("ada", "api")
			l.product(other, ada, "nautes-labs")
			filesBefore, before := l.main("nautes-labs")

			p := l.process()
			l.ForgetRequests()
			held, letGo := l.hold(c.at)
			answered := make(chan *reply, 1)
			go func() { answered <- p.send(http.MethodPost, runtimes+"/dr-dev", guideBody, ada) }()
			<-held
			p.kill(syscall.SIGKILL)
			if got := <-answered; got != nil {
				t.Errorf("the dead answered: %d %s", got.StatusCode, got.body)
			}
			letGo()
			until(t, "GitLab is done", func() bool {
				pushing := 0
				for _, r := range l.Requests() {
					if r.Status != 0 && strings.Contains(r.Path+r.Query, "git-receive-pack") {
						pushing++
					}
				}
				return pushing == count(c.mayLand)
			})
			if left := p.left(); len(left) > 0 {
				t.Errorf("it left files: %v", left)
			}
			files, commits := l.main("nautes-labs")
			landed := files["runtimes/dr-dev.yaml"] != ""
			if landed && !c.mayLand || len(files) != len(filesBefore)+count(landed) ||
				len(commits) != len(before)+count(landed) {
				t.Errorf("main has %d files and %d commits, before %d and %d", len(files), len(commits),
					len(filesBefore), len(before))
			}
			// Another replica goes on, and so does a new process.
			if got := other.do(t, http.MethodPost, runtimes+"/dr-dev", guideBody,
				as(ada)); got.StatusCode != http.StatusOK || strings.Contains(got.body, `"changed":false`) != landed {
				t.Errorf("another replica: %d %s", got.StatusCode, got.body)
			}
			if got := l.process().send(http.MethodDelete, runtimes+"/dr-dev", "", ada); got == nil ||
				got.StatusCode != http.StatusOK {
				t.Errorf("a restart: %v", got)
			}
		})
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// seen says in which form a token is in a text.
func seen(text, token string) string {
	for form, secret := range map[string]string{
		"plainly":                 token,
		"as basic authentication": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("oauth2:"+token)), "="),
		"in base64":               strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(token)), "="),
	} {
		if strings.Contains(text, secret) {
			return form
		}
	}
	return ""
}

// TestAProcessShowsNoToken looks at a server from outside while it pushes: at its arguments, its environment, its
// children, and at the stacks of all goroutines that it prints when it is told to quit. Whoever reads its memory finds
// the token there; nobody claims otherwise.
func TestAProcessShowsNoToken(t *testing.T) {
	l := newLab(t)
	ada := l.person("ada", "api")
	l.product(l.replica(), ada, "nautes-labs")
	p := l.process()
	held, letGo := l.hold(isPush)
	defer letGo()
	answered := make(chan *reply, 1)
	go func() { answered <- p.send(http.MethodPost, runtimes+"/dr-dev", guideBody, ada) }()
	<-held

	proc := fmt.Sprintf("/proc/%d/", p.Process.Pid)
	for _, file := range []string{"cmdline", "environ", "comm"} {
		data, err := os.ReadFile(proc + file)
		if err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", file, len(data), err)
		}
		if form := seen(string(data), ada); form != "" {
			t.Errorf("the token is in %s %s", file, form)
		}
	}
	lists, err := filepath.Glob(proc + "task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatalf("no list of children: %v", err)
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) { // a thread may have ended
			t.Error(err)
		}
		if len(data) > 0 {
			t.Errorf("the server has children, which could show what it knows: %s", data)
		}
	}
	p.kill(syscall.SIGQUIT)
	<-answered
	said := p.stderr.String()
	if !strings.Contains(said, "gitrepo.(*Store).Push") {
		t.Errorf("these are not the stacks of a server that pushes: %s", said)
	}
	if form := seen(said, ada); form != "" {
		t.Errorf("the token is in the stacks or the log %s", form)
	}
}
