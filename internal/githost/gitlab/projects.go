package gitlab

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// Project implements githost.Host.
func (h *Host) Project(ctx context.Context, token secret.Token, ref string) (githost.Project, error) {
	t := task{token: token, operation: "GetProject", doing: "reading project " + shown(ref)}
	if !isRef(ref) {
		return githost.Project{}, t.missing()
	}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Project, *gitlab.Response, error) {
		return h.client.Projects.GetProject(ref, nil, o...)
	})
	if err != nil {
		return githost.Project{}, err
	}
	project, err := h.project(t, found)
	if err == nil && !isAt(ref, project.ID, project.Path) {
		return githost.Project{}, t.moved("")
	}
	return project, err
}

// ProjectsOfGroup implements githost.Host.
func (h *Host) ProjectsOfGroup(ctx context.Context, token secret.Token, group int64) ([]githost.Project, error) {
	t := task{token: token, operation: "ListProjectsOfGroup", doing: fmt.Sprintf("listing the projects of group %d", group)}
	options := gitlab.ListGroupProjectsOptions{
		ListOptions: gitlab.ListOptions{PerPage: pageSize}, WithShared: gitlab.Ptr(false), IncludeSubGroups: gitlab.Ptr(false),
	}
	options.OrderBy, options.Sort = oldestFirst()
	found, err := list(ctx, h, t, projectID, func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Project, *gitlab.Response, error) {
		return h.client.Groups.ListGroupProjects(group, &options, o...)
	})
	if err != nil {
		return nil, err
	}
	return h.projects(t, found)
}

// ProjectsNamed implements githost.Host. GitLab's search finds names, paths and descriptions that contain the text; what is not exactly of that
// path is left out here.
func (h *Host) ProjectsNamed(ctx context.Context, token secret.Token, name string) ([]githost.Project, error) {
	t := task{token: token, operation: "ListProjectsNamed", doing: "looking for the projects called " + shown(name)}
	if name == "" || !isRef(name) || strings.Contains(name, "/") {
		return nil, problem.New(problem.Invalid, githost.ReasonInvalid, "%s: this is no name of a project; give the last part of its path", t.doing)
	}
	options := gitlab.ListProjectsOptions{ListOptions: gitlab.ListOptions{Pagination: "keyset", PerPage: pageSize}, Search: &name}
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
			NamespaceID: &p.NamespaceID, Path: &p.Path, Name: gitlab.Ptr(nameOr(p.Name, p.Path)), Description: given(p.Description),
			Visibility: visibility(given(p.Visibility)), DefaultBranch: given(p.DefaultBranch), InitializeWithReadme: gitlab.Ptr(false),
		}, o...)
	})
	if err != nil {
		return githost.Project{}, err
	}
	return h.project(t, found)
}

// UpdateProject implements githost.Host.
func (h *Host) UpdateProject(ctx context.Context, token secret.Token, id int64, c githost.ProjectChange) (githost.Project, error) {
	t := task{token: token, operation: "UpdateProject", doing: fmt.Sprintf("changing project %d", id)}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Project, *gitlab.Response, error) {
		return h.client.Projects.EditProject(id, &gitlab.EditProjectOptions{
			Name: c.Name, Path: c.Path, Description: c.Description, Visibility: visibility(c.Visibility), DefaultBranch: c.DefaultBranch,
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
	return githost.Project{
		ID: p.ID, Path: p.PathWithNamespace, Name: p.Name,
		Namespace: githost.Namespace{ID: p.Namespace.ID, Path: p.Namespace.FullPath, Kind: p.Namespace.Kind},
		HTTPURL:   h.cloneURL(p.PathWithNamespace), PublicURL: p.HTTPURLToRepo, SSHURL: p.SSHURLToRepo,
		Visibility: string(p.Visibility), DefaultBranch: p.DefaultBranch, Description: p.Description,
		Archived: p.Archived, MarkedForDeletion: p.MarkedForDeletionOn != nil, EmptyRepo: p.EmptyRepo,
		Access: access(p.Permissions),
	}, nil
}

// cloneURL returns where git finds a project on the configured host. GitLab's own http_url_to_repo names its external URL, which may be another
// host, reached another way or not at all; a token must not go there because an answer says so. The path is GitLab's, from this answer.
func (h *Host) cloneURL(path string) string { return h.base.JoinPath(path + ".git").String() }

func access(p *gitlab.Permissions) githost.AccessLevel {
	level := githost.AccessUnknown
	if p != nil && p.ProjectAccess != nil {
		level = max(level, githost.AccessLevel(p.ProjectAccess.AccessLevel))
	}
	if p != nil && p.GroupAccess != nil {
		level = max(level, githost.AccessLevel(p.GroupAccess.AccessLevel))
	}
	return level
}

func projectID(p *gitlab.Project) int64 { return p.ID }

// isRef says whether GitLab could know such a path or id. An empty or dotted segment would make another request of it.
func isRef(ref string) bool {
	if len(ref) > maxWords || strings.IndexFunc(ref, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0 {
		return false
	}
	for segment := range strings.SplitSeq(ref, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// isAt says whether what was found is what was asked for. GitLab does not tell upper from lower case in paths.
func isAt(ref string, id int64, path string) bool {
	return ref == strconv.FormatInt(id, 10) || strings.EqualFold(ref, path)
}

// shown is a name from outside, short enough for a message.
func shown(ref string) string {
	const most = 200
	if len(ref) > most {
		ref = ref[:most] + " ..."
	}
	if !isRef(ref) {
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

// given returns nil for an empty text, which leaves the choice to GitLab.
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
