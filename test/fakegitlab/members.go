package fakegitlab

import (
	"net/http"
	"slices"
)

func memberRoutes() []route {
	return []route{
		{"GET /groups/:id/members", reading, listGroupMembers},
		{"POST /groups/:id/members", writing, addGroupMember},
		{"GET /groups/:id/members/all", reading, listAllGroupMembers},
		{"GET /groups/:id/members/all/:user_id", reading, getAnyGroupMember},
		{"GET /groups/:id/members/:user_id", reading, getGroupMember},
		{"PUT /groups/:id/members/:user_id", writing, changeGroupMember},
		{"DELETE /groups/:id/members/:user_id", writing, removeGroupMember},
		{"GET /projects/:id/members", reading, listProjectMembers},
		{"POST /projects/:id/members", writing, addProjectMember},
		{"GET /projects/:id/members/all", reading, listAllProjectMembers},
		{"GET /projects/:id/members/all/:user_id", reading, getAnyProjectMember},
		{"GET /projects/:id/members/:user_id", reading, getProjectMember},
		{"PUT /projects/:id/members/:user_id", writing, changeProjectMember},
		{"DELETE /projects/:id/members/:user_id", writing, removeProjectMember},
	}
}

// roster is what members belong to: a group or a project.
type roster struct {
	members *[]*member
	// all is the level of a user by any way, and since when.
	level func(*user) int
	least int // the level that may change members
}

func (c *call) groupRoster() (roster, *reply) {
	g, out := c.group()
	if out != nil {
		return roster{}, out
	}
	if g.visibility == private && c.levelIn(g, c.user) == noAccess && !isAdmin(c.user) {
		return roster{}, forbidden() // who has but a project or a group inside sees the group, and not its members
	}
	return roster{members: &g.members, level: func(u *user) int { return c.levelIn(g, u) }, least: owner}, nil
}

func (c *call) projectRoster() (roster, *reply) {
	p, out := c.project()
	if out != nil {
		return roster{}, out
	}
	return roster{members: &p.members, level: func(u *user) int { return c.level(p, u) }, least: maintainer}, nil
}

func (s *Server) showMember(m *member) map[string]any {
	shown := s.basicUser(m.user)
	shown["access_level"], shown["created_at"], shown["expires_at"] = m.level, showTime(m.createdAt),
		orNull(m.expiresOn)
	shown["membership_state"] = "active"
	return shown
}

func (s *Server) find(members []*member, id int64) *member {
	for _, m := range members {
		if m.user.id == id && !s.past(m.expiresOn) {
			return m
		}
	}
	return nil
}

// effective is a user's membership by any way; its level is the highest.
func (c *call) effective(r roster, u *user) *member {
	if u == nil {
		return nil
	}
	m := &member{user: u, level: r.level(u), createdAt: u.createdAt}
	if direct := c.find(*r.members, u.id); direct != nil && direct.level == m.level {
		return direct
	}
	if m.level == noAccess {
		return nil
	}
	return m
}

func (c *call) listMembers(r roster, out *reply) *reply {
	if out != nil {
		return out
	}
	var current []*member
	for _, m := range *r.members {
		if c.find(*r.members, m.user.id) != nil {
			current = append(current, m)
		}
	}
	return page(c, current, func(m *member) any { return c.showMember(m) })
}

func (c *call) listAllMembers(r roster, out *reply) *reply {
	if out != nil {
		return out
	}
	var all []*member
	for _, id := range sortedIDs(c.users) {
		if m := c.effective(r, c.users[id]); m != nil {
			all = append(all, m)
		}
	}
	return page(c, all, func(m *member) any { return c.showMember(m) })
}

func (c *call) getMember(r roster, out *reply, anyWay bool) *reply {
	if out != nil {
		return out
	}
	id, ok := c.number("user_id")
	if !ok {
		return invalid("user_id is invalid")
	}
	m := c.find(*r.members, id)
	if anyWay {
		m = c.effective(r, c.users[id])
	}
	if m == nil {
		return refusal(http.StatusNotFound, "404 Not found")
	}
	return answer(http.StatusOK, c.showMember(m))
}

func (c *call) mayChange(r roster) bool { return isAdmin(c.user) || r.level(c.user) >= r.least }

func (c *call) addMember(r roster, out *reply) *reply {
	if out != nil {
		return out
	}
	if !c.mayChange(r) {
		return forbidden()
	}
	level := int(c.in.integer("access_level"))
	if r.level(c.user) < level && !isAdmin(c.user) {
		return forbidden()
	}
	u := c.users[c.in.integer("user_id")]
	if c.in.has("username") {
		for _, other := range c.users {
			if other.username == c.in.text("username") {
				u = other
			}
		}
	}
	if u == nil {
		return notFound("User")
	}
	if c.find(*r.members, u.id) != nil {
		return refusal(http.StatusConflict, "Member already exists")
	}
	if r.level(u) > level {
		return badRequest(map[string]any{
			"access_level": []string{"should be greater than or equal to inherited membership from group"}})
	}
	m := &member{user: u, level: level, createdAt: c.now(), expiresOn: c.in.text("expires_at")}
	*r.members = append(*r.members, m)
	return answer(http.StatusCreated, c.showMember(m))
}

func (c *call) changeMember(r roster, out *reply) *reply {
	if out != nil {
		return out
	}
	id, _ := c.number("user_id")
	m := c.find(*r.members, id)
	switch {
	case m == nil:
		return refusal(http.StatusNotFound, "404 Not found")
	case !c.mayChange(r):
		return forbidden()
	}
	m.level = int(c.in.integer("access_level"))
	if c.in.has("expires_at") {
		m.expiresOn = c.in.text("expires_at")
	}
	return answer(http.StatusOK, c.showMember(m))
}

func (c *call) removeMember(r roster, out *reply) *reply {
	if out != nil {
		return out
	}
	id, _ := c.number("user_id")
	m := c.find(*r.members, id)
	switch {
	case m == nil:
		return refusal(http.StatusNotFound, "404 Not found")
	case !c.mayChange(r) && m.user != c.user:
		return forbidden()
	}
	*r.members = slices.DeleteFunc(*r.members, func(other *member) bool { return other == m })
	return &reply{status: http.StatusNoContent}
}

func listGroupMembers(c *call) *reply      { return c.listMembers(c.groupRoster()) }
func listAllGroupMembers(c *call) *reply   { return c.listAllMembers(c.groupRoster()) }
func addGroupMember(c *call) *reply        { return c.addMember(c.groupRoster()) }
func changeGroupMember(c *call) *reply     { return c.changeMember(c.groupRoster()) }
func removeGroupMember(c *call) *reply     { return c.removeMember(c.groupRoster()) }
func listProjectMembers(c *call) *reply    { return c.listMembers(c.projectRoster()) }
func listAllProjectMembers(c *call) *reply { return c.listAllMembers(c.projectRoster()) }
func addProjectMember(c *call) *reply      { return c.addMember(c.projectRoster()) }
func changeProjectMember(c *call) *reply   { return c.changeMember(c.projectRoster()) }
func removeProjectMember(c *call) *reply   { return c.removeMember(c.projectRoster()) }

func getGroupMember(c *call) *reply {
	r, out := c.groupRoster()
	return c.getMember(r, out, false)
}

func getAnyGroupMember(c *call) *reply {
	r, out := c.groupRoster()
	return c.getMember(r, out, true)
}

func getProjectMember(c *call) *reply {
	r, out := c.projectRoster()
	return c.getMember(r, out, false)
}

func getAnyProjectMember(c *call) *reply {
	r, out := c.projectRoster()
	return c.getMember(r, out, true)
}
