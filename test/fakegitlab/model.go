package fakegitlab

import (
	"strings"
	"time"
)

// Levels of access, as numbers that GitLab's API speaks.
const (
	noAccess   = 0
	guest      = 10
	planner    = 15
	reporter   = 20
	developer  = 30
	maintainer = 40
	owner      = 50
)

const (
	public   = "public"
	internal = "internal"
	private  = "private"
)

type user struct {
	id        int64
	username  string
	name      string
	email     string
	publicly  string // public_email
	commit    string // commit_email; "_private" hides the address
	admin     bool
	ordinary  bool // an administrator whose token acts without these rights
	bot       bool
	canGroup  bool
	createdAt time.Time
}

// token is a personal access token, or the token of a project's bot.
type token struct {
	id          int64
	user        *user
	name        string
	description string
	secret      string
	scopes      []string
	createdAt   time.Time
	expires     time.Time // the first moment at which it no longer works; zero: never
	expiresOn   string    // the date that the API shows
	revoked     bool
	project     int64 // of a project access token
	level       int
	lastUsed    time.Time
}

func (t *token) expired(now time.Time) bool { return !t.expires.IsZero() && !now.Before(t.expires) }

func (t *token) has(scopes ...string) bool {
	for _, want := range scopes {
		for _, s := range t.scopes {
			if s == want {
				return true
			}
		}
	}
	return false
}

// namespace is a group, or the namespace of a user.
type namespace struct {
	id          int64
	user        *user // nil: a group
	parent      *namespace
	name        string
	path        string
	description string
	visibility  string
	creation    string // who may create projects: "owner", "maintainer", "developer", "noone"
	subgroups   string // who may create sub-groups: "owner", "maintainer"
	members     []*member
	requests    []*member // who asks to become one
	shares      []*share
	deployments []*deployToken
	createdAt   time.Time
	deletion    string // the date when it was scheduled for deletion
}

func (n *namespace) fullPath() string {
	if n.parent == nil {
		return n.path
	}
	return n.parent.fullPath() + "/" + n.path
}

func (n *namespace) fullName() string {
	if n.parent == nil {
		return n.name
	}
	return n.parent.fullName() + " / " + n.name
}

// chain is the namespace and what it lies in, from the inside out.
func (n *namespace) chain() []*namespace {
	var all []*namespace
	for ; n != nil; n = n.parent {
		all = append(all, n)
	}
	return all
}

func (n *namespace) within(other *namespace) bool {
	for ; n != nil; n = n.parent {
		if n == other {
			return true
		}
	}
	return false
}

// scheduled says whether it or what it lies in waits for deletion.
func (n *namespace) scheduled() bool {
	for ; n != nil; n = n.parent {
		if n.deletion != "" {
			return true
		}
	}
	return false
}

type member struct {
	user      *user
	level     int
	createdAt time.Time
	expiresOn string
}

// share invites all members of a group.
type share struct {
	group     *namespace
	level     int
	expiresOn string
}

type project struct {
	id          int64
	namespace   *namespace
	creator     *user
	name        string
	path        string
	description string
	visibility  string
	branch      string // the default branch: where HEAD points
	archived    bool
	deletion    string
	members     []*member
	shares      []*share
	protected   []*protection
	hooks       []*hook
	rule        *pushRule
	deployments []*deployToken
	createdAt   time.Time
	activity    time.Time
	late        int // requests until the rights of groups are worked out
}

func (p *project) fullPath() string { return p.namespace.fullPath() + "/" + p.path }

// frozen projects cannot be written to.
func (p *project) frozen() bool { return p.archived || p.deletion != "" || p.namespace.scheduled() }

// protection is a protected branch, or a wildcard of them.
type protection struct {
	id    int64
	name  string
	push  []*allowance
	merge []*allowance
	force bool
}

// allowance lets a level, a user or a group do something to a protected branch.
type allowance struct {
	id    int64
	level int
	user  int64
	group int64
}

func (p *protection) matches(branch string) bool {
	if !strings.Contains(p.name, "*") {
		return p.name == branch
	}
	parts := strings.Split(p.name, "*")
	if !strings.HasPrefix(branch, parts[0]) {
		return false
	}
	rest := branch[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, last)
}

type pushRule struct {
	id              int64
	message         string
	committerIsUser bool
	signed          bool
	createdAt       time.Time
}

type deployToken struct {
	id       int64
	name     string
	username string
	secret   string
	scopes   []string
	expires  time.Time
	revoked  bool
}

func (d *deployToken) expired(now time.Time) bool {
	return !d.expires.IsZero() && !now.Before(d.expires)
}

type hook struct {
	id          int64
	project     int64
	url         string
	name        string
	description string
	secret      string
	events      map[string]bool
	filter      string
	strategy    string
	verify      bool
	createdAt   time.Time
	failures    int
	until       time.Time
	disabled    bool
}
