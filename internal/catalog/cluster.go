// Package catalog implements rules.Lookup. Cluster reads the objects from the caches of the management cluster. Tree
// reads the objects of one product from one commit of its default.project, and all others from the management cluster.
package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/resolve"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// Cluster is a rules.Lookup over the management cluster. It finds tenant-scope kinds in the system namespace only, and
// an object of a product in the namespace of that product only. The caller must not change what it returns: the objects
// may be the cache's own.
//
// Records are read from Applications. The operator's reader knows the type of Applications and reads them by that type,
// so that it sees what the operator itself has just written. Any other reader reads only the metadata of Applications,
// which is enough for a record.
type Cluster struct {
	reader          client.Reader
	systemNamespace string
	argoNamespace   string
	applications    func() (client.ObjectList, error)
	// decoded are the placements of the annotations that were read last: they are the same in almost every answer.
	decoded *lru.Cache[string, placement.Placement]
}

// maxDecoded is how many records are kept decoded; each takes about 1 KiB.
const maxDecoded = 20_000

var _ rules.Lookup = (*Cluster)(nil)

// New returns a catalog that reads from a cache, or from the API server.
func New(reader client.Reader, systemNamespace, argoNamespace string) *Cluster {
	decoded, err := lru.New[string, placement.Placement](maxDecoded)
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	return &Cluster{
		reader: reader, systemNamespace: systemNamespace, argoNamespace: argoNamespace,
		applications: applicationsOf(reader), decoded: decoded,
	}
}

// applicationsOf returns a function that makes an empty list of Applications for the reader to fill.
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

// Get implements rules.Lookup.
func (c *Cluster) Get(ctx context.Context, kind, product, name string) (client.Object, error) {
	k, namespace, err := c.place(kind, product)
	if err != nil || name == "" {
		return nil, err
	}
	obj := k.New()
	err = c.reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("getting %s %s/%s: %w", kind, namespace, name, err)
	}
	return obj, nil
}

// List implements rules.Lookup.
func (c *Cluster) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	k, namespace, err := c.place(kind, product)
	if err != nil {
		return nil, err
	}
	list := k.NewList()
	if err := c.list(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	objects := make([]client.Object, 0, meta.LenList(list))
	err = meta.EachListItem(list, func(item runtime.Object) error {
		obj, ok := item.(client.Object)
		if !ok {
			return fmt.Errorf("listing %s: %T is no object", kind, item)
		}
		objects = append(objects, obj)
		return nil
	})
	return objects, err
}

// place returns the row of a kind, and the namespace in which objects of that kind are looked for.
func (c *Cluster) place(kind, product string) (k kinds.Kind, namespace string, err error) {
	k, known := kinds.ByName(kind)
	switch {
	case !known:
		return k, "", fmt.Errorf("looking up objects: %q is no kind", kind)
	case k.Scope == kinds.Tenant:
		return k, c.systemNamespace, nil
	}
	return k, product, nil
}

// Deploying implements rules.Lookup.
func (c *Cluster) Deploying(
	ctx context.Context, product string, d resolve.Deployment,
) ([]*api.DeploymentRuntime, error) {
	runtimes, err := resolve.List[api.DeploymentRuntime](ctx, c, product)
	return slices.DeleteFunc(runtimes, func(r *api.DeploymentRuntime) bool { return resolve.DeploymentOf(r) != d }), err
}

// Records returns the records of all products on one cluster.
func (c *Cluster) Records(ctx context.Context, cluster string) ([]rules.Record, error) {
	return c.records(ctx, func(p placement.Placement) bool { return p.Destination.Cluster == cluster },
		fmt.Sprintf(`"cluster":%q`, cluster))
}

// RecordsOf returns the records of one product on all clusters.
func (c *Cluster) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return c.records(ctx, func(p placement.Placement) bool { return p.Product == product },
		fmt.Sprintf(`"product":%q`, product))
}

// records reads records from the annotations of Applications, because labels can be lost. Only Applications whose
// annotation contains hint are decoded: hint is a part of every wanted record. A damaged record is left out here; the
// status of its runtime reports it.
func (c *Cluster) records(ctx context.Context, wanted func(placement.Placement) bool,
	hint string) ([]rules.Record, error) {
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
		if p, err := c.decode(text); err == nil && wanted(p) {
			out = append(out, rules.Record{Placement: p, Since: app.GetCreationTimestamp().Time})
		}
		return nil
	})
	return out, err
}

// decode reads a placement once for as long as its annotation stays the same.
func (c *Cluster) decode(text string) (placement.Placement, error) {
	if p, known := c.decoded.Get(text); known {
		return p, nil
	}
	p, err := placement.Decode(text)
	if err == nil {
		c.decoded.Add(text, p)
	}
	return p, err
}

func (c *Cluster) list(ctx context.Context, l client.ObjectList, opts ...client.ListOption) error {
	if err := c.reader.List(ctx, l, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return fmt.Errorf("listing %T: %w", l, err)
	}
	return nil
}
