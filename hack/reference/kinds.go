package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// definition is the CRD of a kind, with the version that is served.
type definition struct {
	kinds.Kind
	names  apiextensionsv1.CustomResourceDefinitionNames
	group  string
	at     apiextensionsv1.CustomResourceDefinitionVersion
	schema apiextensionsv1.JSONSchemaProps
}

// definitions returns the kinds in the order in which objects can be created.
func definitions() ([]definition, error) {
	crds, err := crd.Objects()
	if err != nil {
		return nil, err
	}
	byKind := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, c := range crds {
		byKind[c.Spec.Names.Kind] = c
	}
	var out []definition
	for _, k := range kinds.All() {
		c := byKind[k.Name]
		if c == nil || len(c.Spec.Versions) != 1 {
			return nil, fmt.Errorf("kind %s needs a CRD with one version", k.Name)
		}
		v := c.Spec.Versions[0]
		out = append(out, definition{Kind: k, names: c.Spec.Names, group: c.Spec.Group, at: v,
			schema: *v.Schema.OpenAPIV3Schema})
	}
	return out, nil
}

// slug is the kind's word in paths.
func (d definition) slug() string { return strings.ToLower(d.Name) }

func (d definition) apiVersion() string { return d.group + "/" + d.at.Name }

// addKinds writes a page for each kind, and one that lists them.
func addKinds(out files) error {
	all, err := definitions()
	if err != nil {
		return err
	}
	var list strings.Builder
	list.WriteString(notice + "# Kinds\n\n`kubectl explain` says the same of a cluster on which they are installed.\n")
	for _, s := range []struct{ scope, title string }{
		{string(kinds.Tenant), "Kinds of the platform team, in the system namespace"},
		{string(kinds.Product), "Kinds of a product, in its namespace"},
	} {
		fmt.Fprintf(&list, "\n## %s\n\n| kind | is |\n|---|---|\n", s.title)
		for _, d := range all {
			if string(d.Scope) == s.scope {
				fmt.Fprintf(&list, "| [%s](%s.md) | %s |\n", d.Name, d.slug(), cell(firstSentence(d.schema.Description)))
			}
		}
	}
	out[pagesDir+"/kinds/README.md"] = list.String()
	for _, d := range all {
		out[pagesDir+"/kinds/"+d.slug()+".md"] = d.page()
	}
	return nil
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(text), " "), ". ")
	return strings.TrimSuffix(first, ".") + "."
}

func (d definition) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# %s\n\n%s\n\n", notice, d.Name, d.schema.Description)
	d.head(&b)
	b.WriteString("\n## spec\n\n")
	table(&b, d.schema.Properties["spec"])
	if rules := rulesOf("", &d.schema); len(rules) > 0 {
		b.WriteString("\n## Rules\n\nThe API server refuses an object that breaks one of them.\n\n")
		b.WriteString("| field | rule |\n|---|---|\n")
		for _, r := range rules {
			fmt.Fprintf(&b, "| %s | %s |\n", code(r.path), cell(r.text))
		}
	}
	if status, ok := d.schema.Properties["status"]; ok {
		b.WriteString("\n## status\n\nThe operator writes it.\n\n")
		table(&b, status)
	}
	b.WriteString("\n## Columns of `kubectl get`\n\n| column | shows |\n|---|---|\n")
	for _, c := range d.at.AdditionalPrinterColumns {
		wide := ""
		if c.Priority > 0 {
			wide = ", with `-o wide`"
		}
		fmt.Fprintf(&b, "| %s | %s%s |\n", cell(strings.ToUpper(c.Name)), code(c.JSONPath), wide)
	}
	return b.String()
}

// head says how the kind is named, and where its objects lie.
func (d definition) head(b *strings.Builder) {
	b.WriteString("| | |\n|---|---|\n")
	fmt.Fprintf(b, "| apiVersion | %s |\n", code(d.apiVersion()))
	fmt.Fprintf(b, "| kind | %s |\n", code(d.Name))
	fmt.Fprintf(b, "| words for kubectl | %s |\n", codes(append([]string{d.names.Plural}, d.names.ShortNames...)))
	if len(d.Words) > 0 {
		fmt.Fprintf(b, "| words for nautes | %s |\n", codes(d.Words))
	}
	if d.Directory == "" {
		b.WriteString("| lies in | the system namespace, `nautes` unless it was chosen otherwise |\n")
	} else {
		b.WriteString("| lies in | the namespace of its product |\n")
		fmt.Fprintf(b, "| file in `default.project` | below %s |\n", code(d.Directory+"/"))
	}
	if d.Collection != "" {
		fmt.Fprintf(b, "| REST | [%s](../rest.md#%s) |\n", d.Collection, d.slug())
	}
	fmt.Fprintf(b, "| JSON schema | [%s.json](../../../schemas/%s.json) |\n", d.slug(), d.slug())
}

