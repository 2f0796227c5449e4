package text

import (
	"encoding/json"
	"reflect"
	"strings"
)

// The types of JSON, in words.
const (
	aString  = "a string"
	aNumber  = "a number"
	aBoolean = "a boolean"
	aList    = "a list"
	anObject = "an object"
)

// TypeOf names the type of a value that was read from JSON or YAML.
func TypeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return aBoolean
	case string:
		return aString
	case []any:
		return aList
	case json.Number, int64, float64:
		return aNumber
	}
	return anObject
}

// WrongType says of a value what it must be, what it is, and what to do. YAML takes unquoted text for a number or a
// boolean: 1.10 is 1.1 then.
func WrongType(want, is string) string {
	next := "correct it"
	switch {
	case strings.HasPrefix(want, aString) && (is == aNumber || is == aBoolean):
		next = "put it in quotes"
	case (want == trueOrFalse || want == aWholeNumber) && is == aString:
		next = "write it without quotes"
	}
	return "must be " + want + ", not " + is + ": " + next
}

const (
	trueOrFalse  = "true or false"
	aWholeNumber = "a whole number"
)

// Mistyped is WrongType for an error of encoding/json.
func Mistyped(err *json.UnmarshalTypeError) string {
	found, _, _ := strings.Cut(err.Value, " ")
	is := map[string]string{
		"string": aString, "number": aNumber, "bool": aBoolean, "array": aList, "object": anObject,
	}[found]
	if is == "" {
		is = "what it is"
	}
	return WrongType(wanted(err.Type), is)
}

func wanted(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.String:
		return aString
	case reflect.Bool:
		return trueOrFalse
	case reflect.Slice, reflect.Array:
		return aList
	case reflect.Map, reflect.Struct:
		return anObject
	default:
		return aWholeNumber
	}
}
