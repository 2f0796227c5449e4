package change

import (
	"context"
	"maps"
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
	// index is its place in the request.
	index int
	kind  string
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

// prepare reads the operations before the tree is read. A malformed operation is a bad request; one whose object the
// schema refuses is refused. unknown are members that mean nothing, also with an error.
func (s *Service) prepare(ctx context.Context, r Request) (ops []*operation, unknown []string, err error) {
	if len(r.Operations) > 1 && (r.IfMatch != "" || r.IfNoneMatch != "") {
		return nil, nil, badRequest("If-Match and If-None-Match are for a single object, not for a batch")
	}
	var violations Violations
	seen := map[string]bool{}
	for i, o := range r.Operations {
		if err := goOn(ctx, i); err != nil {
			return nil, unknown, err
		}
		op, members, err := readOperation(o)
		if err != nil {
			return nil, unknown, inBatch(len(r.Operations), i, err)
		}
		if len(r.Operations) > 1 && op.kind == "Product" {
			return nil, unknown, inBatch(len(r.Operations), i, badRequest(
				"products are saved and deleted one by one, not in a batch"))
		}
		id := op.kind + "/" + op.name
		if seen[id] {
			return nil, unknown, badRequest("%s %q stands in the batch twice: remove one", op.kind, oneLine(op.name))
		}
		seen[id] = true
		unknown = append(unknown, members...)
		violations = violations.with(s.shape(op)...) //nolint:contextcheck // in memory: nothing to cancel
		op.index = i
		ops = append(ops, op)
	}
	if r.Strict && len(unknown) > 0 {
		return nil, nil, badRequest(
			"unknown members: %s; remove them, or leave strict out", strings.Join(unknown, ", "))
	}
	if len(violations) > 0 {
		return nil, unknown, refusal(violations)
	}
	return ops, unknown, nil
}

func kindOf(o Operation) string {
	if o.Object != nil {
		return kinds.NameOf(o.Object)
	}
	return o.Kind
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
		op.repo = newHostedRepo(op.name, body.GitLab)
	}
	return op, body.Unknown, nil
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
	out := maps.Clone(stored)
	maps.Copy(out, given)
	return out
}

// violation returns a problem of the operation's object as a violation in the words of the form that was sent.
func (op *operation) violation(p *problem.Problem) wire.Violation {
	v := wire.Violation{
		Rule: p.Reason, Field: p.Field, Message: p.Message, Params: map[string]string{"kind": op.kind, "name": op.name},
	}
	if op.body != nil {
		v.Field, v.Message = wire.Field(op.kind, p.Field), wire.Sentence(op.kind, p.Message)
	}
	return v
}

// wrong returns a violation by a field of the form that was sent.
func (op *operation) wrong(field, format string, args ...any) wire.Violation {
	v := op.violation(problem.New(problem.Invalid, problem.ReasonInvalid, format, args...))
	v.Field = field
	return v
}

// setProduct sets spec.product where the product is the one that the object lies in.
func setProduct(o client.Object, product string) {
	o.SetNamespace(product)
	kinds.SetProduct(o, product)
	if b, is := o.(*api.CodeRepoBinding); is && b.Spec.Product == "" {
		b.Spec.Product = product
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
