package gitlab

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// ProjectAt implements githost.Host.
func (h *Host) ProjectAt(ctx context.Context, token secret.Token, path string) (githost.Project, error) {
	t := task{token: token, operation: "GetProject", doing: "reading project " + shown(path)}
	if !isProjectPath(path) {
		return githost.Project{}, t.missing()
	}
	p, err := h.getProject(ctx, t, path)
	if err == nil && !strings.EqualFold(p.Path, path) {
		return githost.Project{}, t.moved("")
	}
	return p, err
}

// ProjectByID implements githost.Host.
func (h *Host) ProjectByID(ctx context.Context, token secret.Token, id int64) (githost.Project, error) {
	t := task{token: token, operation: "GetProject", doing: fmt.Sprintf("reading project %d", id)}
	p, err := h.getProject(ctx, t, id)
	if err == nil && p.ID != id {
		return githost.Project{}, t.badAnswer("with another project")
	}
	return p, err
}

func (h *Host) getProject(ctx context.Context, t task, ref any) (githost.Project, error) {
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Project, *gitlab.Response, error) {
		return h.client.Projects.GetProject(ref, nil, o...)
	})
	if err != nil {
		return githost.Project{}, err
	}
	return h.project(t, found)
}

// ProjectsOfGroup implements githost.Host.
func (h *Host) ProjectsOfGroup(ctx context.Context, token secret.Token, group int64) ([]githost.Project, error) {
	t := task{token: token, operation: "ListProjectsOfGroup",
		doing: fmt.Sprintf("listing the projects of group %d", group)}
	options := gitlab.ListGroupProjectsOptions{
		ListOptions: gitlab.ListOptions{PerPage: pageSize}, WithShared: gitlab.Ptr(false),
		IncludeSubGroups: gitlab.Ptr(false),
	}
	options.OrderBy, options.Sort = oldestFirst()
	found, err := list(ctx, h, t, projectID,
		func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Project, *gitlab.Response, error) {
			return h.client.Groups.ListGroupProjects(group, &options, o...)
		})
	if err != nil {
		return nil, err
	}
	return h.projects(t, found)
}

// ProjectsNamed implements githost.Host. GitLab's search finds names, paths and descriptions that contain the text.
// Only projects with exactly this path are returned.
func (h *Host) ProjectsNamed(ctx context.Context, token secret.Token, name string) ([]githost.Project, error) {
	t := task{token: token, operation: "ListProjectsNamed", doing: "looking for the projects called " + shown(name)}
	if name == "" || !isPath(name) || strings.Contains(name, "/") {
		return nil, problem.New(problem.Invalid, problem.ReasonInvalid,
			"%s: this is no name of a project; give the last part of its path", t.doing)
	}
	options := gitlab.ListProjectsOptions{ListOptions: gitlab.ListOptions{Pagination: "keyset", PerPage: pageSize},
		Search: &name}
	options.OrderBy, options.Sort = oldestFirst()
	found, err := listAfter(ctx, h, t, projectID, func(after int64) request[[]*gitlab.Project] {
		if after > 0 {
			options.IDAfter = &after
		}
		return func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Project, *gitlab.Response, error) {
			return h.client.Projects.ListProjects(&options, o...)
		}
	})
	if err != nil {
		return nil, err
	}
	projects, err := h.projects(t, found)
	if err != nil {
		return nil, err
	}
	var exact []githost.Project
	for _, p := range projects {
		if p.PathSegment() == name {
			exact = append(exact, p)
		}
	}
	return exact, nil
}

// CreateProject implements githost.Host.
func (h *Host) CreateProject(ctx context.Context, token secret.Token, p githost.NewProject) (githost.Project, error) {
	t := task{token: token, operation: "CreateProject", doing: "creating project " + shown(p.Path)}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Project, *gitlab.Response, error) {
		return h.client.Projects.CreateProject(&gitlab.CreateProjectOptions{
			NamespaceID: &p.NamespaceID, Path: &p.Path, Name: gitlab.Ptr(nameOr(p.Name, p.Path)),
			Description: given(p.Description),
			Visibility:  visibility(given(p.Visibility)), DefaultBranch: given(p.DefaultBranch),
			InitializeWithReadme: gitlab.Ptr(false),
		}, o...)
	})
	if err != nil {
		return githost.Project{}, err
	}
	return h.project(t, found)
}

