package fakegitlab_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"
)

type delivery struct {
	header http.Header
	body   []byte
}

// listener takes deliveries of hooks.
func (w *world) listener(answer *atomic.Int64) (url string, got chan delivery) {
	got = make(chan delivery, 100)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.WriteHeader(int(answer.Load()))
		got <- delivery{r.Header, body}
	}))
	w.Cleanup(server.Close)
	return server.URL, got
}

func (w *world) next(got chan delivery) delivery {
	w.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(10 * time.Second):
		w.Fatal("no hook came")
		return delivery{}
	}
}

func TestHooksAreDelivered(t *testing.T) {
	w := newWorld(t)
	m := w.person()
	p := w.started(w.group("team", map[int64]gitlab.AccessLevelValue{m.ID: gitlab.MaintainerPermissions}), "app")
	answer := &atomic.Int64{}
	answer.Store(http.StatusAccepted)
	url, got := w.listener(answer)
	hook, _, err := m.api.Projects.AddProjectHook(p.ID, &gitlab.AddProjectHookOptions{
		URL: &url, Token: gitlab.Ptr("secret"), PushEvents: gitlab.Ptr(true), TagPushEvents: gitlab.Ptr(true),
		EnableSSLVerification:  gitlab.Ptr(true),
		PushEventsBranchFilter: gitlab.Ptr("main")})
	must(t, err)
	dir := t.TempDir()
	w.mustGit(dir, "clone", "--quiet", w.remote("team/app", "x", m.token), ".")
	before := strings.TrimSpace(w.mustGit(dir, "rev-parse", "HEAD"))
	w.change(dir, "second")
	w.mustGit(dir, "push", "--quiet", "origin", "main:feature") // the filter keeps it
	w.mustGit(dir, "push", "--quiet", "origin", "main")
	d := w.next(got)
	event, err := gitlab.ParseWebhook(gitlab.EventType(d.header.Get("X-Gitlab-Event")), d.body)
	must(t, err)
	push, ok := event.(*gitlab.PushEvent)
	if !ok || d.header.Get("X-Gitlab-Token") != "secret" || d.header.Get("X-Gitlab-Instance") != w.url {
		t.Fatalf("got %T with %v", event, d.header)
	}
	after := strings.TrimSpace(w.mustGit(dir, "rev-parse", "HEAD"))
	if push.ProjectID != p.ID || push.Project.PathWithNamespace != "team/app" || push.Ref != "refs/heads/main" ||
		push.Before != before || push.After != after || push.UserID != m.ID {
		t.Errorf("the hook says %+v", push)
	}
	w.mustGit(dir, "tag", "v1")
	w.mustGit(dir, "push", "--quiet", "origin", "v1")
	if event := w.next(got).header.Get("X-Gitlab-Event"); event != "Tag Push Hook" {
		t.Errorf("a tag makes a %q", event)
	}
	seen, _, err := m.api.Projects.GetProjectHook(p.ID, hook.ID)
	must(t, err)
	if seen.AlertStatus != "executable" || !seen.PushEvents || seen.URL != url {
		t.Errorf("the hook is %+v", seen)
	}
}

func TestHooksThatFailRest(t *testing.T) {
	w := newWorld(t)
	p := w.started(w.group("team", nil), "app")
	answer := &atomic.Int64{}
	answer.Store(http.StatusBadRequest)
	url, got := w.listener(answer)
	hook, _, err := w.root.Projects.AddProjectHook(p.ID, &gitlab.AddProjectHookOptions{URL: &url})
	must(t, err)
	dir := t.TempDir()
	w.mustGit(dir, "clone", "--quiet", w.remote("team/app", "x", w.server.RootToken()), ".")
	push := func() {
		w.change(dir, "again")
		w.mustGit(dir, "push", "--quiet", "origin", "main")
	}
	state := func(want string) {
		t.Helper()
		var seen *gitlab.ProjectHook
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			var err error
			seen, _, err = w.root.Projects.GetProjectHook(p.ID, hook.ID)
			must(t, err)
			if seen.AlertStatus == want {
				return
			}
		}
		t.Fatalf("the hook is %s, want %s", seen.AlertStatus, want)
	}
	for range 4 {
		push()
		w.next(got)
	}
	state("temporarily_disabled")
	w.pass(2 * time.Minute)
	state("executable")
	answer.Store(http.StatusOK)
	push()
	w.next(got)
	state("executable")
}

func TestHooksNeedAMaintainerAndAnAddress(t *testing.T) {
	w := newWorld(t)
	d := w.person()
	p := w.project(w.group("team", map[int64]gitlab.AccessLevelValue{d.ID: gitlab.DeveloperPermissions}), "app")
	if _, r, _ := d.api.Projects.ListProjectHooks(p.ID, nil); status(r) != http.StatusForbidden {
		t.Errorf("a Developer lists hooks: %d", status(r))
	}
	if _, r, err := w.root.Projects.AddProjectHook(p.ID,
		&gitlab.AddProjectHookOptions{URL: gitlab.Ptr("nowhere")}); status(r) != http.StatusUnprocessableEntity ||
		!strings.Contains(err.Error(), "Invalid url given") {
		t.Errorf("a hook to nowhere answers %d %v", status(r), err)
	}
	hook, _, err := w.root.Projects.AddProjectHook(p.ID,
		&gitlab.AddProjectHookOptions{URL: gitlab.Ptr("https://example.com/x"), Token: gitlab.Ptr("secret")})
	must(t, err)
	text, err := json.Marshal(hook)
	must(t, err)
	if strings.Contains(string(text), "secret") {
		t.Error("the secret of a hook is shown")
	}
	_, err = w.root.Projects.DeleteProjectHook(p.ID, hook.ID)
	must(t, err)
	if list, _, err := w.root.Projects.ListProjectHooks(p.ID, nil); err != nil || len(list) != 0 {
		t.Errorf("hooks left: %v %v", list, err)
	}
}
