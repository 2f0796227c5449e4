package product

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
)

const (
	system = api.SystemNamespaceDefault
	argoCD = "argocd"
)

// hub is a management cluster in memory with one runtime cluster, on which every request is counted.
type hub struct {
	*Reconciler
	t      *testing.T
	remote client.Client
	clock  *clocktesting.FakeClock

	mu sync.Mutex
	// live counts the lists of Applications at the API server itself.
	live     int
	requests map[string]int
	// defaults is what the runtime cluster fills in.
	defaults func(client.Object)
}

func newHub(t *testing.T, template *api.NamespaceTemplate) *hub {
	t.Helper()
	h := &hub{t: t, clock: clocktesting.NewFakeClock(time.Now()), requests: map[string]int{},
		defaults: func(client.Object) {}}
	all := runtime.NewScheme()
	argo := schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}
	for _, err := range []error{clientgoscheme.AddToScheme(all), api.AddToScheme(all)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all.AddKnownTypes(argo, &observed.Application{}, &observed.ApplicationList{}, &observed.AppProject{})
	metav1.AddToGroupVersion(all, argo)
	cluster := &api.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: "c1"},
		Spec: api.ClusterSpec{NamespaceTemplate: template}, Status: api.ClusterStatus{UID: "uid-1"}}
	local := fake.NewClientBuilder().WithScheme(all).WithObjects(cluster).WithStatusSubresource(&api.Product{}).
		WithIndex(&observed.Application{}, record.FieldProduct, func(o client.Object) []string {
			return record.Products(o.(*observed.Application))
		}).Build()
	h.remote = h.counting(all)
	counted := interceptor.NewClient(local, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, o ...client.ListOption) error {
			if _, is := l.(*observed.ApplicationList); is {
				h.live++
			}
			return c.List(ctx, l, o...)
		}})
	h.Reconciler = &Reconciler{Client: local, Live: counted, Lookup: catalog.New(local, system, argoCD), Clusters: h,
		Clock: h.clock, SystemNamespace: system, ArgoCDNamespace: argoCD, Instance: "i", ClusterRole: "admin"}
	return h
}

// counting returns a runtime cluster that counts.
func (h *hub) counting(all *runtime.Scheme) client.Client {
	b := fake.NewClientBuilder().WithScheme(all)
	for _, o := range []client.Object{&rbacv1.RoleBinding{}, &networkingv1.NetworkPolicy{}} {
		b = b.WithIndex(o, "metadata.name", func(o client.Object) []string { return []string{o.GetName()} })
	}
	count := func(verb string, o any) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.requests[verb+" "+reflect.TypeOf(o).Elem().Name()]++
	}
	return interceptor.NewClient(b.Build(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, k client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			count("get", o)
			return c.Get(ctx, k, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, l client.ObjectList, opts ...client.ListOption) error {
			count("list", l)
			return c.List(ctx, l, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			count("create", o)
			h.defaults(o)
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch,
			opts ...client.PatchOption) error {
			count("patch", o)
			if err := c.Patch(ctx, o, p, opts...); err != nil {
				return err
			}
			h.defaults(o)
			return c.Update(ctx, o)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			count("delete", o)
			return c.Delete(ctx, o, opts...)
		},
	})
}

func (h *hub) Client(context.Context, *api.Cluster) (client.Client, error) { return h.remote, nil }

func (h *hub) Contents(context.Context, *api.Cluster, string, func(schema.GroupKind) bool) (clusters.Contents, error) {
	return clusters.Contents{}, nil
}

// product adds a product with runtimes, each in a namespace of its own.
func (h *hub) product(name string, runtimes int) {
	h.t.Helper()
	h.create(&api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name},
		Spec: api.ProductSpec{Name: name + "-group"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{api.LabelProduct: name}}})
	for i := range runtimes {
		h.runtime(name, fmt.Sprintf("r%04d", i))
	}
}

func (h *hub) create(objects ...client.Object) {
	h.t.Helper()
	for _, o := range objects {
		if err := h.Reconciler.Client.Create(h.t.Context(), o); err != nil {
			h.t.Fatal(err)
		}
	}
}

// runtime adds a runtime and its record.
func (h *hub) runtime(product, name string) *observed.Application {
	h.t.Helper()
	p := placement.Placement{
		Runtime: placement.RuntimeRef{Namespace: product, Name: name, UID: "u-" + name}, Product: product, Instance: "i",
		Destination: placement.Destination{Environment: "dev", Cluster: "c1"}, ClusterUID: "uid-1",
		Namespaces: []string{product + "-" + name}, RepoURL: "https://git.example.com/x.git", Path: "p", Revision: "main",
		Switches: placement.Switches{DeletionPolicy: api.DeletionPolicyDelete},
	}
	app := &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: argoCD,
		Name: identity.Application(product, name), Finalizers: []string{api.Finalizer},
		Labels:      map[string]string{api.LabelProduct: product},
		Annotations: map[string]string{api.AnnotationPlacement: p.Encode()}}}
	app.Spec.Project, app.Spec.Destination.Name = identity.AppProject(product), "c1"
	h.create(app, &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: product, Name: name}})
	return app
}

