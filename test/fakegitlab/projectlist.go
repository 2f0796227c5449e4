package fakegitlab

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

func listProjects(c *call) *reply {
	var found []*project
	for _, id := range sortedIDs(c.projects) {
		p := c.projects[id]
		if c.seesProject(p, c.user) && c.wants(p) && c.withinKey(p) {
			found = append(found, p)
		}
	}
	c.sortProjects(found)
	show := func(p *project) any { return c.withPermissions(p, true) }
	if c.in.text("pagination") == "keyset" && (c.in.text("order_by") == "id" || !c.in.has("order_by")) {
		if !c.in.has("order_by") {
			slices.SortFunc(found, func(a, b *project) int { return -cmp.Compare(a.id, b.id) })
		}
		return pageByID(c, found, func(p *project) int64 { return p.id }, show)
	}
	return page(c, found, show)
}

// withinKey applies id_after and id_before.
func (c *call) withinKey(p *project) bool {
	return (!c.in.has("id_after") || p.id > c.in.integer("id_after")) &&
		(!c.in.has("id_before") || p.id < c.in.integer("id_before"))
}

// wants applies the filters that lists of projects have in common.
func (c *call) wants(p *project) bool {
	switch level := c.level(p, c.user); {
	case c.in.truth("membership") && level == noAccess,
		c.in.truth("owned") && level < owner,
		level < int(c.in.integer("min_access_level")),
		c.in.has("archived") && c.in.truth("archived") != p.archived,
		c.in.has("active") && c.in.truth("active") == p.frozen(),
		c.in.has("visibility") && c.in.text("visibility") != p.visibility:
		return false
	}
	return c.in.text("search") == "" || c.searched(p)
}

// searched compares like GitLab: anywhere in the path, the name or the description, but a word of less than three
// letters only matches as a whole.
func (c *call) searched(p *project) bool {
	texts := []string{p.path, p.name, p.description}
	if c.in.truth("search_namespaces") {
		texts = append(texts, p.fullPath())
	}
	for _, word := range strings.Fields(strings.ToLower(c.in.text("search"))) {
		if !slices.ContainsFunc(texts, func(text string) bool {
			text = strings.ToLower(text)
			if len(word) < 3 {
				return text == word
			}
			return strings.Contains(text, word)
		}) {
			return false
		}
	}
	return true
}

func (c *call) sortProjects(found []*project) {
	slices.SortStableFunc(found, func(a, b *project) int {
		order := cmp.Compare(a.id, b.id)
		switch c.in.text("order_by") {
		case "name":
			order = cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
		case "path":
			order = cmp.Compare(a.path, b.path)
		case "updated_at", "last_activity_at":
			order = a.activity.Compare(b.activity)
		}
		if c.in.text("sort") != "asc" {
			return -order
		}
		return order
	})
}

// projectsIn are the projects of a group that the caller sees; deep: also those of its sub-groups.
func (c *call) projectsIn(n *namespace, deep bool) []*project {
	var found []*project
	for _, id := range sortedIDs(c.projects) {
		p := c.projects[id]
		if (p.namespace == n || (deep && p.namespace.within(n))) && c.seesProject(p, c.user) {
			found = append(found, p)
		}
	}
	return found
}

