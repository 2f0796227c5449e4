package wire

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
)

// Selector is a parsed field_selector: all its terms must match. The zero value selects everything.
type Selector struct {
	terms []term
}

type term struct {
	key   string
	holds func(item any, value string) bool
	value string
}

// key describes a key of a selector, and how values are compared with it.
type key struct {
	name  string
	exact bool // a boolean
	of    func(item any) []string
}

// ParseSelector reads key=value[,key=value...]: split on ",", then on the first "=". Strings match as case-sensitive
// substrings of the human names, booleans exactly. A list matches if one of its elements contains the value. An unknown
// or repeated key or an empty value is a *problem.Problem with ReasonBadRequest that names the known keys.
func ParseSelector(kind, selector string) (Selector, error) {
	if selector == "" {
		return Selector{}, nil
	}
	known := keysOf(kind)
	var s Selector
	seen := map[string]bool{}
	for _, part := range strings.Split(selector, ",") {
		name, value, hasValue := strings.Cut(part, "=")
		i := slices.IndexFunc(known, func(k key) bool { return spellings(k.name, name) })
		switch {
		case i < 0:
			return Selector{}, wrongSelector(known, "key %q is not known", shown(name))
		case !hasValue || value == "":
			return Selector{}, wrongSelector(known, "key %q has no value", shown(name))
		case seen[known[i].name]:
			return Selector{}, wrongSelector(known, "key %q stands there twice", shown(name))
		case known[i].exact && value != "true" && value != "false":
			return Selector{}, wrongSelector(known, "key %q takes true or false", shown(name))
		}
		seen[known[i].name] = true
		s.terms = append(s.terms, term{key: known[i].name, holds: known[i].matches, value: value})
	}
	return s, nil
}

func wrongSelector(known []key, format string, args ...any) *problem.Problem {
	names := make([]string, 0, len(known))
	for _, k := range known {
		names = append(names, k.name)
	}
	p := badRequest("field_selector: "+format, args...).At("field_selector")
	if len(names) == 0 {
		p.Message += "; this kind has no keys"
		return p
	}
	p.Message += "; write <key>=<value>, separated by commas, with the keys " + strings.Join(names, ", ")
	return p
}

// Matches says whether all terms match the item.
func (s Selector) Matches(item any) bool {
	for _, t := range s.terms {
		if !t.holds(item, t.value) {
			return false
		}
	}
	return true
}

// Without returns the selector without the term of a key, and the value of that term; "" if there is none.
func (s Selector) Without(key string) (rest Selector, value string) {
	for _, t := range s.terms {
		if t.key == key {
			value = t.value
		} else {
			rest.terms = append(rest.terms, t)
		}
	}
	return rest, value
}

func (k key) matches(item any, value string) bool {
	return slices.ContainsFunc(k.of(item), func(has string) bool {
		return has == value || !k.exact && strings.Contains(has, value)
	})
}

// keysOf returns the keys with which items of the kind can be selected.
func keysOf(kind string) []key {
	res, _ := ResourceOf(kind)
	keys := make([]key, 0, len(res.selectors))
	for _, selector := range res.selectors {
		name, path, _ := strings.Cut(selector, "=")
		path = strings.TrimSuffix(cmp.Or(path, name), ".in")
		_, leaf := memberAt(res.Item, path)
		keys = append(keys, key{name: name, exact: leaf.Kind() == reflect.Bool, of: func(item any) []string {
			if reflect.TypeOf(item) != reflect.PointerTo(res.Item) {
				return nil
			}
			return Texts(item, path)
		}})
	}
	return keys
}

// Texts returns the texts of an item at a path such as manifest_source.code_repo: one text, or those of a list. It is
// empty if a part of the path is absent.
func Texts(item any, path string) []string {
	v := reflect.Indirect(reflect.ValueOf(item))
	index, _ := memberAt(v.Type(), path)
	found, err := v.FieldByIndexErr(index)
	if err != nil {
		return nil
	}
	if list, is := found.Interface().([]string); is {
		return list
	}
	return []string{fmt.Sprint(found.Interface())}
}

// memberAt returns the index of the member at a path, and its type.
func memberAt(t reflect.Type, path string) (index []int, leaf reflect.Type) {
	for name := range strings.SplitSeq(path, ".") {
		for f := range t.Fields() {
			if jsonName(f) == name {
				index, leaf = append(index, f.Index...), f.Type
			}
		}
		if t = leaf; t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return index, leaf
}
