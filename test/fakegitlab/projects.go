package fakegitlab

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func projectRoutes() []route {
	return []route{
		{"GET /projects", anybody, listProjects},
		{"POST /projects", writing, createProject},
		{"GET /projects/:id", anybody, getProject},
		{"PUT /projects/:id", writing, updateProject},
		{"DELETE /projects/:id", writing, deleteProject},
		{"POST /projects/:id/restore", writing, restoreProject},
		{"POST /projects/:id/archive", writing, archiveProject},
		{"POST /projects/:id/unarchive", writing, unarchiveProject},
		{"PUT /projects/:id/transfer", writing, transferProject},
		{"POST /projects/:id/share", writing, shareProject},
		{"DELETE /projects/:id/share/:group_id", writing, unshareProject},
		{"GET /projects/:id/push_rule", reading, getPushRule},
		{"POST /projects/:id/push_rule", writing, addPushRule},
		{"PUT /projects/:id/push_rule", writing, changePushRule},
		{"DELETE /projects/:id/push_rule", writing, removePushRule},
	}
}

func (s *Server) projectIn(n *namespace, path string) *project {
	for _, p := range s.projects {
		if p.namespace == n && strings.EqualFold(p.path, path) {
			return p
		}
	}
	return nil
}

func (s *Server) projectAt(path string) *project {
	for _, p := range s.projects {
		if strings.EqualFold(p.fullPath(), path) {
			return p
		}
	}
	return nil
}

// findProject takes an id, a full path, or a path of before a move.
func (s *Server) findProject(ref string) (p *project, moved bool) {
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		return s.projects[id], false
	}
	if !strings.Contains(ref, "/") {
		return nil, false
	}
	if p := s.projectAt(ref); p != nil {
		return p, false
	}
	p = s.projects[s.moved[strings.ToLower(ref)]]
	return p, p != nil
}

// remember keeps the old path of a project, until something else takes it.
func (s *Server) remember(p *project, old string) {
	if !strings.EqualFold(old, p.fullPath()) {
		s.moved[strings.ToLower(old)] = p.id
	}
	delete(s.moved, strings.ToLower(p.fullPath()))
}

// project is the one in the path of a request, if the caller may know of it.
func (c *call) project() (*project, *reply) {
	p, moved := c.findProject(c.path["id"])
	if p == nil || !c.seesProject(p, c.user) {
		if p != nil && p.late > 0 {
			p.late--
		}
		return nil, notFound("Project")
	}
	if !moved {
		return p, nil
	}
	if c.r.Method != http.MethodGet {
		return nil, refusal(http.StatusMethodNotAllowed, "Non GET methods are not allowed for moved projects")
	}
	segments := strings.Split(c.r.URL.EscapedPath(), "/") // "", "api", "v4", "projects", what is asked for
	segments[4] = idText(p.id)
	location := c.external + strings.Join(segments, "/")
	if c.r.URL.RawQuery != "" {
		location += "?" + c.r.URL.RawQuery
	}
	c.header.Set("Location", location)
	return nil, refusal(http.StatusMovedPermanently, "This resource has been moved permanently to "+location)
}

func (c *call) adminProject(level int) (*project, *reply) {
	p, out := c.project()
	if out == nil && !c.administers(p, c.user, level) {
		out = forbidden()
	}
	return p, out
}

func getProject(c *call) *reply {
	p, out := c.project()
	if out != nil {
		return out
	}
	return answer(http.StatusOK, c.withPermissions(p, false))
}

func takenProject() *reply {
	taken := []string{"has already been taken"}
	return badRequest(map[string]any{"project_namespace.name": taken, "name": taken, "path": taken})
}

