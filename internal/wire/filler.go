package wire

import (
	"cmp"
	"reflect"
)

// filler copies the fields of a spec into an item, one step for each field that both have.
type filler []step

// step copies the field at an index of a spec to the member at an index of an item.
type step struct {
	member int
	from   []int
	copy   func(member, from reflect.Value)
}

// fillerOf works out what to copy. Lists are never nil: they are [] in JSON, not null.
func fillerOf(item, spec reflect.Type) filler {
	var steps filler
	for m := range item.NumField() {
		member := item.Field(m)
		from, found := spec.FieldByName(member.Name)
		if !found {
			continue
		}
		t := from.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		steps = append(steps, step{m, from.Index, copierOf(member, t)})
	}
	return steps
}

// copierOf returns what copies a field of a type to a member.
func copierOf(member reflect.StructField, from reflect.Type) func(member, from reflect.Value) {
	switch member.Type.Kind() {
	case reflect.String:
		unset := member.Tag.Get("empty")
		return func(member, from reflect.Value) { member.SetString(cmp.Or(from.String(), unset)) }
	case reflect.Slice:
		return func(member, from reflect.Value) {
			member.Set(reflect.AppendSlice(reflect.MakeSlice(member.Type(), 0, from.Len()), from))
		}
	case reflect.Struct:
		return fillerOf(member.Type, from).copy
	default:
		return func(member, from reflect.Value) { member.Set(from) }
	}
}

// copy takes the steps. A field that is nil counts as empty.
func (f filler) copy(item, spec reflect.Value) {
	for _, s := range f {
		from := spec.FieldByIndex(s.from)
		if from.Kind() == reflect.Pointer {
			if from.IsNil() {
				from = reflect.New(from.Type().Elem())
			}
			from = from.Elem()
		}
		s.copy(item.Field(s.member), from)
	}
}
