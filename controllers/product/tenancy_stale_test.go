package product

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// What was in a namespace goes with it. A list that was made while it went still shows that.
func TestANamespaceThatIsMadeAnewGetsAllThatBelongsIntoIt(t *testing.T) {
	h := newHub(t, nil)
	h.product("product-1", 1)
	h.pass("product-1")
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "product-1-r0000"}}
	members := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "nautes-members"}}
	h.change(ns, func() { ns.Finalizers = []string{"example.com/slow"} })
	h.remove(ns)
	h.clock.Step(tenancyRecheck)
	h.pass("product-1") // sees that it goes, and what is still in it
	h.remove(members)
	h.change(ns, func() { ns.Finalizers = nil })

	h.expect("once it is gone", h.pass("product-1"), map[string]int{
		"get Namespace": 1, "create Namespace": 1, "create RoleBinding": 1})
	if err := h.remote.Get(t.Context(), client.ObjectKeyFromObject(members), members); err != nil {
		t.Error(err)
	}
}

// A view that cannot be renewed proves nothing: neither that the product is in place, nor that the AppProject may grow.
func TestWhatWasSeenLongAgoIsNotReady(t *testing.T) {
	h := newHub(t, nil)
	h.product("product-1", 1)
	h.pass("product-1")
	h.runtime("product-1", "more")
	h.pass("product-1")
	answering := h.remote
	h.remote = interceptor.NewClient(answering.(client.WithWatch), interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "", errors.New("not permitted"))
		}})
	var project observed.AppProject
	h.get(&project, argoCD, identity.AppProject("product-1"))
	project.Spec.Destinations = project.Spec.Destinations[:1]
	if err := h.Reconciler.Client.Update(t.Context(), &project); err != nil {
		t.Fatal(err)
	}
	h.clock.Step(tenancyRecheck)
	h.pass("product-1")

	var product api.Product
	h.get(&product, system, "product-1")
	if meta.IsStatusConditionTrue(product.Status.Conditions, api.ConditionTenancyReady) {
		t.Error("the product says that all namespaces are prepared")
	}
	h.get(&project, argoCD, identity.AppProject("product-1"))
	if n := len(project.Spec.Destinations); n != 1 {
		t.Errorf("the AppProject permits %d namespaces, want the one that it permitted before", n)
	}
}

// An operator that begins to serve a product may not see yet what the one before it wrote last.
func TestTheAppProjectDoesNotShrinkForWhatTheCacheDoesNotShowYet(t *testing.T) {
	h := newHub(t, nil)
	h.product("product-1", 1)
	late := h.runtime("product-1", "late")
	h.pass("product-1")
	h.pass("product-1")
	permitted := func() (namespaces int) {
		var project observed.AppProject
		h.get(&project, argoCD, identity.AppProject("product-1"))
		return len(project.Spec.Destinations)
	}
	if n := permitted(); n != 2 {
		t.Fatalf("%d namespaces are permitted, want two", n)
	}
	current := h.Reconciler.Client
	h.Reconciler.Client = interceptor.NewClient(current.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, o ...client.ListOption) error {
			err := c.List(ctx, l, o...)
			if apps, is := l.(*observed.ApplicationList); is {
				apps.Items = slices.DeleteFunc(apps.Items, func(app observed.Application) bool {
					return app.Name == late.Name
				})
			}
			return err
		}})
	h.live = 0
	h.pass("product-1")
	if n := permitted(); n != 2 {
		t.Errorf("%d namespaces are permitted while the cache lacks the record of one", n)
	}
	h.Reconciler.Client = current
	late.Finalizers = nil
	if err := current.Update(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if err := current.Delete(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	h.pass("product-1")
	if n := permitted(); n != 1 {
		t.Errorf("%d namespaces are permitted once the record is gone", n)
	}
	if h.live != 0 {
		t.Errorf("whole Applications, which can be large, were listed %d times: their metadata would do", h.live)
	}
}

// A record that cannot be read names nothing that is permitted, and the pass knows that.
func TestADamagedRecordThatTheCacheShowsKeepsNoAppProjectFromShrinking(t *testing.T) {
	h := newHub(t, nil)
	h.product("product-1", 1)
	damaged := h.runtime("product-1", "damaged")
	h.pass("product-1")
	h.pass("product-1")
	damaged.Spec.Destination.Name = "another"
	if err := h.Reconciler.Client.Update(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	h.pass("product-1")
	var project observed.AppProject
	h.get(&project, argoCD, identity.AppProject("product-1"))
	if n := len(project.Spec.Destinations); n != 1 {
		t.Errorf("%d namespaces are permitted, want one", n)
	}
}

// Clusters come and go, and what was seen there must not stay in memory for ever.
func TestTheViewOfAClusterThatIsGoneIsForgotten(t *testing.T) {
	var all views
	now := time.Now()
	cluster := func(uid string) *api.Cluster { return &api.Cluster{Status: api.ClusterStatus{UID: uid}} }
	all.of(cluster("gone"), now)
	kept := all.of(cluster("kept"), now)
	now = now.Add(viewLife)
	if all.of(cluster("kept"), now) != kept {
		t.Error("one that is used is forgotten")
	}
	all.of(cluster("kept"), now.Add(time.Second))
	if n := len(all.clusters); n != 1 {
		t.Errorf("%d views are kept", n)
	}
}

func (h *hub) get(o client.Object, namespace, name string) {
	h.t.Helper()
	if err := h.Reconciler.Client.Get(h.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o); err != nil {
		h.t.Fatal(err)
	}
}

// change changes an object on the runtime cluster.
func (h *hub) change(o client.Object, do func()) {
	h.t.Helper()
	if err := h.remote.Get(h.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		h.t.Fatal(err)
	}
	do()
	if err := h.remote.Update(h.t.Context(), o); err != nil {
		h.t.Fatal(err)
	}
}

// remove deletes an object on the runtime cluster.
func (h *hub) remove(o client.Object) {
	h.t.Helper()
	if err := h.remote.Delete(h.t.Context(), o); err != nil {
		h.t.Fatal(err)
	}
}
