package change

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/wire"
)

// operation is one save or deletion that was read and has the right shape.
type operation struct {
	remove bool
	kind   string
	// name is what the caller wrote; resource is the name of the object, once it is known.
	name, resource string
	// body is the REST form of a save, object the CRD form; one of them is set.
	body   *wire.Body
	object client.Object
	// absent are additive members of object that the caller left out: what is stored in them stays.
	absent []string
	// repo is the GitLab side of a code repo that is saved in the REST form; else nil.
	repo *hostedRepo
}

// prepare reads the operations: what is malformed is a bad request, what has no permitted shape is refused, before the tree is read.
func (s *Service) prepare(ctx context.Context, r Request) (ops []*operation, unknown []string, err error) {
	if len(r.Operations) > 1 && (r.IfMatch != "" || r.IfNoneMatch != "") {
		return nil, nil, badRequest("If-Match and If-None-Match are for a single object, not for a batch")
	}
	var violations Violations
	seen := map[string]bool{}
	for i, o := range r.Operations {
		if err := goOn(ctx, i); err != nil {
			return nil, nil, err
		}
		op, members, err := readOperation(o)
		if err != nil {
			return nil, nil, inBatch(len(r.Operations), i, err)
		}
		if len(r.Operations) > 1 && op.kind == "Product" {
			return nil, nil, inBatch(len(r.Operations), i, badRequest("products are saved and deleted one by one, not in a batch"))
		}
		id := op.kind + "/" + op.name
		if seen[id] {
			return nil, nil, badRequest("%s %q stands in the batch twice: remove one", op.kind, oneLine(op.name))
		}
		seen[id] = true
		unknown = append(unknown, members...)
		violations = violations.with(s.shape(op)...) //nolint:contextcheck // the schema is judged in memory: there is nothing to cancel
		ops = append(ops, op)
	}
	if r.Strict && len(unknown) > 0 {
		return nil, nil, badRequest("unknown members: %s; remove them, or leave strict out", strings.Join(unknown, ", "))
	}
	if len(violations) > 0 {
		return nil, nil, refusal(violations)
	}
	return ops, unknown, nil
}

// goOn is asked in the i-th turn of loops over what a product or a caller wrote: it ends them with the context, and lets others run in between
// where they are long.
func goOn(ctx context.Context, i int) error {
	if i%64 == 63 {
		runtime.Gosched()
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("giving up: %w", err)
	}
	return nil
}

func kindOf(o Operation) string {
	if o.Object != nil {
		return kinds.NameOf(o.Object)
	}
	return o.Kind
}

func badRequest(format string, args ...any) *problem.Problem {
	return problem.New(problem.Invalid, problem.ReasonBadRequest, format, args...)
}

func inBatch(size, i int, err error) error {
	p := problem.As(err)
	if size == 1 || p == nil {
		return err
	}
	return problem.New(p.Class, p.Reason, "document %d of the batch: %s", i+1, p.Message).Because(err)
}

func readOperation(o Operation) (*operation, []string, error) {
	op := &operation{remove: o.Delete, kind: kindOf(o), name: o.Name}
	if o.Object != nil {
		op.object, op.absent = o.Object.DeepCopyObject().(client.Object), o.Absent
		op.name = o.Object.GetName()
	}
	if op.kind != "Product" {
		if err := isProductKind(op.kind); err != nil {
			return nil, nil, err
		}
	}
	if op.name == "" {
		return nil, nil, badRequest("the %s has no name", op.kind)
	}
	op.resource = op.name
	if o.Delete || o.Object != nil {
		return op, o.Unknown, nil
	}
	body, err := wire.Parse(o.Kind, o.Body)
	if err != nil {
		return nil, nil, err
	}
	op.body = body
	if op.kind == "CodeRepo" {
		op.repo = newHostedRepo(op)
	}
	return op, body.Unknown, nil
}

// shape returns what the schema says about the object by itself. Names that are not translated yet stand for any.
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
	setProduct(o, "product-1")
	if ref := codeRepoOf(o); ref != nil && *ref != "" {
		if _, isID := idOf("repo-", *ref); !isID && !isPath(*ref) {
			violations = append(violations, op.violation(problem.New(problem.Invalid, ReasonInvalid,
				"the code repo must be the path of a repository of the product, group/path of another product's, or an id such as repo-3 or product-9/repo-5").At(codeRepoField(op.kind))))
		}
		*ref = "repo-1"
	}
	if op.repo != nil {
		violations = append(violations, op.repo.shape(op)...)
		op.repo.fill(o, repoName(1), s.CodeRepoProvider)
		if repo, ok := o.(*api.CodeRepo); ok && repo.Spec.RepoName == "" {
			repo.Spec.RepoName = "any" // GitLab tells
		}
	}
	for _, p := range s.Schema.Check(o) {
		violations = append(violations, op.violation(p))
	}
	return violations
}

// onto returns the object that the operation makes of the stored one, or of none.
func (op *operation) onto(stored client.Object) client.Object {
	if op.object == nil {
		return op.body.Onto(stored)
	}
	o := op.object.DeepCopyObject().(client.Object)
	if stored != nil { // what a person wrote into the file beside the spec stays
		o.SetLabels(merged(stored.GetLabels(), o.GetLabels()))
		o.SetAnnotations(merged(stored.GetAnnotations(), o.GetAnnotations()))
	}
	return o
}

func merged(stored, given map[string]string) map[string]string {
	if len(stored) == 0 {
		return given
	}
	out := make(map[string]string, len(stored)+len(given))
	for k, v := range stored {
		out[k] = v
	}
	for k, v := range given {
		out[k] = v
	}
	return out
}

// violation returns a problem of the operation's object as a violation in the words of the form that was sent.
func (op *operation) violation(p *problem.Problem) wire.Violation {
	v := wire.Violation{Rule: p.Reason, Field: p.Field, Message: p.Message, Params: map[string]string{"kind": op.kind, "name": op.name}}
	if op.body != nil {
		v.Field = wire.Field(op.kind, p.Field)
	}
	return v
}

// refusal returns the error of a change that the rules refuse.
func refusal(violations Violations) error {
	first := violations[0].Message
	if more := min(len(violations), mostViolations) + violations.untold() - 1; more > 0 {
		first += fmt.Sprintf(" (and %d more, see violations)", more)
	}
	class, reason := problem.Conflict, ReasonInUse
	for _, v := range violations {
		if v.Rule != ReasonInUse {
			class, reason = problem.Invalid, ReasonInvalid
		}
	}
	return problem.New(class, reason, "%s", first).Because(violations)
}

// setProduct sets spec.product where the product is the one that the object lies in.
func setProduct(o client.Object, product string) {
	o.SetNamespace(product)
	switch o := o.(type) {
	case *api.DeploymentRuntime:
		o.Spec.Product = product
	case *api.Environment:
		o.Spec.Product = product
	case *api.Project:
		o.Spec.Product = product
	case *api.CodeRepo:
		o.Spec.Product = product
	case *api.CodeRepoBinding:
		if o.Spec.Product == "" {
			o.Spec.Product = product
		}
	}
}

// codeRepoOf returns where the object names a code repo, or nil.
func codeRepoOf(o client.Object) *string {
	switch o := o.(type) {
	case *api.DeploymentRuntime:
		return &o.Spec.ManifestSource.CodeRepo
	case *api.CodeRepoBinding:
		return &o.Spec.CodeRepo
	}
	return nil
}

func codeRepoField(kind string) string {
	if kind == "CodeRepoBinding" {
		return "spec.codeRepo"
	}
	return "spec.manifestSource.codeRepo"
}
