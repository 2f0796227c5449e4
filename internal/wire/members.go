package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Members of items and bodies belong to the field of a spec with the same Go name.

// setter applies a member that was read to its field of a spec.
type setter func(field reflect.Value)

// members reads the members of a body of type t and returns what they do to a spec. An absent member of the guide
// counts as empty, so that the schema reports required ones.
func (b *Body) members(r *reader, t reflect.Type) setter {
	read := map[string]setter{}
	for f := range t.Fields() {
		if f.Type == reflect.TypeFor[*gitBody]() { // it belongs to the git host, not to the spec
			b.GitLab = readGitLab(r)
		} else {
			read[f.Name] = b.member(r, f)
		}
	}
	return func(spec reflect.Value) {
		for name, set := range read {
			set(spec.FieldByName(name))
		}
	}
}

func (b *Body) member(r *reader, f reflect.StructField) setter {
	name, t := memberName(f), f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		if name == "destination" {
			return assign(readDestination(r), f)
		}
		return assignText(r.text(name), f)
	case reflect.Bool:
		return assign(r.flag(name), f)
	case reflect.Slice:
		return assign(r.texts(name), f)
	default:
		var set setter
		r.within(name, func(inner *reader) { set = b.members(inner, t) })
		return func(field reflect.Value) { within(field, set) }
	}
}

// memberName is the name of a member in messages. Other spellings are accepted as well: see spellings.
func memberName(f reflect.StructField) string { return Snake(f.Name) }

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func keeps(f reflect.StructField) bool { return f.Tag.Get("absent") == "keep" }

// assign sets the field to the value that was read. An absent member resets or keeps the field, as its tag says.
func assign[T any](g given[T], f reflect.StructField) setter {
	return func(field reflect.Value) {
		if g.present || !keeps(f) {
			field.Set(reflect.ValueOf(g.value).Convert(field.Type()))
		}
	}
}

// assignText keeps the stored value if the new one means the same: answers contain the default, files may omit it.
func assignText(g given[string], f reflect.StructField) setter {
	return func(field reflect.Value) {
		unset := f.Tag.Get("empty")
		if g.null || cmp.Or(g.value, unset) != cmp.Or(field.String(), unset) {
			assign(g, f)(field)
		}
	}
}

// within changes the inside of a field. An optional field that would be empty is left out.
func within(field reflect.Value, set setter) {
	if field.Kind() != reflect.Pointer {
		set(field)
		return
	}
	inner := reflect.New(field.Type().Elem())
	set(inner.Elem())
	if inner.Elem().IsZero() {
		inner = reflect.Zero(field.Type())
	}
	field.Set(inner)
}

// Members is a JSON object whose members stay in their order.
type Members []Member

// Member is one member of Members.
type Member struct {
	Name  string
	Value any
}

// MarshalJSON writes the members.
func (m Members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, one := range m {
		b.WriteByte("{,"[min(i, 1)])
		name, err := json.Marshal(one.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	if len(m) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Document returns an item in the CRD form: the spec that can be applied, with human names, and the status, which is
// nil when there is none.
func Document(item any) (spec Members, status any) {
	v := reflect.Indirect(reflect.ValueOf(item))
	spec, told := documentOf(v)
	spec = slices.DeleteFunc(spec, func(m Member) bool { return m.Name == "name" }) // it is in metadata
	switch {
	case len(told) == 1 && !reflect.ValueOf(told[0].Value).IsNil(): // the status as a whole
		return spec, told[0].Value
	case len(told) > 1:
		return spec, told
	}
	return spec, nil
}

func documentOf(v reflect.Value) (spec, status Members) {
	for f, value := range v.Fields() {
		name, omit, _ := strings.Cut(f.Tag.Get("apply"), ",")
		one := Member{Name: cmp.Or(name, camel(jsonName(f))), Value: value.Interface()}
		if value.Kind() == reflect.Struct {
			one.Value, _ = documentOf(value)
		}
		switch {
		case name == "-":
		case name == "status":
			one.Name = jsonName(f)
			status = append(status, one)
		case omit == "omitempty" && isDefault(value, f):
		default:
			spec = append(spec, one)
		}
	}
	return spec, status
}

func isDefault(v reflect.Value, f reflect.StructField) bool {
	if v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero() || v.Kind() == reflect.String && v.String() == f.Tag.Get("empty")
}
