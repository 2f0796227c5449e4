package controllers_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/nautes-labs/deployment-runtime/controllers"
)

// indexed is a client without a cache that answers what a cache answers by its field indexes: it lists everything and
// chooses.
type indexed struct {
	client.Client
	values map[field]client.IndexerFunc
}

type field struct {
	of   reflect.Type
	name string
}

func withIndexes(ctx context.Context, c client.Client) (client.Client, error) {
	i := &indexed{Client: c, values: map[field]client.IndexerFunc{}}
	return i, controllers.Index(ctx, i)
}

// IndexField implements client.FieldIndexer.
func (i *indexed) IndexField(_ context.Context, o client.Object, name string, values client.IndexerFunc) error {
	i.values[field{reflect.TypeOf(o), name}] = values
	return nil
}

func (i *indexed) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	selector := o.FieldSelector
	o.FieldSelector = nil
	if err := i.Client.List(ctx, list, &o); err != nil || selector == nil {
		return err
	}
	var chosen []runtime.Object
	err := meta.EachListItem(list, func(item runtime.Object) error {
		obj := item.(client.Object)
		for _, r := range selector.Requirements() {
			values, known := i.values[field{reflect.TypeOf(obj), r.Field}]
			if !known {
				return fmt.Errorf("%T has no field index %s", obj, r.Field)
			}
			if !slices.Contains(values(obj), r.Value) {
				return nil
			}
		}
		chosen = append(chosen, item)
		return nil
	})
	if err != nil {
		return err
	}
	return meta.SetList(list, chosen)
}
