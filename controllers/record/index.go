package record

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// FieldProduct is the field index of Applications by product, see Products. It is always as current as the cache.
const FieldProduct = "product"

// Index adds the field indexes of records to a cache.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &observed.Application{}, FieldProduct, func(o client.Object) []string {
		if app, ok := o.(*observed.Application); ok {
			return Products(app)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing the Applications by product: %w", err)
	}
	return nil
}

// Products returns the product that an Application is a record of. A damaged record may be of several products: of the
// one in its label, its AppProject, its name, and those that its annotation mentions. Somebody else's Application is of
// none.
func Products(app *observed.Application) []string {
	rec, p := Read(app)
	switch {
	case p == nil:
		return []string{rec.Placement.Product}
	case p.Reason != api.ReasonRecordMismatch:
		return nil
	}
	found := append(mentioned(app.Annotations[api.AnnotationPlacement]), app.Labels[api.LabelProduct], app.Spec.Project)
	for i, c := range app.Name { // product-7-web-ab12: product-7, or a product-7-web
		if c == '-' {
			found = append(found, app.Name[:i])
		}
	}
	products := found[:0]
	for _, name := range found {
		if strings.HasPrefix(name, identity.ProductPrefix) {
			products = append(products, name)
		}
	}
	return products
}

// mentioned returns the products that a record names which cannot be decoded.
func mentioned(record string) (products []string) {
	for {
		_, after, found := strings.Cut(record, `"product":"`)
		if !found {
			return products
		}
		name, rest, _ := strings.Cut(after, `"`)
		products, record = append(products, name), rest
	}
}
