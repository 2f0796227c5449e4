package layout

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
)

// resource is one object of a file in a short form. An object as an API server has it consists mostly of fields that no
// file sets.
type resource struct {
	in         *parsed
	kind, name string
	// meta is nil when the file sets only the name.
	meta *metav1.ObjectMeta
	// spec is a pointer to the spec of the kind. empty makes an object from it.
	spec    any
	empty   func() client.Object
	unknown []string

	// text is the length of the object as JSON, with aliases expanded.
	text           int
	document, line int
	// section is the index in the content of the file. item is the index in the items of a list, or -1 for a whole
	// document.
	section, item int
	legacy        bool
}

// namespace returns the namespace that the file sets. A file should not set any.
func (r *resource) namespace() string {
	if r.meta == nil {
		return ""
	}
	return r.meta.Namespace
}

// entry returns what is shown to others.
func (r *resource) entry() Entry {
	f := &r.in.file
	return Entry{
		Kind: r.kind, Name: r.name, Object: r.object(), File: f.Path, Blob: f.Blob,
		Document: r.document, Line: r.line, Bytes: r.text, Legacy: r.legacy, Unknown: r.unknown,
	}
}

// object returns the object, which shares nothing with the resource.
func (r *resource) object() client.Object {
	o := r.empty()
	o.GetObjectKind().SetGroupVersionKind(api.GroupVersion.WithKind(r.kind))
	if r.meta != nil {
		meta := r.meta.DeepCopy()
		o.SetNamespace(meta.Namespace)
		o.SetLabels(meta.Labels)
		o.SetAnnotations(meta.Annotations)
		o.SetFinalizers(meta.Finalizers)
		o.SetOwnerReferences(meta.OwnerReferences)
	}
	o.SetName(r.name)
	kinds.SpecOf(o).Set(reflect.ValueOf(r.spec).Elem())
	copied, _ := o.DeepCopyObject().(client.Object)
	return copied
}

// metaOf returns what a file may say beside the name; nil when it says nothing. The rest is what only an API server
// knows, or what it ignores in a file.
func metaOf(o client.Object) *metav1.ObjectMeta {
	meta := &metav1.ObjectMeta{
		Name: o.GetName(), Namespace: o.GetNamespace(), Labels: o.GetLabels(), Annotations: o.GetAnnotations(),
		Finalizers: o.GetFinalizers(), OwnerReferences: o.GetOwnerReferences(),
	}
	if meta.Namespace == "" && len(meta.Labels)+len(meta.Annotations)+len(meta.Finalizers)+
		len(meta.OwnerReferences) == 0 {
		return nil
	}
	return meta
}

// specOf returns a pointer to a copy of the spec, so that the rest of the object is let go. Texts, which are mostly
// names of other objects, are kept once for all.
func (r *reader) specOf(o client.Object) any {
	spec := kinds.SpecOf(o)
	alone := reflect.New(spec.Type())
	alone.Elem().Set(spec)
	walk(alone, func(v reflect.Value) {
		if v.Kind() == reflect.String {
			v.SetString(r.word(v.String()))
		}
	})
	return alone.Interface()
}

// walk goes over all values of a spec.
func walk(v reflect.Value, visit func(reflect.Value)) {
	visit(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), visit)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			walk(field, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	default:
	}
}
