package fakegitlab

import (
	"strings"
	"testing"
)

// These tests are inside the package: nothing that a client does makes the stand-in answer wrongly.

func TestEveryDescribedOperationIsCarriedOut(t *testing.T) {
	all, err := newRoutes()
	if err != nil {
		t.Fatal(err)
	}
	carried := map[string]bool{}
	for _, r := range all.all {
		if carried[r.operation] {
			t.Errorf("%s has two routes", r.operation)
		}
		carried[r.operation] = true
	}
	for name, o := range all.description.operations {
		if !carried[name] {
			t.Errorf("%s is described, but not carried out", name)
		}
		if len(o.answers) == 0 {
			t.Errorf("%s has no answer", name)
		}
	}
}

// A literal segment must come before a variable one, or it is never reached.
func TestRoutesAreReached(t *testing.T) {
	all, err := newRoutes()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all.all {
		path := strings.NewReplacer(":", "x").Replace(strings.Join(r.described.pattern, "/"))
		found, _, _ := all.find(r.described.method, path)
		if found == nil || found.operation != r.operation {
			t.Errorf("%s is served by another route", r.operation)
		}
	}
}

func TestDescriptionIsRead(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"a shape that isn't there": {"GET /a\n\t-> 200 Nothing\n", `answers with the unknown shape "Nothing"`},
		"a type that isn't there":  {"GET /a\n\t? b number\n", `b has the unknown type "number"`},
		"a member of what":         {"shape A\n\tb Nothing\n", `b has the unknown type "Nothing"`},
		"a set that isn't there":   {"GET /a\n\tuse b\n", "line 2: there is no set b"},
		"a line without a mark":    {"GET /a\n\tb string\n", "line 2: want a mark, a name and a type"},
		"a line of nothing":        {"\ta string\n", "line 1: belongs to nothing"},
		"a heading of one word":    {"GET\n", "line 1: want a method and a path"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseDescription(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestAnswersAreChecked(t *testing.T) {
	d, err := parseDescription("GET /a\n\t-> 200 [A]\n\t-> 204\nshape A\n\tid integer\n\tat time?\n\t~kind " +
		"group|user\n\t~b B\nshape B\n\tday date\n\tall [string]\n\t~more object\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		status int
		body   string
		want   string // "" is fine
	}{
		"all members": {200,
			`[{"id":1,"at":"2026-01-02T03:04:05Z","kind":"user","b":{"day":"2026-01-02","all":["x"],"more":{}}}]`, ""},
		"the least":                     {200, `[{"id":1,"at":null}]`, ""},
		"a refusal has its own shape":   {404, `{"message":"404 Not Found"}`, ""},
		"nothing where nothing belongs": {204, "", ""},
		"something where nothing does":  {204, "{}", "without a body"},
		"a status that isn't there":     {201, "[]", "doesn't answer 201"},
		"an object for a list":          {200, "{}", "is no list"},
		"a missing member":              {200, `[{"id":1}]`, "[0].at is missing"},
		"an unknown member":             {200, `[{"id":1,"at":null,"c":1}]`, "[0].c is no member"},
		"a text for a number":           {200, `[{"id":"1","at":null}]`, "[0].id is no integer"},
		"a fraction for a whole number": {200, `[{"id":1.5,"at":null}]`, "[0].id is no integer"},
		"null where it may not be":      {200, `[{"id":null,"at":null}]`, "[0].id is null"},
		"a choice that isn't one":       {200, `[{"id":1,"at":null,"kind":"x"}]`, "[0].kind is no string"},
		"a day for a time":              {200, `[{"id":1,"at":"2026-01-02"}]`, "[0].at is no time"},
		"what is wrong further in":      {200, `[{"id":1,"at":null,"b":{"day":"x","all":[]}}]`, "[0].b.day is no date"},
		"a wrong item of a list further": {200, `[{"id":1,"at":null,"b":{"day":"2026-01-02","all":[1]}}]`,
			"[0].b.all[0] is no string"},
	} {
		t.Run(name, func(t *testing.T) {
			err := d.checkAnswer(d.operations["GET /a"], test.status, []byte(test.body))
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
