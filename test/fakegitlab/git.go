package fakegitlab

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// gitRequest is what a path below the instance asks of a repository.
type gitRequest struct {
	path   string // of the project
	action string // "info/refs", "git-upload-pack", "git-receive-pack"
	push   bool
}

func parseGit(r *http.Request) (gitRequest, bool) {
	for _, action := range []string{"info/refs", "git-upload-pack", "git-receive-pack"} {
		path, ok := strings.CutSuffix(r.URL.Path, "/"+action)
		if !ok {
			continue
		}
		service := r.URL.Query().Get("service")
		if action == "info/refs" && service != "git-upload-pack" && service != "git-receive-pack" {
			return gitRequest{}, false
		}
		path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
		return gitRequest{path: path, action: action, push: action == "git-receive-pack" ||
			service == "git-receive-pack"}, true
	}
	return gitRequest{}, false
}

// gitLogin is who a git client says it is.
type gitLogin struct {
	user   *user
	deploy *deployToken
	group  *namespace // of the deploy token, or
	only   *project   // the one that it is for
	read   bool
	push   bool
}

func (l gitLogin) known() bool { return l.user != nil || l.deploy != nil }

// Texts of GitLab for git clients, which show them to people.
const (
	textDenied = "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was " +
		"incorrect or you're required to use " +
		"a token instead of a password. If a token was provided, it was either incorrect, expired, " +
		"or improperly scoped."
	textMissing  = "The project you were looking for could not be found or you don't have permission to view it."
	textNoPush   = "You are not allowed to push code to this project."
	textNoCode   = "You are not allowed to download code from this project."
	textNoUpload = "You are not allowed to upload code."
	textNoScope  = "You are not allowed to download code."
	textArchived = "You can't push code to an archived project."
	textBanned   = "Too many failed authentication attempts from this IP"
)

// gitRefusal ends a request of git before git sees it.
type gitRefusal struct {
	status int
	text   string
}

func deniedLogin() *gitRefusal { return &gitRefusal{http.StatusUnauthorized, textDenied} }

