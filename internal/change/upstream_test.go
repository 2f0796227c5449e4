package change_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	client "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

// Each test is a weakness of the system that this one replaces, named U1 to U15 in its list. U5 is in race_test.go, U6
// in precondition_test.go, U15 in hosted_test.go, U14 in change_test.go; U11 is the server's.

// U1: concurrent requests could act with another caller's token.
func TestConcurrentCallersActWithTheirOwnTokens(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	callers := []person{p.maintainer, w.member(p.group, client.MaintainerPermissions),
		w.member(p.group, client.MaintainerPermissions)}
	stranger := w.person()
	var wg sync.WaitGroup
	for i := range 12 {
		who := callers[i%len(callers)]
		wg.Go(func() {
			out, err := w.service.Change(t.Context(), who.caller,
				save(p, fmt.Sprintf("dr-%d", i), at(fmt.Sprint("path", i))))
			if err != nil || out.User.ID != who.id {
				t.Errorf("%s: %+v, %v", who.name, out, err)
			}
		})
		wg.Go(func() {
			if _, err := w.service.List(t.Context(), stranger.caller, p.path, "DeploymentRuntime",
				change.ListOptions{}); !problem.Is(err, problem.Missing) {
				t.Errorf("a stranger: %v", err)
			}
		})
	}
	wg.Wait()
	dir := w.clone(p)
	for i := range 12 {
		file := fmt.Sprintf("runtimes/dr-%d.yaml", i)
		if got, want := w.git(dir, "log", "-1", "--format=%ce", "--", file),
			callers[i%len(callers)].name+"@example.com"; got != want {
			t.Errorf("%s is by %s, want %s", file, got, want)
		}
	}
}

// U2: two requests in one second, of any products, collided.
func TestProductsDontWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.product("product-a"), w.product("product-b")
	held, release := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(release) })
	defer goOn() // also when the test fails before
	var once sync.Once
	blocked := blockingHost{w.host, func(path string) {
		if strings.HasPrefix(path, a.path+"/") {
			once.Do(func() { close(held); <-release })
		}
	}}
	o := w.options
	o.Host = blocked
	service := change.New(o)
	done := make(chan error, 1)
	go func() {
		_, err := service.Change(t.Context(), a.maintainer.caller, save(a, "dr", guide))
		done <- err
	}()
	select {
	case <-held:
	case err := <-done:
		t.Fatalf("the first save ended early: %v", err)
	}
	_, err := service.Change(t.Context(), b.maintainer.caller, save(b, "dr", guide))
	w.must(err)
	goOn()
	w.must(<-done)
}

// U3: a project named "production", or like any unknown top-level entry, disappeared, in all products.
func TestNoNameHidesAnything(t *testing.T) {
	w := newWorld(t)
	p, other := w.product("nautes-labs"), w.product("other")
	w.push(other, map[string]string{"api-server/notes": "x\n", "production/kustomization.yaml": "resources: []\n",
		"envs.d/x": "y\n"})
	w.list(other.maintainer.caller, other, "Project", change.ListOptions{})
	for _, name := range []string{"production", "runtimes", "envs"} {
		w.change(p.maintainer.caller,
			request(p, change.Operation{Kind: "Project", Name: name, Body: json.RawMessage(`{"language":"go"}`)}))
	}
	if l := w.list(p.maintainer.caller, p, "Project", change.ListOptions{}); len(l.Items) != 4 {
		t.Errorf("got %s", asJSON(t, l.Items))
	}
	w.change(other.maintainer.caller, save(other, "dr", guide))
	if _, files := w.main(other); files["production/kustomization.yaml"] != "resources: []\n" {
		t.Error("a file that is not ours changed")
	}
}

