package fakegitlab

import (
	"net/http"
	"slices"
	"strconv"
)

func (s *Server) showProtection(p *protection) map[string]any {
	show := func(all []*allowance) []any {
		shown := []any{}
		for _, a := range all {
			item := map[string]any{"id": a.id, "access_level": a.level, "access_level_description": s.describe(a),
				"user_id": nil, "group_id": nil, "deploy_key_id": nil}
			if a.user != 0 {
				item["user_id"], item["access_level"] = a.user, nil
			}
			if a.group != 0 {
				item["group_id"], item["access_level"] = a.group, nil
			}
			shown = append(shown, item)
		}
		return shown
	}
	return map[string]any{
		"id": p.id, "name": p.name, "push_access_levels": show(p.push), "merge_access_levels": show(p.merge),
		"unprotect_access_levels": []any{},
		"allow_force_push":        p.force, "code_owner_approval_required": false, "inherited": false,
	}
}

func (s *Server) describe(a *allowance) string {
	switch {
	case a.user != 0:
		return s.users[a.user].name
	case a.group != 0:
		return s.namespaces[a.group].name
	}
	return map[int]string{noAccess: "No one", developer: "Developers + Maintainers", maintainer: "Maintainers",
		owner: "Owners"}[a.level]
}

func listProtections(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	return page(c, p.protected, func(r *protection) any { return c.showProtection(r) })
}

func (c *call) protection() (*project, *protection, *reply) {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return nil, nil, out
	}
	for _, r := range p.protected {
		if r.name == c.path["name"] {
			return p, r, nil
		}
	}
	return nil, nil, refusal(http.StatusNotFound, "404 Not found")
}

func getProtection(c *call) *reply {
	_, r, out := c.protection()
	if out != nil {
		return out
	}
	return answer(http.StatusOK, c.showProtection(r))
}

func unprotectBranch(c *call) *reply {
	p, r, out := c.protection()
	if out != nil {
		return out
	}
	p.protected = slices.DeleteFunc(p.protected, func(other *protection) bool { return other == r })
	return &reply{status: http.StatusNoContent}
}

func protectBranch(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	name := c.in.text("name")
	if slices.ContainsFunc(p.protected, func(r *protection) bool { return r.name == name }) {
		return refusal(http.StatusConflict, "Protected branch '"+name+"' already exists")
	}
	r := &protection{name: name, force: c.in.truth("allow_force_push")}
	if r.push, out = c.allowances("push_access_level", "allowed_to_push"); out != nil {
		return out
	}
	if r.merge, out = c.allowances("merge_access_level", "allowed_to_merge"); out != nil {
		return out
	}
	r.id = c.next("protection")
	p.protected = append(p.protected, r)
	return answer(http.StatusCreated, c.showProtection(r))
}

// allowances reads both ways to say who may: one level, and a list of levels, users and groups, which takes a licence.
func (c *call) allowances(level, list string) ([]*allowance, *reply) {
	var all []*allowance
	items, _ := c.in[list].([]any)
	if c.in.has(level) || len(items) == 0 {
		a := &allowance{id: c.next("allowance"), level: maintainer}
		if c.in.has(level) {
			a.level = int(c.in.integer(level))
		}
		all = append(all, a)
	}
	for _, item := range items {
		values, _ := item.(map[string]any)
		a := &allowance{id: c.next("allowance"), level: int(whole(values["access_level"])),
			user: whole(values["user_id"]), group: whole(values["group_id"])}
		if (a.user != 0 && c.users[a.user] == nil) || (a.group != 0 && c.namespaces[a.group] == nil) {
			return nil, badRequest("Validation failed: Push access levels is invalid")
		}
		all = append(all, a)
	}
	return all, nil
}

func whole(value any) int64 {
	number, ok := value.(interface{ String() string })
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(number.String(), 10, 64)
	return n
}
