package change

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// GitLab refuses these rules only when it makes something, so a dry run would promise too much. They hold for new
// projects and groups alone: what exists may have been made under older rules.

// newPath matches a path segment that GitLab takes: letters and digits, with single special characters between them.
var newPath = regexp.MustCompile(`^[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*$`)

// reservedInGroups are names of GitLab's own pages below a group or a project.
func reservedInGroups() []string {
	return []string{"badges", "blame", "blob", "builds", "commits", "create", "create_dir", "edit", "files",
		"find_file", "new", "preview", "raw", "refs", "tree", "update", "wikis"}
}

// reservedAtTheTop are names of GitLab's own pages.
func reservedAtTheTop() []string {
	return []string{"admin", "api", "assets", "dashboard", "explore", "files", "groups", "health_check", "help",
		"import", "jwt", "login", "oauth", "profile", "projects", "public", "search", "sitemap", "snippets", "unsubscribes",
		"uploads", "users", "v2"}
}

// checkNewPath refuses the last segment of a path that GitLab would not make.
func checkNewPath(path, field string) error {
	_, last, nested := cutLast(path)
	reserved := reservedInGroups()
	if !nested {
		reserved = reservedAtTheTop()
	}
	switch {
	case !newPath.MatchString(last) || len(last) > 255:
		return problem.New(problem.Invalid, problem.ReasonInvalid, "GitLab does not make %q: a path begins and ends "+
			"with a letter or digit, and has no two special characters in a row", oneLine(last)).At(field)
	case slices.Contains(reserved, strings.ToLower(last)):
		return problem.New(problem.Invalid, problem.ReasonInvalid,
			"GitLab keeps the path %q for its own pages: choose another one", oneLine(last)).At(field)
	}
	return nil
}

// openness orders visibilities.
func openness(visibility string) int {
	return slices.Index([]string{githost.Private, githost.Internal, githost.Public}, visibility)
}

// checkNewProject refuses a new project that GitLab would refuse, or would make with a lower visibility without a word.
func (r *hostedRepo) checkNewProject(ctx context.Context, a *access) error {
	if r.want == nil { // it is not to be made
		return nil
	}
	if err := checkNewPath(a.path+"/"+r.path, "name"); err != nil {
		return err
	}
	want := value(r.want.Visibility)
	if openness(want) <= 0 {
		return nil
	}
	group, err := a.host.GroupByID(ctx, a.caller.Token, a.project.Namespace.ID)
	if err != nil {
		return err
	}
	if openness(want) > openness(group.Visibility) {
		return problem.New(problem.Invalid, problem.ReasonInvalid,
			"a project of the %s group %q cannot be %s: lower git.gitlab.visibility, or open the group first",
			group.Visibility, a.path, want).At("git.gitlab.visibility")
	}
	return nil
}
