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
	for _, one := range found {
		if one.URL != hook.URL {
			continue
		}
		exists = true
		t.operation = "UpdateHook"
		path := fmt.Sprintf("projects/%d/hooks/%d", project, one.ID)
		if _, _, err := ask(ctx, h, t, raw[struct{}](h, http.MethodPut, path, wanted)); err != nil {
			return err
		}
	}
	if exists {
		return nil
	}
	t.operation = "CreateHook"
	_, _, err = ask(ctx, h, t, raw[struct{}](h, http.MethodPost, fmt.Sprintf("projects/%d/hooks", project), wanted))
	return err
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