// pass makes a pass, and returns what it asked of the runtime cluster.
func (h *hub) pass(product string) map[string]int {
	h.t.Helper()
	clear(h.requests)
	_, err := h.Reconcile(h.t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: system, Name: product}})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.requests
}

func (h *hub) expect(sentence string, got, want map[string]int) {
	h.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.t.Errorf("%s: %s", sentence, diff)
	}
}

func TestWhatAClusterIsAskedGrowsWithWhatIsToBeDone(t *testing.T) {
	for _, n := range []int{50, 200} {
		h := newHub(t, nil)
		lists, nothing := map[string]int{"list NamespaceList": 1, "list RoleBindingList": 1}, map[string]int{}
		h.product("product-1", n)
		h.product("product-2", 1)
		h.expect("the first pass", h.pass("product-1"), map[string]int{
			"list NamespaceList": 1, "list RoleBindingList": 1, "create Namespace": n, "create RoleBinding": n})
		h.expect("another pass", h.pass("product-1"), nothing)
		h.expect("another product", h.pass("product-2"), map[string]int{"create Namespace": 1, "create RoleBinding": 1})
		h.runtime("product-1", "more")
		h.expect("one more runtime", h.pass("product-1"), map[string]int{"create Namespace": 1, "create RoleBinding": 1})
		h.clock.Step(tenancyRecheck)
		h.expect("a look after a while", h.pass("product-2"), lists)
		h.expect("which serves all", h.pass("product-1"), nothing)

		h.differ("product-1-r0003", "product-1-r0004")
		h.expect("what somebody changed is not seen at once", h.pass("product-1"), nothing)
		h.clock.Step(tenancyRecheck)
		h.expect("but soon", h.pass("product-1"), map[string]int{"list NamespaceList": 1, "list RoleBindingList": 1,
			"create RoleBinding": 1, "get Namespace": 1, "patch Namespace": 1})
		h.expect("and once", h.pass("product-1"), nothing)
	}
}

// differ takes the members from one namespace, and the labels of pod security from another.
func (h *hub) differ(members, labels string) {
	h.t.Helper()
	var ns corev1.Namespace
	if err := h.remote.Get(h.t.Context(), client.ObjectKey{Name: labels}, &ns); err != nil {
		h.t.Fatal(err)
	}
	ns.Labels["pod-security.kubernetes.io/enforce"] = "privileged"
	if err := h.remote.Update(h.t.Context(), &ns); err != nil {
		h.t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: members, Name: "nautes-members"}}
	if err := h.remote.Delete(h.t.Context(), binding); err != nil {
		h.t.Fatal(err)
	}
}

func TestAnObjectWithoutOurLabelIsFoundAndCorrected(t *testing.T) {
	h := newHub(t, nil)
	h.product("product-1", 1)
	old := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "product-1-r0000", Name: "nautes-members"},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"}}
	if err := h.remote.Create(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	h.expect("the first pass", h.pass("product-1"), map[string]int{"list NamespaceList": 1, "list RoleBindingList": 1,
		"create Namespace": 1, "create RoleBinding": 1, "get RoleBinding": 1, "patch RoleBinding": 1})
	if err := h.remote.Get(t.Context(), client.ObjectKeyFromObject(old), old); err != nil {
		t.Fatal(err)
	}
	if old.Labels[api.LabelInstance] != "i" || len(old.Subjects) != 1 {
		t.Errorf("got labels %v, subjects %v", old.Labels, old.Subjects)
	}
	h.expect("another pass", h.pass("product-1"), map[string]int{})
}

// The clients of runtime clusters know a few kinds only. One that is missing would stop the tenancy of a whole cluster.
func TestTheClientsOfClustersKnowAllThatBelongsIntoANamespace(t *testing.T) {
	n := desired.NamespaceOf{Name: "web", Product: "product-1", PullSecrets: []corev1.Secret{{}},
		Template: &api.NamespaceTemplate{ResourceQuota: &corev1.ResourceQuotaSpec{}, LimitRange: &corev1.LimitRangeSpec{},
			NetworkPolicies: []api.NamedNetworkPolicy{{Name: "deny"}}}}
	mapper, known := clusters.KnownKinds(), map[string]bool{}
	for _, o := range wanted(n) {
		gvk, err := apiutil.GVKForObject(o, clientgoscheme.Scheme)
		if err != nil {
			t.Fatal(err)
		}
		_, isNamespace := o.(*corev1.Namespace)
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil || (mapping.Scope.Name() == meta.RESTScopeNameRoot) != isNamespace {
			t.Errorf("%s: %v, %v", gvk, mapping, err)
		}
		known[gvk.Kind] = true
	}
	if len(known) != 7 {
		t.Errorf("only %v were looked at", known)
	}
}

