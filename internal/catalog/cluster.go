// Package catalog answers the questions of the rules from where the objects are: Cluster from the caches of the management
// cluster, Tree from one commit of a product's default.project, above the management cluster.
package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Cluster is a rules.Lookup over the management cluster. Tenant-scope kinds count in the system namespace only, and an object
// of a product is looked for in the namespace of that product only. What it returns must not be changed: it may be the cache's own.
//
// Records are read from Applications. A reader whose scheme knows their type, as the operator's, is asked for that type: what the
// operator has seen itself write must be seen here. Any other is asked for their metadata, which is all that a record needs.
type Cluster struct {
	reader          client.Reader
	systemNamespace string
	argoNamespace   string
	applications    func() (client.ObjectList, error)
}

var _ rules.Lookup = (*Cluster)(nil)

// New returns a catalog that reads from a cache, or from the API server.
func New(reader client.Reader, systemNamespace, argoNamespace string) *Cluster {
	return &Cluster{reader: reader, systemNamespace: systemNamespace, argoNamespace: argoNamespace, applications: applicationsOf(reader)}
}

// applicationsOf returns how to make the empty list of Applications that the reader is asked to fill.
func applicationsOf(reader client.Reader) func() (client.ObjectList, error) {
	kind := schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "ApplicationList"}
	if typed, ok := reader.(interface{ Scheme() *runtime.Scheme }); ok && typed.Scheme().Recognizes(kind) {
		return func() (client.ObjectList, error) {
			empty, err := typed.Scheme().New(kind)
			if err != nil {
				return nil, fmt.Errorf("making a list of Applications: %w", err)
			}
			list, ok := empty.(client.ObjectList)
			if !ok {
				return nil, fmt.Errorf("making a list of Applications: %T is no list", empty)
			}
			return list, nil
		}
	}
	return func() (client.ObjectList, error) {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind)
		return list, nil
	}
}

// Product returns a Product of the system namespace.
func (c *Cluster) Product(ctx context.Context, name string) (*api.Product, error) {
	return get(ctx, c.reader, c.systemNamespace, name, &api.Product{})
}

// Cluster returns a Cluster of the system namespace.
func (c *Cluster) Cluster(ctx context.Context, name string) (*api.Cluster, error) {
	return get(ctx, c.reader, c.systemNamespace, name, &api.Cluster{})
}

// CodeRepoProvider returns a CodeRepoProvider of the system namespace.
func (c *Cluster) CodeRepoProvider(ctx context.Context, name string) (*api.CodeRepoProvider, error) {
	return get(ctx, c.reader, c.systemNamespace, name, &api.CodeRepoProvider{})
}

// Environment returns an Environment of a product.
func (c *Cluster) Environment(ctx context.Context, product, name string) (*api.Environment, error) {
	return get(ctx, c.reader, product, name, &api.Environment{})
}

// Project returns a Project of a product.
func (c *Cluster) Project(ctx context.Context, product, name string) (*api.Project, error) {
	return get(ctx, c.reader, product, name, &api.Project{})
}

// CodeRepo returns a CodeRepo of a product.
func (c *Cluster) CodeRepo(ctx context.Context, product, name string) (*api.CodeRepo, error) {
	return get(ctx, c.reader, product, name, &api.CodeRepo{})
}

// Runtime returns a DeploymentRuntime of a product.
func (c *Cluster) Runtime(ctx context.Context, product, name string) (*api.DeploymentRuntime, error) {
	return get(ctx, c.reader, product, name, &api.DeploymentRuntime{})
}

// Clusters returns all Clusters.
func (c *Cluster) Clusters(ctx context.Context) ([]api.Cluster, error) {
	var l api.ClusterList
	err := c.list(ctx, &l, client.InNamespace(c.systemNamespace))
	return l.Items, err
}

// Environments returns the Environments of a product.
func (c *Cluster) Environments(ctx context.Context, product string) ([]api.Environment, error) {
	var l api.EnvironmentList
	err := c.list(ctx, &l, client.InNamespace(product))
	return l.Items, err
}

// Projects returns the Projects of a product.
func (c *Cluster) Projects(ctx context.Context, product string) ([]api.Project, error) {
	var l api.ProjectList
	err := c.list(ctx, &l, client.InNamespace(product))
	return l.Items, err
}

