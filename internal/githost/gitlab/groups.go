package gitlab

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/secret"
)

// GroupAt implements githost.Host. GitLab takes any number in place of a path for an id, even if it is encoded. A path
// of digits is therefore searched in a list.
func (h *Host) GroupAt(ctx context.Context, token secret.Token, path string) (githost.Group, error) {
	t := task{token: token, operation: "GetGroup", doing: "reading group " + shown(path)}
	if !isPath(path) {
		return githost.Group{}, t.missing()
	}
	if isNumber(path) {
		return h.groupCalled(ctx, token, path)
	}
	g, err := h.group(ctx, t, path)
	if err == nil && !strings.EqualFold(g.Path, path) {
		return githost.Group{}, t.moved("")
	}
	return g, err
}

// GroupByID implements githost.Host.
func (h *Host) GroupByID(ctx context.Context, token secret.Token, id int64) (githost.Group, error) {
	t := task{token: token, operation: "GetGroup", doing: fmt.Sprintf("reading group %d", id)}
	g, err := h.group(ctx, t, id)
	if err == nil && g.ID != id {
		return githost.Group{}, t.badAnswer("with another group")
	}
	return g, err
}

func (h *Host) group(ctx context.Context, t task, ref any) (githost.Group, error) {
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Group, *gitlab.Response, error) {
		//nolint:staticcheck // true by default: up to 100 projects
		return h.client.Groups.GetGroup(ref, &gitlab.GetGroupOptions{WithProjects: gitlab.Ptr(false)}, o...)
	})
	if err != nil {
		return githost.Group{}, err
	}
	return group(t, found)
}

// groupCalled returns the top-level group with this path. GitLab's search also finds groups whose path or name only
// contains the text.
func (h *Host) groupCalled(ctx context.Context, token secret.Token, path string) (githost.Group, error) {
	t := task{token: token, operation: "ListGroupsCalled", doing: "reading group " + shown(path)}
	options := gitlab.ListGroupsOptions{
		ListOptions: gitlab.ListOptions{PerPage: pageSize}, Search: &path, TopLevelOnly: gitlab.Ptr(true),
		AllAvailable: gitlab.Ptr(true),
	}
	options.OrderBy, options.Sort = oldestFirst()
	found, err := list(ctx, h, t, groupID,
		func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Group, *gitlab.Response, error) {
			return h.client.Groups.ListGroups(&options, o...)
		})
	if err != nil {
		return githost.Group{}, err
	}
	all, err := groups(t, found)
	if err != nil {
		return githost.Group{}, err
	}
	for _, g := range all {
		if g.Path == path {
			return g, nil
		}
	}
	return githost.Group{}, t.missing()
}

// SubgroupsOf implements githost.Host.
func (h *Host) SubgroupsOf(ctx context.Context, token secret.Token, parent int64) ([]githost.Group, error) {
	t := task{token: token, operation: "ListSubgroups",
		doing: fmt.Sprintf("listing the sub-groups of group %d", parent)}
	options := gitlab.ListSubGroupsOptions{ListOptions: gitlab.ListOptions{PerPage: pageSize},
		AllAvailable: gitlab.Ptr(true)}
	options.OrderBy, options.Sort = oldestFirst()
	found, err := list(ctx, h, t, groupID,
		func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Group, *gitlab.Response, error) {
			return h.client.Groups.ListSubGroups(parent, &options, o...)
		})
	if err != nil {
		return nil, err
	}
	return groups(t, found)
}

// Groups implements githost.Host.
func (h *Host) Groups(ctx context.Context, token secret.Token) iter.Seq2[[]githost.Group, error] {
	t := task{token: token, operation: "ListGroups", doing: "listing groups"}
	options := gitlab.ListGroupsOptions{ListOptions: gitlab.ListOptions{PerPage: pageSize}}
	options.OrderBy, options.Sort = oldestFirst()
	return func(yield func([]githost.Group, error) bool) {
		var next []gitlab.RequestOptionFunc
		for more := true; more; {
			found, response, err := ask(ctx, h, t,
				func(o ...gitlab.RequestOptionFunc) ([]*gitlab.Group, *gitlab.Response, error) {
					return h.client.Groups.ListGroups(&options, append(o, next...)...)
				})
			var page []githost.Group
			if err == nil {
				page, err = groups(t, found)
			}
			if !yield(page, err) || err != nil || len(page) == 0 {
				return
			}
			var option gitlab.RequestOptionFunc
			option, more = gitlab.WithNext(response)
			next = []gitlab.RequestOptionFunc{option}
		}
	}
}

// CreateGroup implements githost.Host.
func (h *Host) CreateGroup(ctx context.Context, token secret.Token, g githost.NewGroup) (githost.Group, error) {
	t := task{token: token, operation: "CreateGroup", doing: "creating group " + shown(g.Path)}
	options := gitlab.CreateGroupOptions{
		Path: &g.Path, Name: gitlab.Ptr(nameOr(g.Name, g.Path)), Description: given(g.Description),
		Visibility: visibility(given(g.Visibility)),
	}
	if g.ParentID != 0 {
		options.ParentID = &g.ParentID
	}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Group, *gitlab.Response, error) {
		return h.client.Groups.CreateGroup(&options, o...)
	})
	if err != nil {
		return githost.Group{}, err
	}
	return group(t, found)
}

// UpdateGroup implements githost.Host.
func (h *Host) UpdateGroup(ctx context.Context, token secret.Token, id int64,
	c githost.GroupChange) (githost.Group, error) {
	t := task{token: token, operation: "UpdateGroup", doing: fmt.Sprintf("changing group %d", id)}
	found, _, err := ask(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Group, *gitlab.Response, error) {
		return h.client.Groups.UpdateGroup(id, &gitlab.UpdateGroupOptions{
			Name: c.Name, Path: c.Path, Description: c.Description, Visibility: visibility(c.Visibility),
		}, o...)
	})
	if err != nil {
		return githost.Group{}, err
	}
	return group(t, found)
}

// DeleteGroup implements githost.Host.
func (h *Host) DeleteGroup(ctx context.Context, token secret.Token, id int64) error {
	t := task{token: token, operation: "DeleteGroup", doing: fmt.Sprintf("deleting group %d", id)}
	return unlessMarked(do(ctx, h, t, func(o ...gitlab.RequestOptionFunc) (*gitlab.Response, error) {
		return h.client.Groups.DeleteGroup(id, nil, o...)
	}))
}

// unlessMarked ignores the error for deleting what is already marked for deletion.
func unlessMarked(err error) error {
	var refused *refusedError
	if errors.As(err, &refused) && refused.status < 500 && strings.Contains(refused.words, "already") &&
		strings.Contains(refused.words, "marked for deletion") {
		return nil
	}
	return err
}

func group(t task, g *gitlab.Group) (githost.Group, error) {
	if g == nil || g.ID <= 0 || g.FullPath == "" {
		return githost.Group{}, t.badAnswer("without a group")
	}
	return githost.Group{
		ID: g.ID, Path: g.FullPath, Name: g.Name, Description: g.Description, Visibility: string(g.Visibility),
		ParentID:          g.ParentID,
		MarkedForDeletion: g.MarkedForDeletionOn != nil,
	}, nil
}

func groups(t task, found []*gitlab.Group) ([]githost.Group, error) {
	all := make([]githost.Group, 0, len(found))
	for _, one := range found {
		g, err := group(t, one)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

func groupID(g *gitlab.Group) int64 { return g.ID }
