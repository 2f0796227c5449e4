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
	if op.body == nil {
		return Violations{
			op.wrong("", "a product is saved in the REST form: its group in GitLab is what there is to say"),
		}
	}
	var out Violations
	if !isPath(op.name) {
		out = append(out, op.wrong("name", "the name of a product is the full path of its group: "+
			"letters, digits, _ . and -, with / between groups"))
	}
	if _, isID := identity.GroupOf(op.name); !isID && !isPathOf(op.body.GitLab.Path, op.name) {
		out = append(out, otherPath(op))
	}
	return append(out, visibilityShape(op, op.body.GitLab)...)
}

// isPathOf says whether the wanted path, if there is one, is the path of the group, in full or its last segment.
func isPathOf(want *string, path string) bool {
	_, last, _ := cutLast(path)
	return want == nil || strings.EqualFold(*want, path) || strings.EqualFold(*want, last)
}

func otherPath(op *operation) wire.Violation {
	return op.wrong("git.gitlab.path",
		"git.gitlab.path must be the path of the product, or be left out: a group is not moved here")
}

// shape checks the GitLab part by itself.
func (r *hostedRepo) shape(op *operation) Violations {
	var out Violations
	reserved := strings.HasSuffix(r.path, ".git") || strings.HasSuffix(r.path, ".atom")
	if r.id == 0 && (!isPath(r.path) || strings.Contains(r.path, "/") || reserved) {
		out = append(out, op.wrong("name", "the name of a code repo is its path in GitLab: "+
			"letters, digits, _ . and -, not ending in .git or .atom"))
	}
	if strings.EqualFold(r.path, identity.DefaultProject) {
		out = append(out, op.wrong("name",
			"%s holds the resources of the product and is no code repo: choose another name", identity.DefaultProject))
	}
	if r.id == 0 && r.want.Path != nil && *r.want.Path != r.path {
		out = append(out, op.wrong("git.gitlab.path",
			"git.gitlab.path must be the name of the code repo, or be left out"))
	}
	return append(out, visibilityShape(op, r.want)...)
}

func visibilityShape(op *operation, want *wire.GitLabBody) Violations {
	known := []string{githost.Private, githost.Internal, githost.Public}
	if want.Visibility == nil || slices.Contains(known, *want.Visibility) {
		return nil
	}
	return Violations{op.wrong("git.gitlab.visibility", "git.gitlab.visibility must be private, internal or public")}
}
