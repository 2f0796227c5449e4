package change_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// scriptedHost changes what is told of a repository, call by call from 1.
type scriptedHost struct {
	githost.Host
	mu    sync.Mutex
	calls int
	tell  func(call int, ask func() githost.Repository) githost.Repository
}

func (h *scriptedHost) RepositoryAt(ctx context.Context, t secret.Token, path,
	branch string) (githost.Repository, error) {
	h.mu.Lock()
	h.calls++
	call := h.calls
	h.mu.Unlock()
	var err error
	told := h.tell(call, func() githost.Repository {
		var r githost.Repository
		r, err = h.Host.RepositoryAt(ctx, t, path, branch)
		return r
	})
	return told, err
}

func (w *world) script(tell func(call int, ask func() githost.Repository) githost.Repository) {
	o := w.options
	o.Host = &scriptedHost{Host: w.host, tell: tell}
	w.service = change.New(o)
}

// firstHead tells of another head at first.
func firstHead(head string) func(int, func() githost.Repository) githost.Repository {
	return func(call int, ask func() githost.Repository) githost.Repository {
		r := ask()
		if call == 1 && r.Branch != nil {
			b := *r.Branch
			b.Head = head
			r.Branch = &b
		}
		return r
	}
}

func isReason(err error, reason string) bool {
	p := problem.As(err)
	return p != nil && p.Reason == reason
}

// beforeLook makes something happen before a repository is looked at for the second time: after a push that was not
// answered.
func (w *world) beforeLook(happens func()) {
	w.script(func(call int, ask func() githost.Repository) githost.Repository {
		if call == 2 {
			happens()
		}
		return ask()
	})
}

func ifNew(r *change.Request) { r.IfNoneMatch = "*" }

// arrives and getsLost are what can become of a push whose answer nobody hears.
func (w *world) arrives() { w.server.Trouble().LosePushAnswers(1) }
func (w *world) getsLost() {
	w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodPost, Path: "/git-receive-pack", Times: 1, Drop: true})
}

func TestAPushWithoutAnAnswer(t *testing.T) {
	const file = "runtimes/dr-dev.yaml"
	type result struct {
		reason string // of a refusal
		ours   string // the commit of the success, as git names it from main
		holds  string // what the file says in the end; "" is that there is none
	}
	for sentence, c := range map[string]struct {
		push    func(*world)
		happens func(*world, product)
		delete  bool
		want    result
	}{
		"it arrived, and somebody pushes another file on top": {
			push: (*world).arrives, happens: func(w *world, p product) { w.push(p, map[string]string{"note": "x"}) },
			want: result{ours: "HEAD^", holds: "manifests/development"},
		},
		"it arrived, and somebody changes the same file": {
			push: (*world).arrives, happens: func(w *world, p product) {
				w.push(p, map[string]string{file: strings.Replace(runtimeYAML(p, "dr-dev", "env-dev"),
					"manifests/development", "theirs", 1)})
			},
			want: result{ours: "HEAD^", holds: "theirs"},
		},
		"it arrived, and somebody removes the file": {
			push: (*world).arrives, happens: func(w *world, p product) { w.push(p, map[string]string{file: ""}) },
			want: result{ours: "HEAD^"},
		},
		"the deletion arrived, and somebody makes it anew": {
			delete: true, push: (*world).arrives, happens: func(w *world,
				p product) {
				w.push(p, map[string]string{file: runtimeYAML(p, "dr-dev", "env-dev")})
			},
			want: result{ours: "HEAD^", holds: "manifests/development"},
		},
		"it got lost, and somebody writes the very same": {
			push: (*world).getsLost, happens: func(w *world,
				p product) {
				w.push(p, map[string]string{file: runtimeYAML(p, "dr-dev", "env-dev")})
			},
			want: result{reason: problem.ReasonPreconditionFailed, holds: "manifests/development"},
		},
		"it got lost, and somebody pushes another file": {
			push: (*world).getsLost, happens: func(w *world, p product) { w.push(p, map[string]string{"note": "x"}) },
			want: result{ours: "HEAD", holds: "manifests/development"},
		},
		"it got lost, and nothing happens": {
			push: (*world).getsLost, happens: func(*world, product) {},
			want: result{ours: "HEAD", holds: "manifests/development"},
		},
		"the deletion got lost, and somebody else deletes it": {
			delete: true, push: (*world).getsLost,
			happens: func(w *world, p product) { w.push(p, map[string]string{file: ""}) },
			want:    result{reason: problem.ReasonResourceNotFound},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("nautes-labs")
			r := save(p, "dr-dev", guide, ifNew)
			if c.delete {
				w.change(p.maintainer.caller, r)
				r = remove(p, "DeploymentRuntime", "dr-dev")
			}
			c.push(w)
			w.beforeLook(func() { c.happens(w, p) })
			out, err := w.service.Change(t.Context(), p.maintainer.caller, r)
			_, files := w.main(p)
			switch {
			case c.want.reason != "":
				if got := problem.As(err); got == nil || got.Reason != c.want.reason {
					t.Errorf("got %+v, %v, want %s", out, err, c.want.reason)
				}
			case err != nil:
				t.Errorf("got %v", err)
			default:
				ours := w.git(w.clone(p), "rev-parse", c.want.ours)
				if !out.Changed || out.Verdict != wire.VerdictSave || out.Commit != ours {
					t.Errorf("got %+v, want commit %s", out, ours)
				}
			}
			if text := files[file]; (text == "") != (c.want.holds == "") || !strings.Contains(text, c.want.holds) {
				t.Errorf("the file is now\n%s", text)
			}
		})
	}
}

