package change

import (
	"slices"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/githost"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// shape checks the object by itself. Names are not translated yet: stand-ins take their place.
func (s *Service) shape(op *operation) Violations {
	if op.remove {
		return nil
	}
	if op.kind == "Product" {
		return shapeOfProduct(op)
	}
	var violations Violations
	o := op.onto(nil)
	o.SetName(op.resource)
	setProduct(o, identity.Product(1))
	if ref := codeRepoOf(o); ref != nil && *ref != "" {
		if _, isID := identity.ProjectOf(*ref); !isID && !isPath(*ref) {
			malformed := problem.New(problem.Invalid, problem.ReasonInvalid,
				"the code repo must be the path of a repository of the product, "+
					"group/path of another product's, or an id such as repo-3 or product-9/repo-5")
			violations = append(violations, op.violation(malformed.At(codeRepoField(op.kind))))
		}
		*ref = identity.CodeRepo(1)
	}
	if op.repo != nil {
		violations = append(violations, op.repo.shape(op)...)
		op.repo.fill(o, identity.CodeRepo(1), s.CodeRepoProvider)
		if repo, ok := o.(*api.CodeRepo); ok && repo.Spec.RepoName == "" {
			repo.Spec.RepoName = "any" // GitLab tells
		}
	}
	for _, p := range s.Schema.Check(o) {
		violations = append(violations, op.violation(p))
	}
	return violations
}

func shapeOfProduct(op *operation) Violations {
	var out Violations
	wrong := func(field, format string, args ...any) {
		v := op.violation(problem.New(problem.Invalid, problem.ReasonInvalid, format, args...))
		v.Field = field
		out = append(out, v)
	}
	if op.body == nil {
		wrong("", "a product is saved in the REST form: its group in GitLab is what there is to say")
		return out
	}
	if !isPath(op.name) {
		wrong("name",
			"the name of a product is the full path of its group: letters, digits, _ . and -, with / between groups")
	}
	if _, isID := identity.GroupOf(op.name); !isID && !isPathOf(op.body.GitLab.Path, op.name) {
		out = append(out, otherPath(op))
	}
	return append(out, visibilityShape(op, op.body.GitLab)...)
}

// isPathOf says whether the wanted path is the path of the group, in full or its last segment. No wanted path fits any
// group.
func isPathOf(want *string, path string) bool {
	_, last, _ := cutLast(path)
	return want == nil || strings.EqualFold(*want, path) || strings.EqualFold(*want, last)
}

func otherPath(op *operation) wire.Violation {
	v := op.violation(problem.New(problem.Invalid, problem.ReasonInvalid,
		"git.gitlab.path must be the path of the product, or be left out: a group is not moved here"))
	v.Field = "git.gitlab.path"
	return v
}

// shape checks the GitLab part by itself.
func (r *hostedRepo) shape(op *operation) Violations {
	var out Violations
	wrong := func(field, format string, args ...any) {
		v := op.violation(problem.New(problem.Invalid, problem.ReasonInvalid, format, args...))
		v.Field = field
		out = append(out, v)
	}
	reserved := strings.HasSuffix(r.path, ".git") || strings.HasSuffix(r.path, ".atom")
	if r.id == 0 && (!isPath(r.path) || strings.Contains(r.path, "/") || reserved) {
		wrong("name",
			"the name of a code repo is its path in GitLab: letters, digits, _ . and -, not ending in .git or .atom")
	}
	if strings.EqualFold(r.path, identity.DefaultProject) {
		wrong("name",
			"%s holds the resources of the product and is no code repo: choose another name", identity.DefaultProject)
	}
	if r.id == 0 && r.want.Path != nil && *r.want.Path != r.path {
		wrong("git.gitlab.path", "git.gitlab.path must be the name of the code repo, or be left out")
	}
	return append(out, visibilityShape(op, r.want)...)
}

func visibilityShape(op *operation, want *wire.GitLabBody) Violations {
	known := []string{githost.Private, githost.Internal, githost.Public}
	if want.Visibility == nil || slices.Contains(known, *want.Visibility) {
		return nil
	}
	v := op.violation(problem.New(problem.Invalid, problem.ReasonInvalid,
		"git.gitlab.visibility must be private, internal or public"))
	v.Field = "git.gitlab.visibility"
	return Violations{v}
}
