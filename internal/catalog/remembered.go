package catalog

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// remembered asks the Lookup below it only once for each list, and for the records of each product and what they add up
// to. It saves making them again for each answer: a batch asks for the total of its product once for each runtime.
type remembered struct {
	rules.Lookup
	ofProduct map[string][]rules.Record
	totals    map[string]rules.Total
	lists     map[[2]string][]client.Object
}

// Remembered returns a Lookup that keeps the lists, records and totals that l answers. It serves one request and must
// not be used by several goroutines.
func Remembered(l rules.Lookup) rules.Lookup { return remember(l) }

func remember(l rules.Lookup) *remembered {
	return &remembered{
		Lookup: l, ofProduct: map[string][]rules.Record{}, totals: map[string]rules.Total{},
		lists: map[[2]string][]client.Object{},
	}
}

// List implements rules.Lookup.
func (r *remembered) List(ctx context.Context, kind, product string) ([]client.Object, error) {
	return once(r.lists, [2]string{kind, product}, func() ([]client.Object, error) {
		return r.Lookup.List(ctx, kind, product)
	})
}

// RecordsOf implements rules.Lookup.
func (r *remembered) RecordsOf(ctx context.Context, product string) ([]rules.Record, error) {
	return once(r.ofProduct, product, func() ([]rules.Record, error) { return r.Lookup.RecordsOf(ctx, product) })
}

// Total implements rules.Lookup.
func (r *remembered) Total(ctx context.Context, product string) (rules.Total, error) {
	return once(r.totals, product, func() (rules.Total, error) { return r.Lookup.Total(ctx, product) })
}

func once[K comparable, V any](known map[K]V, key K, ask func() (V, error)) (V, error) {
	if value, ok := known[key]; ok {
		return value, nil
	}
	value, err := ask()
	if err == nil {
		known[key] = value
	}
	return value, err
}
