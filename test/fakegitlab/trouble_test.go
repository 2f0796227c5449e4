package fakegitlab_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/test/fakegitlab"
)

func TestTrouble(t *testing.T) {
	w := newWorld(t)
	g := w.numbered(4)
	get := func() (*gitlab.Response, error) { _, r, err := w.root.Groups.GetGroup(g.ID, nil); return r, err }
	tests := map[string]struct {
		fault fakegitlab.Fault
		check func(*gitlab.Response, error) bool
	}{
		"too many requests, with the time to wait": {fakegitlab.Fault{Status: 429, RetryAfter: 7 * time.Second},
			func(r *gitlab.Response, _ error) bool {
				return status(r) == http.StatusTooManyRequests && r.Header.Get("Retry-After") == "7"
			}},
		"out of order": {fakegitlab.Fault{Status: 503},
			func(r *gitlab.Response, _ error) bool { return status(r) == http.StatusServiceUnavailable }},
		"a dropped request": {fakegitlab.Fault{Drop: true},
			func(r *gitlab.Response, err error) bool { return r == nil && err != nil }},
		"a lost answer": {fakegitlab.Fault{LoseAnswer: true},
			func(r *gitlab.Response, err error) bool { return r == nil && err != nil }},
		"half an answer": {fakegitlab.Fault{Partial: true},
			func(_ *gitlab.Response, err error) bool { return err != nil }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.fault.Path, test.fault.Times = "/groups/", 1
			w.server.Trouble().Add(test.fault)
			if r, err := get(); !test.check(r, err) {
				t.Errorf("got %d %v", status(r), err)
			}
			if _, err := get(); err != nil {
				t.Errorf("the trouble lasts: %v", err)
			}
		})
	}
}

func TestTroubleSelectsRequests(t *testing.T) {
	w := newWorld(t)
	g := w.numbered(4)
	remove := w.server.Trouble().Add(fakegitlab.Fault{Method: http.MethodGet, Path: "/projects", Query: "page=2",
		Status: 500, Skip: 1})
	list := func(page int64) int {
		_, r, _ := w.root.Groups.ListGroupProjects(g.ID,
			&gitlab.ListGroupProjectsOptions{ListOptions: gitlab.ListOptions{Page: page, PerPage: 2}})
		return status(r)
	}
	for i, want := range []struct {
		page   int64
		status int
	}{{1, 200}, {2, 200}, {1, 200}, {2, 500}, {2, 500}} {
		if got := list(want.page); got != want.status {
			t.Errorf("call %d of page %d answers %d, want %d", i, want.page, got, want.status)
		}
	}
	remove()
	if got := list(2); got != http.StatusOK {
		t.Errorf("after the end of the trouble, %d", got)
	}
}

func TestPartialListsClaimToBeWhole(t *testing.T) {
	w := newWorld(t)
	g := w.numbered(4)
	w.server.Trouble().Add(fakegitlab.Fault{Path: "/groups/", Partial: true})
	list, r, err := w.root.Groups.ListGroupProjects(g.ID, nil)
	must(t, err)
	if len(list) != 2 || r.TotalItems != 4 {
		t.Errorf("got %d of %d projects", len(list), r.TotalItems)
	}
	w.server.Trouble().Clear()
	if list, _, err = w.root.Groups.ListGroupProjects(g.ID, nil); err != nil || len(list) != 4 {
		t.Errorf("then %d projects, %v", len(list), err)
	}
}

func TestLatencyEndsWithTheClient(t *testing.T) {
	w := newWorld(t)
	w.server.Trouble().Add(fakegitlab.Fault{Path: "/user", Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := w.root.Users.CurrentUser(gitlab.WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the client's patience", err)
	}
	w.server.Trouble().Clear()
	w.server.Trouble().Add(fakegitlab.Fault{Path: "/user", Delay: time.Millisecond})
	if _, _, err := w.root.Users.CurrentUser(); err != nil {
		t.Errorf("a late answer is an answer: %v", err)
	}
}

func TestLostAnswerOfAPush(t *testing.T) {
	w := newWorld(t)
	p := w.started(w.group("team", nil), "app")
	dir := t.TempDir()
	w.mustGit(dir, "clone", "--quiet", w.remote("team/app", "x", w.server.RootToken()), ".")
	w.change(dir, "second")
	w.server.Trouble().LosePushAnswers(1)
	if out, err := w.git(dir, "push", "origin", "main"); err == nil {
		t.Fatalf("the pusher got an answer: %s", out)
	}
	b, _, err := w.root.Branches.GetBranch(p.ID, "main")
	must(t, err)
	if head := strings.TrimSpace(w.mustGit(dir, "rev-parse", "HEAD")); b.Commit.ID != head {
		t.Errorf("the branch is at %s, want the pushed %s", b.Commit.ID, head)
	}
	if out := w.mustGit(dir, "push", "origin", "main"); !strings.Contains(out, "Everything up-to-date") {
		t.Errorf("pushing again says %s", out)
	}
}

func TestRequestsPerMinute(t *testing.T) {
	w := newWorld(t)
	u, other := w.person(), w.person()
	p := w.project(w.group("team", map[int64]gitlab.AccessLevelValue{u.ID: gitlab.DeveloperPermissions,
		other.ID: gitlab.DeveloperPermissions}), "app")
	get := func(c *gitlab.Client) (*gitlab.Response, error) {
		_, r, err := c.Projects.GetProject(p.ID, nil)
		return r, err
	}
	for i := range 400 {
		if _, err := get(u.api); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
	}
	r, err := get(u.api)
	if status(r) != http.StatusTooManyRequests ||
		!strings.Contains(err.Error(), "This endpoint has been requested too many times. Try again later.") {
		t.Errorf("request 401 answers %d %v", status(r), err)
	}
	if _, err := get(other.api); err != nil {
		t.Errorf("the limit is each user's own: %v", err)
	}
	if _, r, _ := u.api.Branches.GetBranch(p.ID, "main"); status(r) != http.StatusNotFound {
		t.Errorf("the limit is of the project's own address, its branch answers %d", status(r))
	}
	w.pass(time.Minute)
	if _, err := get(u.api); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestRequestsAreListed(t *testing.T) {
	w := newWorld(t)
	w.server.ForgetRequests()
	_, _, _ = w.root.Projects.GetProject("team/app", nil)
	got := w.server.Requests()
	want := fakegitlab.Request{Method: http.MethodGet, Path: "/api/v4/projects/team%2Fapp", Status: http.StatusNotFound}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
