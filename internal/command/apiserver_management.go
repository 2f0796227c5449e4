package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
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

const (
	// clusterPatience is how long the management cluster may take for one answer, and firstSync how long for all lists.
	clusterPatience = 5 * time.Second
	firstSync       = 15 * time.Second
	// lookAgain is how often the API server checks whether the management cluster answers.
	lookAgain = 5 * time.Second
)

// management is the management cluster as the API server uses it: caches to read from, and one annotation to write. It
// may be unreachable, even at the start. The caches are then not read, because they are incomplete or old.
type management struct {
	config          *rest.Config
	cache           cache.Cache
	live            client.Reader
	gate            *gate
	lookup          *catalog.Cluster
	refresher       *server.Refresher
	log             *slog.Logger
	systemNamespace string
	interval        time.Duration
	synced          bool
}

// gate lets reads pass only while the management cluster answers.
type gate struct {
	client.Reader
	open atomic.Bool
}

var errNotConnected = errors.New("the management cluster is not connected")

// Get reads from the cache.
func (g *gate) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if !g.open.Load() {
		return errNotConnected
	}
	return g.Reader.Get(ctx, key, into, opts...)
}

// List reads from the cache.
func (g *gate) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	if !g.open.Load() {
		return errNotConnected
	}
	return g.Reader.List(ctx, into, opts...)
}

// connect returns the management cluster of --kubeconfig, or the one in which the API server runs, whether it answers
// or not. Without either there is no management cluster, and saves work without one.
func (f *apiServerFlags) connect(ctx context.Context, log *slog.Logger) (*management, error) {
	cfg, err := restConfig(f.kubeconfig)
	if errors.Is(err, rest.ErrNotInCluster) {
		log.Warn("there is no management cluster: rules that need it become warnings, and runtimes have no status; " +
			"--kubeconfig names one")
		return nil, nil //nolint:nilnil // nil is a server without one
	}
	if err != nil {
		return nil, err
	}
	return f.management(ctx, cfg, log)
}

func (f *apiServerFlags) management(ctx context.Context, cfg *rest.Config, log *slog.Logger) (*management, error) {
	scheme := runtime.NewScheme()
	if err := api.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	// Watches may last. All other requests must be answered soon; otherwise nobody would notice an unreachable cluster.
	short := rest.CopyConfig(cfg)
	short.Timeout = clusterPatience
	shortHTTP, err := rest.HTTPClientFor(short)
	if err != nil {
		return nil, fmt.Errorf("reading how to connect to the management cluster: %w", err)
	}
	mapper := resources()
	c, err := cache.New(cfg, cache.Options{
		Scheme: scheme, Mapper: mapper, DefaultTransform: cache.TransformStripManagedFields(), ByObject: f.cached(),
		ReaderFailOnMissingInformer: true, // a request must not start a watch
	})
	if err != nil {
		return nil, fmt.Errorf("building the caches of the management cluster: %w", err)
	}
	m := &management{config: short, cache: c, gate: &gate{Reader: c}, log: log, systemNamespace: f.systemNamespace,
		interval: lookAgain}
	m.lookup = catalog.New(m.gate, f.systemNamespace, f.argoNamespace)
	if err := m.lookup.Index(ctx, c); err != nil {
		return nil, fmt.Errorf("indexing the caches of the management cluster: %w", err)
	}
	if err := m.addClients(short, client.Options{Scheme: scheme, Mapper: mapper, HTTPClient: shortHTTP}); err != nil {
		return nil, err
	}
	return m, nil
}

// addClients builds the clients that read past the caches, and the client that writes.
func (m *management) addClients(cfg *rest.Config, o client.Options) error {
	live, err := client.New(cfg, o)
	if err != nil {
		return fmt.Errorf("preparing the client of the management cluster: %w", err)
	}
	m.live = live
	o.Cache = &client.CacheOptions{Reader: m.gate}
	cached, err := client.New(cfg, o)
	if err != nil {
		return fmt.Errorf("preparing the client of the management cluster: %w", err)
	}
	m.refresher = server.NewRefresher(cached, m.systemNamespace, m.log, time.Now)
	return nil
}

// cached says where the cache reads each kind: where the role of the API server permits it. Of Applications it reads
// only the metadata that hold the records.
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

// resources maps the kinds to the names of their resources. They are known in advance, so that an unreachable cluster
// need not be asked.
func resources() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	add := func(gvk schema.GroupVersionKind, plural string) {
		mapper.AddSpecific(gvk, gvk.GroupVersion().WithResource(plural),
			gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind)), meta.RESTScopeNamespace)
		gvk.Kind += "List" // a cache of some namespaces asks whether a list is namespaced
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	for _, k := range kinds.All() {
		add(api.GroupVersion.WithKind(k.Name), k.Plural)
	}
	add(applications().GroupVersionKind(), "applications")
	return mapper
}

// applications stands for the metadata of Argo CD's Applications, which hold the records. Only these are read.
func applications() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"})
	return o
}

// start runs the caches until background ends. It waits until the cluster was asked once, whatever the result. ctx ends
// the wait.
func (m *management) start(ctx, background context.Context, work *errgroup.Group) {
	work.Go(func() error { return m.cache.Start(background) })
	work.Go(func() error { m.refresher.Run(background); return nil })
	looked := make(chan struct{})
	work.Go(func() error {
		m.note(background, m.look(background), true)
		close(looked)
		m.keepLooking(background)
		return nil
	})
	select {
	case <-looked:
	case <-ctx.Done():
	}
}

func (m *management) keepLooking(ctx context.Context) {
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.note(ctx, m.look(ctx), false)
		}
	}
}

// look asks the management cluster itself, with the same rights that the caches need. After the first answer it waits
// until the caches are filled.
func (m *management) look(ctx context.Context) error {
	answering, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	if err := m.live.List(answering, &api.ClusterList{}, client.InNamespace(m.systemNamespace),
		client.Limit(1)); err != nil {
		return fmt.Errorf("listing clusters: %w", err)
	}
	if m.synced {
		return nil
	}
	ctx, cancel = context.WithTimeout(ctx, firstSync)
	defer cancel()
	objects := map[string]client.Object{"Application": applications()}
	for _, k := range kinds.All() {
		objects[k.Name] = k.New()
	}
	for kind, o := range objects {
		if _, err := m.cache.GetInformer(ctx, o, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching kind %s: %w", kind, err)
		}
	}
	if !m.cache.WaitForCacheSync(ctx) {
		return fmt.Errorf("not all lists were answered within %s: are the CRDs and Argo CD installed, and does the "+
			"role of the API server permit the lists?", firstSync)
	}
	m.synced = true
	return nil
}

// note opens or closes the gate. It logs when that is a change.
func (m *management) note(ctx context.Context, err error, first bool) {
	if ctx.Err() != nil {
		return
	}
	switch was := m.gate.open.Swap(err == nil); {
	case err == nil && !was:
		m.log.InfoContext(ctx, "the management cluster is connected")
	case err != nil && (was || first):
		m.log.WarnContext(ctx, "the management cluster is not connected: until it is, rules that need it become "+
			"warnings, and runtimes have no status",
			slog.String("error", err.Error()))
	}
}
