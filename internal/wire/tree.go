package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

const (
	// maxDepth bounds the nesting of a body. Valid bodies nest four levels.
	maxDepth = 32
	// maxValues bounds the members and elements of a document. Values need much more memory than their text: [] has
	// only two bytes.
	maxValues = 20_000
)

// object is a JSON object with its members in their written order. encoding/json alone would accept a member twice, and
// would accept other spellings of a member.
type object struct {
	members []member
}

type member struct {
	name  string
	value any // nil, bool, json.Number, string, []any, *object
}

func badRequest(format string, args ...any) *problem.Problem {
	return problem.New(problem.Invalid, problem.ReasonBadRequest, format, args...)
}

// parse reads one JSON value. Of what was sent, messages quote only names of members.
func parse(raw []byte) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, badRequest("the body is empty: send a JSON object")
	}
	p := newParser(raw)
	v, err := p.value(0, "")
	if err != nil {
		return nil, err
	}
	return v, p.finish()
}

// parser reads JSON and counts the values.
type parser struct {
	*json.Decoder
	// begins is the offset of the text in the body.
	begins int64
	left   int
}

func newParser(raw []byte) *parser {
	p := &parser{Decoder: json.NewDecoder(bytes.NewReader(raw)), left: maxValues}
	p.UseNumber()
	return p
}

// finish says whether anything comes after the value.
func (p *parser) finish() error {
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return badRequest("the body holds more than one JSON value: send one")
	}
	return nil
}

func (p *parser) invalid(err error) error {
	next := "correct it there"
	if said := err.Error(); strings.HasPrefix(said, "invalid character '#'") ||
		strings.HasPrefix(said, "invalid character '/'") {
		next = "JSON has no comments, so take them out"
	}
	return badRequest("the body is not valid JSON near byte %d: %s", p.begins+p.InputOffset(), next).Because(err)
}

// parseObject reads one JSON object.
func parseObject(raw []byte) (*object, error) {
	v, err := parse(raw)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*object)
	if !ok {
		return nil, badRequest("the body is %s: send a JSON object", text.TypeOf(v))
	}
	return o, nil
}

func (p *parser) value(depth int, path string) (any, error) {
	if depth > maxDepth {
		return nil, badRequest("the body nests too deeply: at most %d levels", maxDepth)
	}
	p.left--
	if p.left < 0 {
		return nil, badRequest("a document holds more than %d values: send less", maxValues)
	}
	token, err := p.Token()
	if err != nil {
		return nil, p.invalid(err)
	}
	switch token {
	case json.Delim('{'):
		return p.members(depth, path)
	case json.Delim('['):
		list := []any{}
		for p.More() {
			v, err := p.value(depth+1, path)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, p.closing()
	}
	return token, nil
}

func (p *parser) members(depth int, path string) (any, error) {
	o := &object{}
	seen := map[string]string{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, p.invalid(err)
		}
		name, _ := token.(string)
		at, key := join(path, name), normal(name)
		if isMap(path) {
			key = name
		}
		if twin, found := seen[key]; found {
			if twin == name {
				return nil, badRequest("member %q stands there twice: remove one", shown(at)).At(shown(at))
			}
			return nil, badRequest("members %q and %q mean the same: remove one", shown(join(path, twin)),
				shown(at)).At(shown(at))
		}
		seen[key] = name
		v, err := p.value(depth+1, at)
		if err != nil {
			return nil, err
		}
		o.members = append(o.members, member{name, v})
	}
	return o, p.closing()
}

// isMap says whether the names at the path are data. Names with different spellings are then different.
func isMap(path string) bool {
	return strings.HasSuffix(path, "metadata.labels") || strings.HasSuffix(path, "metadata.annotations")
}

// closing consumes the end of a list or an object.
func (p *parser) closing() error {
	if _, err := p.Token(); err != nil {
		return p.invalid(err)
	}
	return nil
}

// normal returns the same text for all spellings of a member: snake_case, camelCase, and any case.
func normal(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "_", ""))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// shown shortens a name for a message: it comes from outside.
func shown(name string) string {
	const longest = 100
	name = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name), "?")
	if r := []rune(name); len(r) > longest {
		return string(r[:longest]) + "..."
	}
	return name
}

// plain turns a value into what encoding/json makes of it.
func plain(v any) any {
	switch v := v.(type) {
	case *object:
		m := make(map[string]any, len(v.members))
		for _, mem := range v.members {
			m[mem.name] = plain(mem.value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	}
	return v
}