// U4: nothing stopped the work of a caller who had gone.
func TestACallerWhoGoesAwayWaitsNoLonger(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o := w.options
	// The first save is held while it looks up its code repo, so within its turn.
	o.Host = blockingHost{w.host, func(path string) {
		if strings.HasSuffix(path, "/unknown-repo") {
			once.Do(func() { close(held); <-release })
		}
	}}
	service := change.New(o)
	first := make(chan error, 1)
	go func() {
		_, err := service.Change(t.Context(), p.maintainer.caller,
			save(p, "dr-a", strings.Replace(guide, `"code_repo": "api-server"`, `"code_repo": "unknown-repo"`, 1)))
		first <- err
	}()
	select {
	case <-held:
	case err := <-first:
		t.Fatalf("the first save ended early: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := service.Change(ctx, p.maintainer.caller, save(p, "dr-b", at("b")))
		second <- err
	}()
	cancel()
	if err := <-second; err == nil {
		t.Error("it went on")
	}
	close(release)
	if err := <-first; problem.As(err) == nil {
		t.Errorf("the first: %v", err)
	}
	_, err := service.Change(t.Context(), p.maintainer.caller, save(p, "dr-c", at("c")))
	w.must(err)
}

// U7: nearly every mistake of a user was a 500 in free text, one at a time.
func TestNoMistakeIsAnInternalError(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	for _, r := range []change.Request{
		save(p, "dr", ``), save(p, "dr", `null`), save(p, "dr", `{`), save(p, "dr", `{}`), save(p, "", guide),
		save(p, "../dr", guide), save(p, "dr", to("nowhere")),
		remove(p, "Environment", "absent"), remove(p, "DeploymentRuntime", "absent", forced), remove(p, "Pod", "x"),
		remove(p, "CodeRepo", "absent"), {Product: p.path},
		request(p, change.Operation{Kind: "Cluster", Name: "c", Body: json.RawMessage(`{}`)}), codeRepo(p, "a/b", `{}`),
		codeRepo(p, "repo-999999", `{}`), productDeletion("absent"),
		request(p, change.Operation{Kind: "Environment", Name: "env-dev",
			Body: json.RawMessage(`{"cluster":"nowhere","env_type":"dev"}`)}),
	} {
		_, err := w.service.Change(t.Context(), c, r)
		if pr := problem.As(err); pr == nil || pr.Class == problem.Internal || pr.Class == problem.Unavailable ||
			pr.Reason == "" {
			t.Errorf("%+v: %v", r.Operations, err)
		}
	}
}

// U8, U12: one broken or unknown file in a product stopped every write, and most reads.
func TestABrokenFileStopsNobodyElse(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.push(p, map[string]string{
		"runtimes/broken.yaml": "spec: [\n",
		"envs/foreign.yaml": "apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: " +
			"ArtifactRepo\nmetadata:\n  name: x\n",
		"artifact-repos/x/x.yaml": "apiVersion: nautes.resource.nautes.io/v1alpha1\nkind: " +
			"ArtifactRepo\nmetadata:\n  name: x\n",
		"runtimes/dangling.yaml": strings.Replace(runtimeYAML(p, "dangling", "env-gone"),
			"manifests/development", "dangling", 1),
		"elsewhere/env.yaml": yaml("Environment", "env-else", "product: "+p.name,
			"cluster: c2", "envType: x"),
		"code-repos/" + p.repo + "/no.text": "not ours\n",
	})
	out := w.change(p.maintainer.caller, save(p, "dr-dev", guide))
	l := w.list(p.maintainer.caller, p, "DeploymentRuntime", change.ListOptions{})
	for _, warnings := range [][]string{out.Warnings, l.Warnings} {
		if !hasWarning(warnings, "STREAM_BLOCKED: runtimes/broken.yaml: ") {
			t.Errorf("got %q", warnings)
		}
	}
	if namesOf(l) != "dangling dr-dev" {
		t.Errorf("listed %s", namesOf(l))
	}
	if !hasWarning(l.Warnings, "NOT_SYNCED: elsewhere/env.yaml: ") {
		t.Errorf("got %q", l.Warnings)
	}
	w.change(p.maintainer.caller, remove(p, "DeploymentRuntime", "dangling"))
}

func TestAnObjectInTwoFilesIsReadAndNotSaved(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.push(p, map[string]string{"runtimes/a.yaml": runtimeYAML(p, "dr-dev", "env-dev"),
		"runtimes/b/c.yaml": runtimeYAML(p, "dr-dev", "env-dev")})
	a := w.get(p.maintainer.caller, p, "DeploymentRuntime", "dr-dev")
	if !hasWarning(a.Warnings, "DUPLICATE: ") {
		t.Errorf("got %q", a.Warnings)
	}
	err := w.refusedWith(p, p.maintainer.caller, save(p, "dr-dev", at("x")), problem.Conflict, problem.ReasonDuplicate)
	if !strings.Contains(err.Error(), "runtimes/a.yaml") || !strings.Contains(err.Error(), "runtimes/b/c.yaml") {
		t.Errorf("the files are not named: %v", err)
	}
}

// U9: that another product uses a namespace was hardly ever noticed; default namespaces were left out, and one dangling
// environment switched the check off.
func TestANamespaceOfAnotherProductIsTaken(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.mgmt.Record(rulestest.Record("product-99", "dr-dev", "env", "c1"),
		rulestest.Record("product-99", "gone", "env-gone", "c9"))
	err := w.refusedWith(p, p.maintainer.caller, save(p, "dr-dev", guide), problem.Invalid, problem.ReasonInvalid)
	w.wantRules(err, "NamespaceInUse")
	if strings.Contains(err.Error(), "product-99") {
		t.Errorf("another product is named: %v", err)
	}
	w.change(p.maintainer.caller, save(p, "dr-own", guide))
}

// U10: tokens stood on command lines and in error bodies.
func TestNoErrorHoldsATokenOrABody(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	token := c.Token.Reveal()
	body := strings.Replace(guide, `"destination": "env-dev"`, `"destination": "env-dev", "`+"x"+`": ["s3cr3t"`, 1) +
		"]}"
	for _, f := range []fakegitlab.Fault{{Path: "/api/", Status: 502}, {Path: "/git-upload-pack", Status: 503},
		{Path: "/git-receive-pack", Status: 503}, {Path: ".git/", Drop: true}} {
		remove := w.server.Trouble().Add(f)
		fresh := change.New(w.options)
		_, err := fresh.Change(t.Context(), c, save(p, "dr-dev", guide))
		remove()
		for e := err; e != nil; e = unwrapped(e) {
			if strings.Contains(e.Error(), token) {
				t.Errorf("%+v: the token is in %v", f, e)
			}
		}
	}
	_, err := w.service.Change(t.Context(), c, save(p, "dr-dev", body))
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v", err)
	}
	if text := fmt.Sprintf("%+v %#v", c, c); strings.Contains(text, token) {
		t.Error("a caller that is printed shows the token")
	}
}

