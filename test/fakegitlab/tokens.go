package fakegitlab

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func tokenRoutes() []route {
	return []route{
		{"GET /personal_access_tokens/self", selfKnown, ownToken},
		{"DELETE /personal_access_tokens/self", selfKnown, revokeOwnToken},
		{"DELETE /personal_access_tokens/:id", writing, revokeToken},
		{"POST /users/:user_id/personal_access_tokens", admins, createToken},
		{"GET /projects/:id/access_tokens", reading, listProjectTokens},
		{"POST /projects/:id/access_tokens", writing, createProjectToken},
		{"DELETE /projects/:id/access_tokens/:token_id", writing, revokeProjectToken},
		{"GET /groups/:id/deploy_tokens", reading, listDeployTokens(tokensOfGroup)},
		{"POST /groups/:id/deploy_tokens", writing, createDeployToken(tokensOfGroup)},
		{"GET /groups/:id/deploy_tokens/:token_id", reading, getDeployToken(tokensOfGroup)},
		{"DELETE /groups/:id/deploy_tokens/:token_id", writing, deleteDeployToken(tokensOfGroup)},
		{"GET /projects/:id/deploy_tokens", reading, listDeployTokens(tokensOfProject)},
		{"POST /projects/:id/deploy_tokens", writing, createDeployToken(tokensOfProject)},
		{"GET /projects/:id/deploy_tokens/:token_id", reading, getDeployToken(tokensOfProject)},
		{"DELETE /projects/:id/deploy_tokens/:token_id", writing, deleteDeployToken(tokensOfProject)},
	}
}

func (s *Server) showToken(t *token) map[string]any {
	return map[string]any{
		"id": t.id, "name": t.name, "description": orNull(t.description), "revoked": t.revoked,
		"created_at": showTime(t.createdAt),
		"scopes":     t.scopes, "user_id": t.user.id, "last_used_at": showTime(t.lastUsed), "active": !t.revoked &&
			!t.expired(s.now()),
		"expires_at": orNull(t.expiresOn),
	}
}

func ownToken(c *call) *reply { return answer(http.StatusOK, c.showToken(c.token)) }

func revokeOwnToken(c *call) *reply {
	c.token.revoked = true
	return &reply{status: http.StatusNoContent}
}

func revokeToken(c *call) *reply {
	id, ok := c.number("id")
	if !ok {
		return invalid("id is invalid")
	}
	for _, t := range c.tokens {
		if t.id == id && (t.user == c.user || isAdmin(c.user)) {
			t.revoked = true
			return &reply{status: http.StatusNoContent}
		}
	}
	return unauthorized()
}

// knownScopes of personal access tokens.
func knownScope(scope string) bool {
	return slices.Contains([]string{"api", "read_api", "read_user", "read_repository", "write_repository",
		"sudo", "admin_mode",
		"create_runner", "manage_runner", "ai_features", "k8s_proxy", "self_rotate", "read_service_ping",
		"read_registry", "write_registry"}, scope)
}

// newToken reads what all kinds of access tokens have in common. Without an end they get GitLab's longest life.
func (c *call) newToken(u *user) (*token, *reply) {
	t := &token{user: u, name: c.in.text("name"), description: c.in.text("description"), scopes: c.in.texts("scopes")}
	if len(t.scopes) == 0 {
		return nil, badRequest("Scopes can't be blank")
	}
	for _, scope := range t.scopes {
		if !knownScope(scope) {
			return nil, invalid("scopes does not have a valid value")
		}
	}
	end := c.now().AddDate(0, 0, 365)
	if c.in.has("expires_at") {
		var err error
		if end, err = readTime(c.in.text("expires_at")); err != nil {
			return nil, invalid("expires_at is invalid")
		}
	}
	t.expiresOn = end.Format(time.DateOnly)
	t.expires, _ = time.Parse(time.DateOnly, t.expiresOn)
	return t, nil
}

func createToken(c *call) *reply {
	id, ok := c.number("user_id")
	if !ok {
		return invalid("user_id is invalid")
	}
	u := c.users[id]
	if u == nil {
		return notFound("User")
	}
	t, out := c.newToken(u)
	if out != nil {
		return out
	}
	shown := c.showToken(c.addToken(t))
	shown["token"] = t.secret
	return answer(http.StatusCreated, shown)
}

func (s *Server) showProjectToken(t *token) map[string]any {
	shown := s.showToken(t)
	shown["access_level"], shown["resource_type"], shown["resource_id"] = t.level, "project", t.project
	return shown
}

func listProjectTokens(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	var found []*token
	for _, t := range c.tokens {
		if t.project == p.id && !t.revoked {
			found = append(found, t)
		}
	}
	return page(c, found, func(t *token) any { return c.showProjectToken(t) })
}

// createProjectToken makes a bot that is a member of one project.
func createProjectToken(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	t, out := c.newToken(nil)
	if out != nil {
		return out
	}
	t.project, t.level = p.id, int(c.in.integer("access_level"))
	if t.level == 0 {
		t.level = maintainer
	}
	name := "project_" + idText(p.id) + "_bot_" + strings.ToLower(newSecret(""))
	t.user = c.addUser(&user{username: name, name: t.name, email: name + "@noreply.example.com", bot: true})
	p.members = append(p.members, &member{user: t.user, level: t.level, createdAt: c.now(), expiresOn: t.expiresOn})
	c.addToken(t)
	shown := c.showProjectToken(t)
	shown["token"] = t.secret
	return answer(http.StatusCreated, shown)
}

func revokeProjectToken(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	id, _ := c.number("token_id")
	for _, t := range c.tokens {
		if t.id == id && t.project == p.id {
			t.revoked = true
			return &reply{status: http.StatusNoContent}
		}
	}
	return notFound("Access Token")
}
