package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kjson "sigs.k8s.io/json"
	goyaml "sigs.k8s.io/yaml/goyaml.v2"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/problem"
	"github.com/nautes-labs/deployment-runtime/internal/text"
)

// member is one object of a document: the document itself, or an item of a list.
type member struct {
	fields map[string]any
	// item is the index in the list, or -1 for the document itself.
	item int
}

// membersOf returns the objects of a document. A document that is no object has none.
func membersOf(raw json.RawMessage) []member {
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &fields); err != nil || fields == nil {
		return nil
	}
	items, isList := fields["items"].([]any)
	if !isList {
		if value, present := fields["items"]; present && value == nil { // an empty list
			return nil
		}
		return []member{{fields, -1}}
	}
	var out []member
	for i, item := range items {
		object, _ := item.(map[string]any)
		out = append(out, member{object, i})
	}
	return out
}

func (m member) text(name string) string {
	s, _ := m.fields[name].(string)
	return s
}

func (m member) group() string {
	version, err := schema.ParseGroupVersion(m.text("apiVersion"))
	if err != nil {
		return ""
	}
	return version.Group
}

func (m member) name() string {
	metadata, _ := m.fields["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

// hook returns the annotation that makes Argo CD treat the object as a hook or leave it out; "" when there is none.
func (m member) hook() string {
	metadata, _ := m.fields["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if _, present := annotations["argocd.argoproj.io/hook"]; present {
		return "argocd.argoproj.io/hook"
	}
	if value, present := annotations["helm.sh/hook"]; present && value != "crd-install" {
		return "helm.sh/hook"
	}
	return ""
}

// kindOf returns the row of the object's kind, if the kind may lie in a default.project.
func (r *reader) kindOf(m member) (kinds.Kind, bool) {
	i := slices.IndexFunc(r.kinds, func(k kinds.Kind) bool { return k.Name == m.text("kind") })
	if i < 0 || m.text("apiVersion") != api.GroupVersion.String() {
		return kinds.Kind{}, false
	}
	return r.kinds[i], true
}

// resource turns the member into a resource, or says why that is not possible.
func (r *reader) resource(m member, k kinds.Kind) (resource, string) {
	if m.name() == "" {
		return resource{}, nameless(m, k)
	}
	res := resource{kind: k.Name, empty: k.New, name: r.word(m.name())}
	fields := m.fields
	if k.Name == "DeploymentRuntime" {
		fields, res.legacy = modern(fields)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return resource{}, fmt.Sprintf("the %s cannot be read: correct it", k.Name)
	}
	res.text = len(raw)
	obj := k.New()
	unknown, err := kjson.UnmarshalStrict(raw, obj, kjson.DisallowUnknownFields)
	if err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return resource{}, fmt.Sprintf("%s of %s %q %s", wrong.Field, k.Name, shown(res.name), text.Mistyped(wrong))
		}
		return resource{}, fmt.Sprintf("%s %q does not have the form of its kind: correct it", k.Name, shown(res.name))
	}
	for _, u := range unknown {
		res.unknown = append(res.unknown, fieldOf(u))
	}
	slices.Sort(res.unknown)
	res.meta, res.spec = metaOf(obj), r.specOf(obj)
	return res, ""
}

// nameless says why a member has no name.
func nameless(m member, k kinds.Kind) string {
	metadata, _ := m.fields["metadata"].(map[string]any)
	if name := metadata["name"]; name != nil && name != "" {
		return fmt.Sprintf("metadata.name of the %s %s", k.Name, text.WrongType("a string", text.TypeOf(name)))
	}
	return fmt.Sprintf("the %s has no name: set metadata.name", k.Name)
}

func fieldOf(unknown error) string {
	said := unknown.Error()
	if quoted, found := strings.CutPrefix(said, `unknown field "`); found && strings.HasSuffix(quoted, `"`) {
		return shown(strings.TrimSuffix(quoted, `"`))
	}
	return shown(said)
}

// modern converts the fields that newer upstream versions write: spec.destination {environment, namespaces}, and
// spec.account. The second result says whether there were any.
func modern(fields map[string]any) (map[string]any, bool) {
	spec, ok := fields["spec"].(map[string]any)
	if !ok {
		return fields, false
	}
	destination, isObject := spec["destination"].(map[string]any)
	_, hasAccount := spec["account"]
	if !isObject && !hasAccount {
		return fields, false
	}
	converted := without(spec, "account")
	if isObject {
		delete(converted, "destination")
		if environment, present := destination["environment"]; present {
			converted["destination"] = environment
		}
		if _, present := converted["namespaces"]; !present && destination["namespaces"] != nil {
			converted["namespaces"] = destination["namespaces"]
		}
	}
	out := without(fields, "spec")
	out["spec"] = converted
	return out, true
}

// without returns a shallow copy of the map without a key.
func without(m map[string]any, key string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// form returns the part of an object that a file holds: name, labels, annotations and spec.
func form(obj client.Object) (map[string]any, error) {
	kind := kinds.NameOf(obj)
	if kind == "" {
		return nil, problem.New(problem.Internal, problem.ReasonUnknownKind,
			"writing a %T: it is none of our kinds", obj)
	}
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encoding %s %s: %w", kind, obj.GetName(), err)
	}
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &fields); err != nil {
		return nil, fmt.Errorf("encoding %s %s: %w", kind, obj.GetName(), err)
	}
	metadata := map[string]any{"name": obj.GetName()}
	if labels := obj.GetLabels(); len(labels) > 0 {
		metadata["labels"] = labels
	}
	if annotations := obj.GetAnnotations(); len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	return map[string]any{"apiVersion": api.GroupVersion.String(), "kind": kind, "metadata": metadata,
		"spec": fields["spec"]}, nil
}

// Marshal returns the bytes of an object's file: name, labels, annotations and spec, with sorted keys. Equal objects
// give equal bytes.
func Marshal(obj client.Object) ([]byte, error) {
	fields, err := form(obj)
	if err != nil {
		return nil, err
	}
	// as sigs.k8s.io/yaml does, but not by way of JSON, where control characters fail
	data, err := goyaml.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", obj.GetName(), err)
	}
	return data, nil
}
