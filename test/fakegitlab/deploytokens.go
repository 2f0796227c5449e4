package fakegitlab

import (
	"net/http"
	"slices"
)

func (s *Server) showDeployToken(d *deployToken) map[string]any {
	return map[string]any{
		"id": d.id, "name": d.name, "username": d.username, "expires_at": showTime(d.expires), "scopes": d.scopes, "revoked": d.revoked,
		"expired": d.expired(s.now()),
	}
}

func listDeployTokens(c *call) *reply {
	g, out := c.adminGroup(maintainer)
	if out != nil {
		return out
	}
	return page(c, g.deployments, func(d *deployToken) any { return c.showDeployToken(d) })
}

func createDeployToken(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	d := &deployToken{
		name: c.in.text("name"), username: c.in.text("username"), scopes: c.in.texts("scopes"), secret: newSecret("gldt-"),
	}
	if len(d.scopes) == 0 {
		return badRequest(map[string]any{"base": []string{"Scopes can't be blank"}})
	}
	if c.in.has("expires_at") {
		var err error
		if d.expires, err = readTime(c.in.text("expires_at")); err != nil {
			return invalid("expires_at is invalid")
		}
	}
	d.id = c.next("deploy token")
	if d.username == "" {
		d.username = "gitlab+deploy-token-" + idText(d.id)
	}
	g.deployments = append(g.deployments, d)
	shown := c.showDeployToken(d)
	shown["token"] = d.secret
	return answer(http.StatusCreated, shown)
}

func (c *call) deployToken(level int) (*namespace, *deployToken, *reply) {
	g, out := c.adminGroup(level)
	if out != nil {
		return nil, nil, out
	}
	id, ok := c.number("token_id")
	if !ok {
		return nil, nil, invalid("token_id is invalid")
	}
	for _, d := range g.deployments {
		if d.id == id {
			return g, d, nil
		}
	}
	return nil, nil, notFound("Deploy Token")
}

func getDeployToken(c *call) *reply {
	_, d, out := c.deployToken(maintainer)
	if out != nil {
		return out
	}
	return answer(http.StatusOK, c.showDeployToken(d))
}

func deleteDeployToken(c *call) *reply {
	g, d, out := c.deployToken(owner)
	if out != nil {
		return out
	}
	g.deployments = slices.DeleteFunc(g.deployments, func(other *deployToken) bool { return other == d })
	return &reply{status: http.StatusNoContent}
}
