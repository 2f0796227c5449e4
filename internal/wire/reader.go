package wire

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// reader reads the members of an object one by one. It records the first wrong type, and the members that were not
// read.
type reader struct {
	object *object
	path   string
	root   *reader
	known  map[string]bool
	// Only the root has these:
	failure *problem.Problem
	unknown []string
}

func newReader(o *object) *reader {
	r := &reader{object: o, known: map[string]bool{}}
	r.root = r
	return r
}

// finish returns the first wrong type. Without one it records the members that were not read.
func (r *reader) finish() error {
	for _, m := range r.object.members {
		if !r.known[m.name] {
			r.root.unknown = append(r.root.unknown, shown(join(r.path, m.name)))
		}
	}
	if r.root.failure != nil {
		return r.root.failure
	}
	return nil
}

// find returns the member. It accepts snake_case, camelCase, and lower case, which the upstream CLI uses for some.
func (r *reader) find(name string) (value any, at string, present bool) {
	for _, m := range r.object.members {
		if spellings(name, m.name) {
			r.known[m.name] = true
			return m.value, join(r.path, m.name), true
		}
	}
	return nil, "", false
}

func spellings(name, written string) bool {
	return written == name || written == camel(name) || written == strings.ReplaceAll(name, "_", "")
}

func camel(name string) string {
	parts := strings.Split(name, "_")
	for i := 1; i < len(parts); i++ {
		if parts[i] != "" {
			parts[i] = strings.ToUpper(parts[i][:1]) + parts[i][1:]
		}
	}
	return strings.Join(parts, "")
}

func (r *reader) wrong(at, want string, got any) {
	if r.root.failure == nil {
		r.root.failure = badRequest("%s %s", shown(at), text.WrongType(want, text.TypeOf(got))).At(shown(at))
	}
}

// tolerate accepts members without a warning: some that the upstream CLI sends, and members of items that cannot be
// set.
func (r *reader) tolerate(names ...string) {
	for _, name := range names {
		r.find(name)
	}
}

// given is a member that may be absent (present is false) or null (null is true).
type given[T any] struct {
	present, null bool
	value         T
}

// scalar reads a member of a scalar JSON type.
func scalar[T any](r *reader, name, want string) given[T] {
	v, at, present := r.find(name)
	if !present || v == nil {
		return given[T]{present: present, null: present}
	}
	value, ok := v.(T)
	if !ok {
		r.wrong(at, want, v)
	}
	return given[T]{present: true, value: value}
}

func (r *reader) text(name string) given[string] { return scalar[string](r, name, "a string") }

func (r *reader) flag(name string) given[bool] { return scalar[bool](r, name, "true or false") }

func (r *reader) number(name string) given[int64] {
	g := scalar[json.Number](r, name, "a whole number")
	out := given[int64]{present: g.present, null: g.null}
	if g.value == "" {
		return out
	}
	n, err := g.value.Int64()
	if err != nil {
		r.wrong(join(r.path, name), "a whole number", g.value)
	}
	out.value = n
	return out
}

func (r *reader) texts(name string) given[[]string] {
	v, at, present := r.find(name)
	if !present || v == nil {
		return given[[]string]{present: present, null: present}
	}
	return given[[]string]{present: true, value: r.textsOf(v, at)}
}

// textsOf returns the strings of a list; nil for an empty one, so that equal objects are equal.
func (r *reader) textsOf(v any, at string) []string {
	list, ok := v.([]any)
	if !ok {
		r.wrong(at, "a list of strings", v)
		return nil
	}
	var out []string
	for i, element := range list {
		s, ok := element.(string)
		if !ok {
			r.wrong(at+"["+strconv.Itoa(i)+"]", "a string", element)
			return nil
		}
		out = append(out, s)
	}
	return out
}

// within reads the members of an object. An absent or null object counts as an empty one.
func (r *reader) within(name string, read func(*reader)) {
	v, at, present := r.find(name)
	inner := &object{}
	if present && v != nil {
		o, ok := v.(*object)
		if !ok {
			r.wrong(at, "an object", v)
			return
		}
		inner = o
	}
	sub := &reader{object: inner, path: at, root: r.root, known: map[string]bool{}}
	read(sub)
	_ = sub.finish() // the root reports it
}

func sortedUnknown(r *reader) []string {
	slices.Sort(r.root.unknown)
	return r.root.unknown
}
