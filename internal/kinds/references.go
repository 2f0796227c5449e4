package kinds

import (
	"iter"
	"reflect"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// Reference is an edge from one object to another, as it is written: whether the other exists is not looked at.
type Reference struct {
	Kind string
	// Namespace of a product kind; empty for a tenant kind, which counts in the system namespace alone.
	Namespace string
	Name      string
	// Field is where the name stands, such as spec.projectsRef[1].
	Field string
}

// References goes over what the object refers to, in the order of its fields. References to Secrets and the products that a
// cluster's grants name are not among them.
func References(obj client.Object) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		e := edges{yield: yield}
		switch o := obj.(type) {
		case *api.ProductProvider:
			e.to("CodeRepoProvider", "", o.Spec.Name, "spec.name")
		case *api.Cluster:
			e.to("Cluster", "", o.Spec.HostCluster, "spec.hostCluster")
		case *api.Environment:
			e.to("Product", "", o.Spec.Product, "spec.product")
			e.to("Cluster", "", o.Spec.Cluster, "spec.cluster")
		case *api.Project:
			e.to("Product", "", o.Spec.Product, "spec.product")
		case *api.CodeRepo:
			e.to("CodeRepoProvider", "", o.Spec.CodeRepoProvider, "spec.codeRepoProvider")
			e.to("Product", "", o.Spec.Product, "spec.product")
			e.to("Project", o.Namespace, o.Spec.Project, "spec.project")
		case *api.CodeRepoBinding:
			e.to("CodeRepo", o.Namespace, o.Spec.CodeRepo, "spec.codeRepo")
			e.to("Product", "", o.Spec.Product, "spec.product")
			e.toEach("Project", o.Spec.Product, o.Spec.Projects, "spec.projects")
		case *api.DeploymentRuntime:
			e.to("Product", "", o.Spec.Product, "spec.product")
			e.toEach("Project", o.Namespace, o.Spec.ProjectsRef, "spec.projectsRef")
			product, codeRepo := identity.CodeRepoOf(o)
			e.to("CodeRepo", product, codeRepo, "spec.manifestSource.codeRepo")
			e.to("Environment", o.Namespace, o.Spec.Destination, "spec.destination")
		}
	}
}

// edges passes references on until nobody wants more.
type edges struct {
	yield func(Reference) bool
	ended bool
}

// to passes an edge on, unless the field is empty.
func (e *edges) to(kind, namespace, name, field string) {
	if name != "" && !e.ended {
		e.ended = !e.yield(Reference{Kind: kind, Namespace: namespace, Name: name, Field: field})
	}
}

func (e *edges) toEach(kind, namespace string, names []string, field string) {
	for i, name := range names {
		e.to(kind, namespace, name, field+"["+strconv.Itoa(i)+"]")
	}
}

// NameOf returns the name of the object's kind, by its Go type: an object that was read from the API server does not carry it.
// It is empty for an object of none of our kinds.
func NameOf(obj client.Object) string {
	t := reflect.TypeOf(obj)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().PkgPath() != reflect.TypeFor[api.Product]().PkgPath() {
		return ""
	}
	return t.Elem().Name()
}

// SpecOf returns the spec of an object of one of our kinds. It can be set.
func SpecOf(obj client.Object) reflect.Value { return reflect.ValueOf(obj).Elem().FieldByName("Spec") }

// ProductOf returns what an object's spec says it belongs to; empty for a kind that does not say it. A CodeRepoBinding does not: its
// spec.product is whom it is for.
func ProductOf(o client.Object) string {
	switch o := o.(type) {
	case *api.DeploymentRuntime:
		return o.Spec.Product
	case *api.Environment:
		return o.Spec.Product
	case *api.Project:
		return o.Spec.Product
	case *api.CodeRepo:
		return o.Spec.Product
	}
	return ""
}
