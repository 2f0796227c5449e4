package fakegitlab

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func groupRoutes() []route {
	return []route{
		{"GET /groups", reading, listGroups},
		{"POST /groups", writing, createGroup},
		{"GET /groups/:id", anybody, getGroup},
		{"PUT /groups/:id", writing, updateGroup},
		{"DELETE /groups/:id", writing, deleteGroup},
		{"POST /groups/:id/restore", writing, restoreGroup},
		{"GET /groups/:id/subgroups", reading, listSubgroups},
		{"GET /groups/:id/descendant_groups", reading, listDescendants},
		{"GET /groups/:id/projects", reading, listGroupProjects},
		{"POST /groups/:id/transfer", writing, transferGroup},
		{"POST /groups/:id/share", writing, shareGroup},
		{"DELETE /groups/:id/share/:group_id", writing, unshareGroup},
		{"GET /namespaces/:id", reading, getNamespace},
	}
}

// validPath are the names that GitLab takes into a path.
func validPath(path string) bool {
	return len(path) <= 255 && !strings.HasSuffix(path, ".git") && !strings.HasSuffix(path, ".atom") &&
		regexp.MustCompile(`^[a-zA-Z0-9]+([_.-][a-zA-Z0-9]+)*$`).MatchString(path)
}

// takesPath says whether a name is free of GitLab's own pages, in a namespace or at the top. These are not all of them.
func takesPath(parent *namespace, path string) bool {
	pages := []string{"badges", "blame", "blob", "builds", "commits", "create", "create_dir", "edit", "files",
		"find_file", "new", "preview", "raw", "refs", "tree", "update", "wikis"}
	if parent == nil {
		pages = []string{"admin", "api", "dashboard", "explore", "groups", "help", "profile", "projects", "public",
			"search", "users", "v2"}
	}
	return !slices.Contains(pages, strings.ToLower(path))
}

// childOf is the namespace with a path inside another one; nil: at the top. Letters' case doesn't count.
func (s *Server) childOf(parent *namespace, path string) *namespace {
	for _, n := range s.namespaces {
		if n.parent == parent && strings.EqualFold(n.path, path) {
			return n
		}
	}
	return nil
}

func (s *Server) namespaceAt(path string) *namespace {
	for _, n := range s.namespaces {
		if strings.EqualFold(n.fullPath(), path) {
			return n
		}
	}
	return nil
}

// findGroup doesn't follow the old path of a group.
func (s *Server) findGroup(ref string) *namespace {
	n := s.namespaceAt(ref)
	if id, err := strconv.ParseInt(ref, 10, 64); err == nil {
		n = s.namespaces[id]
	}
	if n == nil || n.user != nil {
		return nil
	}
	return n
}

func (c *call) group() (*namespace, *reply) {
	g := c.findGroup(c.path["id"])
	if g == nil || !c.seesGroup(g, c.user) {
		return nil, notFound("Group")
	}
	return g, nil
}

func (c *call) adminGroup(level int) (*namespace, *reply) {
	g, out := c.group()
	if out == nil && !c.administersGroup(g, c.user, level) {
		out = forbidden()
	}
	return g, out
}

func (s *Server) showGroup(n *namespace) map[string]any {
	var parent any
	if n.parent != nil {
		parent = n.parent.id
	}
	shown := map[string]any{
		"id": n.id, "web_url": s.external + "/groups/" + n.fullPath(), "name": n.name, "path": n.path,
		"description": n.description,
		"visibility":  n.visibility, "share_with_group_lock": false, "require_two_factor_authentication": false,
		"two_factor_grace_period": 48,
		"project_creation_level":  n.creation, "auto_devops_enabled": nil, "subgroup_creation_level": n.subgroups,
		"emails_disabled": false,
		"emails_enabled":  true, "mentions_disabled": nil, "lfs_enabled": true, "archived": false,
		"default_branch":         nil,
		"request_access_enabled": true, "avatar_url": nil, "full_name": n.fullName(), "full_path": n.fullPath(),
		"created_at": showTime(n.createdAt), "parent_id": parent, "shared_runners_setting": "enabled",
		"marked_for_deletion_on": orNull(n.deletion),
	}
	return shown
}