func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	q, ok := parseGit(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	var push *push
	if q.action == "git-receive-pack" {
		var err error
		if push, err = readPush(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	p, login, refusal := s.admit(r, q)
	if refusal != nil {
		if refusal.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitLab"`)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(refusal.status)
		_, _ = fmt.Fprint(w, refusal.text)
		return
	}
	if push == nil || len(push.changes) == 0 {
		s.backend(w, r, p, q.action, nil)
		return
	}
	s.receive(w, r, pushing{project: p, by: login.user, push: push, path: q.path})
}

// backend hands a request to git's own server.
func (s *Server) backend(w http.ResponseWriter, r *http.Request, p *project, action string,
	variables map[string]string) {
	r = r.Clone(r.Context())
	for _, name := range sortedKeys(r.Header) {
		if strings.HasPrefix(name, "Fakegitlab") {
			r.Header.Del(name) // those are ours
		}
	}
	r.Header.Del("Authorization") // git's processes don't need it
	for name, value := range variables {
		r.Header.Set(name, value)
	}
	r.URL.Path = "/" + p.repository() + ".git/" + action
	s.repos.ServeHTTP(w, r)
}

// admit decides whether a git client gets to a repository, and makes the repository of a push to a free name.
func (s *Server) admit(r *http.Request, q gitRequest) (*project, gitLogin, *gitRefusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _ := s.findProject(q.path)
	login, refusal := s.login(r, p)
	if refusal == nil {
		refusal = login.withoutScope(q) // a scope that is missing comes before a project that is missing
	}
	if refusal != nil {
		return nil, login, refusal
	}
	switch {
	case !login.known() && (p == nil || q.push || p.visibility != public):
		refusal = deniedLogin()
	case p == nil && q.push:
		p, refusal = s.createByPush(r, q.path, login)
	case p == nil || !s.sees(login, p):
		refusal = &gitRefusal{http.StatusNotFound, textMissing}
	case q.push:
		refusal = s.admitPush(login, p)
	case login.user != nil && !s.readsCode(p, login.user):
		refusal = &gitRefusal{http.StatusForbidden, textNoCode}
	}
	return p, login, refusal
}

// withoutScope refuses a login whose token has no scope for the request.
func (l gitLogin) withoutScope(q gitRequest) *gitRefusal {
	switch {
	case l.known() && q.push && !l.push:
		return &gitRefusal{http.StatusForbidden, textNoUpload}
	case l.known() && !q.push && !l.read:
		return &gitRefusal{http.StatusForbidden, textNoScope}
	}
	return nil
}

func (s *Server) sees(l gitLogin, p *project) bool {
	if l.deploy != nil {
		return p == l.only || l.group != nil && p.namespace.within(l.group)
	}
	return s.seesProject(p, l.user)
}

func (s *Server) admitPush(l gitLogin, p *project) *gitRefusal {
	switch {
	case p.archived:
		return &gitRefusal{http.StatusForbidden, textArchived}
	case !s.pushesCode(p, l.user):
		return &gitRefusal{http.StatusForbidden, textNoPush}
	}
	return nil
}

// login reads basic authentication: a token as password, with any user name for a person's token and with its own name
// for a deploy token. A bot logs in only where it sees the project.
func (s *Server) login(r *http.Request, p *project) (gitLogin, *gitRefusal) {
	name, secret, given := r.BasicAuth()
	if !given || secret == "" {
		return gitLogin{}, nil
	}
	from := address(r)
	if s.ban.banned(from, s.now()) {
		return gitLogin{}, &gitRefusal{http.StatusForbidden, textBanned}
	}
	login, ok := s.tokenLogin(secret, p)
	if !ok {
		login, ok = s.deployLogin(name, secret)
	}
	if !ok {
		s.ban.failed(from, s.o.FailedLogins, s.now())
		return gitLogin{}, deniedLogin()
	}
	s.ban.succeeded(from)
	return login, nil
}

// tokenLogin takes a token with any scope; what it lacks is found later and counts as no failed login.
func (s *Server) tokenLogin(secret string, p *project) (gitLogin, bool) {
	t := s.tokenOf(secret)
	if t == nil || t.revoked || t.expired(s.now()) || (t.user.bot && p != nil && !s.seesProject(p, t.user)) {
		return gitLogin{}, false
	}
	t.lastUsed = s.now()
	s.act(t)
	return gitLogin{user: t.user, read: t.has("api", "read_api", "read_repository", "write_repository"),
		push: t.has("api", "write_repository")}, true
}

func (s *Server) deployLogin(name, secret string) (gitLogin, bool) {
	good := func(d *deployToken) bool {
		return d.secret == secret && d.username == name && !d.revoked && !d.expired(s.now()) &&
			slices.Contains(d.scopes, "read_repository")
	}
	for _, n := range s.namespaces {
		if i := slices.IndexFunc(n.deployments, good); i >= 0 {
			return gitLogin{deploy: n.deployments[i], group: n, read: true}, true
		}
	}
	for _, p := range s.projects {
		if i := slices.IndexFunc(p.deployments, good); i >= 0 {
			return gitLogin{deploy: p.deployments[i], only: p, read: true}, true
		}
	}
	return gitLogin{}, false
}

// createByPush makes a private project, as GitLab does when somebody pushes to a name that is free.
func (s *Server) createByPush(r *http.Request, path string, login gitLogin) (*project, *gitRefusal) {
	missing := &gitRefusal{http.StatusNotFound, textMissing}
	at := strings.LastIndex(path, "/")
	if at < 0 || !login.push || login.user == nil {
		return nil, missing
	}
	n := s.namespaceAt(path[:at])
	if n == nil || !s.createsProjectsIn(n, login.user) {
		return nil, missing
	}
	p := &project{namespace: n, creator: login.user, name: path[at+1:], path: path[at+1:], visibility: private,
		branch: s.o.DefaultBranch}
	if s.checkProject(p) != nil {
		return nil, &gitRefusal{http.StatusUnprocessableEntity, "Could not create project: Path " + badPath}
	}
	if err := s.addProject(r.Context(), p); err != nil {
		return nil, &gitRefusal{http.StatusInternalServerError, "Internal Server Error"}
	}
	return p, nil
}
