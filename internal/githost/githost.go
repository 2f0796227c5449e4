// Package githost says what this project asks of a git host (GitLab): who calls, what that person may do, and the groups, projects, hooks
// and deploy tokens behind products and code repositories.
//
// The caller's own token comes with every call. A Host keeps no token, no permission and no answer from one call to the next, so that the
// git host alone decides who sees what. It is safe for concurrent use.
//
// Every error is a *problem.Problem, except the context's own when the caller gave up. Nothing that a Host returns, and no error,
// holds a token, with the one exception of the deploy token that was just created.
package githost

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// Host is a git host, seen with the eyes of whoever the token belongs to.
//
// A list is whole or it is an error: there is no list that silently ends early. Reads may be repeated once after a broken connection; writes
// are sent once, so after Unavailable it is not known whether they took effect, and the caller reads again.
type Host interface {
	// CurrentUser returns whom the token belongs to. It proves that the token is good.
	CurrentUser(ctx context.Context, t secret.Token) (User, error)

	// RepositoryAt returns the project at a path and one branch of it in one round trip: everything there is to know before reading or pushing.
	RepositoryAt(ctx context.Context, t secret.Token, path, branch string) (Repository, error)
	// ProjectAt returns the project at a full path. Nothing else is an answer: a path that has moved is Missing with the reason Moved.
	ProjectAt(ctx context.Context, t secret.Token, path string) (Project, error)
	// ProjectByID returns the project of that id, whatever its path.
	ProjectByID(ctx context.Context, t secret.Token, id int64) (Project, error)
	// GroupAt returns the group at a full path. Nothing else is an answer, also where the path looks like an id.
	GroupAt(ctx context.Context, t secret.Token, path string) (Group, error)
	// GroupByID returns the group of that id, whatever its path.
	GroupByID(ctx context.Context, t secret.Token, id int64) (Group, error)
	// AccessTo returns the role of a user in a project, counting parent groups and invited groups, and no request for access. NoAccess if the
	// user is no member, also where the token does not see the project.
	AccessTo(ctx context.Context, t secret.Token, project, user int64) (AccessLevel, error)
	// AccessToGroup returns the role of a user in a group, as AccessTo does. It is for the token's own user: who may not see the members of a
	// group is none of them.
	AccessToGroup(ctx context.Context, t secret.Token, group, user int64) (AccessLevel, error)
	// Scopes returns what an access token is for, such as write_repository. None where the host does not tell: of a token of OAuth, or
	// one of finer permissions.
	Scopes(ctx context.Context, t secret.Token) ([]string, error)
	// NewestCommits returns the newest commits of a branch, newest first: a hundred of them, or all if there are fewer. Missing if there is no
	// such branch.
	NewestCommits(ctx context.Context, t secret.Token, project int64, branch string) ([]Commit, error)

	// ProjectsOfGroup returns the group's own projects, without those of its sub-groups and those that are only shared with it, by id.
	ProjectsOfGroup(ctx context.Context, t secret.Token, group int64) ([]Project, error)
	// SubgroupsOf returns the groups directly below a group, by id.
	SubgroupsOf(ctx context.Context, t secret.Token, group int64) ([]Group, error)
	// Groups returns page after page of the groups that the token's user belongs to, or of all for an administrator, by id. It asks for a page
	// when it is wanted, and ends with an error or with the last one. What changes while it is read may be left out.
	Groups(ctx context.Context, t secret.Token) iter.Seq2[[]Group, error]
	// ProjectsNamed returns every project that the token sees and whose last path segment is exactly name, by id. It includes projects of
	// people; see Namespace.Kind.
	ProjectsNamed(ctx context.Context, t secret.Token, name string) ([]Project, error)

	// CreateGroup creates a group. Conflict with the reason NameTaken if there is one, which the caller may not see; GitLab before 18 also counts
	// those that are marked for deletion.
	CreateGroup(ctx context.Context, t secret.Token, g NewGroup) (Group, error)
	// UpdateGroup changes what is given and leaves the rest.
	UpdateGroup(ctx context.Context, t secret.Token, id int64, c GroupChange) (Group, error)
	// DeleteGroup deletes a group with everything in it, at once or after GitLab's grace period. Asking twice is no error while it is marked.
	DeleteGroup(ctx context.Context, t secret.Token, id int64) error
	// CreateProject creates an empty project. Names are taken as with groups.
	CreateProject(ctx context.Context, t secret.Token, p NewProject) (Project, error)
	// UpdateProject changes what is given and leaves the rest.
	UpdateProject(ctx context.Context, t secret.Token, id int64, c ProjectChange) (Project, error)
	// DeleteProject deletes a project, at once or after GitLab's grace period. Asking twice is no error while it is marked.
	DeleteProject(ctx context.Context, t secret.Token, id int64) error

	// EnsureHook makes the project's hook to that URL be as given, and leaves hooks to other URLs alone. The secret cannot be read back, so an
	// existing hook is always written again: call it when something changed, not in a loop.
	EnsureHook(ctx context.Context, t secret.Token, project int64, h Hook) error

	// DeployTokens returns the deploy tokens of a group or project, also expired and revoked ones if the host tells, without their values, by id.
	DeployTokens(ctx context.Context, t secret.Token, of Holder) ([]DeployToken, error)
	// CreateDeployToken creates a deploy token. Its value is told this once.
	CreateDeployToken(ctx context.Context, t secret.Token, of Holder, r DeployTokenRequest) (DeployToken, error)
	// RevokeDeployToken ends a deploy token. Missing if there is none of that id.
	RevokeDeployToken(ctx context.Context, t secret.Token, of Holder, id int64) error
}

