package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// EnsureHook implements githost.Host.
func (h *Host) EnsureHook(ctx context.Context, token secret.Token, project int64, hook githost.Hook) error {
	t := task{
		token: token, also: []secret.Token{hook.Secret}, operation: "ListHooks",
		doing: fmt.Sprintf("setting up the hook of project %d", project),
	}
	wanted, err := hookBody(t, hook)
	if err != nil {
		return err
	}
	found, err := list(ctx, h, t, func(p *gitlab.ProjectHook) int64 { return p.ID },
		func(o ...gitlab.RequestOptionFunc) ([]*gitlab.ProjectHook, *gitlab.Response, error) {
			return h.client.Projects.ListProjectHooks(project,
				&gitlab.ListProjectHooksOptions{ListOptions: gitlab.ListOptions{PerPage: pageSize}}, o...)
		})
	if err != nil {
		return err
	}
	exists := false
	var disabled []int64
	for _, one := range found {
		if one.URL != hook.URL {
			continue
		}
		if one.AlertStatus == "disabled" {
			disabled = append(disabled, one.ID)
			continue
		}
		exists = true
		t.operation = "UpdateHook"
		path := fmt.Sprintf("projects/%d/hooks/%d", project, one.ID)
		if _, _, err := ask(ctx, h, t, raw[struct{}](h, http.MethodPut, path, wanted)); err != nil {
			return err
		}
	}
	if !exists {
		t.operation = "CreateHook"
		path := fmt.Sprintf("projects/%d/hooks", project)
		if _, _, err := ask(ctx, h, t, raw[struct{}](h, http.MethodPost, path, wanted)); err != nil {
			return err
		}
	}
	return h.deleteHooks(ctx, t, project, disabled)
}

// deleteHooks deletes hooks that GitLab disabled because their deliveries failed. A change does not enable them again;
// a new hook has taken their place.
func (h *Host) deleteHooks(ctx context.Context, t task, project int64, ids []int64) error {
	t.operation = "DeleteHook"
	for _, id := range ids {
		err := do(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Response, error) {
			return h.client.Projects.DeleteProjectHook(project, id, o...)
		})
		if err != nil && !problem.Is(err, problem.Missing) {
			return err
		}
	}
	return nil
}

// hookBody sets every event explicitly, because GitLab leaves an event that is not named as it is.
func hookBody(t task, hook githost.Hook) (map[string]any, error) {
	known := githost.HookEvents()
	body := map[string]any{"url": hook.URL, "token": hook.Secret.Reveal()}
	for _, event := range known {
		body[event] = slices.Contains(hook.Events, event)
	}
	for _, event := range hook.Events {
		if !slices.Contains(known, event) {
			return nil, problem.New(problem.Invalid, problem.ReasonInvalid, "%s: there is no event %s; use some of %s",
				t.doing, shown(event), strings.Join(known, ", "))
		}
	}
	return body, nil
}
