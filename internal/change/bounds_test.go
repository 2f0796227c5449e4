package change_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/change"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/rules/rulestest"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// TestALongListComesInPages: what is within one page is whole.
func TestALongListComesInPages(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c := p.maintainer.caller
	var many []string
	for i := range 1001 {
		many = append(many, yaml("Environment", fmt.Sprintf("e%04d", i), "product: "+p.name, "cluster: c1", "envType: dev"))
	}
	large := map[string]string{"envs/many.yaml": strings.Join(many, "---\n")}
	for i := range 7 {
		large[fmt.Sprintf("projects/p%d.yaml", i)] = strings.Replace(yaml("Project", fmt.Sprintf("p%d", i), "product: "+p.name, "language: go"),
			"metadata:\n", "metadata:\n  annotations: {a: "+strings.Repeat("x", 900<<10)+"}\n", 1)
	}
	w.push(p, large)
	for kind, want := range map[string][]int{"Environment": {1000, 2}, "Project": {5, 3}, "CodeRepo": {1}} { // env-dev and api-server are there, too
		var sizes []int
		for token := ""; ; {
			l := w.list(c, p, kind, change.ListOptions{PageToken: token})
			sizes = append(sizes, len(l.Items))
			if token = l.NextPageToken; token == "" {
				break
			}
		}
		if fmt.Sprint(sizes) != fmt.Sprint(want) {
			t.Errorf("%s: pages of %d items, want %d", kind, sizes, want)
		}
	}
	selected := w.list(c, p, "Environment", change.ListOptions{Selector: "env_type=dev", Limit: 7})
	if len(selected.Items) != 7 || selected.NextPageToken == "" {
		t.Errorf("a selection has pages, too: %d items", len(selected.Items))
	}
}

// asked is a management cluster that counts how often it is asked for bindings.
type asked struct {
	*rulestest.World
	all, each int
	then      func()
}

func (a *asked) BindingsTo(ctx context.Context, product string) ([]api.CodeRepoBinding, error) {
	a.all++
	if a.then != nil {
		a.then()
	}
	return a.World.BindingsTo(ctx, product)
}

func (a *asked) BindingsFor(ctx context.Context, product, codeRepo string) ([]api.CodeRepoBinding, error) {
	a.each++
	return a.World.BindingsFor(ctx, product, codeRepo)
}

