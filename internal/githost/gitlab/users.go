package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// account is the needed part of GET /user. The client library does not know commit_email.
type account struct {
	ID          int64  `json:"id"`
	Username    string `json:"username"`
	Name        string `json:"name"`
	Email       string `json:"email"`
	CommitEmail string `json:"commit_email"`
}

// CurrentUser implements githost.Host.
func (h *Host) CurrentUser(ctx context.Context, token secret.Token) (githost.User, error) {
	t := task{token: token, operation: "GetCurrentUser", doing: "asking whom the token belongs to"}
	found, _, err := ask(ctx, h, t, raw[account](h, http.MethodGet, "user", nil))
	if err != nil {
		return githost.User{}, err
	}
	if found == nil || found.ID <= 0 || found.Username == "" {
		return githost.User{}, t.badAnswer("without a user")
	}
	user := githost.User{ID: found.ID, Username: found.Username, Name: nameOr(found.Name, found.Username),
		Email: found.CommitEmail}
	if user.Email == "" {
		user.Email = found.Email
	}
	if user.Email == "" {
		user.Email = fmt.Sprintf("%d-%s@users.noreply.%s", user.ID, user.Username, h.base.Hostname())
	}
	return user, nil
}

// Scopes implements githost.Host. For tokens of other kinds GitLab refuses this request in several ways.
func (h *Host) Scopes(ctx context.Context, token secret.Token) ([]string, error) {
	t := task{token: token, operation: "GetOwnToken", doing: "asking what the token is for"}
	found, _, err := ask(ctx, h, t,
		func(o ...gitlab.RequestOptionFunc) (*gitlab.PersonalAccessToken, *gitlab.Response, error) {
			return h.client.PersonalAccessTokens.GetSinglePersonalAccessToken(o...)
		})
	if problem.Is(err, problem.Unavailable) || problem.Is(err, problem.RateLimited) {
		return nil, err
	}
	// the token has permissions instead of scopes
	if err != nil || found == nil || slices.Contains(found.Scopes, "granular") {
		return nil, nil //nolint:nilerr // a refusal is an answer: that it does not tell
	}
	return found.Scopes, nil
}

// AccessTo implements githost.Host.
func (h *Host) AccessTo(ctx context.Context, token secret.Token, project, user int64) (githost.AccessLevel, error) {
	t := task{token: token, operation: "GetMember",
		doing: fmt.Sprintf("reading the role of user %d in project %d", user, project)}
	found, _, err := ask(ctx, h, t,
		func(o ...gitlab.RequestOptionFunc) (*gitlab.ProjectMember, *gitlab.Response, error) {
			return h.client.ProjectMembers.GetInheritedProjectMember(project, user, o...)
		})
	if err != nil {
		return noMember(err)
	}
	if found == nil || found.ID != user {
		return githost.NoAccess, t.badAnswer("without a member")
	}
	return githost.AccessLevel(found.AccessLevel), nil
}

// AccessToGroup implements githost.Host.
func (h *Host) AccessToGroup(ctx context.Context, token secret.Token, group, user int64) (githost.AccessLevel, error) {
	t := task{token: token, operation: "GetGroupMember",
		doing: fmt.Sprintf("reading the role of user %d in group %d", user, group)}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.GroupMember, *gitlab.Response, error) {
		return h.client.GroupMembers.GetInheritedGroupMember(group, user, o...)
	})
	if p := problem.As(err); p != nil && p.Class == problem.Forbidden && p.Reason == problem.ReasonForbidden {
		return githost.NoAccess, nil // a member of a project in a private group sees the group but not its members
	}
	if err != nil {
		return noMember(err)
	}
	if found == nil || found.ID != user {
		return githost.NoAccess, t.badAnswer("without a member")
	}
	return githost.AccessLevel(found.AccessLevel), nil
}

// noMember returns NoAccess for the 404 that GitLab answers for a user who is no member.
func noMember(err error) (githost.AccessLevel, error) {
	if problem.Is(err, problem.Missing) {
		return githost.NoAccess, nil
	}
	return githost.NoAccess, err
}