// User is whom a token belongs to: a person, or the bot of a project or group token.
type User struct {
	ID       int64
	Username string
	Name     string
	// Email is for commits and never empty: the address chosen for commits, else the account's, else <id>-<username>@users.noreply.<host>.
	Email string
}

// Group is a group or sub-group.
type Group struct {
	ID int64
	// Path is the full path.
	Path        string
	Name        string
	Description string
	Visibility  string
	// ParentID is 0 for a group at the top.
	ParentID int64
	// MarkedForDeletion: it goes after a grace period. GitLab 18 renames it until then, earlier ones keep its name taken.
	MarkedForDeletion bool
}

// The kinds of a namespace.
const (
	KindGroup = "group"
	KindUser  = "user"
)

// Namespace is what a project lies in.
type Namespace struct {
	ID int64
	// Path is the full path.
	Path string
	// Kind is KindGroup or KindUser. Only a group can be a product.
	Kind string
}

// Project is a repository with what the git host keeps around it.
type Project struct {
	ID int64
	// Path is the full path.
	Path      string
	Name      string
	Namespace Namespace
	// HTTPURL is the clone URL on the configured scheme, host and port: the only URL that a token may be sent to.
	HTTPURL string
	// PublicURL is the clone URL over HTTP as the git host itself tells it to people. It differs from HTTPURL where the host is configured here
	// by an address inside the network. Never send a token there.
	PublicURL         string
	SSHURL            string
	Visibility        string
	DefaultBranch     string
	Description       string
	Archived          bool
	MarkedForDeletion bool
	EmptyRepo         bool
	// CreatedAt never changes: with the id it tells a project from any other, also from one of another host.
	CreatedAt time.Time
}

// Identity tells the project from every other one, whatever happens to its path: also from one of the same id at another host.
func (p Project) Identity() string {
	return strconv.FormatInt(p.ID, 10) + "/" + p.CreatedAt.UTC().Format(time.RFC3339Nano)
}

// PathSegment returns the last part of the path: the name of the project in URLs.
func (p Project) PathSegment() string { return lastSegment(p.Path) }

// PathSegment returns the last part of the path: the name of the group in URLs.
func (g Group) PathSegment() string { return lastSegment(g.Path) }

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// Branch is a branch as the caller sees it.
type Branch struct {
	Name string
	// Head is the id of its last commit.
	Head string
	// CanPush says whether the caller may push to it; false in an archived project.
	CanPush   bool
	Protected bool
}

