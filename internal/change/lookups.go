package change

import (
	"context"
	"fmt"
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/layout"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
)

// lookups turns human names into resource names for the time of one request. What the git host answered is kept that
// long.
type lookups struct {
	access     *access
	management management
	hosted     map[string]string
	// borrowed are the names of borrowed code repos, once they were asked for.
	borrowed map[string]lent
}

// codeRepo returns the resource name of a code repo, with its product where that is another one. An id stays as it is.
// A name is looked up in the tree, then among the borrowed code repos as answers name them, and then at the git host. A
// skipped check does not skip this: without the name there is nothing to write.
func (l *lookups) codeRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
	group, last, qualified := cutLast(human)
	if _, isID := identity.ProjectOf(last); isID {
		if _, isProduct := identity.GroupOf(group); isProduct || !qualified {
			return human, nil
		}
	}
	name := human
	if qualified && group == l.access.path {
		name = last
	}
	var own []string
	for id, repoName := range tree.RepoNames() {
		if repoName == name {
			own = append(own, id)
		}
	}
	slices.Sort(own)
	switch {
	case len(own) == 1:
		return own[0], nil
	case len(own) > 1:
		return "", problem.New(problem.Conflict, api.ReasonCodeRepoAmbiguous,
			"several code repos are named %q: use an id, such as %s", oneLine(human), own[0])
	}
	if qualified {
		if l.borrowed == nil {
			n, m, runtimes := namesOf(l.access, tree), l.management.of(ctx, l.access), tree.Of("DeploymentRuntime")
			n.borrow(ctx, m, liveRuntimes(ctx, m, n.product, runtimes, false), runtimes)
			l.borrowed = n.borrowed
		}
		for _, repo := range l.borrowed {
			if repo.path == human {
				return repo.name, nil
			}
		}
	}
	return l.hostedRepo(ctx, tree, human)
}

// hostedRepo asks the git host for the project. The code repo belongs to the product of the project's group, unless the
// tree has it.
func (l *lookups) hostedRepo(ctx context.Context, tree *layout.Tree, human string) (string, error) {
	unknown := problem.New(problem.Missing, api.ReasonCodeRepoNotFound,
		"code repo %q does not exist in %q, or you may not see it: correct the name, "+
			"or write group/path for a repository of another product", oneLine(human), l.access.path)
	if id, known := l.hosted[human]; known && id == "" {
		return "", unknown
	} else if known {
		return id, nil
	}
	path := human
	if !strings.Contains(human, "/") {
		path = l.access.path + "/" + human
	}
	if !isPath(path) {
		return "", unknown
	}
	project, err := l.access.host.ProjectAt(ctx, l.access.caller.Token, path)
	switch {
	case problem.Is(err, problem.Missing):
		l.hosted[human] = ""
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up code repo: %w", err)
	}
	id := identity.CodeRepo(project.ID)
	if !tree.Has("CodeRepo", id) {
		owner, err := l.ownerOf(ctx, project)
		if err != nil {
			return "", err
		}
		id = identity.JoinCodeRepo(l.access.product, owner, id)
	}
	l.hosted[human] = id
	return id, nil
}

// ownerOf returns the product that a project of a group or of a sub-group belongs to: the nearest group above it that
// is a product.
func (l *lookups) ownerOf(ctx context.Context, project githost.Project) (string, error) {
	own, what := identity.Product(project.Namespace.ID), "which product the code repo "+project.Path+" belongs to"
	m, err := l.management.ask(ctx, l.access)
	if err != nil {
		return "", unanswered(what, err)
	}
	if m == nil {
		return own, nil
	}
	for group, path := project.Namespace.ID, project.Namespace.Path; ; {
		product, err := resolve.Get[api.Product](ctx, m, "", identity.Product(group))
		if err != nil {
			return "", unanswered(what, err)
		}
		if product != nil {
			return product.Name, nil
		}
		parent, _, nested := cutLast(path)
		if !nested {
			return own, nil
		}
		above, err := l.access.host.GroupAt(ctx, l.access.caller.Token, parent)
		switch {
		case problem.Is(err, problem.Missing):
			return own, nil
		case err != nil:
			return "", fmt.Errorf("looking up group %s: %w", parent, err)
		}
		group, path = above.ID, parent
	}
}

// product returns the resource name of a product. An id stays as it is; the caller's own path is the own product; any
// other path is asked for at the git host.
func (l *lookups) product(ctx context.Context, human string) (string, error) {
	if _, isID := identity.GroupOf(human); isID {
		return human, nil
	}
	if human == "" || strings.EqualFold(human, l.access.path) {
		return l.access.product, nil
	}
	key := "group " + human
	if id, known := l.hosted[key]; known {
		return id, nil
	}
	unknown := problem.New(problem.Missing, api.ReasonProductNotFound,
		"product %q does not exist, or you may not see it: correct the path of the group", oneLine(human))
	if !isPath(human) {
		return "", unknown
	}
	group, err := l.access.host.GroupAt(ctx, l.access.caller.Token, human)
	switch {
	case problem.Is(err, problem.Missing):
		return "", unknown.Because(err)
	case err != nil:
		return "", fmt.Errorf("looking up product: %w", err)
	}
	l.hosted[key] = identity.Product(group.ID)
	return l.hosted[key], nil
}