func (s *Server) showGroupInFull(c *call, n *namespace) map[string]any {
	shown := s.showGroup(n)
	shares := []any{}
	for _, sh := range n.shares {
		shares = append(shares, map[string]any{
			"group_id": sh.group.id, "group_name": sh.group.name, "group_full_path": sh.group.fullPath(),
			"group_access_level": sh.level,
			"expires_at":         orNull(sh.expiresOn), "member_role_id": nil,
		})
	}
	shown["shared_with_groups"] = shares
	shown["prevent_sharing_groups_outside_hierarchy"] = false
	if c.op.method == http.MethodGet && (!c.in.has("with_projects") || c.in.truth("with_projects")) {
		shown["projects"] = showAll(c.projectsIn(n, false), func(p *project) any { return c.showProject(p) })
		shown["shared_projects"] = []any{}
	}
	return shown
}

// visibleGroups are those that the caller sees and asks for, in order.
func (c *call) visibleGroups(keep func(*namespace) bool) []*namespace {
	var found []*namespace
	for _, id := range sortedIDs(c.namespaces) {
		if g := c.namespaces[id]; g.user == nil && keep(g) && c.seesGroup(g, c.user) && c.wantsGroup(g) {
			found = append(found, g)
		}
	}
	slices.SortStableFunc(found, func(a, b *namespace) int {
		order := cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
		switch c.in.text("order_by") {
		case "id":
			order = cmp.Compare(a.id, b.id)
		case "path":
			order = cmp.Compare(a.path, b.path)
		}
		if c.in.text("sort") == "desc" {
			return -order
		}
		return order
	})
	return found
}

// wantsGroup applies the filters of a list of groups.
func (c *call) wantsGroup(g *namespace) bool {
	level := c.levelIn(g, c.user)
	return g.matches(strings.ToLower(c.in.text("search"))) &&
		(!c.in.has("visibility") || c.in.text("visibility") == g.visibility) &&
		(!c.in.has("active") || c.in.truth("active") != g.scheduled()) &&
		(!c.in.truth("owned") || level >= owner) &&
		(!c.in.truth("top_level_only") || g.parent == nil) &&
		level >= int(c.in.integer("min_access_level"))
}

// matches: less than three letters are only found as a whole.
func (n *namespace) matches(search string) bool {
	name, path := strings.ToLower(n.name), strings.ToLower(n.path)
	if search != "" && len(search) < 3 {
		return name == search || path == search
	}
	return strings.Contains(name, search) || strings.Contains(path, search)
}

// listGroups leaves out what everybody sees, unless it is asked for. Administrators get all.
func listGroups(c *call) *reply {
	all := c.in.truth("all_available") || isAdmin(c.user)
	return page(c, c.visibleGroups(func(n *namespace) bool { return all || c.belongsTo(n, c.user) }),
		func(n *namespace) any { return c.showGroup(n) })
}

func listSubgroups(c *call) *reply {
	g, out := c.group()
	if out != nil {
		return out
	}
	return page(c, c.visibleGroups(func(n *namespace) bool { return n.parent == g }),
		func(n *namespace) any { return c.showGroup(n) })
}

func listDescendants(c *call) *reply {
	g, out := c.group()
	if out != nil {
		return out
	}
	return page(c, c.visibleGroups(func(n *namespace) bool { return n != g && n.within(g) }),
		func(n *namespace) any { return c.showGroup(n) })
}

func getGroup(c *call) *reply {
	g, out := c.group()
	if out != nil {
		return out
	}
	return answer(http.StatusOK, c.showGroupInFull(c, g))
}

// failedGroup is how GitLab says what is wrong with a group: Ruby's rendering of a map.
func failedGroup(verb, attribute, problem string) *reply {
	return badRequest(fmt.Sprintf("Failed to %s group {:%s=>[%q]}", verb, attribute, problem))
}

