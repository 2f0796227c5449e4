package kinds

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// Reference is an edge from one object to another, as it is written: whether the other exists is not looked at.
type Reference struct {
	Kind string
	// Namespace of a product kind; empty for a tenant kind, which counts in the system namespace alone. A code repo that a
	// runtime names is looked for here first, and then in the products that bind theirs to this one.
	Namespace string
	Name      string
	// Field is where the name stands, such as spec.projectsRef[1].
	Field string
}

// References returns what the object refers to, in the order of its fields. References to Secrets and the products that a
// cluster's grants name are not among them.
func References(obj client.Object) []Reference {
	switch o := obj.(type) {
	case *api.ProductProvider:
		return edges{}.to("CodeRepoProvider", "", o.Spec.Name, "spec.name")
	case *api.Cluster:
		return edges{}.to("Cluster", "", o.Spec.HostCluster, "spec.hostCluster")
	case *api.Environment:
		return edges{}.to("Product", "", o.Spec.Product, "spec.product").
			to("Cluster", "", o.Spec.Cluster, "spec.cluster")
	case *api.Project:
		return edges{}.to("Product", "", o.Spec.Product, "spec.product")
	case *api.CodeRepo:
		return edges{}.to("CodeRepoProvider", "", o.Spec.CodeRepoProvider, "spec.codeRepoProvider").
			to("Product", "", o.Spec.Product, "spec.product").
			to("Project", o.Namespace, o.Spec.Project, "spec.project")
	case *api.CodeRepoBinding:
		return edges{}.to("CodeRepo", o.Namespace, o.Spec.CodeRepo, "spec.codeRepo").
			to("Product", "", o.Spec.Product, "spec.product").
			toEach("Project", o.Spec.Product, o.Spec.Projects, "spec.projects")
	case *api.DeploymentRuntime:
		return edges{}.to("Product", "", o.Spec.Product, "spec.product").
			toEach("Project", o.Namespace, o.Spec.ProjectsRef, "spec.projectsRef").
			to("CodeRepo", o.Namespace, o.Spec.ManifestSource.CodeRepo, "spec.manifestSource.codeRepo").
			to("Environment", o.Namespace, o.Spec.Destination, "spec.destination")
	}
	return nil
}

type edges []Reference

// to adds an edge, unless the field is empty.
func (e edges) to(kind, namespace, name, field string) edges {
	if name == "" {
		return e
	}
	return append(e, Reference{Kind: kind, Namespace: namespace, Name: name, Field: field})
}

func (e edges) toEach(kind, namespace string, names []string, field string) edges {
	for i, name := range names {
		e = e.to(kind, namespace, name, fmt.Sprintf("%s[%d]", field, i))
	}
	return e
}

// NameOf returns the name of the object's kind, by its Go type: an object that was read from the API server does not carry it.
// It is empty for an object of none of our kinds.
func NameOf(obj client.Object) string {
	switch obj.(type) {
	case *api.CodeRepoProvider:
		return "CodeRepoProvider"
	case *api.ProductProvider:
		return "ProductProvider"
	case *api.Cluster:
		return "Cluster"
	case *api.Product:
		return "Product"
	case *api.Environment:
		return "Environment"
	case *api.Project:
		return "Project"
	case *api.CodeRepo:
		return "CodeRepo"
	case *api.CodeRepoBinding:
		return "CodeRepoBinding"
	case *api.DeploymentRuntime:
		return "DeploymentRuntime"
	}
	return ""
}

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
