package server_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

func product(name, group string) *api.Product {
	return &api.Product{ObjectMeta: metav1.ObjectMeta{Namespace: "nautes", Name: name},
		Spec: api.ProductSpec{Name: group}}
}

func runtimeOf(product, name, repo string) *api.DeploymentRuntime {
	return &api.DeploymentRuntime{
		ObjectMeta: metav1.ObjectMeta{Namespace: product, Name: name},
		Spec:       api.DeploymentRuntimeSpec{Product: product, ManifestSource: api.ManifestSource{CodeRepo: repo}},
	}
}

// cluster is a management cluster with three products: a and b deploy from repo-3, which is b's.
func cluster(t *testing.T, f interceptor.Funcs) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(f).WithObjects(
		product("product-1", "a"), product("product-2", "group/b"), product("product-3", "c"),
		runtimeOf("product-1", "x", "repo-3"), runtimeOf("product-1", "y", "repo-4"),
		runtimeOf("product-2", "x", "repo-3"),
		runtimeOf("product-3", "x", "repo-33"), runtimeOf("elsewhere", "x", "repo-3"),
	).Build()
}

// annotated returns the annotations of all products.
func annotated(t *testing.T, c client.Client) map[string][]string {
	t.Helper()
	var list api.ProductList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, p := range list.Items {
		for key, value := range p.Annotations {
			if value != "2026-01-02T03:04:05.000000006Z" {
				t.Errorf("%s: %s is %s", p.Name, key, value)
			}
		}
		if len(p.Annotations) > 0 {
			out[p.Name] = slices.Sorted(maps.Keys(p.Annotations))
		}
	}
	return out
}

func TestAPushMarksTheProductsThatItConcerns(t *testing.T) {
	const stream, repo = "refresh.nautes.resource.nautes.io/default.project", "refresh.nautes.resource.nautes.io/repo-3"
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC) }
	for name, c := range map[string]struct {
		pushes []server.Push
		want   map[string][]string
	}{
		"to default.project": {[]server.Push{{9, "group/b/default.project"}},
			map[string][]string{"product-2": {stream}}},
		"to the default.project of nobody": {[]server.Push{{9, "b/default.project"}}, map[string][]string{}},
		"to a repository that two products use": {[]server.Push{{3, "group/b/manifests"}},
			map[string][]string{"product-1": {repo}, "product-2": {repo}}},
		"to a repository that nobody uses": {[]server.Push{{5, "a/other"}}, map[string][]string{}},
		"to both, which do not erase each other": {[]server.Push{{3, "x/y"}, {9, "a/default.project"}},
			map[string][]string{"product-1": {stream, repo}, "product-2": {repo}}},
	} {
		t.Run(name, func(t *testing.T) {
			kube := cluster(t, interceptor.Funcs{})
			r := server.NewRefresher(kube, "nautes", slog.New(slog.DiscardHandler), now)
			for _, p := range c.pushes {
				r.Pushed(p)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // what is queued is worked off first
			r.Run(ctx)
			if diff := cmp.Diff(c.want, annotated(t, kube)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPushIsPassedOnOnceTheClusterAnswersAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var tries atomic.Int32
	kube := cluster(t, interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, o client.Object,
		p client.Patch, opts ...client.PatchOption) error {
		if tries.Add(1) < 3 {
			return errors.New("no answer")
		}
		defer cancel()
		return c.Patch(ctx, o, p, opts...)
	}})
	r := server.NewRefresher(kube, "nautes", slog.New(slog.DiscardHandler), time.Now)
	r.Pushed(server.Push{ProjectID: 9, Path: "a/default.project"})
	r.Run(ctx)
	if tries.Load() != 3 {
		t.Errorf("%d tries", tries.Load())
	}
}
