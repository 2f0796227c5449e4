package observed

import (
	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/third_party/forked/golang/reflect"
)

// equalities is apimachinery's semantic equality, except for a destination: it is compared without the field that Argo
// CD keeps in memory only, which reflection must not read.
var equalities = func() reflect.Equalities { //nolint:gochecknoglobals // a constant table
	e := equality.Semantic.Copy()
	if err := e.AddFunc(func(a, b argo.ApplicationDestination) bool {
		return a.Name == b.Name && a.Server == b.Server && a.Namespace == b.Namespace
	}); err != nil {
		panic(err)
	}
	return e.Equalities
}()

// SameSpec says whether two specs mean the same to Argo CD.
func SameSpec(a, b argo.ApplicationSpec) bool { return same(a, b) }

func same(a, b any) bool { return equalities.DeepEqual(a, b) }