const badPath = "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-' or end " +
	"in '.', '.git' or '.atom'."

func createGroup(c *call) *reply {
	var parent *namespace
	if c.in.has("parent_id") {
		parent = c.findGroup(idText(c.in.integer("parent_id")))
		if parent == nil || !c.seesGroup(parent, c.user) {
			return notFound("Group")
		}
	}
	if !c.createsGroupsIn(parent, c.user) || (parent == nil && c.o.RefuseTopLevelGroups) {
		return forbidden()
	}
	n := &namespace{
		parent: parent, name: c.in.text("name"), path: c.in.text("path"), description: c.in.text("description"),
		visibility: c.in.text("visibility"),
		creation:   "developer", subgroups: "maintainer",
	}
	if c.in.has("project_creation_level") {
		n.creation = c.in.text("project_creation_level")
	}
	if c.in.has("subgroup_creation_level") {
		n.subgroups = c.in.text("subgroup_creation_level")
	}
	if n.visibility == "" {
		n.visibility = private
	}
	if out := c.checkGroup("save", n); out != nil {
		return out
	}
	c.addNamespace(n)
	n.members = append(n.members, &member{user: c.user, level: owner, createdAt: c.now()})
	return answer(http.StatusCreated, c.showGroupInFull(c, n))
}

func (s *Server) checkGroup(verb string, n *namespace) *reply {
	sameName := func(other *namespace) bool {
		return other != n && other.user == nil && n.parent != nil && other.parent == n.parent && other.name == n.name
	}
	switch other := s.childOf(n.parent, n.path); {
	case !validPath(n.path), !takesPath(n.parent, n.path):
		return failedGroup(verb, "path", badPath)
	case other != nil && other != n, n.parent != nil && s.projectIn(n.parent, n.path) != nil:
		return failedGroup(verb, "path", "has already been taken")
	case strings.TrimSpace(n.name) == "":
		return failedGroup(verb, "name", "can't be blank")
	case slices.ContainsFunc(mapValues(s.namespaces), sameName):
		return failedGroup(verb, "name", "has already been taken")
	case n.parent != nil && openness(n.visibility) > openness(n.parent.visibility):
		return failedGroup(verb, "visibility_level", n.visibility+" is not allowed since the parent group has a "+
			n.parent.visibility+" visibility.")
	}
	return nil
}

func openness(visibility string) int {
	return slices.Index([]string{private, internal, public}, visibility)
}

func mapValues[K comparable, V any](m map[K]V) []V {
	all := make([]V, 0, len(m))
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

func updateGroup(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	if g.deletion != "" {
		return forbidden()
	}
	wanted := *g
	for name, target := range map[string]*string{
		"name": &wanted.name, "path": &wanted.path, "description": &wanted.description,
		"visibility":             &wanted.visibility,
		"project_creation_level": &wanted.creation, "subgroup_creation_level": &wanted.subgroups,
	} {
		if c.in.has(name) {
			*target = c.in.text(name)
		}
	}
	before := *g
	*g = wanted
	if out := c.checkGroup("update", g); out != nil {
		*g = before
		return out
	}
	*g = before
	c.moveProjects(g, func() { *g = wanted })
	return answer(http.StatusOK, c.showGroupInFull(c, g))
}

// moveProjects remembers the old paths of all projects in a group that is about to move.
func (s *Server) moveProjects(n *namespace, move func()) {
	old := map[*project]string{}
	for _, p := range s.projects {
		if p.namespace.within(n) {
			old[p] = p.fullPath()
		}
	}
	move()
	for p, path := range old {
		s.remember(p, path)
	}
}

func getNamespace(c *call) *reply {
	n := c.namespaceAt(c.path["id"])
	if id, err := strconv.ParseInt(c.path["id"], 10, 64); err == nil {
		n = c.namespaces[id]
	}
	if n == nil || (n.user == nil && !c.seesGroup(n, c.user)) || (n.user != nil && n.user != c.user && !isAdmin(c.user)) {
		return notFound("Namespace")
	}
	return answer(http.StatusOK, c.showNamespace(n))
}