// CodeRepos returns the CodeRepos of a product.
func (c *Cluster) CodeRepos(ctx context.Context, product string) ([]api.CodeRepo, error) {
	var l api.CodeRepoList
	err := c.list(ctx, &l, client.InNamespace(product))
	return l.Items, err
}

// Runtimes returns the DeploymentRuntimes of a product.
func (c *Cluster) Runtimes(ctx context.Context, product string) ([]api.DeploymentRuntime, error) {
	var l api.DeploymentRuntimeList
	err := c.list(ctx, &l, client.InNamespace(product))
	return l.Items, err
}

// Bindings returns the CodeRepoBindings that lie in the namespace of a product.
func (c *Cluster) Bindings(ctx context.Context, product string) ([]api.CodeRepoBinding, error) {
	var l api.CodeRepoBindingList
	err := c.list(ctx, &l, client.InNamespace(product))
	return l.Items, err
}

// BindingsFor returns the bindings of other products that permit this one to use a code repo of that name.
func (c *Cluster) BindingsFor(ctx context.Context, product, codeRepo string) ([]api.CodeRepoBinding, error) {
	out, err := c.BindingsTo(ctx, product)
	return slices.DeleteFunc(out, func(b api.CodeRepoBinding) bool { return b.Spec.CodeRepo != codeRepo }), err
}

// BindingsTo returns the bindings of other products that permit this one to use any code repo.
func (c *Cluster) BindingsTo(ctx context.Context, product string) ([]api.CodeRepoBinding, error) {
	var l api.CodeRepoBindingList
	if err := c.list(ctx, &l); err != nil {
		return nil, err
	}
	var out []api.CodeRepoBinding
	for i := range l.Items {
		if b := &l.Items[i]; b.Namespace != product && b.Spec.Product == product {
			out = append(out, *b)
		}
	}
	return out, nil
}

// Records returns what is recorded on a cluster, of all products.
func (c *Cluster) Records(ctx context.Context, cluster string) ([]rules.Record, error) {
	return c.records(ctx, func(p placement.Placement) bool { return p.Destination.Cluster == cluster }, fmt.Sprintf(`"cluster":%q`, cluster))
}

// RecordsOf returns what is recorded of a product, on all clusters.
func (c *Cluster) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return c.records(ctx, func(p placement.Placement) bool { return p.Product == product }, fmt.Sprintf(`"product":%q`, product))
}

// records reads the records from the annotations of the Applications: labels can be lost. hint is a part of the encoded record that
// saves decoding the others. A record that is damaged is left out here; the runtime it belongs to says so in its status.
func (c *Cluster) records(ctx context.Context, wanted func(placement.Placement) bool, hint string) ([]rules.Record, error) {
	apps, err := c.applications()
	if err != nil {
		return nil, err
	}
	if err := c.list(ctx, apps, client.InNamespace(c.argoNamespace)); err != nil {
		return nil, err
	}
	var out []rules.Record
	err = meta.EachListItem(apps, func(o runtime.Object) error {
		app, err := meta.Accessor(o)
		if err != nil {
			return fmt.Errorf("reading the metadata of an Application: %w", err)
		}
		text := app.GetAnnotations()[api.AnnotationPlacement]
		if !strings.Contains(text, hint) {
			return nil
		}
		if p, err := placement.Decode(text); err == nil && wanted(p) {
			out = append(out, rules.Record{Placement: p, Since: app.GetCreationTimestamp().Time})
		}
		return nil
	})
	return out, err
}

func (c *Cluster) list(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	if err := c.reader.List(ctx, l, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return fmt.Errorf("listing %T: %w", l, err)
	}
	return nil
}

// get returns nil, nil when the object does not exist.
func get[T client.Object](ctx context.Context, r client.Reader, namespace, name string, into T) (T, error) {
	var none T
	if name == "" {
		return none, nil
	}
	err := r.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
	switch {
	case apierrors.IsNotFound(err):
		return none, nil
	case err != nil:
		return none, fmt.Errorf("getting %T %s/%s: %w", into, namespace, name, err)
	}
	return into, nil
}
