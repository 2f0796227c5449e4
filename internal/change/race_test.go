package change_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/gitrepo"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// Upstream: saves of different runtimes conflict in a generated file, a merge is not judged again, and the retry never
// works (U5).
func TestFiftyWritersToOneProductAllLandAndEveryTreeOnTheWayIsValid(t *testing.T) {
	const writers = 50
	w := newWorld(t)
	p := w.product("nautes-labs")
	o := w.options
	o.Repos = gitrepo.NewStore(gitrepo.Options{})
	replicas := []*change.Service{w.service, change.New(o)} // they know nothing of each other

	var wg sync.WaitGroup
	outcomes, errs := make([]*change.Outcome, writers), make([]error, writers)
	for i := range writers {
		// Every fifth pair wants to be twins: only one of each may pass.
		path := fmt.Sprintf("path-%d", i)
		if i%10 == 1 {
			path = fmt.Sprintf("path-%d", i-1)
		}
		wg.Go(func() {
			service := replicas[0]
			if i%10 == 1 || i%7 == 0 {
				service = replicas[1]
			}
			outcomes[i], errs[i] = service.Change(t.Context(), p.maintainer.caller,
				save(p, fmt.Sprintf("dr-%d", i), at(path)))
		})
	}
	wg.Wait()

	_, files := w.main(p)
	landed := 0
	for i := range writers {
		file := fmt.Sprintf("runtimes/dr-%d.yaml", i)
		switch {
		case errs[i] == nil:
			landed++
			if files[file] == "" {
				t.Errorf("%s was a success with commit %s and is not on main", file, outcomes[i].Commit)
			}
		case problem.Is(errs[i], problem.Conflict) && problem.As(errs[i]).Reason == problem.ReasonConflict:
			t.Logf("writer %d lost too many races between replicas", i)
		default:
			if violated := rulesOf(errs[i]); len(violated) != 1 || violated[0] != "TwinRuntime" || i%10 > 1 {
				t.Errorf("writer %d: %v", i, errs[i])
			}
		}
		if errs[i] != nil && files[file] != "" {
			t.Errorf("%s was refused and is on main", file)
		}
	}
	if landed < writers/2 {
		t.Errorf("only %d landed", landed)
	}
	w.everyTreeIsValid(p)
}

// everyTreeIsValid judges every runtime of every commit on main.
func (w *world) everyTreeIsValid(p product) {
	w.Helper()
	dir := w.clone(p)
	for _, commit := range strings.Fields(w.git(dir, "rev-list", "--reverse", "HEAD")) {
		var files []layout.File
		for _, line := range strings.Split(w.git(dir, "ls-tree", "-r", commit), "\n") {
			meta, path, _ := strings.Cut(line, "\t")
			blob := strings.Fields(meta)[2]
			files = append(files,
				layout.File{Path: path, Blob: blob, Data: []byte(w.git(dir, "cat-file", "blob", blob) + "\n")})
		}
		l := catalog.NewTree(rulestest.Product(p.name, p.path), layout.Read(files), w.mgmt)
		for _, k := range kinds.OfScope(kinds.Product) {
			for _, e := range layout.Read(files).Of(k.Name) {
				o := e.Object.DeepCopyObject().(interface{ SetNamespace(string) })
				o.SetNamespace(p.name)
				verdict, err := rules.Check(w.Context(), l, asObject(o), nil)
				if err != nil || len(verdict.Violations) > 0 {
					w.Errorf("commit %s: %s %s: %v %v", commit, k.Name, e.Name, verdict.Violations, err)
				}
			}
		}
	}
}

func TestAForeignPushBetweenJudgementAndPushIsJudgedAgain(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	// The environment goes while the save is under way: the second judgement sees it.
	var once sync.Once
	w.beforePush(func() {
		once.Do(func() { w.push(p, map[string]string{"envs/env-dev.yaml": ""}) })
	})
	_, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide))
	w.wantProblem(err, problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, "EnvironmentNotFound")
	if _, files := w.main(p); files["runtimes/dr-dev.yaml"] != "" {
		t.Error("it landed nevertheless")
	}
}

func TestPreconditionsAreLookedAtAgainAfterALostRace(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	etag := w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr-dev").ETag
	var once sync.Once
	w.beforePush(func() {
		once.Do(func() {
			w.push(p, map[string]string{"runtimes/dr-dev.yaml": strings.Replace(runtimeYAML(p, "dr-dev", "env-dev"),
				"HEAD", "v1", 1)})
		})
	})
	_, err := w.service.Change(t.Context(), p.maintainer.caller,
		save(p, "dr-dev", at("other"), func(r *change.Request) { r.IfMatch = etag }))
	w.wantProblem(err, problem.Conflict, problem.ReasonPreconditionFailed)
}

func TestAMainThatKeepsMovingIsAConflict(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	n := 0
	w.beforePush(func() {
		n++
		w.push(p, map[string]string{"note": fmt.Sprint(n)})
	})
	_, err := w.service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", guide))
	w.wantProblem(err, problem.Conflict, problem.ReasonConflict)
	if n != 8 {
		t.Errorf("it was tried %d times", n)
	}
}

func TestAnAnswerThatWasLostIsLookedUp(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	w.server.Trouble().LosePushAnswers(1)
	ifNew := func(r *change.Request) { r.IfNoneMatch = "*" }
	out := w.change(c, save(p, "dr-dev", guide, ifNew))
	if head := w.head(p); !out.Changed || out.Commit != head {
		t.Errorf("got %+v, main is %s", out, head)
	}
	w.server.Trouble().LosePushAnswers(1)
	out = w.change(c, remove(p, "DeploymentRuntime", "dr-dev"))
	if head := w.head(p); !out.Changed || out.Commit != head {
		t.Errorf("got %+v, main is %s", out, head)
	}
	if count := w.git(w.clone(p), "rev-list", "--count", "HEAD"); count != "3" {
		t.Errorf("%s commits, want three", count)
	}

	stop := w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodPost, Path: "/git-receive-pack",
		Times: 1, Drop: true})
	defer stop()
	out = w.change(c, save(p, "dr-dev", guide))
	if head := w.head(p); !out.Changed || out.Commit != head {
		t.Errorf("a push that never arrived is sent again: %+v, main is %s", out, head)
	}
}

func TestAMainThatWasForcedBackIsNotResurrected(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.change(p.maintainer.caller, save(p, "dr-old", at("old")))
	dir := w.clone(p)
	var once sync.Once
	w.unprotect(p)
	w.beforePush(func() {
		once.Do(func() { w.git(dir, "push", "--quiet", "--force", "origin", "HEAD^:main") })
	})
	out := w.change(p.maintainer.caller, save(p, "dr-new", at("new")))
	_, files := w.main(p)
	if !out.Changed || files["runtimes/dr-new.yaml"] == "" || files["runtimes/dr-old.yaml"] != "" {
		t.Errorf("got %+v, %v", out, files)
	}
}
