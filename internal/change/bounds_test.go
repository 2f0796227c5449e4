package change_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

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
		many = append(many,
			yaml("Environment", fmt.Sprintf("e%04d", i), "product: "+p.name, "cluster: c1", "envType: dev"))
	}
	large := map[string]string{"envs/many.yaml": strings.Join(many, "---\n")}
	for i := range 7 {
		large[fmt.Sprintf("projects/p%d.yaml", i)] = strings.Replace(yaml("Project", fmt.Sprintf("p%d", i),
			"product: "+p.name, "language: go"),
			"metadata:\n", "metadata:\n  annotations: {a: "+strings.Repeat("x", 900<<10)+"}\n", 1)
	}
	w.push(p, large)
	some := map[string][2]string{"Environment": {"e0000", "e1000"}, "Project": {"p0", "p6"},
		"CodeRepo": {"api-server", "api-server"}}
	// env-dev and api-server are there, too
	for kind, want := range map[string][]int{"Environment": {1000, 2}, "Project": {5, 3}, "CodeRepo": {1}} {
		var sizes []int
		names := map[string]bool{}
		for token := ""; ; {
			l := w.list(c, p, kind, change.ListOptions{PageToken: token})
			sizes = append(sizes, len(l.Items))
			for _, item := range l.Items {
				names[nameOf(item)] = true
			}
			if token = l.NextPageToken; token == "" {
				break
			}
		}
		if fmt.Sprint(sizes) != fmt.Sprint(want) {
			t.Errorf("%s: pages of %d items, want %d", kind, sizes, want)
		}
		together := 0
		for _, n := range want {
			together += n
		}
		if len(names) != together || !names[some[kind][0]] || !names[some[kind][1]] {
			t.Errorf("%s: the pages have %d names together", kind, len(names))
		}
	}
	selected := w.list(c, p, "Environment", change.ListOptions{Selector: "env_type=dev", Limit: 7})
	if len(selected.Items) != 7 || selected.NextPageToken == "" {
		t.Errorf("a selection has pages, too: %d items", len(selected.Items))
	}
}

func nameOf(item any) string {
	switch item := item.(type) {
	case *wire.Environment:
		return item.Name
	case *wire.Project:
		return item.Name
	case *wire.CodeRepo:
		return item.Name
	}
	return ""
}

// asked is a management cluster that counts how often it is asked for bindings.
type asked struct {
	*rulestest.World
	times int
	then  func()
}

func (a *asked) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	if kind == "CodeRepoBinding" {
		a.times++
		if a.then != nil {
			a.then()
		}
	}
	return a.World.List(ctx, kind, product)
}

// Each runtime can name another code repo: their lender is asked once for all, and no longer than the caller waits.
func TestWhoLendsIsAskedOnceForARequest(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	w.mgmt.Add(rulestest.Product("product-900", "lender"))
	const many = 300
	var runtimes []string
	for i := range many {
		repo := fmt.Sprintf("repo-%d", 9000+i)
		runtimes = append(runtimes, strings.Replace(runtimeYAML(p, fmt.Sprintf("dr-%d", i), "env-dev"),
			"codeRepo: "+p.repo, "codeRepo: product-900/"+repo, 1))
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
	if item, ok := l.Items[many-1].(*wire.DeploymentRuntime); !ok ||
		!strings.HasPrefix(item.ManifestSource.CodeRepo, "lender/rrepo-") {
		t.Errorf("got %+v", l.Items[many-1])
	}
	if cluster.times != 1 {
		t.Errorf("the lender's bindings were read %d times", cluster.times)
	}
	cluster.times = 0
	var batch []change.Operation
	for i := range 20 {
		batch = append(batch, save(p, fmt.Sprintf("new-%d", i),
			strings.NewReplacer(`"api-server",`, fmt.Sprintf(`"lender/rrepo-%d",`, 9000+i), "manifests/development",
				fmt.Sprint("m", i)).Replace(guide)).Operations...)
	}
	_, err = service.Change(t.Context(), p.maintainer.caller,
		change.Request{Product: p.path, Operations: batch, DryRun: true})
	w.must(err)
	if cluster.times > 4 { // to translate names, for the rules, and for the plans
		t.Errorf("a batch: the lender's bindings were read %d times", cluster.times)
	}
	ctx, hangUp := context.WithCancel(t.Context())
	cluster.then = hangUp
	if _, err := service.List(ctx, p.maintainer.caller, p.path, "DeploymentRuntime",
		change.ListOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller hung up: %v", err)
	}
}

// A binding can name any product: GitLab is asked for a hundred of them.
func TestTheGitHostIsAskedForAHundredProductsAtMost(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	var bindings []string
	for i := range 400 {
		bindings = append(bindings, yaml("CodeRepoBinding", fmt.Sprintf("b%d", i), "codeRepo: "+p.repo,
			fmt.Sprintf("product: product-%d", 5000+i), "permissions: readonly"))
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

// Whether a binding matches cannot be known of a product that is not asked for: it is not dropped in silence.
func TestASelectionKeepsBindingsOfProductsThatAreNotAskedFor(t *testing.T) {
	w := newWorld(t)
	p := w.product("nautes-labs")
	var bindings []string
	for i := range 110 {
		bindings = append(bindings, yaml("CodeRepoBinding", fmt.Sprintf("z%d", i), "codeRepo: "+p.repo,
			fmt.Sprintf("product: product-%d", 5000+i), "permissions: readonly"))
	}
	w.push(p, map[string]string{"code-repos/many.yaml": strings.Join(bindings, "---\n")})
	for selector, want := range map[string]int{
		"product=product-5109": 1, "product=nobody": 10, "product=nobody,coderepo=other": 0, "coderepo=other": 0,
		"coderepo=api": 110,
	} {
		l := w.list(p.maintainer.caller, p, "CodeRepoBinding", change.ListOptions{Selector: selector})
		warned := slices.ContainsFunc(l.Warnings, func(s string) bool { return strings.HasPrefix(s, "UNRESOLVED: ") })
		if len(l.Items) != want || warned != (want == 10) {
			t.Errorf("%s: %d items, %q", selector, len(l.Items), l.Warnings)
		}
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
		_, err := w.service.Change(t.Context(), stranger,
			change.Request{Product: p.path, Operations: []change.Operation{operation}})
		if p := problem.As(err); p == nil || p.Reason != api.ReasonProductNotFound {
			t.Errorf("%s: a stranger learns %v", what, err)
		}
		_, err = w.service.Change(t.Context(), p.maintainer.caller,
			change.Request{Product: p.path, Operations: []change.Operation{operation}})
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
	// who calls, the project, main, and whether the code repo has the source
	if n := asked(func() { request.Admission = admission(); w.change(c, request) }); n != 4 {
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