// UpdateProject implements githost.Host.
func (h *Host) UpdateProject(ctx context.Context, token secret.Token, id int64,
	c githost.ProjectChange) (githost.Project, error) {
	t := task{token: token, operation: "UpdateProject", doing: fmt.Sprintf("changing project %d", id)}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Project, *gitlab.Response, error) {
		return h.client.Projects.EditProject(id, &gitlab.EditProjectOptions{
			Name: c.Name, Path: c.Path, Description: c.Description, Visibility: visibility(c.Visibility),
			DefaultBranch: c.DefaultBranch,
		}, o...)
	})
	if err != nil {
		return githost.Project{}, err
	}
	return h.project(t, found)
}

// DeleteProject implements githost.Host.
func (h *Host) DeleteProject(ctx context.Context, token secret.Token, id int64) error {
	t := task{token: token, operation: "DeleteProject", doing: fmt.Sprintf("deleting project %d", id)}
	return unlessMarked(do(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Response, error) {
		return h.client.Projects.DeleteProject(id, nil, o...)
	}))
}

func (h *Host) projects(t task, found []*gitlab.Project) ([]githost.Project, error) {
	projects := make([]githost.Project, 0, len(found))
	for _, one := range found {
		p, err := h.project(t, one)
		if err != nil {
			return nil, err
		}
		projects = append(projects, p)
	}
	return projects, nil
}

func (h *Host) project(t task, p *gitlab.Project) (githost.Project, error) {
	if p == nil || p.ID <= 0 || p.PathWithNamespace == "" || p.Namespace == nil {
		return githost.Project{}, t.badAnswer("without a project")
	}
	var created time.Time
	if p.CreatedAt != nil {
		created = p.CreatedAt.UTC()
	}
	return githost.Project{
		CreatedAt: created,
		ID:        p.ID, Path: p.PathWithNamespace, Name: p.Name,
		Namespace: githost.Namespace{ID: p.Namespace.ID, Path: p.Namespace.FullPath, Kind: p.Namespace.Kind},
		HTTPURL:   h.cloneURL(p.PathWithNamespace), PublicURL: p.HTTPURLToRepo, SSHURL: p.SSHURLToRepo,
		Visibility: string(p.Visibility), DefaultBranch: p.DefaultBranch, Description: p.Description,
		Archived: p.Archived, MarkedForDeletion: p.MarkedForDeletionOn != nil, EmptyRepo: p.EmptyRepo,
	}, nil
}

// cloneURL returns the clone URL on the configured host. GitLab's own http_url_to_repo has its external URL, which may
// be another host; a token must not be sent there because an answer says so. The path comes from GitLab's answer.
func (h *Host) cloneURL(path string) string { return h.base.JoinPath(path + ".git").String() }

func projectID(p *gitlab.Project) int64 { return p.ID }

// isPath says whether the text can be a path in GitLab. An empty or dotted segment would make it another request.
func isPath(path string) bool {
	if len(path) > maxWords || strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// isProjectPath says whether the text can be the path of a project. A project lies in a namespace; GitLab would take a
// number without one for an id.
func isProjectPath(path string) bool { return isPath(path) && strings.Contains(path, "/") }

// isNumber says whether GitLab takes the text for an id.
func isNumber(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// shown shortens a name from outside for a message.
func shown(ref string) string {
	const most = 200
	if len(ref) > most {
		ref = ref[:most] + " ..."
	}
	if !isPath(ref) {
		return strconv.Quote(ref)
	}
	return ref
}

func nameOr(name, path string) string {
	if name == "" {
		return path
	}
	return name
}

// given returns nil for an empty text. GitLab then uses its default.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func visibility(v *string) *gitlab.VisibilityValue {
	if v == nil {
		return nil
	}
	return gitlab.Ptr(gitlab.VisibilityValue(*v))
}
