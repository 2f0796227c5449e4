package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const draft = "http://json-schema.org/draft-07/schema#"

// object is a JSON object: encoding/json sorts its members.
type object = map[string]any

// addSchemas writes a JSON schema for each kind, and one that picks by kind. Editors complete and check with them. They
// hold what a JSON schema can say: rules in CEL, and rules about several objects, are left to `nautes validate`.
func addSchemas(out files) error {
	all, err := definitions()
	if err != nil {
		return err
	}
	var names []string
	var choices []any
	for _, d := range all {
		names = append(names, d.Name)
		choices = append(choices, object{
			"if":   object{"properties": object{"kind": object{"const": d.Name}}, "required": []string{"kind"}},
			"then": object{"$ref": d.slug() + ".json"},
		})
		if out[schemasDir+"/"+d.slug()+".json"], err = encode(d.jsonSchema()); err != nil {
			return err
		}
	}
	out[schemasDir+"/nautes.json"], err = encode(object{
		"$schema": draft, "title": "A resource of Nautes", "type": "object", "required": []string{"apiVersion", "kind"},
		"properties": object{"kind": object{"enum": names, "description": "Kind of the resource."}},
		"allOf":      choices,
	})
	return err
}

func encode(schema object) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		return "", fmt.Errorf("encoding a schema: %w", err)
	}
	return b.String(), nil
}

func (d definition) jsonSchema() object {
	spec := d.schema.Properties["spec"]
	return object{
		"$schema": draft, "title": d.Name, "description": d.schema.Description,
		"type": "object", "additionalProperties": false,
		"required": []string{"apiVersion", "kind", "metadata", "spec"},
		"properties": object{
			"apiVersion": object{"const": d.apiVersion(), "description": "Version of the API."},
			"kind":       object{"const": d.Name, "description": "Kind of the resource."},
			"metadata":   d.metadata(),
			"spec":       convert(&spec, "spec"),
			"status":     object{"type": "object", "description": "Written by the operator: leave it out of files."},
		},
	}
}

// metadata has the name that the kind's rules permit.
func (d definition) metadata() object {
	name := object{"type": "string", "minLength": 1, "maxLength": 253, "description": "Name of the object."}
	// The alternative of a rule that also looks at the spec says nothing for all objects.
	form := regexp.MustCompile(`^self\.metadata\.name\.matches\('(.*)'\)$`)
	for _, rule := range d.schema.XValidations {
		if m := form.FindStringSubmatch(rule.Rule); m != nil {
			name["pattern"], name["patternErrorMessage"] = strings.ReplaceAll(m[1], `\\`, `\`), rule.Message
		}
	}
	texts := object{"type": "object", "additionalProperties": object{"type": "string"}}
	return object{
		"type": "object", "required": []string{"name"}, "description": "Name, labels and annotations of the object.",
		"properties": object{"name": name, "namespace": object{"type": "string"}, "labels": texts, "annotations": texts},
	}
}

// convert returns a schema of a CRD as one of draft 7. An object with named fields has no others, as in the API server's
// strict validation.
func convert(p *apiextensionsv1.JSONSchemaProps, path string) object {
	out := object{}
	set := func(name string, value any, has bool) {
		if has {
			out[name] = value
		}
	}
	set("type", p.Type, p.Type != "")
	set("type", []string{"integer", "string"}, p.XIntOrString)
	set("description", strings.Join(strings.Fields(p.Description), " "), p.Description != "")
	set("enum", p.Enum, len(p.Enum) > 0)
	set("pattern", p.Pattern, p.Pattern != "")
	set("uniqueItems", true, p.XListType != nil && *p.XListType == "set")
	set("required", p.Required, len(p.Required) > 0)
	for name, value := range map[string]*int64{
		"minLength": p.MinLength, "maxLength": p.MaxLength, "minItems": p.MinItems, "maxItems": p.MaxItems,
		"minProperties": p.MinProperties, "maxProperties": p.MaxProperties,
	} {
		set(name, value, value != nil)
	}
	set("minimum", p.Minimum, p.Minimum != nil)
	set("maximum", p.Maximum, p.Maximum != nil)
	set("default", p.Default, p.Default != nil)
	words(out, p, path)
	children(out, p, path)
	return out
}

// words adds the sentences of `nautes validate`, which the YAML language server shows. It has none of its own for a
// missing field or a length, and a path with an index cannot be known here.
func words(out object, p *apiextensionsv1.JSONSchemaProps, path string) {
	if strings.ContainsAny(path, "[*") || p.XIntOrString {
		return
	}
	if p.Pattern != "" {
		out["patternErrorMessage"] = fmt.Sprintf("%s must match '%s': correct it", path, p.Pattern)
	}
	if len(p.Enum) > 0 {
		quoted := values(p.Enum)
		for i := range quoted {
			quoted[i] = fmt.Sprintf("%q", quoted[i])
		}
		out["errorMessage"] = fmt.Sprintf("%s is not one of the known words: use %s", path, strings.Join(quoted, ", "))
	}
}

// children adds what an object, a map or a list holds.
func children(out object, p *apiextensionsv1.JSONSchemaProps, path string) {
	if len(p.Properties) > 0 {
		fields := object{}
		for name := range p.Properties {
			child := p.Properties[name]
			fields[name] = convert(&child, path+"."+name)
		}
		out["properties"] = fields
		out["additionalProperties"] = p.XPreserveUnknownFields != nil && *p.XPreserveUnknownFields
	}
	if p.AdditionalProperties != nil && p.AdditionalProperties.Schema != nil {
		out["additionalProperties"] = convert(p.AdditionalProperties.Schema, path+".*")
	}
	if p.Items != nil && p.Items.Schema != nil {
		out["items"] = convert(p.Items.Schema, path+"[]")
	}
}
