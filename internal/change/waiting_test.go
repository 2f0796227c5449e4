package change_test

import (
	"context"
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	client "gitlab.com/gitlab-org/api/client-go"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// whileWaiting makes something happen while a change waits for another one of the same product, and returns how the one
// that waited ended.
func (w *world) whileWaiting(p product, waits person, r change.Request, happens func()) (*change.Outcome, error) {
	w.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(release) })
	var both sync.WaitGroup
	defer both.Wait()
	defer goOn() // also when the test fails before
	hold := sync.OnceFunc(func() { close(held); <-release })
	o := w.options
	// The first save is held while it looks up its code repo, so within its turn.
	o.Host = blockingHost{w.host, func(path string) {
		if strings.HasSuffix(path, "/unknown-repo") {
			hold()
		}
	}}
	service := change.New(o)
	both.Go(func() {
		body := strings.Replace(at("first"), `"code_repo": "api-server"`, `"code_repo": "unknown-repo"`, 1)
		_, _ = service.Change(w.Context(), p.maintainer.caller, save(p, "dr-first", body))
	})
	w.within(held)
	var out *change.Outcome
	var err error
	ended := make(chan struct{})
	both.Go(func() {
		defer close(ended)
		out, err = service.Change(w.Context(), waits.caller, r)
	})
	for deadline := time.Now().Add(time.Minute); service.Waiting() == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			w.Fatal("nobody waits")
		}
	}
	happens()
	goOn()
	w.within(ended)
	return out, err
}

func (w *world) within(done <-chan struct{}) {
	w.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		w.Fatal("it takes too long")
	}
}

// replace puts another project in the place of default.project.
func (w *world) replace(p product) product {
	w.Helper()
	w.must(w.host.DeleteProject(w.Context(), w.rootCaller().Token, p.project))
	next := w.gitlabProject(p.group, identity.DefaultProject)
	p.project = next.ID
	return p
}

func deletesAtOnce(o *fakegitlab.Options) { o.DeleteAtOnce = true }

func TestAChangeGoesToNoOtherProjectThanTheOneItBeganIn(t *testing.T) {
	web := change.Operation{Kind: "Project", Name: "web", Body: json.RawMessage(`{"language":"go"}`)}
	for sentence, c := range map[string]struct {
		product func(*world) product
		fill    bool // the other project
		during  func(*world, product, func() product) (*change.Outcome, error)
	}{
		"replaced while the change waits": {
			product: func(w *world) product { return w.product("nautes-labs") }, fill: true,
			during: func(w *world, p product, replace func() product) (*change.Outcome, error) {
				return w.whileWaiting(p, p.maintainer, request(p, web), func() { replace() })
			},
		},
		"replaced while the change waits, both empty": {
			product: func(w *world) product { return w.bare("nautes-labs") },
			during: func(w *world, p product, replace func() product) (*change.Outcome, error) {
				return w.whileWaiting(p, p.maintainer, request(p, web), func() { replace() })
			},
		},
		"replaced after the permission was checked": {
			product: func(w *world) product { return w.product("nautes-labs") }, fill: true,
			during: func(w *world, p product, replace func() product) (*change.Outcome, error) {
				w.get(p.maintainer.caller, p, "Environment", "env-dev") // the snapshot is in memory now
				w.beforePush(sync.OnceFunc(func() { replace() }))
				return w.service.Change(w.Context(), p.maintainer.caller, request(p, web))
			},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t, deletesAtOnce)
			p := c.product(w)
			other := p
			before := ""
			_, err := c.during(w, p, func() product {
				other = w.replace(p)
				if c.fill {
					before = w.push(other, map[string]string{"README.md": "# another one\n"})
				}
				return other
			})
			w.wantProblem(err, problem.Conflict, problem.ReasonConflict)
			if other.project == p.project || w.head(other) != before {
				t.Errorf("the other project is at %q, want %q", w.head(other), before)
			}
		})
	}
}

// Rights are those at the turn, not those before a long wait: the answer tells of files.
func TestWhoLostTheRightToReadWhileWaitingLearnsNothing(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	leaver := w.member(p.group, client.MaintainerPermissions)
	r := save(p, "dr-dev", to("env-nowhere"))
	out, err := w.whileWaiting(p, leaver, r, func() {
		w.push(p, map[string]string{"runtimes/secret.yaml": "spec: [\n"})
		_, err := w.root.GroupMembers.RemoveGroupMember(p.group, leaver.id, nil)
		w.must(err)
	})
	w.wantProblem(err, problem.Missing, api.ReasonProductNotFound)
	if len(out.Warnings) > 0 || len(out.Violations) > 0 {
		t.Errorf("it tells %v, %v", out.Warnings, out.Violations)
	}
}