func createProject(c *call) *reply {
	n := c.userNamespace(c.user)
	if c.in.has("namespace_id") {
		n = c.namespaces[c.in.integer("namespace_id")]
	}
	if n == nil || (n.user == nil && !c.seesGroup(n, c.user)) || !c.createsProjectsIn(n, c.user) {
		return badRequest(map[string]any{"namespace": []string{"is not valid"}})
	}
	p := &project{namespace: n, creator: c.user, name: c.in.text("name"), path: c.in.text("path"),
		description: c.in.text("description"), visibility: c.in.text("visibility"), late: c.o.LateRights}
	if p.name == "" {
		p.name = p.path
	}
	if p.path == "" {
		p.path = strings.Trim(regexp.MustCompile(`[^a-z0-9_.-]+`).ReplaceAllString(strings.ToLower(p.name), "-"), "-.")
	}
	if p.visibility == "" {
		p.visibility = private
	}
	if p.branch = c.in.text("default_branch"); p.branch == "" {
		p.branch = c.o.DefaultBranch
	}
	p.lowerVisibility()
	if out := c.checkProject(p); out != nil {
		return out
	}
	if err := c.addProject(c.r.Context(), p); err != nil {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	if c.in.truth("initialize_with_readme") {
		if err := c.firstCommit(c.r.Context(), p); err != nil {
			return refusal(http.StatusInternalServerError, "500 Internal Server Error")
		}
	}
	return answer(http.StatusCreated, c.showProject(p))
}

func (s *Server) userNamespace(u *user) *namespace {
	for _, n := range s.namespaces {
		if n.user == u {
			return n
		}
	}
	return nil
}

func (s *Server) checkProject(p *project) *reply {
	other := s.projectIn(p.namespace, p.path)
	sameName := func(other *project) bool {
		return other.id != p.id && other.namespace == p.namespace && other.name == p.name
	}
	switch {
	case !validPath(p.path), !takesPath(p.namespace, p.path):
		return badRequest(map[string]any{"path": []string{badPath}})
	case other != nil && other.id != p.id, s.childOf(p.namespace, p.path) != nil,
		slices.ContainsFunc(mapValues(s.projects), sameName):
		return takenProject()
	case p.namespace.user == nil && openness(p.visibility) > openness(p.namespace.visibility):
		return badRequest(map[string]any{
			"visibility_level": []string{p.visibility + " is not allowed in a " + p.namespace.visibility + " group."}})
	}
	return nil
}

// lowerVisibility gives a new project no more than its group has, without a word. A change is refused instead.
func (p *project) lowerVisibility() {
	if n := p.namespace; n.user == nil && openness(p.visibility) > openness(n.visibility) {
		p.visibility = n.visibility
	}
}

func updateProject(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	if p.deletion != "" || p.namespace.scheduled() || (c.in.has("visibility") && !c.administers(p, c.user, owner)) {
		return forbidden()
	}
	before, old := *p, p.fullPath()
	for name, target := range map[string]*string{"name": &p.name, "path": &p.path, "description": &p.description,
		"visibility": &p.visibility} {
		if c.in.has(name) {
			*target = c.in.text(name)
		}
	}
	if out := c.checkProject(p); out != nil {
		*p = before
		return out
	}
	if c.in.has("default_branch") && c.in.text("default_branch") != p.branch {
		if out := c.changeDefaultBranch(p, c.in.text("default_branch")); out != nil {
			*p = before
			return out
		}
	}
	c.remember(p, old)
	return answer(http.StatusOK, c.showProject(p))
}

func (c *call) changeDefaultBranch(p *project, branch string) *reply {
	if !c.emptyRepository(p) && c.head(p, branch) == "" {
		return badRequest(map[string]any{"base": []string{
			"Could not set the default branch. Do you have a branch named '" + branch + "' in your repository?"}})
	}
	if err := c.pointHead(p, branch); err != nil {
		return refusal(http.StatusInternalServerError, "500 Internal Server Error")
	}
	p.branch = branch
	return nil
}

func deleteProject(c *call) *reply {
	p, out := c.adminProject(owner)
	if out != nil {
		return out
	}
	switch {
	case c.in.truth("permanently_remove") && p.deletion == "" && !c.o.DeleteAtOnce:
		return badRequest("Project must be marked for deletion first.")
	case c.in.truth("permanently_remove") && c.in.text("full_path") != p.fullPath():
		return badRequest("`full_path` is incorrect. You must enter the complete path for the project.")
	case c.o.DeleteAtOnce || c.in.truth("permanently_remove"):
		c.removeProject(p)
	case p.deletion != "":
		return badRequest("Project has been already marked for deletion")
	default:
		old := p.fullPath()
		p.deletion, p.archived = c.now().Format(time.DateOnly), true
		if !c.o.KeepNames {
			p.path, p.name = scheduledName(p.path, p.id), scheduledName(p.name, p.id)
		}
		c.remember(p, old)
	}
	return refusal(http.StatusAccepted, "202 Accepted")
}

func restoreProject(c *call) *reply {
	p, out := c.adminProject(owner)
	if out != nil {
		return out
	}
	if p.deletion == "" {
		return badRequest("Project has not been marked for deletion")
	}
	old := p.fullPath()
	p.deletion, p.archived = "", false
	p.path, p.name = strings.TrimSuffix(p.path, scheduledName("", p.id)),
		strings.TrimSuffix(p.name, scheduledName("", p.id))
	c.remember(p, old)
	return answer(http.StatusCreated, c.showProject(p))
}

func archiveProject(c *call) *reply   { return c.setArchived(true) }
func unarchiveProject(c *call) *reply { return c.setArchived(false) }

func (c *call) setArchived(archived bool) *reply {
	p, out := c.adminProject(owner)
	if out != nil {
		return out
	}
	p.archived = archived || p.deletion != ""
	return answer(http.StatusCreated, c.showProject(p))
}

func transferProject(c *call) *reply {
	p, out := c.adminProject(owner)
	if out != nil {
		return out
	}
	ref := c.in.text("namespace")
	n := c.namespaceAt(ref)
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		n = c.namespaces[id]
	}
	switch {
	case n == nil || (n.user == nil && !c.seesGroup(n, c.user)):
		return notFound("Namespace")
	case !c.createsProjectsIn(n, c.user):
		return badRequest("Transfer failed, please contact an admin.")
	case c.projectIn(n, p.path) != nil, c.childOf(n, p.path) != nil:
		return badRequest("Project with same name or path in target namespace already exists")
	}
	old := p.fullPath()
	p.namespace = n
	c.remember(p, old)
	return answer(http.StatusOK, c.showProject(p))
}

func shareProject(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	invited := c.findGroup(idText(c.in.integer("group_id")))
	if invited == nil || !c.seesGroup(invited, c.user) {
		return notFound("Group")
	}
	s := &share{group: invited, level: int(c.in.integer("group_access")), expiresOn: c.in.text("expires_at")}
	p.shares = append(p.shares, s)
	return answer(http.StatusCreated, map[string]any{
		"id": c.next("share"), "project_id": p.id, "group_id": invited.id, "group_access": s.level,
		"expires_at": orNull(s.expiresOn),
	})
}

func unshareProject(c *call) *reply {
	p, out := c.adminProject(maintainer)
	if out != nil {
		return out
	}
	id, _ := c.number("group_id")
	before := len(p.shares)
	p.shares = slices.DeleteFunc(p.shares, func(s *share) bool { return s.group.id == id })
	if len(p.shares) == before {
		return notFound("Group Link")
	}
	return &reply{status: http.StatusNoContent}
}

func (s *Server) removeProject(p *project) {
	delete(s.projects, p.id)
	for path, id := range s.moved {
		if id == p.id {
			delete(s.moved, path)
		}
	}
	_ = s.repos.RemoveRepo(p.repository()) // what nobody finds any more does no harm
}
