package fakegitlab

import (
	"net/http"
	"slices"
)

func accessRequestRoutes() []route {
	return []route{
		{"POST /groups/:id/access_requests", writing, requestGroupAccess},
		{"PUT /groups/:id/access_requests/:user_id/approve", writing, approveGroupAccess},
	}
}

// requestGroupAccess is for whoever sees a group and is no member of it. Nobody is asked, and nothing is given, but the
// level Developer is written down at once.
func requestGroupAccess(c *call) *reply {
	g, out := c.group()
	switch {
	case out != nil:
		return out
	case c.levelIn(g, c.user) > noAccess || c.find(g.requests, c.user.id) != nil:
		return badRequest(map[string]any{"user": []string{"already exists in source"}})
	}
	m := &member{user: c.user, level: developer, createdAt: c.now()}
	g.requests = append(g.requests, m)
	return answer(http.StatusCreated, c.showRequest(m))
}

func approveGroupAccess(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	id, _ := c.number("user_id")
	m := c.find(g.requests, id)
	if m == nil {
		return refusal(http.StatusNotFound, "404 Not found")
	}
	g.requests = slices.DeleteFunc(g.requests, func(other *member) bool { return other == m })
	if c.in.has("access_level") {
		m.level = int(c.in.integer("access_level"))
	}
	g.members = append(g.members, m)
	return answer(http.StatusCreated, c.showRequest(m))
}

func (s *Server) showRequest(m *member) map[string]any {
	shown := s.basicUser(m.user)
	shown["requested_at"], shown["access_level"] = showTime(m.createdAt), m.level
	return shown
}