// GitLab answers from replicas: main may look as if the push had not arrived.
func TestAPushThatShowsUpLateIsNotTakenForSomebodyElses(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.arrives()
	var old githost.Repository
	w.script(func(call int, ask func() githost.Repository) githost.Repository {
		switch call {
		case 1:
			old = ask()
			return old
		case 2:
			return old
		}
		return ask()
	})
	out := w.change(p.maintainer.caller, save(p, "dr-dev", guide, ifNew))
	if head := w.head(p); !out.Changed || out.Commit != head {
		t.Errorf("got %+v, main is %s", out, head)
	}
	if count := w.git(w.clone(p), "rev-list", "--count", "HEAD"); count != "2" {
		t.Errorf("%s commits, want two", count)
	}
}

func TestWhereNobodyTellsWhatBecameOfAPushItIsNotKnown(t *testing.T) {
	for sentence, breaks := range map[string]func(*world, product){
		"the history cannot be read": func(w *world, _ product) {
			w.server.Trouble().Add(fakegitlab.Fault{Path: "/repository/commits", Status: 502})
		},
		"main cannot be read": func(w *world, _ product) {
			w.server.Trouble().Add(fakegitlab.Fault{Path: "/repository/branches", Status: 502})
		},
		"the history is longer than what is read": func(w *world, p product) { w.pushMany(p, 100) },
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("nautes-labs")
			w.arrives()
			w.beforeLook(func() {
				w.push(p, map[string]string{"note": "x"})
				breaks(w, p)
			})
			out, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide, ifNew))
			w.wantProblem(err, problem.Unavailable, problem.ReasonOutcomeUnknown)
			if out.Changed || out.Commit != "" {
				t.Errorf("got %+v", out)
			}
		})
	}
}

// pushMany puts empty commits onto main.
func (w *world) pushMany(p product, n int) {
	w.Helper()
	dir := w.clone(p)
	tree := w.git(dir, "rev-parse", "HEAD^{tree}")
	head := w.git(dir, "rev-parse", "HEAD")
	for i := range n {
		head = w.git(dir, "commit-tree", tree, "-p", head, "-m", fmt.Sprint("by hand ", i))
	}
	w.git(dir, "push", "--quiet", "origin", head+":refs/heads/main")
}

func TestTwoPushesWithoutAnswersEnd(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodPost, Path: "/git-receive-pack", Drop: true})
	_, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide))
	w.wantProblem(err, problem.Unavailable, problem.ReasonOutcomeUnknown)
	pushes := 0
	for _, r := range w.server.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/git-receive-pack") && r.Status == 0 {
			pushes++
		}
	}
	if pushes != 2 {
		t.Errorf("%d pushes", pushes)
	}
}
