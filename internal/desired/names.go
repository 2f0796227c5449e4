// Package desired turns a placement into complete objects: what Argo CD and the runtime clusters should hold. It is pure and
// deterministic: equal input gives equal bytes, lists are sorted, and what is written is in Argo CD's own normal form, so that
// two controllers never correct each other.
package desired

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// maxApplicationName is what fits into a label value, where Argo CD uses the name in places.
const maxApplicationName = 63

// ApplicationName returns the name of a runtime's Application. Different runtimes have different names: the hash covers the
// lengths too, so that ("a-b", "c") and ("a", "b-c") differ.
func ApplicationName(namespace, name string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%s", len(namespace), namespace, len(name), name))
	suffix := "-" + hex.EncodeToString(sum[:5])
	prefix := namespace + "-" + name
	if room := maxApplicationName - len(suffix); len(prefix) > room {
		prefix = strings.TrimRight(prefix[:room], "-.")
	}
	return prefix + suffix
}

// AppProjectName returns the name of the product's AppProject.
func AppProjectName(product string) string { return product }

// StreamName returns the name of the Application, and of the AppProject, that sync the product's default.project. The names of
// products begin with "product-", so it is never the name of a product's AppProject.
func StreamName(product string) string { return "stream-" + product }

// Owner returns the value of AnnotationOwner for an object that the operator made for a product.
func Owner(product, instance string) string { return "Product//" + product + "/" + instance }

// labels returns the labels of every object that belongs to a product.
func labels(product, instance string) map[string]string {
	return map[string]string{
		api.LabelProduct:               product,
		api.LabelInstance:              instance,
		"app.kubernetes.io/managed-by": "nautes",
	}
}

func owned(product, instance string) map[string]string {
	return map[string]string{api.AnnotationOwner: Owner(product, instance)}
}