// Kubernetes fills in what a policy leaves out: that is no difference that can be corrected.
func TestWhatTheClusterFillsInIsNotWrittenForEver(t *testing.T) {
	template := &api.NamespaceTemplate{NetworkPolicies: []api.NamedNetworkPolicy{{Name: "deny"}}}
	h := newHub(t, template)
	h.defaults = func(o client.Object) {
		if p, is := o.(*networkingv1.NetworkPolicy); is {
			p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		}
	}
	h.product("product-1", 20)
	h.pass("product-1")
	h.expect("another pass", h.pass("product-1"), map[string]int{})
	h.clock.Step(tenancyRecheck)
	lists := map[string]int{"list NamespaceList": 1, "list RoleBindingList": 1, "list NetworkPolicyList": 1}
	h.expect("a look after a while", h.pass("product-1"), lists)
	h.views = views{}
	if restarted := h.pass("product-1"); restarted["patch NetworkPolicy"] > atOnce {
		t.Errorf("after a restart each is written: %v", restarted)
	}
	h.clock.Step(tenancyRecheck)
	h.expect("and then no more", h.pass("product-1"), lists)
}

func TestOneLookAtTheRecordsServesDeletionsThatAreMadeTogether(t *testing.T) {
	const n = 50
	h := newHub(t, nil)
	h.product("product-1", 2)
	var apps []*observed.Application
	for i := range n {
		apps = append(apps, h.runtime("product-1", fmt.Sprintf("go%04d", i)))
	}
	h.pass("product-1")
	for _, app := range apps {
		app.Annotations[api.AnnotationTeardown] = placement.Teardown{RuntimeUID: "u",
			Policy: api.DeletionPolicyDelete, RequestedAt: h.clock.Now()}.Encode()
		if err := h.Reconciler.Client.Update(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		if err := h.Reconciler.Client.Delete(t.Context(), app); err != nil {
			t.Fatal(err)
		}
	}
	h.live = 0
	h.expect("the deletion", h.pass("product-1"),
		map[string]int{"list NamespaceList": 1, "get Namespace": n, "delete Namespace": n})
	if most := n / atOnce; h.live != most {
		t.Errorf("the records were read live %d times, want %d", h.live, most)
	}
	h.expect("the end", h.pass("product-1"), map[string]int{"list NamespaceList": 1, "get Namespace": n})
	h.expect("then", h.pass("product-1"), map[string]int{})
	var left observed.ApplicationList
	if err := h.Reconciler.Client.List(t.Context(), &left); err != nil || len(left.Items) != 2 {
		t.Errorf("%d Applications are left, error %v", len(left.Items), err)
	}
}

// A list takes its time. What the operator does meanwhile is newer.
func TestAListDoesNotUndoWhatWasDoneSinceItBegan(t *testing.T) {
	ns := func(name string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	var all views
	v := all.of(&api.Cluster{Status: api.ClusterStatus{UID: "u"}}, time.Now())
	for _, name := range []string{"deleted", "vanished", "stays"} {
		v.put(ns(name))
	}
	began := v.changes
	v.put(ns("created"))
	v.forget("deleted")
	found := map[string]seen{"deleted": seenOf(ns("deleted")), "stays": seenOf(ns("stays")), "new": seenOf(ns("new"))}
	v.replace(whatIs(ns("")), found, began, time.Now())
	var got []string
	for _, name := range []string{"created", "deleted", "new", "stays", "vanished"} {
		if _, known := v.get(ns(name)); known {
			got = append(got, name)
		}
	}
	if want := []string{"created", "new", "stays"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Lists of several kinds are made at the same time, and the one that began first may end last.
func TestAListDoesNotUndoWhatALaterListOfAnotherKindHasForgotten(t *testing.T) {
	var all views
	v := all.of(&api.Cluster{Status: api.ClusterStatus{UID: "u"}}, time.Now())
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "deleted"}}
	members := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "deleted", Name: "nautes-members"}}
	v.put(ns)
	v.put(members)
	began := v.changes
	v.forget("deleted")
	v.replace(whatIs(ns), nil, v.changes, time.Now())
	v.replace(whatIs(members), map[string]seen{"deleted": seenOf(members)}, began, time.Now())
	if _, known := v.get(members); known {
		t.Error("what went with its namespace is known again, from a list that began before that")
	}
	v.replace(whatIs(members), map[string]seen{"deleted": seenOf(members)}, v.changes, time.Now())
	if _, known := v.get(members); !known {
		t.Error("a list that began later does not count")
	}
}
