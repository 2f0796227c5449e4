// Package githost is the interface to a git host (GitLab): who the caller is, what the caller may do, and the groups,
// projects, hooks and deploy tokens behind products and code repositories.
//
// The caller's own token comes with every call. A Host keeps no token, no permission and no answer from one call to the
// next, so that only the git host decides who sees what. It is safe for concurrent use.
//
// Every error is a *problem.Problem, except the context's own error when the caller gave up. No result and no error
// contains a token. The only exception is a deploy token that was just created.
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

// Host is a git host as the owner of a token sees it.
//
// A list is complete, or there is an error. A read may be repeated once after a broken connection. A write is sent
// once: after Unavailable it is unknown whether it took effect, and the caller has to read again.
type Host interface {
	// CurrentUser returns the user of the token. An answer also proves that the token is valid.
	CurrentUser(ctx context.Context, t secret.Token) (User, error)

	// RepositoryAt returns the project at a path and one of its branches in one round trip. That is all that a caller
	// has to know before reading or pushing.
	RepositoryAt(ctx context.Context, t secret.Token, path, branch string) (Repository, error)
	// ProjectAt returns the project at exactly this full path. For a project that has moved away from it the error is
	// Missing with the reason Moved.
	ProjectAt(ctx context.Context, t secret.Token, path string) (Project, error)
	// ProjectByID returns the project with this id, whatever its path.
	ProjectByID(ctx context.Context, t secret.Token, id int64) (Project, error)
	// GroupAt returns the group at exactly this full path, even if the path looks like an id.
	GroupAt(ctx context.Context, t secret.Token, path string) (Group, error)
	// GroupByID returns the group with this id, whatever its path.
	GroupByID(ctx context.Context, t secret.Token, id int64) (Group, error)
	// AccessTo returns the role of a user in a project. Roles by parent groups and invited groups count; a request for
	// access does not. It is NoAccess if the user is no member, and if the token does not see the project.
	AccessTo(ctx context.Context, t secret.Token, project, user int64) (AccessLevel, error)
	// AccessToGroup returns the role of a user in a group, as AccessTo does. Ask only for the token's own user. If the
	// user may not see the members of the group, the answer is NoAccess.
	AccessToGroup(ctx context.Context, t secret.Token, group, user int64) (AccessLevel, error)
	// Scopes returns the scopes of an access token, such as write_repository. There are none if the host does not tell
	// them, as for OAuth tokens and tokens with finer permissions.
	Scopes(ctx context.Context, t secret.Token) ([]string, error)
	// NewestCommits returns the newest commits of a branch, newest first: a hundred of them, or all if there are fewer.
	// The error is Missing if there is no such branch.
	NewestCommits(ctx context.Context, t secret.Token, project int64, branch string) ([]Commit, error)

	// Directory says whether a project has a revision (a branch, a tag, a commit id or HEAD) and a directory in it. The
	// error is Missing or Forbidden if the token does not read the code.
	Directory(ctx context.Context, t secret.Token, project int64, revision, path string) (Directory, error)

	// ProjectsOfGroup returns the group's own projects by id, without those of sub-groups and those that are shared
	// with it.
	ProjectsOfGroup(ctx context.Context, t secret.Token, group int64) ([]Project, error)
	// SubgroupsOf returns the groups directly below a group, by id.
	SubgroupsOf(ctx context.Context, t secret.Token, group int64) ([]Group, error)
	// Groups returns the groups of the token's user page by page, by id; for an administrator all groups. It requests a
	// page only when the caller reads it. It ends with an error or with the last page. Groups that change during the
	// reading may be missing.
	Groups(ctx context.Context, t secret.Token) iter.Seq2[[]Group, error]
	// ProjectsNamed returns, by id, every project that the token sees and whose last path segment is exactly name.
	// These include projects of users; see Namespace.Kind.
	ProjectsNamed(ctx context.Context, t secret.Token, name string) ([]Project, error)

	// CreateGroup creates a group. The error is Conflict with the reason NameTaken if the name is taken, perhaps by a
	// group that the caller does not see. In GitLab before 18 a group that is marked for deletion still has its name.
	CreateGroup(ctx context.Context, t secret.Token, g NewGroup) (Group, error)
	// UpdateGroup changes the fields that are given.
	UpdateGroup(ctx context.Context, t secret.Token, id int64, c GroupChange) (Group, error)
	// DeleteGroup deletes a group with everything in it, at once or after GitLab's grace period. Deleting it again
	// during that time is no error.
	DeleteGroup(ctx context.Context, t secret.Token, id int64) error
	// CreateProject creates an empty project. A name may be taken as in CreateGroup.
	CreateProject(ctx context.Context, t secret.Token, p NewProject) (Project, error)
	// UpdateProject changes the fields that are given.
	UpdateProject(ctx context.Context, t secret.Token, id int64, c ProjectChange) (Project, error)
	// DeleteProject deletes a project, at once or after GitLab's grace period. Deleting it again during that time is no
	// error.
	DeleteProject(ctx context.Context, t secret.Token, id int64) error

	// EnsureHook creates or updates the project's hook to this URL and leaves hooks to other URLs alone. GitLab does
	// not show the secret of a hook, so an existing hook is always written: call this after a change, not in a loop.
	EnsureHook(ctx context.Context, t secret.Token, project int64, h Hook) error

	// DeployTokens returns the deploy tokens of a group or project by id, without their values. Expired and revoked
	// tokens are included if the host lists them.
	DeployTokens(ctx context.Context, t secret.Token, of Holder) ([]DeployToken, error)
	// CreateDeployToken creates a deploy token. Only this answer contains its value.
	CreateDeployToken(ctx context.Context, t secret.Token, of Holder, r DeployTokenRequest) (DeployToken, error)
	// RevokeDeployToken revokes a deploy token. The error is Missing if there is none with this id.
	RevokeDeployToken(ctx context.Context, t secret.Token, of Holder, id int64) error
}

