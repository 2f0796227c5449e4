package fakegitlab

import (
	"net/http"
	"slices"
)

// deployTokenHolder returns the deploy tokens that a request is about, if the caller may see them, or where they are to
// be changed, do that.
type deployTokenHolder func(c *call, change bool) (*[]*deployToken, *reply)

func tokensOfGroup(c *call, change bool) (*[]*deployToken, *reply) {
	level := maintainer
	if change {
		level = owner
	}
	g, out := c.adminGroup(level)
	if out != nil {
		return nil, out
	}
	return &g.deployments, nil
}

func tokensOfProject(c *call, _ bool) (*[]*deployToken, *reply) {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return nil, out
	}
	return &p.deployments, nil
}

func (s *Server) showDeployToken(d *deployToken) map[string]any {
	return map[string]any{
		"id": d.id, "name": d.name, "username": d.username, "expires_at": showTime(d.expires), "scopes": d.scopes,
		"revoked": d.revoked,
		"expired": d.expired(s.now()),
	}
}

func listDeployTokens(of deployTokenHolder) func(*call) *reply {
	return func(c *call) *reply {
		tokens, out := of(c, false)
		if out != nil {
			return out
		}
		return page(c, *tokens, func(d *deployToken) any { return c.showDeployToken(d) })
	}
}

func createDeployToken(of deployTokenHolder) func(*call) *reply {
	return func(c *call) *reply {
		tokens, out := of(c, true)
		if out != nil {
			return out
		}
		d := &deployToken{
			name: c.in.text("name"), username: c.in.text("username"), scopes: c.in.texts("scopes"),
			secret: newSecret("gldt-"),
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
		*tokens = append(*tokens, d)
		shown := c.showDeployToken(d)
		shown["token"] = d.secret
		return answer(http.StatusCreated, shown)
	}
}

func (c *call) deployToken(of deployTokenHolder, change bool) (*[]*deployToken, *deployToken, *reply) {
	tokens, out := of(c, change)
	if out != nil {
		return nil, nil, out
	}
	id, ok := c.number("token_id")
	if !ok {
		return nil, nil, invalid("token_id is invalid")
	}
	for _, d := range *tokens {
		if d.id == id {
			return tokens, d, nil
		}
	}
	return nil, nil, notFound("Deploy Token")
}

func getDeployToken(of deployTokenHolder) func(*call) *reply {
	return func(c *call) *reply {
		_, d, out := c.deployToken(of, false)
		if out != nil {
			return out
		}
		return answer(http.StatusOK, c.showDeployToken(d))
	}
}

func deleteDeployToken(of deployTokenHolder) func(*call) *reply {
	return func(c *call) *reply {
		tokens, d, out := c.deployToken(of, true)
		if out != nil {
			return out
		}
		*tokens = slices.DeleteFunc(*tokens, func(other *deployToken) bool { return other == d })
		return &reply{status: http.StatusNoContent}
	}
}