func listGroupProjects(c *call) *reply {
	g, out := c.group()
	if out != nil {
		return out
	}
	found := c.projectsIn(g, c.in.truth("include_subgroups"))
	if !c.in.has("with_shared") || c.in.truth("with_shared") {
		for _, id := range sortedIDs(c.projects) {
			p := c.projects[id]
			invited := slices.ContainsFunc(p.shares, func(s *share) bool { return s.group == g })
			if invited && c.seesProject(p, c.user) && !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	found = slices.DeleteFunc(found, func(p *project) bool { return !c.wants(p) })
	c.sortProjects(found)
	if c.in.text("pagination") == "keyset" && c.in.text("order_by") != "id" && c.in.has("order_by") {
		return &reply{status: http.StatusMethodNotAllowed,
			body: map[string]any{"error": "Keyset pagination is not yet available for this type of request"}}
	}
	return page(c, found, func(p *project) any { return c.showProject(p) })
}

func (s *Server) showNamespace(n *namespace) map[string]any {
	shown := map[string]any{
		"id": n.id, "name": n.name, "path": n.path, "kind": "group", "full_path": n.fullPath(), "parent_id": nil,
		"avatar_url": nil,
		"web_url":    s.external + "/groups/" + n.fullPath(),
	}
	if n.parent != nil {
		shown["parent_id"] = n.parent.id
	}
	if n.user != nil {
		shown["kind"], shown["web_url"] = "user", s.external+"/"+n.path
	}
	return shown
}

// withPermissions is a project with the caller's own. GitLab gives them for one project that is asked for, and in the
// list of all projects; not in that of a group, and not after a change.
func (c *call) withPermissions(p *project, inList bool) map[string]any {
	shown := c.showProject(p)
	if c.user != nil && !c.in.truth("simple") {
		shown["permissions"] = c.permissions(p, inList)
	}
	return shown
}

// showProject is a project as the caller may see it. The default branch is part of the code.
func (c *call) showProject(p *project) map[string]any {
	full := p.fullPath()
	heads := c.branches(p)
	shown := map[string]any{
		"id": p.id, "description": orNull(p.description), "name": p.name, "path": p.path, "path_with_namespace": full,
		"name_with_namespace": p.namespace.fullName() + " / " + p.name, "created_at": showTime(p.createdAt),
		"topics": []string{}, "tag_list": []string{},
		"ssh_url_to_repo":  "git@" + hostOf(c.external) + ":" + full + ".git",
		"http_url_to_repo": c.external + "/" + full + ".git",
		"web_url":          c.external + "/" + full, "avatar_url": nil, "star_count": 0,
		"last_activity_at": showTime(p.activity), "visibility": p.visibility,
		"namespace": c.showNamespace(p.namespace),
	}
	if c.readsCode(p, c.user) {
		shown["default_branch"] = p.defaultOf(heads)
		shown["readme_url"], shown["forks_count"] = nil, 0
	}
	if c.user == nil || c.in.truth("simple") {
		return shown
	}
	shown["empty_repo"], shown["archived"], shown["creator_id"] = len(heads) == 0, p.archived, p.creator.id
	shown["updated_at"], shown["marked_for_deletion_on"] = showTime(p.activity), orNull(p.deletion)
	if p.namespace.user != nil {
		shown["owner"] = c.basicUser(p.namespace.user)
	}
	shown["import_status"], shown["open_issues_count"] = "none", 0
	shown["issues_enabled"], shown["merge_requests_enabled"], shown["wiki_enabled"], shown["lfs_enabled"] = true,
		true, true, true
	shown["shared_runners_enabled"], shown["request_access_enabled"], shown["merge_method"] = true, true, "merge"
	shown["repository_access_level"] = "enabled"
	shown["shared_with_groups"] = c.showShares(p)
	return shown
}

func (c *call) showShares(p *project) []any {
	shares := []any{}
	for _, s := range p.shares {
		shares = append(shares, map[string]any{
			"group_id": s.group.id, "group_name": s.group.name, "group_full_path": s.group.fullPath(),
			"group_access_level": s.level,
			"expires_at":         orNull(s.expiresOn), "member_role_id": nil,
		})
	}
	return shares
}

// permissions are null for who came through an invited group. In lists, GitLab only knows members of the group that the
// project lies in itself. Who only asked to become a member of a group counts as one here, as in many versions of
// GitLab.
func (c *call) permissions(p *project, inList bool) map[string]any {
	access := func(level int) any {
		if level == noAccess {
			return nil
		}
		return map[string]any{"access_level": level, "notification_level": 3}
	}
	inGroup := noAccess
	for _, n := range p.namespace.chain() {
		inGroup = max(inGroup, c.memberLevel(n.members, c.user), c.memberLevel(n.requests, c.user))
		if inList {
			break
		}
	}
	inProject := c.memberLevel(p.members, c.user)
	return map[string]any{"project_access": access(inProject), "group_access": access(inGroup)}
}
