package apis

import (
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/nautes-labs/deployment-runtime/config/crd"
)

// node is one place in a schema. Its path is written as the API server writes it, with [0] for the entries of a list
// and the key a for those of a map, as in the objects of testdata/full.
type node struct {
	path     string
	steps    []any // string: member or key of a map, int: index of a list
	schema   apiextensionsv1.JSONSchemaProps
	required bool
	// entry of a list or a map: it has no description of its own
	entry bool
}

func definitions(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	out, err := crd.Objects()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func root(d *apiextensionsv1.CustomResourceDefinition) apiextensionsv1.JSONSchemaProps {
	return *d.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// nodes returns every place below the named member of the root that this project declares, in a stable order.
func nodes(d *apiextensionsv1.CustomResourceDefinition, member string) []node {
	r := root(d)
	start := node{path: member, steps: []any{member}, schema: r.Properties[member],
		required: slices.Contains(r.Required, member)}
	return start.walk(nil)
}

func (n node) walk(out []node) []node {
	out = append(out, n)
	if n.borrowed() {
		return out
	}
	names := make([]string, 0, len(n.schema.Properties))
	for name := range n.schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		child := node{path: n.path + "." + name, schema: n.schema.Properties[name],
			required: slices.Contains(n.schema.Required, name)}
		child.steps = append(slices.Clone(n.steps), name)
		out = child.walk(out)
	}
	if n.isList() {
		child := node{path: n.path + "[0]", entry: true, schema: *n.schema.Items.Schema,
			steps: append(slices.Clone(n.steps), 0)}
		out = child.walk(out)
	}
	if n.isMap() {
		child := node{path: n.path + ".a", entry: true, schema: *n.schema.AdditionalProperties.Schema,
			steps: append(slices.Clone(n.steps), "a")}
		out = child.walk(out)
	}
	return out
}

// borrowed says whether what lies below comes from Kubernetes' own types.
func (n node) borrowed() bool {
	switch n.path {
	case "status.conditions", "spec.namespaceTemplate.resourceQuota", "spec.namespaceTemplate.limitRange",
		"spec.namespaceTemplate.networkPolicies[0].spec":
		return true
	}
	return false
}

func (n node) isList() bool { return n.schema.Items != nil && n.schema.Items.Schema != nil }

func (n node) isMap() bool {
	return n.schema.AdditionalProperties != nil && n.schema.AdditionalProperties.Schema != nil
}

func (n node) ruleMessages() []string {
	out := make([]string, 0, len(n.schema.XValidations))
	for _, v := range n.schema.XValidations {
		out = append(out, v.Message)
	}
	return out
}

func TestEveryFieldIsExplained(t *testing.T) {
	for _, d := range definitions(t) {
		if len(root(d).Description) < 20 {
			t.Errorf("%s: the kind has no description that helps: %q", d.Spec.Names.Kind, root(d).Description)
		}
		for _, n := range append(nodes(d, "spec"), nodes(d, "status")...) {
			if !n.entry && len(n.schema.Description) < 10 {
				t.Errorf("%s: %s has no description that helps: %q", d.Spec.Names.Kind, n.path, n.schema.Description)
			}
		}
	}
}

// boundedByRule are places that no marker reaches, because the values of a Go map have no markers: a rule on the map
// bounds them, and the size of a request bounds the names of products in a grant.
var boundedByRule = []string{
	"spec.namespaceTemplate.labels.a",
	"spec.namespaceTemplate.annotations.a",
	"spec.reservedNamespacesAllowedProducts.a",
	"spec.reservedNamespacesAllowedProducts.a[0]",
	"spec.productAllowedClusterResources.a",
}

func TestEverythingInASpecIsBounded(t *testing.T) {
	for _, d := range definitions(t) {
		for _, n := range nodes(d, "spec") {
			if n.borrowed() || slices.Contains(boundedByRule, n.path) {
				continue
			}
			s := n.schema
			switch {
			case s.Type == "string" && s.MaxLength == nil && len(s.Enum) == 0:
				t.Errorf("%s: the string %s has neither maxLength nor enum", d.Spec.Names.Kind, n.path)
			case n.isList() && s.MaxItems == nil:
				t.Errorf("%s: the list %s has no maxItems", d.Spec.Names.Kind, n.path)
			case n.isMap() && s.MaxProperties == nil:
				t.Errorf("%s: the map %s has no maxProperties", d.Spec.Names.Kind, n.path)
			case n.required && s.Type == "string" && s.MinLength == nil && len(s.Enum) == 0 && s.Pattern == "":
				t.Errorf("%s: the required string %s may be empty", d.Spec.Names.Kind, n.path)
			}
		}
	}
}

func TestEveryKindHasAStatusOfItsOwn(t *testing.T) {
	for _, d := range definitions(t) {
		if v := d.Spec.Versions[0]; v.Subresources == nil || v.Subresources.Status == nil {
			t.Errorf("%s has no status subresource: a sync from git would erase what the operator found",
				d.Spec.Names.Kind)
		}
	}
}
