package product

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
)

// counting counts the questions about products. Each of them has a runtime on cluster worker-1.
type counting struct {
	rules.Lookup
	asked int
}

func (c *counting) Total(context.Context, string) (rules.Total, error) {
	c.asked++
	return rules.Total{Runtimes: map[placement.Destination]int{{Cluster: "worker-1"}: 1}}, nil
}

// At the start every cluster is an event. All of them together would ask for each product with each cluster, under the
// lock that every pass of a runtime needs.
func TestAStartAsksNothingForEachClusterAndProduct(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "nautes", Name: name} }
	lookup := &counting{}
	r := &Reconciler{SystemNamespace: "nautes", Lookup: lookup, Client: fake.NewClientBuilder().WithScheme(scheme).
		WithObjects(&api.Product{ObjectMeta: in("product-1")}, &api.Product{ObjectMeta: in("product-2")}).Build()}
	woken := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer woken.ShutDown()
	var cluster client.Object = &api.Cluster{ObjectMeta: in("worker-1")}

	r.deployedTo().Create(t.Context(), event.CreateEvent{Object: cluster, IsInInitialList: true}, woken)
	if lookup.asked != 0 || woken.Len() != 0 {
		t.Errorf("at the start: %d questions, %d products woken; wanted none", lookup.asked, woken.Len())
	}
	r.deployedTo().Update(t.Context(), event.UpdateEvent{ObjectOld: cluster, ObjectNew: cluster}, woken)
	if woken.Len() != 2 {
		t.Errorf("a cluster that changed woke %d products, wanted both", woken.Len())
	}
}