func TestWhoLosesAPermissionBetweenJudgementAndPush(t *testing.T) {
	for sentence, c := range map[string]struct {
		takes  func(*world, product, person) error
		class  problem.Class
		reason string
	}{
		"removed from the group": {func(w *world, p product, who person) error {
			_, err := w.root.GroupMembers.RemoveGroupMember(p.group, who.id, nil)
			return err
		}, problem.Missing, api.ReasonProductNotFound},
		"a developer now, who may not push to main": {func(w *world, p product, who person) error {
			_, _, err := w.root.GroupMembers.EditGroupMember(p.group, who.id,
				&client.EditGroupMemberOptions{AccessLevel: client.Ptr(client.DeveloperPermissions)})
			return err
		}, problem.Forbidden, "PushRefused"},
		"the project is archived": {func(w *world, p product, _ person) error {
			_, _, err := w.root.Projects.ArchiveProject(p.project)
			return err
		}, problem.Forbidden, "PushRefused"},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t)
			p := w.product("nautes-labs")
			who := w.member(p.group, client.MaintainerPermissions)
			w.get(who.caller, p, "Environment", "env-dev") // the snapshot is in memory now
			w.beforePush(sync.OnceFunc(func() { w.must(c.takes(w, p, who)) }))
			w.refused(p, who.caller, save(p, "dr-dev", guide), c.class, c.reason)
		})
	}
}

// The issue's own test: requests of one second collided, and acted with each other's tokens.
func TestTenProductsSavedInTheSameSecondEachByItsOwnUser(t *testing.T) {
	const products = 10
	w := newWorld(t)
	now := time.Now()
	o := w.options
	o.Now = func() time.Time { return now }
	service := change.New(o)
	all := make([]product, products)
	for i := range all {
		all[i] = w.product("product-team-" + strconv.Itoa(i))
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() {
			<-start
			out, err := service.Change(t.Context(), p.maintainer.caller, save(p, "dr-dev", at("path-"+strconv.Itoa(i))))
			if err != nil || !out.Changed || out.User.ID != p.maintainer.id || out.Product != p.name {
				t.Errorf("%s: %+v, %v", p.path, out, err)
			}
		})
	}
	close(start)
	wg.Wait()
	for i, p := range all {
		dir := w.clone(p)
		who := p.maintainer.name + "@example.com"
		want := strings.Join([]string{who, who, strconv.FormatInt(now.Unix(), 10), p.path,
			p.maintainer.caller.RequestID}, " ")
		got := w.git(dir, "log", "-1", "--format=%ae %ce %ct %(trailers:key=Nautes-Product,valueonly,separator=) "+
			"%(trailers:key=Nautes-Request-Id,valueonly,separator=)")
		if got != want {
			t.Errorf("%s: the commit says %q, want %q", p.path, got, want)
		}
		if count := w.git(dir, "rev-list", "--count", "HEAD"); count != "2" {
			t.Errorf("%s: %s commits", p.path, count)
		}
		files := w.git(dir, "ls-files", "runtimes")
		text := w.git(dir, "show", "HEAD:runtimes/dr-dev.yaml")
		if files != "runtimes/dr-dev.yaml" || text+"\n" != strings.Replace(runtimeYAML(p, "dr-dev", "env-dev"),
			"manifests/development", "path-"+strconv.Itoa(i), 1) {
			t.Errorf("%s holds %s\n%s", p.path, files, text)
		}
		if _, err := service.List(t.Context(), all[(i+1)%products].maintainer.caller, p.path, "DeploymentRuntime",
			change.ListOptions{}); !problem.Is(err, problem.Missing) {
			t.Errorf("%s is shown to another product's user: %v", p.path, err)
		}
	}
}

// A head that the git host names and does not hand out any more is read again: by reads, dry runs and saves alike.
func TestAHeadThatIsGoneIsReadAgain(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	gone := strings.Repeat("0123456789", 4)
	for sentence, call := range map[string]func(s *change.Service, ctx context.Context) error{
		"a read": func(s *change.Service, ctx context.Context) error {
			_, err := s.List(ctx, p.maintainer.caller, p.path, "Environment", change.ListOptions{})
			return err
		},
		"a dry run": func(s *change.Service, ctx context.Context) error {
			out, err := s.Change(ctx, p.maintainer.caller, save(p, "dr-dry", at("dry"), dryRun))
			if err == nil && out.Base != w.head(p) {
				t.Errorf("the dry run judged %s", out.Base)
			}
			return err
		},
		"a save": func(s *change.Service, ctx context.Context) error {
			_, err := s.Change(ctx, p.maintainer.caller, save(p, "dr-dev", guide))
			return err
		},
		"a deletion of the product": func(s *change.Service, ctx context.Context) error {
			_, err := s.Change(ctx, w.rootCaller(), productDeletion(p.path))
			if isReason(err, api.ReasonInUse) {
				return nil
			}
			return err
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			o := w.options
			o.Host = &scriptedHost{Host: w.host, tell: firstHead(gone)}
			if err := call(change.New(o), t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