// field is a row of a table.
type field struct {
	path, kind, text string
	required         bool
}

func table(b *strings.Builder, p apiextensionsv1.JSONSchemaProps) {
	b.WriteString("| field | type | description |\n|---|---|---|\n")
	for _, f := range fieldsOf("", &p) {
		kind := f.kind
		if f.required {
			kind += ", required"
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", code(f.path), kind, f.text)
	}
}

// fieldsOf returns all fields below a schema, each before those that lie in it.
func fieldsOf(path string, p *apiextensionsv1.JSONSchemaProps) []field {
	var out []field
	for _, name := range slices.Sorted(maps.Keys(p.Properties)) {
		child := p.Properties[name]
		at := name
		if path != "" {
			at = path + "." + name
		}
		text := cell(child.Description)
		if bounds := boundsOf(&child); bounds != "" {
			text += " *" + bounds + "*"
		}
		out = append(out, field{path: at, kind: typeOf(&child), required: slices.Contains(p.Required, name), text: text})
		if name == "conditions" {
			out[len(out)-1].text += " See [conditions and reasons](../conditions.md)."
			continue
		}
		inner, below := innermost(&child, at)
		out = append(out, fieldsOf(below, inner)...)
	}
	return out
}

// innermost returns the schema of what a list or a map holds, and the path of one such thing.
func innermost(p *apiextensionsv1.JSONSchemaProps, path string) (inner *apiextensionsv1.JSONSchemaProps, below string) {
	switch {
	case p.Items != nil && p.Items.Schema != nil:
		return innermost(p.Items.Schema, path+"[]")
	case p.AdditionalProperties != nil && p.AdditionalProperties.Schema != nil:
		return innermost(p.AdditionalProperties.Schema, path+".*")
	}
	return p, path
}

func typeOf(p *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case p.XIntOrString:
		return "integer or string"
	case p.Items != nil && p.Items.Schema != nil:
		return "list of " + typeOf(p.Items.Schema)
	case p.AdditionalProperties != nil && p.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(p.AdditionalProperties.Schema)
	case p.Format == "date-time":
		return "time"
	}
	return p.Type
}

// boundsOf says which values a field takes, in the words of the schema.
func boundsOf(p *apiextensionsv1.JSONSchemaProps) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if p.Default != nil {
		add("default %s", code(string(p.Default.Raw)))
	}
	if len(p.Enum) > 0 {
		add("one of %s", codes(values(p.Enum)))
	}
	span(add, "characters", p.MinLength, p.MaxLength)
	span(add, "entries", p.MinItems, p.MaxItems)
	span(add, "entries", p.MinProperties, p.MaxProperties)
	if p.Minimum != nil {
		add("at least %v", *p.Minimum)
	}
	if p.Maximum != nil {
		add("at most %v", *p.Maximum)
	}
	if p.Pattern != "" && !p.XIntOrString {
		add("matches %s", code(p.Pattern))
	}
	if p.Items != nil && p.Items.Schema != nil {
		if each := boundsOf(p.Items.Schema); each != "" {
			add("each: %s", each)
		}
	}
	return strings.Join(out, "; ")
}

func span(add func(string, ...any), of string, from, to *int64) {
	switch {
	case from != nil && to != nil:
		add("%d to %d %s", *from, *to, of)
	case from != nil:
		add("at least %d %s", *from, of)
	case to != nil:
		add("at most %d %s", *to, of)
	}
}

// values returns words without their quotes.
func values(enum []apiextensionsv1.JSON) []string {
	var out []string
	for _, v := range enum {
		var word string
		if json.Unmarshal(v.Raw, &word) != nil {
			word = string(v.Raw)
		}
		out = append(out, word)
	}
	return out
}

// rule is a rule in CEL, by the sentence that a person is told.
type rule struct{ path, text string }

func rulesOf(path string, p *apiextensionsv1.JSONSchemaProps) []rule {
	var out []rule
	for _, v := range p.XValidations {
		at := path
		if at == "" {
			at = "the object"
		}
		out = append(out, rule{at, v.Message})
	}
	for _, name := range slices.Sorted(maps.Keys(p.Properties)) {
		child := p.Properties[name]
		at := name
		if path != "" {
			at = path + "." + name
		}
		out = append(out, rulesOf(at, &child)...)
		if inner, below := innermost(&child, at); below != at {
			out = append(out, rulesOf(below, inner)...)
		}
	}
	return out
}
