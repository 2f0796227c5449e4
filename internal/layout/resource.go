package layout

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// resource is one object of a file in its short form: objects as API servers have them are mostly room for what no file says.
type resource struct {
	in         *parsed
	kind, name string
	// meta is nil when there is nothing but the name.
	meta *metav1.ObjectMeta
	// spec is a pointer to the spec of the kind.
	spec    any
	unknown []string

	// text is the length of the object as JSON, with its aliases written out.
	text           int
	document, line int
	// section is the place in the content of the file; item that in the items of a list, -1 for a document of its own.
	section, item int
	legacy        bool
}

// namespace returns the one that the file says, which it should not.
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
	kind := metav1.TypeMeta{APIVersion: api.GroupVersion.String(), Kind: r.kind}
	meta := metav1.ObjectMeta{Name: r.name}
	if r.meta != nil {
		r.meta.DeepCopyInto(&meta)
	}
	switch spec := r.spec.(type) {
	case *api.EnvironmentSpec:
		o := &api.Environment{TypeMeta: kind, ObjectMeta: meta}
		spec.DeepCopyInto(&o.Spec)
		return o
	case *api.ProjectSpec:
		o := &api.Project{TypeMeta: kind, ObjectMeta: meta}
		spec.DeepCopyInto(&o.Spec)
		return o
	case *api.CodeRepoSpec:
		o := &api.CodeRepo{TypeMeta: kind, ObjectMeta: meta}
		spec.DeepCopyInto(&o.Spec)
		return o
	case *api.CodeRepoBindingSpec:
		o := &api.CodeRepoBinding{TypeMeta: kind, ObjectMeta: meta}
		spec.DeepCopyInto(&o.Spec)
		return o
	case *api.DeploymentRuntimeSpec:
		o := &api.DeploymentRuntime{TypeMeta: kind, ObjectMeta: meta}
		spec.DeepCopyInto(&o.Spec)
		return o
	}
	return nil
}

// metaOf returns what a file may say beside the name; nil when it says nothing. The rest is what only an API server knows, or what it ignores in
// a file.
func metaOf(o client.Object) *metav1.ObjectMeta {
	meta := &metav1.ObjectMeta{
		Name: o.GetName(), Namespace: o.GetNamespace(), Labels: o.GetLabels(), Annotations: o.GetAnnotations(),
		Finalizers: o.GetFinalizers(), OwnerReferences: o.GetOwnerReferences(),
	}
	if meta.Namespace == "" && len(meta.Labels)+len(meta.Annotations)+len(meta.Finalizers)+len(meta.OwnerReferences) == 0 {
		return nil
	}
	return meta
}

// specOf returns a pointer to a copy of the spec, so that the rest of the object is let go. Names of other objects are kept once for all.
func (r *reader) specOf(o client.Object) any {
	once := func(texts ...*string) {
		for _, t := range texts {
			*t = r.word(*t)
		}
	}
	switch o := o.(type) {
	case *api.Environment:
		spec := o.Spec
		once(&spec.Product, &spec.Cluster, &spec.EnvType)
		return &spec
	case *api.Project:
		spec := o.Spec
		once(&spec.Product, &spec.Language)
		return &spec
	case *api.CodeRepo:
		spec := o.Spec
		once(&spec.CodeRepoProvider, &spec.Product, &spec.Project)
		return &spec
	case *api.CodeRepoBinding:
		spec := o.Spec
		once(&spec.CodeRepo, &spec.Product)
		return &spec
	case *api.DeploymentRuntime:
		spec := o.Spec
		once(&spec.Product, &spec.ManifestSource.CodeRepo, &spec.ManifestSource.TargetRevision, &spec.Destination)
		for i := range spec.ProjectsRef {
			once(&spec.ProjectsRef[i])
		}
		return &spec
	}
	return nil
}