// Each runtime can name another code repo: who lends them is asked once for all, and no longer than the caller waits.
func TestWhoLendsIsAskedOnceForARequest(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.mgmt.Add(rulestest.Product("product-900", "lender"))
	const many = 300
	var runtimes []string
	for i := range many {
		repo := fmt.Sprintf("repo-%d", 9000+i)
		runtimes = append(runtimes, strings.Replace(runtimeYAML(p, fmt.Sprintf("dr-%d", i), "env-dev"), "codeRepo: "+p.repo, "codeRepo: "+repo, 1))
		w.mgmt.Add(
			rulestest.CodeRepo("product-900", repo, "r"+repo),
			rulestest.Binding("product-900", "b-"+repo, repo, p.name))
	}
	w.push(p, map[string]string{"runtimes/many.yaml": strings.Join(runtimes, "---\n")})
	cluster := &asked{World: w.mgmt}
	w.options.Management = cluster
	service := change.New(w.options)
	l, err := service.List(t.Context(), p.maintainer.caller, p.path, "DeploymentRuntime", change.ListOptions{})
	w.must(err)
	if item, ok := l.Items[many-1].(*wire.DeploymentRuntime); !ok || !strings.HasPrefix(item.ManifestSource.CodeRepo, "lender/rrepo-") {
		t.Errorf("got %+v", l.Items[many-1])
	}
	if cluster.all != 1 || cluster.each != 0 {
		t.Errorf("all bindings were read %d times, and those of one code repo %d times", cluster.all, cluster.each)
	}
	cluster.all = 0
	var batch []change.Operation
	for i := range 20 {
		batch = append(batch, save(p, fmt.Sprintf("new-%d", i), strings.NewReplacer(`"api-server",`, fmt.Sprintf(`"lender/rrepo-%d",`, 9000+i), "manifests/development", fmt.Sprint("m", i)).Replace(guide)).Operations...)
	}
	_, err = service.Change(t.Context(), p.maintainer.caller, change.Request{Product: p.path, Operations: batch, DryRun: true})
	w.must(err)
	if cluster.all > 4 || cluster.each != 0 { // to translate names, for the rules, and for the plans
		t.Errorf("a batch: all bindings were read %d times, and those of one code repo %d times", cluster.all, cluster.each)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	cluster.then = hangUp
	if _, err := service.List(ctx, p.maintainer.caller, p.path, "DeploymentRuntime", change.ListOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller hung up: %v", err)
	}
}

// A binding can name any product: GitLab is asked for a hundred of them.
func TestTheGitHostIsAskedForAHundredProductsAtMost(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	var bindings []string
	for i := range 400 {
		bindings = append(bindings, yaml("CodeRepoBinding", fmt.Sprintf("b%d", i), "codeRepo: "+p.repo, fmt.Sprintf("product: product-%d", 5000+i), "permissions: readonly"))
	}
	w.push(p, map[string]string{"code-repos/many.yaml": strings.Join(bindings, "---\n")})
	w.server.ForgetRequests()
	if l := w.list(p.maintainer.caller, p, "CodeRepoBinding", change.ListOptions{}); len(l.Items) != 400 {
		t.Errorf("%d bindings", len(l.Items))
	}
	if n := len(w.server.Requests()); n > 130 {
		t.Errorf("GitLab was asked %d times", n)
	}
}

// Nobody who is not let in costs a schema or a rule, whatever is sent.
func TestNothingIsReadOfAChangeBeforeItIsKnownWhoCalls(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	stranger := w.person().caller
	for what, operation := range map[string]change.Operation{
		"a body that is none":   {Kind: "DeploymentRuntime", Name: "x", Body: []byte(`[]`)},
		"a kind that is none":   {Kind: "Secret", Name: "x", Body: []byte(`{}`)},
		"what the rules refuse": {Kind: "Environment", Name: "X!", Body: []byte(`{"cluster":"c1"}`)},
	} {
		_, err := w.service.Change(t.Context(), stranger, change.Request{Product: p.path, Operations: []change.Operation{operation}})
		if p := problem.As(err); p == nil || p.Reason != change.ReasonProductNotFound {
			t.Errorf("%s: a stranger learns %v", what, err)
		}
		_, err = w.service.Change(t.Context(), p.maintainer.caller, change.Request{Product: p.path, Operations: []change.Operation{operation}})
		if p := problem.As(err); p == nil || p.Class != problem.Invalid {
			t.Errorf("%s: a member learns %v", what, err)
		}
	}
}

// A save asks GitLab no more often because it is asked before the body is read.
func TestAnAdmissionIsAskedForOnce(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	c, request := p.maintainer.caller, save(p, "dr-dev", guide)
	var later time.Duration
	w.options.Now = func() time.Time { return time.Now().Add(later) }
	w.service = change.New(w.options)
	asked := func(f func()) int {
		w.server.ForgetRequests()
		f()
		n := 0
		for _, r := range w.server.Requests() {
			if r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/api/v4/") {
				n++
			}
		}
		return n
	}
	admission := func() *change.Admission {
		a, out, err := w.service.Admit(t.Context(), c, request, "DeploymentRuntime")
		w.must(err)
		if out.User.Username == "" || out.Product != p.name {
			t.Errorf("got %+v", out)
		}
		return a
	}
	if n := asked(func() { request.Admission = admission(); w.change(c, request) }); n != 3 { // who calls, the project, and main
		t.Errorf("GitLab was asked %d times", n)
	}
	// What took long to arrive is judged by what GitLab says then.
	request.Admission = admission()
	_, err := w.root.GroupMembers.RemoveGroupMember(p.group, p.maintainer.id, nil)
	w.must(err)
	later = change.AdmissionLife
	if _, err := w.service.Change(t.Context(), c, request); !problem.Is(err, problem.Missing) {
		t.Errorf("who is no member any more: %v", err)
	}
}