func unwrapped(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// U13: the destination selector did not work, names did not go back, only groups at the top were products.
func TestSelectorsAndNamesWork(t *testing.T) {
	w := newWorld(t)
	w.group("top")
	p := w.product("top/nautes")
	c := p.maintainer.caller
	w.change(c, save(p, "dr-dev", guide))
	for selector, want := range map[string]string{
		"destination=env-d": "dr-dev", "destination=prod": "", "manifest_source.code_repo=api-": "dr-dev",
		"manifest_source.code_repo=The API Server": "", "projects_ref.in=server": "dr-dev",
	} {
		if got := namesOf(w.list(c, p, "DeploymentRuntime", change.ListOptions{Selector: selector})); got != want {
			t.Errorf("%s: got %q, want %q", selector, got, want)
		}
	}
	byID := p
	byID.path = p.name
	item, ok := w.get(c, byID, "DeploymentRuntime", "dr-dev").Item.(*wire.DeploymentRuntime)
	if !ok || item.Product != "top/nautes" || item.ManifestSource.CodeRepo != "api-server" {
		t.Errorf("got %+v", item)
	}
	for _, name := range []string{p.repo, "top/nautes/api-server"} {
		if out := w.change(c, save(p, "dr-dev",
			strings.Replace(guide, `"code_repo": "api-server"`, `"code_repo": "`+name+`"`, 1))); out.Changed {
			t.Errorf("%s is another repo: %+v", name, out)
		}
	}
}