// Commit is a commit as its author made it.
type Commit struct {
	ID      string
	Parents []string
	// Message may have lost white space at its end.
	Message     string
	AuthorEmail string
	// AuthoredAt counts whole seconds, as git does.
	AuthoredAt time.Time
}

// Repository is a project and one of its branches.
type Repository struct {
	Project Project
	// Branch is nil if there is none of that name, or if the code is not readable. Who may create a missing branch is known only after the push.
	Branch *Branch
	// CodeReadable says whether the caller may read files: not so for guests, and where the repository is switched off for the caller.
	CodeReadable bool
}

// AccessLevel is a role in a project, as GitLab counts it. Compare with >=: there are roles between the named ones.
type AccessLevel int

// The roles.
const (
	NoAccess   AccessLevel = 0
	Guest      AccessLevel = 10
	Reporter   AccessLevel = 20
	Developer  AccessLevel = 30
	Maintainer AccessLevel = 40
	Owner      AccessLevel = 50
)

// The visibilities.
const (
	Private  = "private"
	Internal = "internal"
	Public   = "public"
)

// NewGroup is a group to be created.
type NewGroup struct {
	// Path is the last segment of the path.
	Path string
	// Name is for people; the path if empty.
	Name        string
	Description string
	// Visibility is the host's default if empty.
	Visibility string
	// ParentID is 0 for a group at the top, which not every host permits.
	ParentID int64
}

// GroupChange names what is to change; nil leaves it.
type GroupChange struct {
	Name, Path, Description, Visibility *string
}

// NewProject is an empty project to be created.
type NewProject struct {
	NamespaceID int64
	// Path is the last segment of the path.
	Path string
	// Name is for people; the path if empty.
	Name        string
	Description string
	// Visibility is the host's default if empty.
	Visibility string
	// DefaultBranch is the name that the first branch shall have; the host's default if empty.
	DefaultBranch string
}

// ProjectChange names what is to change; nil leaves it.
type ProjectChange struct {
	Name, Path, Description, Visibility, DefaultBranch *string
}

// Hook is a call to a URL after events in a project.
type Hook struct {
	URL string
	// Secret comes back with every call of the hook.
	Secret secret.Token
	// Events are the host's names, such as push_events (HookEvents). Events that are not named are switched off.
	Events []string
}

// HookEvents are the events that a hook can be for, as GitLab names them.
func HookEvents() []string {
	return []string{
		"confidential_issues_events", "confidential_note_events", "deployment_events", "emoji_events", "feature_flag_events", "issues_events",
		"job_events", "merge_requests_events", "milestone_events", "note_events", "pipeline_events", "push_events", "releases_events",
		"resource_access_token_events", "tag_push_events", "wiki_page_events",
	}
}

// Holder is what deploy tokens belong to: a project, or else a group with all that lies in it.
type Holder struct{ Group, Project int64 }

// OfGroup returns the holder of tokens for everything that lies in a group.
func OfGroup(id int64) Holder { return Holder{Group: id} }

// OfProject returns the holder of tokens for one project.
func OfProject(id int64) Holder { return Holder{Project: id} }

// String says what holds the tokens.
func (h Holder) String() string {
	if h.Project != 0 {
		return fmt.Sprintf("project %d", h.Project)
	}
	return fmt.Sprintf("group %d", h.Group)
}

// DeployTokenRequest is a deploy token to be created.
type DeployTokenRequest struct {
	Name string
	// Username is chosen by the host if empty.
	Username string
	Scopes   []string
	// ExpiresAt is when it ends; never if zero.
	ExpiresAt time.Time
}

// DeployToken is a credential of a group or project for programs that read its repositories.
type DeployToken struct {
	ID        int64
	Name      string
	Username  string
	Scopes    []string
	ExpiresAt time.Time
	// Ended: revoked or expired.
	Ended bool
	// Token is its value; only right after creation.
	Token secret.Token
}
