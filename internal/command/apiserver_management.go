package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/kinds"
	"github.com/nautes-labs/deployment-runtime/internal/server"
)

// firstSync is how long the caches of the management cluster may take to fill at start.
const firstSync = time.Minute

// management is the management cluster as the API server sees it: caches to read from, and one annotation to write.
type management struct {
	cache     cache.Cache
	lookup    *catalog.Cluster
	refresher *server.Refresher
}

// connect reaches the management cluster that --kubeconfig names, or that this runs in. Outside of a cluster and without --kubeconfig
// there is none, and saves go on without.
func (f *apiServerFlags) connect(log *slog.Logger) (*management, error) {
	cfg, err := restConfig(f.kubeconfig)
	if errors.Is(err, rest.ErrNotInCluster) {
		log.Warn("there is no management cluster: rules that need it become warnings, and runtimes have no status; --kubeconfig names one")
		return nil, nil //nolint:nilnil // nil is a server without one
	}
	if err != nil {
		return nil, err
	}
	if err := reach(cfg); err != nil {
		return nil, err
	}
	return f.management(cfg, log)
}

func (f *apiServerFlags) management(cfg *rest.Config, log *slog.Logger) (*management, error) {
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	c, err := cache.New(cfg, cache.Options{
		Scheme: scheme, DefaultTransform: cache.TransformStripManagedFields(), ByObject: f.cached(),
		ReaderFailOnMissingInformer: true, // a request starts no watch
	})
	if err != nil {
		return nil, fmt.Errorf("building the caches of the management cluster: %w", err)
	}
	cl, err := client.New(cfg, client.Options{Scheme: scheme, Cache: &client.CacheOptions{Reader: c}})
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	return &management{
		cache: c, lookup: catalog.New(c, f.systemNamespace, f.argoNamespace),
		refresher: server.NewRefresher(cl, f.systemNamespace, log, time.Now),
	}, nil
}

// cached says where each kind is read: what the role of the API server permits, and of Applications only what records are read from.
func (f *apiServerFlags) cached() map[client.Object]cache.ByObject {
	out := map[client.Object]cache.ByObject{
		applications(): {Namespaces: map[string]cache.Config{f.argoNamespace: {}}},
	}
	for _, k := range kinds.All() {
		if k.Scope == kinds.Tenant {
			out[k.New()] = cache.ByObject{Namespaces: map[string]cache.Config{f.systemNamespace: {}}}
		} else {
			out[k.New()] = cache.ByObject{}
		}
	}
	return out
}

// applications stands for the metadata of Argo CD's Applications, where the records are. Nothing else of them is read.
func applications() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"})
	return o
}

// start fills the caches, and keeps them until background ends. ctx ends the waiting.
func (m *management) start(ctx, background context.Context, work *errgroup.Group) error {
	ctx, cancel := context.WithTimeout(ctx, firstSync)
	defer cancel()
	objects := map[string]client.Object{"Application": applications()}
	for _, k := range kinds.All() {
		objects[k.Name] = k.New()
	}
	for kind, o := range objects {
		if _, err := m.cache.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching kind %s in the management cluster (are the CRDs and Argo CD installed?): %w", kind, err)
		}
	}
	work.Go(func() error { return m.cache.Start(background) })
	if !m.cache.WaitForCacheSync(ctx) {
		return fmt.Errorf("the management cluster did not answer all lists within %s: look at the log, and whether the API server's role permits them", firstSync)
	}
	work.Go(func() error { m.refresher.Run(background); return nil })
	return nil
}
