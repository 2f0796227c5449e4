package gitlab

import (
	"context"
	"fmt"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// DeployTokens implements githost.Host.
func (h *Host) DeployTokens(ctx context.Context, token secret.Token, of githost.Holder) ([]githost.DeployToken, error) {
	t := task{token: token, operation: "ListDeployTokens", doing: fmt.Sprintf("listing the deploy tokens of %s", of)}
	whole := gitlab.ListOptions{PerPage: pageSize}
	found, err := list(ctx, h, t, func(d *gitlab.DeployToken) int64 { return d.ID },
		func(o ...gitlab.RequestOptionFunc) ([]*gitlab.DeployToken, *gitlab.Response, error) {
			if of.Project != 0 {
				return h.client.DeployTokens.ListProjectDeployTokens(of.Project,
					&gitlab.ListProjectDeployTokensOptions{ListOptions: whole}, o...)
			}
			return h.client.DeployTokens.ListGroupDeployTokens(of.Group,
				&gitlab.ListGroupDeployTokensOptions{ListOptions: whole}, o...)
		})
	if err != nil {
		return nil, err
	}
	tokens := make([]githost.DeployToken, 0, len(found))
	for _, one := range found {
		tokens = append(tokens, deployToken(one))
	}
	return tokens, nil
}

// CreateDeployToken implements githost.Host.
func (h *Host) CreateDeployToken(ctx context.Context, token secret.Token, of githost.Holder,
	r githost.DeployTokenRequest) (githost.DeployToken, error) {
	t := task{token: token, operation: "CreateDeployToken", doing: fmt.Sprintf("creating a deploy token of %s", of)}
	options := gitlab.CreateProjectDeployTokenOptions{Name: &r.Name, Username: given(r.Username), Scopes: &r.Scopes}
	if !r.ExpiresAt.IsZero() {
		options.ExpiresAt = gitlab.Ptr(r.ExpiresAt.UTC())
	}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.DeployToken, *gitlab.Response, error) {
		if of.Project != 0 {
			return h.client.DeployTokens.CreateProjectDeployToken(of.Project, &options, o...)
		}
		ofGroup := gitlab.CreateGroupDeployTokenOptions(options)
		return h.client.DeployTokens.CreateGroupDeployToken(of.Group, &ofGroup, o...)
	})
	if err != nil {
		return githost.DeployToken{}, err
	}
	if found == nil || found.ID <= 0 || found.Token == "" {
		return githost.DeployToken{}, t.badAnswer("without a deploy token")
	}
	created := deployToken(found)
	created.Token = secret.New(found.Token)
	return created, nil
}

// RevokeDeployToken implements githost.Host.
func (h *Host) RevokeDeployToken(ctx context.Context, token secret.Token, of githost.Holder, id int64) error {
	t := task{token: token, operation: "RevokeDeployToken",
		doing: fmt.Sprintf("revoking deploy token %d of %s", id, of)}
	return do(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Response, error) {
		if of.Project != 0 {
			return h.client.DeployTokens.DeleteProjectDeployToken(of.Project, id, o...)
		}
		return h.client.DeployTokens.DeleteGroupDeployToken(of.Group, id, o...)
	})
}

func deployToken(d *gitlab.DeployToken) githost.DeployToken {
	token := githost.DeployToken{ID: d.ID, Name: d.Name, Username: d.Username, Scopes: d.Scopes,
		Ended: d.Revoked || d.Expired}
	if d.ExpiresAt != nil {
		token.ExpiresAt = *d.ExpiresAt
	}
	return token
}
