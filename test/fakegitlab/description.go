package fakegitlab

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// descriptionText holds facts about GitLab's API in our own notation, which its first lines explain.
//
//go:embed gitlab.api
var descriptionText string

// field is a parameter of a request or a member of an answer.
type field struct {
	name     string
	kind     kind
	required bool
	body     bool
}

// kind is the type of a value: "string", "integer", "boolean", "time", "date", "object", the name of a shape, or
// choices.
type kind struct {
	name     string
	list     bool
	nullable bool
	choices  []string
}

// shape is an object in an answer.
type shape map[string]field

type operationDescription struct {
	method  string
	pattern []string
	fields  map[string]field
	oneOf   [][]string // of each, a request needs at least one
	answers map[int]kind
}

type description struct {
	operations map[string]*operationDescription
	shapes     map[string]shape
}

// parser reads the notation of gitlab.api line by line.
type parser struct {
	*description
	sets map[string]*operationDescription
	// what indented lines belong to: an operation, a set or a shape
	operation *operationDescription
	members   shape
}

func parseDescription(text string) (*description, error) {
	p := &parser{
		description: &description{operations: map[string]*operationDescription{}, shapes: map[string]shape{}},
		sets:        map[string]*operationDescription{},
	}
	for number, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		read := p.begin
		if strings.HasPrefix(line, "\t") {
			read = p.add
		}
		if err := read(words); err != nil {
			return nil, fmt.Errorf("reading gitlab.api, line %d: %w", number+1, err)
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.description, nil
}

// begin reads the first line of an operation, a set or a shape.
func (p *parser) begin(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("want a method and a path, a set or a shape")
	}
	p.operation, p.members = nil, nil
	switch words[0] {
	case "shape":
		p.members = shape{}
		p.shapes[words[1]] = p.members
	case "set":
		p.operation = newOperation()
		p.sets[words[1]] = p.operation
	default:
		p.operation = newOperation()
		p.operation.method, p.operation.pattern = words[0], strings.Split(strings.TrimPrefix(words[1], "/"), "/")
		p.operations[words[0]+" "+words[1]] = p.operation
	}
	return nil
}

// add reads an indented line.
func (p *parser) add(words []string) error {
	switch {
	case p.members != nil:
		return p.members.add(words)
	case p.operation == nil:
		return fmt.Errorf("belongs to nothing")
	case words[0] == "use":
		return p.operation.use(p.sets, words[1:])
	}
	return p.operation.add(words)
}

func newOperation() *operationDescription {
	return &operationDescription{fields: map[string]field{}, answers: map[int]kind{}}
}

// use takes over the parameters of sets.
func (o *operationDescription) use(sets map[string]*operationDescription, names []string) error {
	for _, name := range names {
		set := sets[name]
		if set == nil {
			return fmt.Errorf("there is no set %s", name)
		}
		for _, f := range set.fields {
			o.fields[f.name] = f
		}
	}
	return nil
}

func (o *operationDescription) add(words []string) error {
	switch words[0] {
	case "one":
		o.oneOf = append(o.oneOf, words[1:])
		return nil
	case "->":
		var status int
		if _, err := fmt.Sscan(words[1], &status); err != nil {
			return fmt.Errorf("reading the status of an answer: %w", err)
		}
		answer := kind{}
		if len(words) > 2 {
			answer = parseKind(words[2])
		}
		o.answers[status] = answer
		return nil
	}
	if len(words) != 3 || !slices.Contains([]string{"?", "?!", "+", "+!"}, words[0]) {
		return fmt.Errorf("want a mark, a name and a type")
	}
	o.fields[words[1]] = field{
		name: words[1], kind: parseKind(words[2]), body: words[0][0] == '+', required: strings.HasSuffix(words[0], "!"),
	}
	return nil
}

func (s shape) add(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("want a name and a type")
	}
	name, optional := strings.CutPrefix(words[0], "~")
	s[name] = field{name: name, kind: parseKind(words[1]), required: !optional}
	return nil
}

func parseKind(word string) kind {
	var k kind
	word, k.nullable = strings.CutSuffix(word, "?")
	if strings.HasPrefix(word, "[") {
		k.list, word = true, strings.Trim(word, "[]")
	}
	if strings.Contains(word, "|") {
		k.choices = strings.Split(word, "|")
		word = "string"
		if strings.Trim(strings.Join(k.choices, ""), "0123456789") == "" {
			word = "integer"
		}
	}
	k.name = word
	return k
}

//nolint:gochecknoglobals // a constant that Go cannot express
var scalars = []string{"string", "integer", "boolean", "time", "date", "object"}

// check finds shapes that are named but not described.
func (d *description) check() error {
	known := func(k kind) bool { return k.name == "" || slices.Contains(scalars, k.name) || d.shapes[k.name] != nil }
	for name, o := range d.operations {
		for _, f := range o.fields {
			if !known(f.kind) {
				return fmt.Errorf("gitlab.api: %s: %s has the unknown type %q", name, f.name, f.kind.name)
			}
		}
		for _, k := range o.answers {
			if !known(k) {
				return fmt.Errorf("gitlab.api: %s answers with the unknown shape %q", name, k.name)
			}
		}
	}
	for name, s := range d.shapes {
		for _, f := range s {
			if !known(f.kind) {
				return fmt.Errorf("gitlab.api: %s: %s has the unknown type %q", name, f.name, f.kind.name)
			}
		}
	}
	return nil
}
