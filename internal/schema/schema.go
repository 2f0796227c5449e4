// Package schema checks one object with the embedded CustomResourceDefinitions, as an API server does: metadata,
// structure, list types, CEL. So the cluster does not refuse a committed object because of its own content. Defaults
// are applied before the check, to a copy of the object.
package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Schema holds the compiled schemas of all kinds. It can be used by several goroutines.
type Schema struct {
	kinds map[string]*compiled
}

// compiled is the schema of one kind.
type compiled struct {
	structural *structural.Structural
	openAPI    validation.SchemaValidator
	cel        *cel.Validator
	// aboutName holds the messages of those rules on the whole object that are about its name only.
	aboutName map[string]bool
}

// New compiles the embedded schemas. This takes a while: do it once.
func New() (*Schema, error) {
	definitions, err := crd.Objects()
	if err != nil {
		return nil, err
	}
	s := &Schema{kinds: map[string]*compiled{}}
	for _, d := range definitions {
		for i := range d.Spec.Versions {
			if v := &d.Spec.Versions[i]; v.Name == api.GroupVersion.Version {
				c, err := compile(v.Schema.OpenAPIV3Schema)
				if err != nil {
					return nil, fmt.Errorf("compiling the schema of %s: %w", d.Spec.Names.Kind, err)
				}
				s.kinds[d.Spec.Names.Kind] = c
			}
		}
	}
	return s, nil
}

func compile(props *apiextensionsv1.JSONSchemaProps) (*compiled, error) {
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props,
		internal, nil); err != nil {
		return nil, fmt.Errorf("converting it: %w", err)
	}
	c := &compiled{aboutName: map[string]bool{}}
	var err error
	if c.structural, err = structural.NewStructural(internal); err != nil {
		return nil, fmt.Errorf("reading its structure: %w", err)
	}
	if c.openAPI, _, err = validation.NewSchemaValidator(internal); err != nil {
		return nil, fmt.Errorf("reading its constraints: %w", err)
	}
	c.cel = cel.NewValidator(c.structural, true, celconfig.PerCallLimit)
	for _, rule := range props.XValidations {
		if strings.Contains(rule.Rule, "self.metadata.name") && !strings.Contains(rule.Rule, "self.spec") {
			c.aboutName[rule.Message] = true
		}
	}
	return c, nil
}

// Check returns all problems that the schema has with a new object, each with its field, sorted by field. Rules about a
// change from an old object are not checked.
func (s *Schema) Check(obj client.Object) []*problem.Problem { return s.CheckUpdate(nil, obj) }

// CheckUpdate does the same as Check, and checks the rules about a change from the old object. old is nil when there
// was none.
func (s *Schema) CheckUpdate(old, obj client.Object) []*problem.Problem {
	kind := kinds.NameOf(obj)
	c := s.kinds[kind]
	if c == nil {
		return []*problem.Problem{problem.New(problem.Invalid, problem.ReasonInvalidField,
			"a %T has no schema: use one of the kinds of %s", obj, api.GroupVersion).At("kind")}
	}
	fields, err := c.asStored(kind, obj)
	if err != nil {
		return []*problem.Problem{problem.New(problem.Internal, problem.ReasonEncoding,
			"the %s cannot be encoded", kind).Because(err)}
	}
	var before any // nil unless there is an old object
	if old != nil {
		stored, err := c.asStored(kind, old)
		if err != nil {
			return []*problem.Problem{problem.New(problem.Internal, problem.ReasonEncoding,
				"the stored %s cannot be encoded", kind).Because(err)}
		}
		before = stored
	}
	return c.problems(c.violations(obj, fields, before))
}

// violations takes the steps of an API server.
func (c *compiled) violations(obj client.Object, fields map[string]any, old any) field.ErrorList {
	meta := metav1.ObjectMeta{
		Name: obj.GetName(), Namespace: "default", // the result is the same in any namespace
		Labels: obj.GetLabels(), Annotations: obj.GetAnnotations(), Finalizers: obj.GetFinalizers(),
		OwnerReferences: obj.GetOwnerReferences(),
	}
	all := metavalidation.ValidateObjectMeta(&meta, true, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	all = append(all, validation.ValidateCustomResource(nil, fields, c.openAPI)...)
	all = append(all, listtype.ValidateListSetsAndMaps(nil, c.structural, fields)...)
	if c.cel == nil || slices.ContainsFunc(all, blocksRules) {
		return all
	}
	ctx := context.Background() //nolint:forbidigo // evaluation waits for nothing, and its cost has a bound
	found, _ := c.cel.Validate(ctx, nil, c.structural, fields, old, celconfig.RuntimeCELCostBudget)
	return append(all, found...)
}

// blocksRules says whether an API server skips the CEL rules because of the error: rules rely on types and bounds.
func blocksRules(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	default:
		return false
	}
}

// asStored returns the object as an API server would store it: with defaults and without null values.
func (c *compiled) asStored(kind string, obj client.Object) (map[string]any, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encoding it: %w", err)
	}
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &fields); err != nil {
		return nil, fmt.Errorf("encoding it: %w", err)
	}
	fields["apiVersion"], fields["kind"] = api.GroupVersion.String(), kind
	delete(fields, "status") // creating an object does not set its status
	if metadata, ok := fields["metadata"].(map[string]any); ok {
		delete(metadata, "creationTimestamp")
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(fields, c.structural)
	defaulting.Default(fields, c.structural)
	return fields, nil
}

// UnknownFields returns the sorted paths of fields in a document (JSON in the form of the CRD) that its kind does not
// have. An API server would drop them, and Argo CD refuses them. For a document of another kind it returns nothing.
func (s *Schema) UnknownFields(raw []byte) []string {
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &fields); err != nil {
		return nil
	}
	kind, _ := fields["kind"].(string)
	c := s.kinds[kind]
	if c == nil || fields["apiVersion"] != api.GroupVersion.String() {
		return nil
	}
	unknown := pruning.PruneWithOptions(fields, c.structural, true,
		structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	_, _, inMetadata, err := objectmeta.GetObjectMetaWithOptions(fields,
		objectmeta.ObjectMetaOptions{DropMalformedFields: true, ReturnUnknownFieldPaths: true})
	if err == nil {
		unknown = append(unknown, inMetadata...)
	}
	slices.Sort(unknown)
	return slices.Compact(unknown)
}
