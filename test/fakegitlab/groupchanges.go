package fakegitlab

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func transferGroup(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	var parent *namespace
	if c.in.has("group_id") {
		if parent = c.findGroup(idText(c.in.integer("group_id"))); parent == nil || !c.seesGroup(parent, c.user) {
			return notFound("Group")
		}
	}
	problem := ""
	switch {
	case parent == g.parent:
		problem = "Group is already associated to the parent group."
	case parent != nil && parent.within(g):
		problem = "Cannot transfer group to one of its subgroup."
	case c.childOf(parent, g.path) != nil, parent != nil && c.projectIn(parent, g.path) != nil:
		problem = "The parent group already has a subgroup or a project with the same path."
	case !c.createsGroupsIn(parent, c.user):
		problem = "You don't have enough permissions."
	}
	if problem != "" {
		return badRequest("Transfer failed: " + problem)
	}
	c.moveProjects(g, func() { g.parent = parent })
	return answer(http.StatusCreated, c.showGroupInFull(c, g))
}

func shareGroup(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	invited := c.findGroup(idText(c.in.integer("group_id")))
	if invited == nil || !c.seesGroup(invited, c.user) {
		return notFound("Group")
	}
	if slices.ContainsFunc(g.shares, func(s *share) bool { return s.group == invited }) {
		return refusal(http.StatusConflict,
			map[string]any{"shared_group_id": []string{"The group has already been shared with this group"}})
	}
	g.shares = append(g.shares,
		&share{group: invited, level: int(c.in.integer("group_access")), expiresOn: c.in.text("expires_at")})
	return answer(http.StatusCreated, c.showGroupInFull(c, g))
}

func unshareGroup(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	id, _ := c.number("group_id")
	before := len(g.shares)
	g.shares = slices.DeleteFunc(g.shares, func(s *share) bool { return s.group.id == id })
	if len(g.shares) == before {
		return notFound("Group Link")
	}
	return &reply{status: http.StatusNoContent}
}

func deleteGroup(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	switch {
	case c.in.truth("permanently_remove") && g.deletion == "" && !c.o.DeleteAtOnce:
		return badRequest("Group must be marked for deletion first.")
	case c.in.truth("permanently_remove") && c.in.text("full_path") != g.fullPath():
		return badRequest("`full_path` is incorrect. You must enter the complete path for the subgroup.")
	case c.o.DeleteAtOnce || c.in.truth("permanently_remove"):
		c.removeGroup(g)
	case g.deletion != "":
		return badRequest("Group has been already marked for deletion")
	default:
		c.moveProjects(g, func() {
			g.deletion = c.now().Format(time.DateOnly)
			if !c.o.KeepNames {
				g.path, g.name = scheduledName(g.path, g.id), scheduledName(g.name, g.id)
			}
		})
	}
	return refusal(http.StatusAccepted, "202 Accepted")
}

// scheduledName frees the name of what waits for deletion.
func scheduledName(name string, id int64) string { return name + "-deletion_scheduled-" + idText(id) }

func restoreGroup(c *call) *reply {
	g, out := c.adminGroup(owner)
	if out != nil {
		return out
	}
	if g.deletion == "" {
		return badRequest("Group has not been marked for deletion")
	}
	c.moveProjects(g, func() {
		g.deletion = ""
		g.path = strings.TrimSuffix(g.path, scheduledName("", g.id))
		g.name = strings.TrimSuffix(g.name, scheduledName("", g.id))
	})
	return answer(http.StatusCreated, c.showGroupInFull(c, g))
}

func (s *Server) removeGroup(n *namespace) {
	for _, p := range mapValues(s.projects) {
		if p.namespace.within(n) {
			s.removeProject(p)
		}
	}
	for id, other := range s.namespaces {
		other.shares = slices.DeleteFunc(other.shares, func(sh *share) bool { return sh.group.within(n) })
		if other.within(n) {
			delete(s.namespaces, id)
		}
	}
	for _, p := range s.projects {
		p.shares = slices.DeleteFunc(p.shares, func(sh *share) bool { return sh.group.within(n) })
	}
}
