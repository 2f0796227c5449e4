package server

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// form is a body or an answer on the page for people: its name, and its members in one table.
type form struct {
	Name    string
	Members []member
}

// member is one row: a member by its path, such as manifest_source.path, or items[].name.
type member struct {
	Name, Type, Meaning string
	Required            bool
}

// deepest bounds how deep members are shown, lest a schema that holds itself goes on for ever.
const deepest = 6

// formsOf returns what a body or an answer may be: an answer may be one of several.
func formsOf(r huma.Registry, content map[string]*huma.MediaType) []form {
	var out []form
	for _, m := range content {
		alternatives := []*huma.Schema{m.Schema}
		if s := resolved(r, m.Schema); len(s.AnyOf) > 0 {
			alternatives = s.AnyOf
		}
		for _, s := range alternatives {
			out = append(out, form{Name: s.Ref[strings.LastIndex(s.Ref, "/")+1:], Members: membersOf(r, s, "", 0)})
		}
	}
	return out
}

func resolved(r huma.Registry, s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return r.SchemaFromRef(s.Ref)
	}
	return s
}

// membersOf returns the members of an object, those that are required first, and those of the objects inside.
func membersOf(r huma.Registry, s *huma.Schema, path string, depth int) []member {
	s = resolved(r, s)
	for _, one := range alternativesOf(s) {
		if inner := resolved(r, one); len(inner.Properties) > 0 {
			s = inner
		}
	}
	switch {
	case depth > deepest:
		return nil
	case s.Type == huma.TypeArray && s.Items != nil:
		return membersOf(r, s.Items, path+"[]", depth+1)
	}
	optional := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Properties)),
		func(name string) bool { return slices.Contains(s.Required, name) })
	var out []member
	for _, name := range slices.Concat(s.Required, optional) {
		p, at := s.Properties[name], strings.TrimPrefix(path+"."+name, ".")
		out = append(out, member{Name: at, Type: typeOf(r, p), Meaning: cmp.Or(p.Description, resolved(r, p).Description),
			Required: slices.Contains(s.Required, name)})
		out = append(out, membersOf(r, p, at, depth+1)...)
	}
	return out
}

func alternativesOf(s *huma.Schema) []*huma.Schema { return slices.Concat(s.OneOf, s.AnyOf) }

// typeOf names the type of a member: its words, where it has only some.
func typeOf(r huma.Registry, s *huma.Schema) string {
	s = resolved(r, s)
	var kinds []string
	for _, one := range alternativesOf(s) {
		kinds = append(kinds, typeOf(r, one))
	}
	switch {
	case len(kinds) > 0:
		return strings.Join(kinds, " or ")
	case len(s.Enum) > 0:
		words := make([]string, 0, len(s.Enum))
		for _, word := range s.Enum {
			words = append(words, fmt.Sprint(word))
		}
		return strings.Join(words, ", ")
	case s.Type == huma.TypeArray && s.Items != nil:
		return "list of " + typeOf(r, s.Items)
	}
	return s.Type
}