// User is the user of a token: a person, or the bot of a project or group token.
type User struct {
	ID       int64
	Username string
	Name     string
	// Email is the address for commits and never empty: the one chosen for commits, else the account's, else
	// <id>-<username>@users.noreply.<host>.
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
	// MarkedForDeletion says that the group will be deleted after a grace period. GitLab 18 renames it until then;
	// earlier versions keep its name taken.
	MarkedForDeletion bool
}

// The kinds of a namespace.
const (
	KindGroup = "group"
	KindUser  = "user"
)

// Namespace is the group or user that a project belongs to.
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
	// HTTPURL is the clone URL with the configured scheme, host and port. Send a token to no other URL.
	HTTPURL string
	// PublicURL is the HTTP clone URL that the git host shows to people. It differs from HTTPURL if this program
	// reaches the host by an address inside the network. Never send a token there.
	PublicURL         string
	SSHURL            string
	Visibility        string
	DefaultBranch     string
	Description       string
	Archived          bool
	MarkedForDeletion bool
	EmptyRepo         bool
	// CreatedAt never changes. Together with the id it identifies a project, even among several hosts.
	CreatedAt time.Time
}

// Identity identifies the project even if its path changes. A project of another host with the same id has another
// identity.
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
	// CanPush says whether the caller may push to the branch; false in an archived project.
	CanPush   bool
	Protected bool
}

// Commit is a commit as its author wrote it.
type Commit struct {
	ID      string
	Parents []string
	// Message may have lost white space at its end.
	Message     string
	AuthorEmail string
	// AuthoredAt is in whole seconds, as in git.
	AuthoredAt time.Time
}

// Repository is a project and one of its branches.
type Repository struct {
	Project Project
	// Branch is nil if there is no branch of that name, or if the code is not readable. Whether the caller may create a
	// missing branch is known only after a push.
	Branch *Branch
	// CodeReadable says whether the caller may read files. It is false for guests, and if the repository is disabled
	// for the caller.
	CodeReadable bool
}

// Directory says what a repository has of a directory that somebody asked for.
type Directory struct {
	// Revision and Path say whether there is such a revision, and such a directory in it.
	Revision, Path bool
}

// AccessLevel is a role in a project as GitLab numbers it. Compare with >=, because there are roles between the named
// ones.
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
	// Name is for people. If it is empty, the path is used.
	Name        string
	Description string
	// Visibility is the host's default if empty.
	Visibility string
	// ParentID is 0 for a group at the top, which not every host permits.
	ParentID int64
}

// GroupChange holds the fields to change; nil leaves a field as it is.
type GroupChange struct {
	Name, Path, Description, Visibility *string
}

// NewProject is an empty project to be created.
type NewProject struct {
	NamespaceID int64
	// Path is the last segment of the path.
	Path string
	// Name is for people. If it is empty, the path is used.
	Name        string
	Description string
	// Visibility is the host's default if empty.
	Visibility string
	// DefaultBranch is the name of the first branch; the host's default if empty.
	DefaultBranch string
}

// ProjectChange holds the fields to change; nil leaves a field as it is.
type ProjectChange struct {
	Name, Path, Description, Visibility, DefaultBranch *string
}

// Hook is a webhook: the host calls a URL after events in a project.
type Hook struct {
	URL string
	// Secret is sent with every call of the hook.
	Secret secret.Token
	// Events are the host's names of events, such as push_events (see HookEvents). All other events are switched off.
	Events []string
}

// HookEvents returns the events that a hook can be called for, as GitLab names them.
func HookEvents() []string {
	return []string{
		"confidential_issues_events", "confidential_note_events", "deployment_events", "emoji_events",
		"feature_flag_events", "issues_events",
		"job_events", "merge_requests_events", "milestone_events", "note_events", "pipeline_events", "push_events",
		"releases_events",
		"resource_access_token_events", "tag_push_events", "wiki_page_events",
	}
}

// Holder is the owner of deploy tokens: a project, or a group with all its projects.
type Holder struct{ Group, Project int64 }

// OfGroup returns the holder of tokens for everything that lies in a group.
func OfGroup(id int64) Holder { return Holder{Group: id} }

// OfProject returns the holder of tokens for one project.
func OfProject(id int64) Holder { return Holder{Project: id} }

// String names the holder for people.
func (h Holder) String() string {
	if h.Project != 0 {
		return fmt.Sprintf("project %d", h.Project)
	}
	return fmt.Sprintf("group %d", h.Group)
}

// DeployTokenRequest is a deploy token to be created.
type DeployTokenRequest struct {
	Name string
	// Username is chosen by the host if it is empty.
	Username string
	Scopes   []string
	// ExpiresAt is when the token expires. The zero time means never.
	ExpiresAt time.Time
}

// DeployToken is a credential of a group or project for programs that read its repositories.
type DeployToken struct {
	ID        int64
	Name      string
	Username  string
	Scopes    []string
	ExpiresAt time.Time
	// Ended says that the token is revoked or expired.
	Ended bool
	// Token is the value. It is set only right after creation.
	Token secret.Token
}
