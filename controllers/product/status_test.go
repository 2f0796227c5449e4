package product

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
)

// The ProductProvider that found the group missing says when it is there again. Where nobody looks after the Product
// any more nobody would ever say so.
func TestAProductWhoseGroupIsNotFoundIsNotReadyWhileItsProviderIsThere(t *testing.T) {
	for sentence, c := range map[string]struct {
		mark, provider string
		want           string
	}{
		"its group is there":                 {"", "groups", "True/Ready"},
		"its group is gone":                  {"true", "groups", "False/GroupGone"},
		"its group was gone, as its source":  {"true", "deleted", "True/Ready"},
		"its group was gone, it has no more": {"true", "", "True/Ready"},
	} {
		h := newHub(t, nil)
		h.product("product-1", 0)
		h.create(&api.ProductProvider{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "groups"}})
		var product api.Product
		h.get(&product, system, "product-1")
		product.Annotations = map[string]string{api.AnnotationGroupGone: c.mark}
		product.Labels = map[string]string{api.LabelProvider: c.provider}
		if err := h.Reconciler.Client.Update(t.Context(), &product); err != nil {
			t.Fatal(err)
		}
		h.pass("product-1")
		h.get(&product, system, "product-1")
		ready := meta.FindStatusCondition(product.Status.Conditions, api.ConditionReady)
		if got := string(ready.Status) + "/" + ready.Reason; got != c.want {
			t.Errorf("%s: got %s (%s), want %s", sentence, got, ready.Message, c.want)
		}
	}
}

// A ProductProvider that comes or goes changes what the mark of the one that is labelled counts for.
func TestAProviderWakesTheProductsWhoseGroupIsLostThere(t *testing.T) {
	groups := &api.ProductProvider{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "groups"}}
	for sentence, c := range map[string]struct {
		mark, provider string
		want           bool
	}{
		"lost there": {"true", "groups", true}, "lost elsewhere": {"true", "others", false},
		"not lost": {"", "groups", false},
	} {
		p := &api.Product{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{api.LabelProvider: c.provider},
			Annotations: map[string]string{api.AnnotationGroupGone: c.mark}}}
		if got := lostAt(p, groups); got != c.want {
			t.Errorf("%s: woken %v", sentence, got)
		}
	}
}
