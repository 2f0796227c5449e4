package fakegitlab

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func userRoutes() []route {
	return []route{
		{"GET /version", reading, version},
		{"GET /user", identity, currentUser},
		{"GET /users", identity, listUsers},
		{"POST /users", admins, createUser},
		{"GET /users/:id", identity, getUser},
		{"PUT /users/:id", admins, updateUser},
		{"DELETE /users/:id", admins, deleteUser},
	}
}

func version(*call) *reply {
	return answer(http.StatusOK, map[string]any{"version": "18.5.0", "revision": "fakegitlab"})
}

func currentUser(c *call) *reply { return answer(http.StatusOK, c.ownUser(c.user)) }

func listUsers(c *call) *reply {
	var found []*user
	for _, id := range sortedIDs(c.users) {
		u := c.users[id]
		search := strings.ToLower(c.in.text("search"))
		switch {
		case c.in.has("username") && !strings.EqualFold(u.username, c.in.text("username")):
		case !strings.Contains(strings.ToLower(u.username+" "+u.name), search) && u.email != search:
		default:
			found = append(found, u)
		}
	}
	slices.SortStableFunc(found, func(a, b *user) int { return cmp.Compare(b.id, a.id) })
	return page(c, found, func(u *user) any {
		if isAdmin(c.user) {
			return c.ownUser(u)
		}
		return c.publicUser(u)
	})
}

func getUser(c *call) *reply {
	id, ok := c.number("id")
	if !ok {
		return invalid("id is invalid")
	}
	u := c.users[id]
	if u == nil {
		return notFound("User")
	}
	if isAdmin(c.user) {
		return answer(http.StatusOK, c.ownUser(u))
	}
	return answer(http.StatusOK, c.publicUser(u))
}

func createUser(c *call) *reply {
	username, email := c.in.text("username"), c.in.text("email")
	for _, id := range sortedIDs(c.users) {
		switch u := c.users[id]; {
		case strings.EqualFold(u.email, email):
			return refusal(http.StatusConflict, "Email has already been taken")
		case strings.EqualFold(u.username, username):
			return refusal(http.StatusConflict, "Username has already been taken")
		}
	}
	switch {
	case !validPath(username):
		return badRequest(map[string]any{"username": []string{"can contain only letters, digits, '_', '-' and '.'. " +
			"Cannot start with '-', end in '.git' or end in '.atom'."}})
	case c.childOf(nil, username) != nil:
		return badRequest(map[string]any{"username": []string{"has already been taken"}})
	case !strings.Contains(email, "@"):
		return badRequest(map[string]any{"email": []string{"is invalid"}})
	}
	u := c.addUser(&user{
		username: username, name: c.in.text("name"), email: email, publicly: c.in.text("public_email"),
		admin:    c.in.truth("admin"),
		canGroup: !c.in.has("can_create_group") || c.in.truth("can_create_group"),
	})
	return answer(http.StatusCreated, c.ownUser(u))
}

func updateUser(c *call) *reply {
	id, ok := c.number("id")
	if !ok {
		return invalid("id is invalid")
	}
	u := c.users[id]
	if u == nil {
		return notFound("User")
	}
	if c.in.has("name") {
		u.name = c.in.text("name")
	}
	if c.in.has("email") {
		u.email = c.in.text("email")
	}
	if c.in.has("commit_email") {
		u.commit = c.in.text("commit_email")
	}
	if c.in.has("public_email") {
		u.publicly = c.in.text("public_email")
	}
	if c.in.has("admin") {
		u.admin = c.in.truth("admin")
	}
	if c.in.has("can_create_group") {
		u.canGroup = c.in.truth("can_create_group")
	}
	return answer(http.StatusOK, c.ownUser(u))
}

func (s *Server) commitEmail(u *user) string {
	switch u.commit {
	case "":
		return u.email
	case "_private":
		host := "localhost"
		if at, err := url.Parse(s.external); err == nil && at.Hostname() != "" {
			host = at.Hostname()
		}
		return fmt.Sprintf("%d-%s@users.noreply.%s", u.id, u.username, host)
	}
	return u.commit
}

func (s *Server) basicUser(u *user) map[string]any {
	return map[string]any{
		"id": u.id, "username": u.username, "public_email": u.publicly, "name": u.name, "state": "active",
		"locked": false, "avatar_url": nil,
		"web_url": s.external + "/" + u.username,
	}
}

func (s *Server) publicUser(u *user) map[string]any {
	shown := s.basicUser(u)
	shown["created_at"] = showTime(u.createdAt)
	shown["bot"] = u.bot
	return shown
}

// ownUser is what a user sees of himself.
func (s *Server) ownUser(u *user) map[string]any {
	shown := s.publicUser(u)
	shown["email"], shown["commit_email"] = u.email, s.commitEmail(u)
	shown["confirmed_at"], shown["last_activity_on"] = showTime(u.createdAt), nil
	shown["can_create_group"], shown["can_create_project"] = u.canGroup, true
	shown["projects_limit"], shown["two_factor_enabled"], shown["external"], shown["private_profile"] = 100000,
		false, false, false
	shown["identities"] = []any{}
	if u.admin {
		shown["is_admin"] = true
	}
	return shown
}

func sortedIDs[V any](m map[int64]V) []int64 {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func showTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// deleteUser takes the user's memberships and tokens along.
func deleteUser(c *call) *reply {
	id, _ := c.number("id")
	u := c.users[id]
	if u == nil {
		return notFound("User")
	}
	isTheirs := func(m *member) bool { return m.user == u }
	for _, n := range c.namespaces {
		n.members = slices.DeleteFunc(n.members, isTheirs)
	}
	for _, p := range c.projects {
		p.members = slices.DeleteFunc(p.members, isTheirs)
	}
	for _, t := range c.tokens {
		t.revoked = t.revoked || t.user == u
	}
	if n := c.userNamespace(u); n != nil {
		delete(c.namespaces, n.id)
	}
	delete(c.users, id)
	return &reply{status: http.StatusNoContent}
}
