package desired

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// ProductQuota returns the quota of a product's namespace in the management cluster. most holds the largest number of
// objects of each kind, by the plural of the kind.
func ProductQuota(product, instance string, most map[string]int64) *corev1.ResourceQuota {
	hard := corev1.ResourceList{}
	for plural, n := range most {
		hard[corev1.ResourceName("count/"+plural+"."+api.Group)] = *resource.NewQuantity(n, resource.DecimalSI)
	}
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: metav1.ObjectMeta{Namespace: product, Name: nameInNamespace, Labels: labels(product, instance)},
		Spec:       corev1.ResourceQuotaSpec{Hard: hard},
	}
}
