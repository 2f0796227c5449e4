// Package metrics tells Prometheus what the operator knows. Gauges are counted from the caches when somebody scrapes:
// they cost nothing in between and never lag behind the objects.
package metrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// Namespace begins the name of every metric of the operator's own.
const Namespace = "nautes"

// scrapeTimeout bounds a scrape. The caches answer at once, or are not filled yet.
const scrapeTimeout = 5 * time.Second

// Collector counts what lies in the caches.
type Collector struct {
	// Cache holds the objects.
	Cache client.Reader
	// Registry is what it reports to while it is started.
	Registry prometheus.Registerer
	// Serves says whether this operator serves a product. What belongs to no product is asked with "".
	Serves func(ctx context.Context, product string) bool
	// PerObject adds a series for each condition of each object.
	PerObject bool
	// ArgoCDVersion is the version of the Argo CD that is driven; empty while it is not known.
	ArgoCDVersion func() string

	SystemNamespace, ArgoCDNamespace string
	Clock                            clock.PassiveClock
	Log                              logr.Logger
}

// Start reports until the context ends. A manager starts it when this operator begins to work: a standby sees the same
// objects, and a sum over all pods would count them twice. A process reports once, also where several operators run in
// it, as in tests.
func (c *Collector) Start(ctx context.Context) error {
	err := c.Registry.Register(c)
	var another prometheus.AlreadyRegisteredError
	switch {
	case errors.As(err, &another):
		c.Log.Info("metrics are reported by another operator of this process")
	case err != nil:
		return fmt.Errorf("registering the metrics: %w", err)
	default:
		defer c.Registry.Unregister(c)
	}
	<-ctx.Done()
	return nil
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range gauges() {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector. A failure is logged, and the series that it concerns are left out: an old or
// a wrong figure would be worse than none.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout) //nolint:forbidigo // a scrape has no context
	defer cancel()
	serves := c.remembered(ctx)
	for _, part := range []struct {
		what    string
		collect func(context.Context, *tally, func(string) bool) error
	}{
		{"conditions", c.conditions},
		{"what Argo CD's namespace holds", c.applications},
		{"deploy tokens", c.tokens},
		{"the version of Argo CD", c.argoCD},
	} {
		t := newTally()
		if err := part.collect(ctx, t, serves); err != nil {
			c.Log.Error(err, "metrics are left out", "part", part.what)
			continue
		}
		t.send(out)
	}
}

// argoCD tells the version of Argo CD, once for all shards.
func (c *Collector) argoCD(_ context.Context, t *tally, serves func(string) bool) error {
	if version := c.ArgoCDVersion(); version != "" && serves("") {
		t.set(argoCDInfo, 1, version)
	}
	return nil
}

// conditions counts the objects of every kind by their conditions.
func (c *Collector) conditions(ctx context.Context, t *tally, serves func(string) bool) error {
	for _, k := range kinds.All() {
		list := k.NewList()
		if err := c.Cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("listing the %s: %w", k.Plural, err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return fmt.Errorf("reading the %s: %w", k.Plural, err)
		}
		for _, item := range items {
			o, ok := item.(object)
			if !ok {
				return fmt.Errorf("reading the %s: %T has no conditions", k.Plural, item)
			}
			at := placeOf(o)
			if !serves(at.product) {
				if o = c.unserved(o); o == nil || !serves("") {
					continue
				}
			}
			t.conditions(k.Name, at, o, c.PerObject, c.Clock.Now())
		}
	}
	return nil
}

// unserved returns a Product that its shard does not serve, with the condition that says so and nothing else, or nil.
// Where no operator of that shard is at work, only the operator of all that belongs to no product can tell of it.
func (c *Collector) unserved(o object) object {
	served := meta.FindStatusCondition(o.GetConditions(), api.ConditionServed)
	if served == nil || served.Status != metav1.ConditionFalse {
		return nil
	}
	p := &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName()}}
	p.Status.Conditions = []metav1.Condition{*served}
	return p
}

// applications counts the removals, and tells how old the last look at each default.project is.
func (c *Collector) applications(ctx context.Context, t *tally, serves func(string) bool) error {
	var apps observed.ApplicationList
	if err := c.Cache.List(ctx, &apps, client.InNamespace(c.ArgoCDNamespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the Applications: %w", err)
	}
	products, err := c.products(ctx, serves)
	if err != nil {
		return err
	}
	for i := range apps.Items {
		app := &apps.Items[i]
		if product, of := products[app.Name]; of && app.Status.ReconciledAt != nil {
			t.set(streamCompared, float64(app.Status.ReconciledAt.Unix()), product)
		}
		rec, problem := record.Read(app)
		if problem != nil || !serves(rec.Placement.Product) {
			continue
		}
		t.record(rec, c.Clock.Now())
	}
	return nil
}

// products returns the products that this operator serves, by the names of the Applications of their default.projects.
func (c *Collector) products(ctx context.Context, serves func(string) bool) (map[string]string, error) {
	var list api.ProductList
	if err := c.Cache.List(ctx, &list, client.InNamespace(c.SystemNamespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the products: %w", err)
	}
	out := map[string]string{}
	for i := range list.Items {
		if name := list.Items[i].Name; serves(name) {
			out[identity.Stream(name)] = name
		}
	}
	return out, nil
}

// remembered asks once for each product.
func (c *Collector) remembered(ctx context.Context) func(product string) bool {
	answers := map[string]bool{}
	return func(product string) bool {
		answer, known := answers[product]
		if !known {
			answer = c.Serves(ctx, product)
			answers[product] = answer
		}
		return answer
	}
}
