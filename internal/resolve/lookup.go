package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

// ErrUnchecked is what a Lookup answers when there is nobody to ask for a fact. The error that wraps it names the fact.
var ErrUnchecked = errors.New("nobody can be asked")

// Record is the record of a runtime in the annotation of its Application.
type Record struct {
	placement.Placement
	// Since is when the record was made. The older of two rivals wins.
	Since time.Time
	// Teardown is the intent to remove the runtime; nil when nobody asked for that. Approved says that a person approved
	// it, and Begun that the removal runs and cannot be stopped.
	Teardown        *placement.Teardown
	Approved, Begun bool
}

// Held says whether the removal of the runtime waits for a person.
func (r *Record) Held() bool {
	return r.Teardown != nil && r.Teardown.Hold != placement.HoldNone && !r.Approved && !r.Begun
}

// Holder is a product whose records hold a namespace on a cluster.
type Holder struct {
	Product string
	// Since is when the first of these records was made.
	Since time.Time
}

// Total is what the records of a product add up to.
type Total struct {
	// Runtimes says how many are recorded at each destination.
	Runtimes map[placement.Destination]int
	// Namespaces says how many the product holds on each cluster.
	Namespaces map[string]int
}

// RuntimesOn says how many runtimes are recorded on a cluster.
func (t Total) RuntimesOn(cluster string) int {
	n := 0
	for destination, runtimes := range t.Runtimes {
		if destination.Cluster == cluster {
			n += runtimes
		}
	}
	return n
}

// Lookup finds other objects. The caller must not change what it returns. product is the product that the object lies
// in, or "" for an object that the platform team makes. The functions Get and List return typed objects.
type Lookup interface {
	// Get returns an object, or nil when it does not exist.
	Get(ctx context.Context, kind, product, name string) (client.Object, error)
	// List returns all objects of a kind.
	List(ctx context.Context, kind, product string) ([]client.Object, error)
	// Deploying returns the runtimes of a product with the same deployment.
	Deploying(ctx context.Context, product string, d Deployment) ([]*api.DeploymentRuntime, error)

	// Recorded returns the records of a product under the name of a runtime. The UIDs may differ.
	Recorded(ctx context.Context, product, runtime string) ([]Record, error)
	// Holders returns the products that hold a namespace on a cluster.
	Holders(ctx context.Context, cluster, namespace string) ([]Holder, error)
	// Total returns what the records of a product add up to.
	Total(ctx context.Context, product string) (Total, error)
	// RecordsOf returns all records of a product. There may be thousands: a rule about one runtime asks something
	// narrower above, and this only to name what is in its way.
	RecordsOf(ctx context.Context, product string) ([]Record, error)
}

// Object is a pointer to an O.
type Object[O any] interface {
	*O
	client.Object
}

// Get returns an object, such as an api.Cluster, or nil when it does not exist.
func Get[O any, T Object[O]](ctx context.Context, l Lookup, product, name string) (*O, error) {
	kind := kinds.NameOf(T(new(O)))
	obj, err := l.Get(ctx, kind, product, name)
	if err != nil {
		return nil, fmt.Errorf("looking up %s %s: %w", kind, name, err)
	}
	if obj == nil {
		return nil, nil
	}
	return typed[O, T](obj)
}

// List returns all objects of a type, such as the api.Environments of a product.
func List[O any, T Object[O]](ctx context.Context, l Lookup, product string) ([]*O, error) {
	kind := kinds.NameOf(T(new(O)))
	objects, err := l.List(ctx, kind, product)
	if err != nil {
		return nil, fmt.Errorf("looking up every %s of %q: %w", kind, product, err)
	}
	all := make([]*O, 0, len(objects))
	for _, obj := range objects {
		one, err := typed[O, T](obj)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func typed[O any, T Object[O]](obj client.Object) (*O, error) {
	if t, ok := obj.(T); ok {
		return t, nil
	}
	return nil, fmt.Errorf("looking up %s %s: it is a %T", kinds.NameOf(T(new(O))), obj.GetName(), obj)
}

// Deployment is what a runtime deploys, and where. The different forms of a reference to a code repo give the same
// value. Two revisions may mean the same, such as "v1" and "refs/tags/v1"; only the records of the runtimes tell.
type Deployment struct {
	destination, product, codeRepo, revision, path string
}

// Key returns a text that is the same for the same deployment only.
func (d Deployment) Key() string {
	return strings.Join([]string{d.destination, d.product, d.codeRepo, d.revision, d.path}, "\n")
}

// At returns the same deployment at another revision.
func (d Deployment) At(revision string) Deployment {
	d.revision = placement.ShortRevision(revision)
	return d
}

// MayBe says whether two deployments may be the same: HEAD may be any branch.
func (d Deployment) MayBe(other Deployment) bool {
	return d == other ||
		(d.revision == placement.Head || other.revision == placement.Head) && d.At("") == other.At("")
}

// DeploymentOf returns what a runtime deploys.
func DeploymentOf(r *api.DeploymentRuntime) Deployment {
	s := r.Spec.ManifestSource
	product, codeRepo := identity.CodeRepoOf(r)
	return Deployment{
		destination: r.Spec.Destination, product: product, codeRepo: codeRepo,
		revision: placement.ShortRevision(s.TargetRevision), path: s.Path,
	}
}
