package fakegitlab

import (
	"net/http"
	"regexp"
)

func (c *call) showRule(p *project) map[string]any {
	r := p.rule
	return map[string]any{
		"id": r.id, "project_id": p.id, "created_at": showTime(r.createdAt), "commit_message_regex": r.message,
		"commit_committer_check": r.committerIsUser, "reject_unsigned_commits": r.signed,
	}
}

func getPushRule(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	if p.rule == nil {
		return answer(http.StatusOK, nil)
	}
	return answer(http.StatusOK, c.showRule(p))
}

func addPushRule(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	if p.rule != nil {
		return &reply{status: http.StatusUnprocessableEntity, body: map[string]any{"error": "Project push rule exists"}}
	}
	r := &pushRule{id: c.next("push rule"), createdAt: c.now()}
	if out := c.readRule(r); out != nil {
		return out
	}
	p.rule = r
	return answer(http.StatusCreated, c.showRule(p))
}

func changePushRule(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	if p.rule == nil {
		return notFound("Push Rule")
	}
	if out := c.readRule(p.rule); out != nil {
		return out
	}
	return answer(http.StatusOK, c.showRule(p))
}

func (c *call) readRule(r *pushRule) *reply {
	if c.in.has("commit_message_regex") {
		if _, err := regexp.Compile(c.in.text("commit_message_regex")); err != nil {
			return badRequest(map[string]any{"commit_message_regex": []string{"not valid RE2 syntax: " + err.Error()}})
		}
		r.message = c.in.text("commit_message_regex")
	}
	if c.in.has("commit_committer_check") {
		r.committerIsUser = c.in.truth("commit_committer_check")
	}
	if c.in.has("reject_unsigned_commits") {
		r.signed = c.in.truth("reject_unsigned_commits")
	}
	return nil
}

func removePushRule(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	if p.rule == nil {
		return notFound("Push Rule")
	}
	p.rule = nil
	return &reply{status: http.StatusNoContent}
}
