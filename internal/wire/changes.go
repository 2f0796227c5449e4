package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// Changes is the body of a batch: POST /products/{product}/changes.
type Changes struct {
	Changes []Change `json:"changes" nullable:"false"`
}

// Change is one document of a batch. Either Object is the whole document in the CRD form (a deletion needs only kind
// and metadata.name), or Kind and Name name the object and Body is its REST form.
type Change struct {
	// Delete marks a deletion.
	Delete bool            `json:"delete,omitempty"`
	Kind   string          `json:"kind,omitempty"`
	Name   string          `json:"name,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Object json.RawMessage `json:"object,omitempty"`
}

// maxChanges bounds a batch.
const maxChanges = 1000

// ParseChanges reads the body of a batch: {"changes":[...]}, or only the list. Parse and ParseObject read the bodies
// and objects later. An error is a *problem.Problem with ReasonBadRequest. Documents are read one at a time, and the
// first error ends the reading. So the memory that is needed is that of the text and of its largest document.
func ParseChanges(raw []byte) ([]Change, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, badRequest("the body is empty: send a JSON object")
	}
	p := newParser(raw)
	token, err := p.Token()
	if err != nil {
		return nil, p.invalid(err)
	}
	var out []Change
	switch token {
	case json.Delim('['):
		out, err = p.changes(1, "")
	case json.Delim('{'):
		out, err = p.batch()
	}
	if err == nil && len(out) == 0 {
		err = noBatch()
	}
	if err != nil {
		return nil, err
	}
	return out, p.finish()
}

func noBatch() error {
	return badRequest("a batch is a list of 1 to %d documents: send {\"changes\":[...]}", maxChanges).At("changes")
}

// batch reads the members of a batch; there is only one.
func (p *parser) batch() (out []Change, err error) {
	const list = "changes"
	for seen := false; p.More(); seen = true {
		token, err := p.Token()
		if err != nil {
			return nil, p.invalid(err)
		}
		switch name, _ := token.(string); {
		case name != list:
			return nil, badRequest("member %q of a batch is not known: send {\"changes\":[...]}", shown(name))
		case seen:
			return nil, badRequest("member %q stands there twice: remove one", list).At(list)
		}
		if token, err = p.Token(); err != nil {
			return nil, p.invalid(err)
		}
		if token != json.Delim('[') {
			return nil, noBatch()
		}
		if out, err = p.changes(2, list); err != nil {
			return nil, err
		}
	}
	return out, p.closing()
}

// changes reads the documents of a list after its opening bracket. depth is how deep the list is nested.
func (p *parser) changes(depth int, path string) ([]Change, error) {
	var out []Change
	for p.More() {
		if len(out) == maxChanges {
			return nil, noBatch()
		}
		var document json.RawMessage
		if err := p.Decode(&document); err != nil {
			return nil, p.invalid(err)
		}
		one := newParser(document)
		one.begins = p.begins + p.InputOffset() - int64(len(document))
		element, err := one.value(depth, path)
		if err != nil {
			return nil, err
		}
		c, err := readChange(element)
		if err != nil {
			return nil, inChange(len(out), err)
		}
		out = append(out, c)
	}
	return out, p.closing()
}

func readChange(element any) (Change, error) {
	o, ok := element.(*object)
	if !ok {
		return Change{}, badRequest("a document must be an object, not %s", text.TypeOf(element))
	}
	if _, isDocument := o.member("apiVersion"); isDocument { // the CRD form as it stands
		return Change{Object: encode(o)}, nil
	}
	r := newReader(o)
	c := Change{Delete: r.flag("delete").value, Kind: r.text("kind").value, Name: r.text("name").value}
	for name, into := range map[string]*json.RawMessage{"body": &c.Body, "object": &c.Object} {
		if v, _, present := r.find(name); present && v != nil {
			*into = encode(v)
		}
	}
	if err := r.finish(); err != nil {
		return Change{}, err
	}
	switch unknown := sortedUnknown(r); {
	case len(unknown) > 0:
		return Change{}, badRequest("member %q is not known: a document has delete, and either object, "+
			"or kind, name and body", unknown[0])
	case (c.Object == nil) == (c.Kind == "" || c.Name == ""):
		return Change{}, badRequest("a document has either object, or kind and name")
	case c.Object == nil && !c.Delete && c.Body == nil:
		return Change{}, badRequest("a document in the REST form needs a body, or delete").At("body")
	}
	return c, nil
}

func inChange(i int, err error) error {
	p := badRequest("document %d of the batch: %s", i+1, err.Error())
	return p.Because(err)
}

func (o *object) member(name string) (any, bool) {
	for _, m := range o.members {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// encode encodes a value that was parsed, which is always possible.
func encode(v any) json.RawMessage {
	raw, err := json.Marshal(plain(v))
	if err != nil {
		return nil
	}
	return raw
}

// ParseObject reads a document in the CRD form: apiVersion, kind, metadata and spec. It drops the status. It accepts
// the destination {environment, namespaces} of newer upstream versions. unknown lists members that the kind does not
// have; one of them is the account of newer upstream versions. An error is a *problem.Problem with ReasonBadRequest.
func ParseObject(raw []byte) (obj client.Object, unknown []string, err error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, nil, err
	}
	r := newReader(o)
	version, kind := r.text("apiVersion").value, r.text("kind").value
	i := slices.IndexFunc(kinds.All(), func(k kinds.Kind) bool { return k.Name == kind })
	if err := r.finish(); err != nil {
		return nil, nil, err
	}
	if version != api.GroupVersion.String() || i < 0 {
		return nil, nil, badRequest("the document must have apiVersion %s and the kind of one of its resources",
			api.GroupVersion).At("kind")
	}
	o.drop("status")
	var dropped []string
	if kind == "DeploymentRuntime" {
		dropped = modernize(o)
	}
	obj = kinds.All()[i].New()
	if err := json.Unmarshal(encode(o), obj); err != nil {
		return nil, nil, wrongField(kind, err)
	}
	unknown, err = unknownMembers(o, obj)
	return obj, append(dropped, unknown...), err
}

func wrongField(kind string, err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return badRequest("%s %s", shown(wrong.Field), text.Mistyped(wrong)).At(shown(wrong.Field))
	}
	return badRequest("the document does not have the form of a %s", kind).Because(err)
}

// unknownMembers returns the members that were sent and that the object does not hold.
func unknownMembers(o *object, obj client.Object) ([]string, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, badRequest("the document cannot be read").Because(err)
	}
	kept, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	var unknown []string
	compareMembers(o, kept, "", &unknown)
	slices.Sort(unknown)
	return unknown, nil
}

func compareMembers(sent, kept *object, path string, unknown *[]string) {
	for _, m := range sent.members {
		at := join(path, m.name)
		held, found := kept.member(m.name)
		if !found {
			if !isEmpty(m.value) { // an empty member is left out of the object, so its absence says nothing
				*unknown = append(*unknown, shown(at))
			}
			continue
		}
		a, sentObject := m.value.(*object)
		b, keptObject := held.(*object)
		if sentObject && keptObject {
			compareMembers(a, b, at, unknown)
		}
	}
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		return v == "0"
	case []any:
		return len(v) == 0
	case *object:
		return !slices.ContainsFunc(v.members, func(m member) bool { return !isEmpty(m.value) })
	}
	return false
}

// modernize rewrites spec.destination {environment, namespaces} to a string, and drops spec.account. It returns what it
// dropped that says something.
func modernize(o *object) (dropped []string) {
	v, _ := o.member("spec")
	spec, ok := v.(*object)
	if !ok {
		return nil
	}
	if account, _ := spec.member("account"); !isEmpty(account) {
		dropped = append(dropped, "spec.account")
	}
	spec.drop("account")
	v, _ = spec.member("destination")
	destination, ok := v.(*object)
	if !ok {
		return dropped
	}
	spec.drop("destination")
	if environment, found := destination.member("environment"); found {
		spec.members = append(spec.members, member{"destination", environment})
	}
	if _, both := spec.member("namespaces"); both {
		return dropped
	}
	if namespaces, found := destination.member("namespaces"); found && namespaces != nil {
		spec.members = append(spec.members, member{"namespaces", namespaces})
	}
	return dropped
}

func (o *object) drop(name string) {
	o.members = slices.DeleteFunc(o.members, func(m member) bool { return m.name == name })
}
