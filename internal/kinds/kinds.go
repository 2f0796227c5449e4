// Package kinds is the table of the kinds: their plurals, scopes, places in default.project, and what they refer to.
// File layout, schema, CRDs, command words and REST paths are derived from it; what REST says and reads of a kind is in
// internal/wire.
package kinds

import (
	"iter"
	"reflect"
	"slices"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// Scope says where the objects of a kind live.
type Scope string

const (
	// Tenant kinds live in the system namespace and belong to the platform team.
	Tenant Scope = "Tenant"
	// Product kinds live in the namespace of a product.
	Product Scope = "Product"
)

// Kind is one row of the table.
type Kind struct {
	Name   string
	Plural string
	Scope  Scope
	// New returns an empty object.
	New func() client.Object
	// NewList returns an empty list.
	NewList func() client.ObjectList

	// Directory of default.project below which the files of the kind lie; empty for tenant kinds.
	Directory string
	// Words that a person may type for the kind, in lower case, the most usual first. Empty for kinds that only the
	// platform team sees.
	Words []string
	// Collection is the word of the REST path; empty for kinds that REST does not serve.
	Collection string
	// Operation begins the kind's operation ids in REST; empty like Collection.
	Operation string
}

// All returns the table, in the order in which objects of the kinds can be created.
func All() []Kind {
	return []Kind{
		{
			Name: "CodeRepoProvider", Plural: "coderepoproviders", Scope: Tenant,
			New:     func() client.Object { return &api.CodeRepoProvider{} },
			NewList: func() client.ObjectList { return &api.CodeRepoProviderList{} },
		},
		{
			Name: "ProductProvider", Plural: "productproviders", Scope: Tenant,
			New:     func() client.Object { return &api.ProductProvider{} },
			NewList: func() client.ObjectList { return &api.ProductProviderList{} },
		},
		{
			Name: "Cluster", Plural: "clusters", Scope: Tenant,
			New:     func() client.Object { return &api.Cluster{} },
			NewList: func() client.ObjectList { return &api.ClusterList{} },
			Words:   []string{"cluster", "clusters", "cls"}, Collection: "clusters", Operation: "Cluster",
		},
		{
			Name: "Product", Plural: "products", Scope: Tenant,
			New:     func() client.Object { return &api.Product{} },
			NewList: func() client.ObjectList { return &api.ProductList{} },
			Words:   []string{"product", "products", "prod", "prods"}, Collection: "products", Operation: "Product",
		},
		{
			Name: "Environment", Plural: "environments", Scope: Product, Directory: "envs",
			New:     func() client.Object { return &api.Environment{} },
			NewList: func() client.ObjectList { return &api.EnvironmentList{} },
			Words:   []string{"environment", "environments", "env", "envs"}, Collection: "environments",
			Operation: "Environment",
		},
		{
			Name: "Project", Plural: "projects", Scope: Product, Directory: "projects",
			New:     func() client.Object { return &api.Project{} },
			NewList: func() client.ObjectList { return &api.ProjectList{} },
			Words:   []string{"project", "projects", "pro", "proj", "pros"}, Collection: "projects",
			Operation: "Project",
		},
		{
			Name: "CodeRepo", Plural: "coderepoes", Scope: Product, Directory: "code-repos",
			New:     func() client.Object { return &api.CodeRepo{} },
			NewList: func() client.ObjectList { return &api.CodeRepoList{} },
			Words:   []string{"coderepo", "coderepos", "cr", "crs"}, Collection: "coderepos", Operation: "CodeRepo",
		},
		{
			Name: "CodeRepoBinding", Plural: "coderepobindings", Scope: Product, Directory: "code-repos",
			New:     func() client.Object { return &api.CodeRepoBinding{} },
			NewList: func() client.ObjectList { return &api.CodeRepoBindingList{} },
			Words:   []string{"coderepobinding", "coderepobindings", "crb", "crbs"}, Collection: "coderepobindings",
			Operation: "CodeRepoBinding",
		},
		{
			Name: "DeploymentRuntime", Plural: "deploymentruntimes", Scope: Product, Directory: "runtimes",
			New:     func() client.Object { return &api.DeploymentRuntime{} },
			NewList: func() client.ObjectList { return &api.DeploymentRuntimeList{} },
			Words:   []string{"deploymentruntime", "deploymentruntimes", "dr", "drs"}, Collection: "deploymentruntimes",
			Operation: "Deploymentruntime",
		},
	}
}

// ByName returns the kind of a name, such as DeploymentRuntime. Case counts.
func ByName(name string) (Kind, bool) {
	return row(func(k Kind) bool { return k.Name == name })
}

// ByWord returns the kind that a person means by a word, such as dr, or by the plural of its CRD. Words are in lower
// case.
func ByWord(word string) (Kind, bool) {
	return row(func(k Kind) bool {
		return slices.Contains(k.Words, word) || (len(k.Words) > 0 && k.Plural == word)
	})
}

func row(is func(Kind) bool) (Kind, bool) {
	all := All()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return Kind{}, false
}

// OfScope returns the rows of one scope.
func OfScope(s Scope) []Kind {
	var out []Kind
	for _, k := range All() {
		if k.Scope == s {
			out = append(out, k)
		}
	}
	return out
}

// CRDName returns the name of the kind's CustomResourceDefinition.
func (k Kind) CRDName() string { return k.Plural + "." + api.Group }

// Reference is a reference from one object to another. The other object need not exist.
type Reference struct {
	Kind string
	// Namespace of a product kind. It is empty for a tenant kind, which lies in the system namespace.
	Namespace string
	Name      string
	// Field is where the name stands, such as spec.projectsRef[1].
	Field string
}

// References iterates over the references of an object, in the order of its fields. References to Secrets, and the
// products in a cluster's grants, are not included.
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

// edges passes references on until the caller stops.
type edges struct {
	yield func(Reference) bool
	ended bool
}

// to passes a reference on, unless the field is empty.
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

// NameOf returns the name of the object's kind by its Go type, because an object that was read from the API server does
// not contain it. It is empty for other kinds.
func NameOf(obj client.Object) string {
	t := reflect.TypeOf(obj)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().PkgPath() != reflect.TypeFor[api.Product]().PkgPath() {
		return ""
	}
	return t.Elem().Name()
}

// SpecOf returns the spec of an object of one of our kinds. It can be set.
func SpecOf(obj client.Object) reflect.Value { return reflect.ValueOf(obj).Elem().FieldByName("Spec") }

// ProductOf returns the product that the spec names as the object's own. It is empty for a kind without that field. A
// CodeRepoBinding has none: its spec.product is the product that may use the code repo.
func ProductOf(obj client.Object) string {
	if product := productOf(obj); product.IsValid() {
		return product.String()
	}
	return ""
}

// SetProduct sets the field that ProductOf returns, for a kind that has it.
func SetProduct(obj client.Object, name string) {
	if product := productOf(obj); product.IsValid() {
		product.SetString(name)
	}
}

func productOf(obj client.Object) reflect.Value {
	if _, binding := obj.(*api.CodeRepoBinding); binding {
		return reflect.Value{}
	}
	return SpecOf(obj).FieldByName("Product")
}
