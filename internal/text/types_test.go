package text_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/nautes-labs/deployment-runtime/internal/text"
)

func TestAValueOfAWrongTypeIsToldWithWhatToDo(t *testing.T) {
	type form struct {
		Text   string         `json:"text"`
		Flag   *bool          `json:"flag"`
		Number int64          `json:"number"`
		List   []string       `json:"list"`
		Inside map[string]int `json:"inside"`
	}
	for sent, want := range map[string]string{
		`{"text":1.10}`:       "must be a string, not a number: put it in quotes",
		`{"text":true}`:       "must be a string, not a boolean: put it in quotes",
		`{"text":[]}`:         "must be a string, not a list: correct it",
		`{"flag":"true"}`:     "must be true or false, not a string: write it without quotes",
		`{"number":"7"}`:      "must be a whole number, not a string: write it without quotes",
		`{"number":1.5}`:      "must be a whole number, not a number: correct it",
		`{"list":"a"}`:        "must be a list, not a string: correct it",
		`{"inside":["a"]}`:    "must be an object, not a list: correct it",
		`{"list":{"a":"b"}}`:  "must be a list, not an object: correct it",
		`{"list":[true,"b"]}`: "must be a string, not a boolean: put it in quotes",
	} {
		t.Run(sent, func(t *testing.T) {
			var wrong *json.UnmarshalTypeError
			if err := json.Unmarshal([]byte(sent), &form{}); !errors.As(err, &wrong) {
				t.Fatalf("got %v", err)
			}
			if got := text.Mistyped(wrong); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTypesOfValuesHaveNames(t *testing.T) {
	for want, values := range map[string][]any{
		"null": {nil}, "a boolean": {true}, "a string": {"a"}, "a list": {[]any{}},
		"a number": {json.Number("1"), int64(1), 1.5}, "an object": {map[string]any{}},
	} {
		for _, value := range values {
			if got := text.TypeOf(value); got != want {
				t.Errorf("%v: got %s, want %s", value, got, want)
			}
		}
	}
}
