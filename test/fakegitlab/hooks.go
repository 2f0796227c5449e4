package fakegitlab

import (
	"net/http"
	"net/url"
	"slices"
)

func hookRoutes() []route {
	return []route{
		{"GET /projects/:id/hooks", reading, listHooks},
		{"POST /projects/:id/hooks", writing, addHook},
		{"GET /projects/:id/hooks/:hook_id", reading, getHook},
		{"PUT /projects/:id/hooks/:hook_id", writing, changeHook},
		{"DELETE /projects/:id/hooks/:hook_id", writing, removeHook},
	}
}

// hookEvents are the switches of a hook; only pushes happen here.
func hookEvents() []string {
	return []string{
		"push_events", "issues_events", "confidential_issues_events", "merge_requests_events", "tag_push_events",
		"note_events",
		"confidential_note_events", "job_events", "pipeline_events", "wiki_page_events", "deployment_events",
		"feature_flag_events",
		"releases_events", "milestone_events", "emoji_events", "resource_access_token_events", "vulnerability_events",
		"repository_update_events",
	}
}

// showHook never shows the secret.
func (s *Server) showHook(h *hook) map[string]any {
	status, until := "executable", any(nil)
	switch {
	case h.disabled:
		status = "disabled"
	case s.now().Before(h.until):
		status, until = "temporarily_disabled", showTime(h.until)
	}
	shown := map[string]any{
		"id": h.id, "url": h.url, "name": orNull(h.name), "description": orNull(h.description),
		"created_at":                showTime(h.createdAt),
		"push_events_branch_filter": orNull(h.filter), "branch_filter_strategy": h.strategy,
		"enable_ssl_verification": h.verify,
		"alert_status":            status, "disabled_until": until, "url_variables": []any{}, "custom_headers": []any{},
		"custom_webhook_template": nil,
		"project_id":              h.project,
	}
	for _, event := range hookEvents() {
		shown[event] = h.events[event]
	}
	return shown
}

func listHooks(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	return page(c, p.hooks, func(h *hook) any { return c.showHook(h) })
}

func (c *call) hook() (*project, *hook, *reply) {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return nil, nil, out
	}
	id, ok := c.number("hook_id")
	if !ok {
		return nil, nil, invalid("hook_id is invalid")
	}
	for _, h := range p.hooks {
		if h.id == id {
			return p, h, nil
		}
	}
	return nil, nil, refusal(http.StatusNotFound, "404 Not found")
}

func getHook(c *call) *reply {
	_, h, out := c.hook()
	if out != nil {
		return out
	}
	return answer(http.StatusOK, c.showHook(h))
}

func (c *call) readHook(h *hook) *reply {
	if c.in.has("url") {
		u, err := url.Parse(c.in.text("url"))
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return &reply{status: http.StatusUnprocessableEntity, body: map[string]any{"error": "Invalid url given"}}
		}
		h.url = c.in.text("url")
	}
	for name, target := range map[string]*string{
		"name": &h.name, "description": &h.description, "token": &h.secret, "push_events_branch_filter": &h.filter,
		"branch_filter_strategy": &h.strategy,
	} {
		if c.in.has(name) {
			*target = c.in.text(name)
		}
	}
	if c.in.has("enable_ssl_verification") {
		h.verify = c.in.truth("enable_ssl_verification")
	}
	for _, event := range hookEvents() {
		if c.in.has(event) {
			h.events[event] = c.in.truth(event)
		}
	}
	return nil
}

func addHook(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	h := &hook{project: p.id, strategy: "wildcard", verify: true, events: map[string]bool{"push_events": true},
		createdAt: c.now()}
	if out := c.readHook(h); out != nil {
		return out
	}
	h.id = c.next("hook")
	p.hooks = append(p.hooks, h)
	return answer(http.StatusCreated, c.showHook(h))
}

func changeHook(c *call) *reply {
	_, h, out := c.hook()
	if out != nil {
		return out
	}
	if out := c.readHook(h); out != nil {
		return out
	}
	return answer(http.StatusOK, c.showHook(h))
}

// DisableHooks makes the hooks of a project what they are once they failed too often.
func (s *Server) DisableHooks(project int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.projects[project].hooks {
		h.disabled = true
	}
}

func removeHook(c *call) *reply {
	p, h, out := c.hook()
	if out != nil {
		return out
	}
	p.hooks = slices.DeleteFunc(p.hooks, func(other *hook) bool { return other == h })
	return &reply{status: http.StatusNoContent}
}
