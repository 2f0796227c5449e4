// Package kinds is the table of the kinds: their plurals, scopes, places in default.project, and what they refer to. Watches,
// field indexes, file layout, command words and REST paths are derived from it.
package kinds

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
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
	// Words that a person may type for the kind, in lower case, the most usual first. Empty for kinds that only the platform team sees.
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
			New: func() client.Object { return &api.CodeRepoProvider{} }, NewList: func() client.ObjectList { return &api.CodeRepoProviderList{} },
		},
		{
			Name: "ProductProvider", Plural: "productproviders", Scope: Tenant,
			New: func() client.Object { return &api.ProductProvider{} }, NewList: func() client.ObjectList { return &api.ProductProviderList{} },
		},
		{
			Name: "Cluster", Plural: "clusters", Scope: Tenant,
			New: func() client.Object { return &api.Cluster{} }, NewList: func() client.ObjectList { return &api.ClusterList{} },
			Words: []string{"cluster", "clusters", "cls"}, Collection: "clusters", Operation: "Cluster",
		},
		{
			Name: "Product", Plural: "products", Scope: Tenant,
			New: func() client.Object { return &api.Product{} }, NewList: func() client.ObjectList { return &api.ProductList{} },
			Words: []string{"product", "products", "prod", "prods"}, Collection: "products", Operation: "Product",
		},
		{
			Name: "Environment", Plural: "environments", Scope: Product, Directory: "envs",
			New: func() client.Object { return &api.Environment{} }, NewList: func() client.ObjectList { return &api.EnvironmentList{} },
			Words: []string{"environment", "environments", "env", "envs"}, Collection: "environments", Operation: "Environment",
		},
		{
			Name: "Project", Plural: "projects", Scope: Product, Directory: "projects",
			New: func() client.Object { return &api.Project{} }, NewList: func() client.ObjectList { return &api.ProjectList{} },
			Words: []string{"project", "projects", "pro", "proj", "pros"}, Collection: "projects", Operation: "Project",
		},
		{
			Name: "CodeRepo", Plural: "coderepoes", Scope: Product, Directory: "code-repos",
			New: func() client.Object { return &api.CodeRepo{} }, NewList: func() client.ObjectList { return &api.CodeRepoList{} },
			Words: []string{"coderepo", "coderepos", "cr", "crs"}, Collection: "coderepos", Operation: "CodeRepo",
		},
		{
			Name: "CodeRepoBinding", Plural: "coderepobindings", Scope: Product, Directory: "code-repos",
			New: func() client.Object { return &api.CodeRepoBinding{} }, NewList: func() client.ObjectList { return &api.CodeRepoBindingList{} },
			Words: []string{"coderepobinding", "coderepobindings", "crb", "crbs"}, Collection: "coderepobindings", Operation: "CodeRepoBinding",
		},
		{
			Name: "DeploymentRuntime", Plural: "deploymentruntimes", Scope: Product, Directory: "runtimes",
			New: func() client.Object { return &api.DeploymentRuntime{} }, NewList: func() client.ObjectList { return &api.DeploymentRuntimeList{} },
			Words: []string{"deploymentruntime", "deploymentruntimes", "dr", "drs"}, Collection: "deploymentruntimes", Operation: "Deploymentruntime",
		},
	}
}

// ByName returns the kind of a name, such as DeploymentRuntime. Case counts.
func ByName(name string) (Kind, bool) {
	return row(func(k Kind) bool { return k.Name == name })
}

// ByWord returns the kind that a person means by a word, such as dr, or by the plural of its CRD. Words are in lower case.
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
