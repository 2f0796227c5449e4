package fakegitlab

import (
	"slices"
	"time"
)

// levelIn is the level of a user in a namespace: as its member, as a member of what it lies in, or through groups that
// were invited there.
func (s *Server) levelIn(n *namespace, u *user) int {
	if n == nil || u == nil {
		return noAccess
	}
	level := noAccess
	for _, n := range n.chain() {
		if n.user == u {
			return owner
		}
		level = max(level, s.memberLevel(n.members, u), s.sharedLevel(n.shares, u))
	}
	return level
}

// level is the level of a user in a project, however it came about.
func (s *Server) level(p *project, u *user) int {
	if u == nil {
		return noAccess
	}
	direct := s.memberLevel(p.members, u)
	if p.late > 0 && u != p.creator {
		return direct
	}
	return max(direct, s.sharedLevel(p.shares, u), s.levelIn(p.namespace, u))
}

func (s *Server) memberLevel(members []*member, u *user) int {
	for _, m := range members {
		if m.user == u && !s.past(m.expiresOn) {
			return m.level
		}
	}
	return noAccess
}

// sharedLevel is the smaller of what was given to a group and what the user is in it. A group's own invitations don't
// count again.
func (s *Server) sharedLevel(shares []*share, u *user) int {
	level := noAccess
	for _, share := range shares {
		if s.past(share.expiresOn) {
			continue
		}
		inGroup := noAccess
		for _, n := range share.group.chain() {
			inGroup = max(inGroup, s.memberLevel(n.members, u))
		}
		level = max(level, min(share.level, inGroup))
	}
	return level
}

// past says whether a date has come; a membership ends with the beginning of its day.
func (s *Server) past(date string) bool {
	if date == "" {
		return false
	}
	day, err := time.Parse(time.DateOnly, date)
	return err == nil && !s.now().Before(day)
}

// isAdmin says whether a user acts as an administrator.
func isAdmin(u *user) bool { return u != nil && u.admin && !u.ordinary }

// act notes with which of its user's rights a token acts. With Admin Mode, an administrator is an ordinary user unless
// the token says otherwise.
func (s *Server) act(t *token) { t.user.ordinary = s.o.AdminMode && !t.has("admin_mode") }

func (s *Server) seesProject(p *project, u *user) bool {
	switch {
	case p.visibility == public, isAdmin(u):
		return true
	case p.visibility == internal && u != nil && !u.bot:
		return true
	}
	return s.level(p, u) > noAccess
}

func (s *Server) readsCode(p *project, u *user) bool {
	switch {
	case p.visibility == public, isAdmin(u):
		return true
	case p.visibility == internal && u != nil && !u.bot:
		return true
	}
	return s.level(p, u) >= reporter
}

// seesGroup: who is a member of something inside a private group sees the group.
func (s *Server) seesGroup(n *namespace, u *user) bool {
	switch {
	case n.user != nil:
		return false
	case n.visibility == public, isAdmin(u):
		return true
	case n.visibility == internal && u != nil && !u.bot:
		return true
	}
	return s.belongsTo(n, u)
}

// belongsTo says whether a user is a member of the group, or of a project in it.
func (s *Server) belongsTo(n *namespace, u *user) bool {
	if s.levelIn(n, u) > noAccess {
		return true
	}
	for _, p := range s.projects {
		if p.namespace.within(n) && s.level(p, u) > noAccess {
			return true
		}
	}
	for _, sub := range s.namespaces {
		if sub != n && sub.within(n) && s.levelIn(sub, u) > noAccess {
			return true
		}
	}
	return false
}

func (s *Server) administers(p *project, u *user, level int) bool {
	return isAdmin(u) || s.level(p, u) >= level
}

func (s *Server) administersGroup(n *namespace, u *user, level int) bool {
	return isAdmin(u) || s.levelIn(n, u) >= level
}

// createsProjectsIn answers by the group's own setting, not by the settings of groups around it.
func (s *Server) createsProjectsIn(n *namespace, u *user) bool {
	if u == nil || u.bot || n.scheduled() {
		return false
	}
	if n.user != nil {
		return n.user == u || isAdmin(u)
	}
	switch n.creation {
	case "noone":
		return false
	case "administrator":
		return isAdmin(u)
	}
	return s.administersGroup(n, u,
		map[string]int{"developer": developer, "maintainer": maintainer, "owner": owner}[n.creation])
}

func (s *Server) createsGroupsIn(n *namespace, u *user) bool {
	switch {
	case u == nil || u.bot:
		return false
	case n == nil:
		return u.canGroup || isAdmin(u)
	case n.user != nil || n.scheduled():
		return false
	case n.subgroups == "owner":
		return s.administersGroup(n, u, owner)
	}
	return s.administersGroup(n, u, maintainer)
}

// pushesCode says whether a user may push to anything that is not protected.
func (s *Server) pushesCode(p *project, u *user) bool {
	return !p.frozen() && s.administers(p, u, developer)
}

// pushesTo answers what the API calls can_push.
func (s *Server) pushesTo(p *project, u *user, branch string) bool {
	if !s.pushesCode(p, u) {
		return false
	}
	if s.emptyRepository(p) {
		return s.administers(p, u, maintainer)
	}
	rules := p.protectionsOf(branch)
	if len(rules) == 0 {
		return true
	}
	// administrators pass no protection, unless they are members
	return slices.ContainsFunc(rules, func(r *protection) bool { return s.allows(r.push, p, u) })
}

func (p *project) protectionsOf(branch string) []*protection {
	var rules []*protection
	for _, r := range p.protected {
		if r.matches(branch) {
			rules = append(rules, r)
		}
	}
	return rules
}

func (s *Server) allows(all []*allowance, p *project, u *user) bool {
	return slices.ContainsFunc(all, func(a *allowance) bool {
		switch {
		case a.user != 0:
			return a.user == u.id
		case a.group != 0:
			g := s.namespaces[a.group]
			return g != nil && s.memberLevel(g.members, u) >= developer
		}
		return a.level > noAccess && s.level(p, u) >= a.level
	})
}
