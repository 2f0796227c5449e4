package fakegitlab

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
)

// newSecret makes a token that looks like one of GitLab's.
func newSecret(prefix string) string {
	random := make([]byte, 15)
	_, _ = rand.Read(random) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(random)
}

func (s *Server) addUser(u *user) *user {
	u.id, u.createdAt = s.next("user"), s.now()
	s.users[u.id] = u
	if !u.bot {
		s.addNamespace(&namespace{user: u, name: u.name, path: u.username, visibility: private})
	}
	return u
}

func (s *Server) addNamespace(n *namespace) {
	n.id, n.createdAt = s.next("namespace"), s.now()
	s.namespaces[n.id] = n
}

func (s *Server) addToken(t *token) *token {
	t.id, t.createdAt = s.next("token"), s.now()
	if t.secret == "" {
		t.secret = newSecret("glpat-")
	}
	s.tokens = append(s.tokens, t)
	return t
}

func (s *Server) tokenOf(secret string) *token {
	for _, t := range s.tokens {
		if t.secret == secret {
			return t
		}
	}
	return nil
}

func presentedToken(h http.Header) string {
	if t := h.Get("Private-Token"); t != "" {
		return t
	}
	t, _ := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	return t
}

// scopes that open an operation.
func (r rights) scopes() []string {
	switch r {
	case reading, anybody:
		return []string{"api", "read_api"}
	case identity:
		return []string{"api", "read_api", "read_user"}
	case selfKnown:
		return nil
	case writing, admins:
		return []string{"api"}
	}
	return nil
}

func invalidToken(description string) *reply {
	return &reply{status: http.StatusUnauthorized,
		body: map[string]any{"error": "invalid_token", "error_description": description}}
}

// authenticate finds out who calls, or returns the refusal.
func (s *Server) authenticate(c *call, needs rights) *reply {
	secret := presentedToken(c.r.Header)
	if secret == "" {
		if needs == anybody {
			return nil
		}
		return unauthorized()
	}
	t := s.tokenOf(secret)
	switch {
	case t == nil:
		return unauthorized()
	case t.revoked:
		return invalidToken("Token was revoked. You have to re-authorize from the user.")
	case t.expired(s.now()):
		return invalidToken("Token is expired. You can either do re-authorization or token refresh.")
	}
	if scopes := needs.scopes(); scopes != nil && !t.has(scopes...) {
		return &reply{status: http.StatusForbidden, body: map[string]any{
			"error": "insufficient_scope", "scope": strings.Join(scopes, " "),
			"error_description": "The request requires higher privileges than provided by the access token.",
		}}
	}
	s.act(t)
	if needs == admins && !isAdmin(t.user) {
		return forbidden()
	}
	t.lastUsed = s.now()
	c.user, c.token = t.user, t
	return nil
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
