package command

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/desired"
	"github.com/nautes-labs/deployment-runtime/internal/observed"
)

// Argo CD goes on writing its Applications while they are released.
func TestReleaseLooksAgainAtAnApplicationThatWasChangedMeanwhile(t *testing.T) {
	scheme, err := controllers.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	app := &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "web",
		Finalizers: []string{"other.example.com/x", api.Finalizer}}}
	runtime := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: "product-7", Name: "web",
		Finalizers: []string{api.Finalizer}}}
	conflicts := 2
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(app, runtime).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch,
			opts ...client.PatchOption) error {
			if obj.GetName() == app.Name && obj.GetNamespace() == app.Namespace && conflicts > 0 {
				conflicts--
				return apierrors.NewConflict(schema.GroupResource{Group: "argoproj.io", Resource: "applications"},
					obj.GetName(), nil)
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
	}).Build()
	r := releaser{client: c, out: io.Discard, systemNamespace: "nautes", argoNamespace: "argocd"}
	if err := r.release(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{app, runtime} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
		for _, f := range o.GetFinalizers() {
			if f == api.Finalizer {
				t.Errorf("%T keeps our finalizer", o)
			}
		}
	}
	if len(app.Finalizers) != 1 {
		t.Errorf("the finalizers of others are %v", app.Finalizers)
	}
	if conflicts != 0 {
		t.Error("no conflict was met")
	}
}

// Without the operator nothing takes off again what Argo CD arms an Application with.
func TestReleaseDisarmsEveryApplicationOfOurs(t *testing.T) {
	scheme, err := controllers.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	const others = "other.example.com/x"
	armed := append(append([]string{others}, desired.HookFinalizers()...), desired.PreDeleteFinalizer+"/cleanup",
		desired.CascadeFinalizer+"/background")
	application := func(name string, finalizers []string, annotations map[string]string) *observed.Application {
		return &observed.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name,
			Finalizers: finalizers, Annotations: annotations}}
	}
	record, owner := map[string]string{api.AnnotationPlacement: "{}"},
		map[string]string{api.AnnotationOwner: desired.Owner("product-7", "i")}
	going := application("going", slices.Concat(armed, []string{api.Finalizer}), record)
	going.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		application("runtime", slices.Concat(armed, []string{api.Finalizer}), record),
		application("released", armed, record),
		application("stream", armed, owner), application("foreign", armed, nil), going,
	).Build()
	r := releaser{client: c, out: io.Discard, systemNamespace: "nautes", argoNamespace: "argocd"}
	if err := r.release(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"runtime": {others}, "released": {others}, "stream": {others}, "foreign": armed,
		"going": {others, desired.CascadeFinalizer + "/background"},
	} {
		app := application(name, nil, nil)
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(app), app); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, app.Finalizers); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// One operator of whatever shard would add the finalizers again.
func TestReleaseWaitsForEveryShard(t *testing.T) {
	scheme, err := controllers.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	lease := func(name string, renewed time.Time) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "nautes", Name: name},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr.To("pod of " + name),
				LeaseDurationSeconds: ptr.To[int32](15), RenewTime: ptr.To(metav1.NewMicroTime(renewed))}}
	}
	for name, c := range map[string]struct {
		lease *coordinationv1.Lease
		want  bool
	}{
		"the operator":    {lease("nautes-operator", now), true},
		"a shard":         {lease("nautes-operator-a", now), true},
		"one that died":   {lease("nautes-operator-a", now.Add(-time.Minute)), false},
		"somebody else":   {lease("other", now), false},
		"nautes-elsewise": {lease("nautes-operators", now), false},
	} {
		r := releaser{client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(c.lease).Build(), out: io.Discard,
			systemNamespace: "nautes", argoNamespace: "argocd"}
		if err := r.operatorIsStopped(t.Context(), now); (err != nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
