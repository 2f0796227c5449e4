package fakegitlab

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// GitLab waits this long for an answer to a hook, and gives up on one that fails this often in a row: for a while
// first, then for good.
const (
	hookTimeout       = 10 * time.Second
	failuresUntilRest = 4
	failuresUntilEnd  = 40
	hookRests         = time.Minute // twice as long with every further failure
	hookRestsAtMost   = 24 * time.Hour
)

// deliveries are the hooks under way.
type deliveries struct {
	ctx    context.Context //nolint:containedctx // it ends with the server that sends them
	cancel context.CancelFunc
	all    sync.WaitGroup
	client *http.Client
}

func (d *deliveries) init() {
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.client = &http.Client{
		Timeout:       hookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true},
	}
}

func (d *deliveries) close() {
	d.cancel()
	d.all.Wait()
}

// announce sends what a push changed to the hooks of its project. The caller holds the lock.
func (s *Server) announce(p *project, by *user, changes []change) {
	for _, ch := range changes {
		event, header := "push_events", "Push Hook"
		if strings.HasPrefix(ch.ref, "refs/tags/") {
			event, header = "tag_push_events", "Tag Push Hook"
		} else if !strings.HasPrefix(ch.ref, "refs/heads/") {
			continue
		}
		body, err := json.Marshal(s.pushPayload(p, by, ch))
		if err != nil {
			continue
		}
		for _, h := range p.hooks {
			if h.events[event] && h.wants(ch.ref) && !h.disabled && !s.now().Before(h.until) {
				s.hooks.all.Add(1)
				go s.deliver(h, header, body)
			}
		}
	}
}

// wants applies the filter of a hook, which is for branches only.
func (h *hook) wants(ref string) bool {
	branch, ok := strings.CutPrefix(ref, "refs/heads/")
	return !ok || h.filter == "" || h.strategy == "all_branches" || (&protection{name: h.filter}).matches(branch)
}

func (s *Server) deliver(h *hook, event string, body []byte) {
	defer s.hooks.all.Done()
	s.mu.Lock()
	address, secret, instance := h.url, h.secret, s.external
	s.mu.Unlock()
	status := 0
	r, err := http.NewRequestWithContext(s.hooks.ctx, http.MethodPost, address, bytes.NewReader(body))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("User-Agent", "GitLab/18.5.0")
		r.Header.Set("X-Gitlab-Event", event)
		r.Header.Set("X-Gitlab-Instance", instance)
		r.Header.Set("X-Gitlab-Event-UUID", newSecret(""))
		r.Header.Set("X-Gitlab-Webhook-UUID", newSecret(""))
		r.Header.Set("Idempotency-Key", newSecret(""))
		if secret != "" {
			r.Header.Set("X-Gitlab-Token", secret)
		}
		var response *http.Response
		if response, err = s.hooks.client.Do(r); err == nil {
			_ = response.Body.Close()
			status = response.StatusCode
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status >= 200 && status < 300 {
		h.failures = 0
		return
	}
	h.failures++
	if h.failures >= failuresUntilEnd {
		h.disabled = true
	} else if h.failures >= failuresUntilRest {
		h.until = s.now().Add(min(hookRests<<min(h.failures-failuresUntilRest, 20), hookRestsAtMost))
	}
}

func (s *Server) pushPayload(p *project, by *user, ch change) map[string]any {
	kind := "push"
	if strings.HasPrefix(ch.ref, "refs/tags/") {
		kind = "tag_push"
	}
	var checkout any
	if ch.next != zeroID {
		checkout = ch.next
	}
	web := s.external + "/" + p.fullPath()
	level := map[string]int{private: 0, internal: 10, public: 20}[p.visibility]
	return map[string]any{
		"object_kind": kind, "event_name": kind, "before": ch.old, "after": ch.next, "ref": ch.ref,
		"ref_protected": len(p.protectionsOf(strings.TrimPrefix(ch.ref, "refs/heads/"))) > 0,
		"checkout_sha":  checkout, "message": nil, "user_id": by.id, "user_name": by.name, "user_username": by.username,
		"user_email": nil, "user_avatar": nil,
		"project_id": p.id,
		"project": map[string]any{
			"id": p.id, "name": p.name, "description": p.description, "web_url": web, "avatar_url": nil,
			"git_ssh_url":  "git@" + hostOf(s.external) + ":" + p.fullPath() + ".git",
			"git_http_url": web + ".git", "namespace": p.namespace.name, "visibility_level": level,
			"path_with_namespace": p.fullPath(),
			"default_branch":      s.defaultBranch(p), "ci_config_path": nil,
		},
		"commits": []any{}, "total_commits_count": 0, "push_options": map[string]any{},
		"repository": map[string]any{
			"name": p.name, "url": "git@" + hostOf(s.external) + ":" + p.fullPath() + ".git",
			"description": p.description, "homepage": web,
			"git_http_url": web + ".git", "git_ssh_url": "git@" + hostOf(s.external) + ":" + p.fullPath() + ".git",
			"visibility_level": level,
		},
	}
}
