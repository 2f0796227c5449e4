// Package controllers holds the reconcilers. They are thin: each fetches facts, asks the pure packages what should be,
// and performs one effect at a time. This file wires them to a manager; nothing else here knows the manager.
package controllers

import (
	"context"
	"fmt"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	events "k8s.io/client-go/tools/record"
	"k8s.io/client-go/transport"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers/argocd"
	"github.com/nautes-labs/deployment-runtime/controllers/cluster"
	"github.com/nautes-labs/deployment-runtime/controllers/coderepo"
	"github.com/nautes-labs/deployment-runtime/controllers/deploymentruntime"
	"github.com/nautes-labs/deployment-runtime/controllers/deploytoken"
	"github.com/nautes-labs/deployment-runtime/controllers/githosts"
	"github.com/nautes-labs/deployment-runtime/controllers/judged"
	"github.com/nautes-labs/deployment-runtime/controllers/metrics"
	"github.com/nautes-labs/deployment-runtime/controllers/phases"
	"github.com/nautes-labs/deployment-runtime/controllers/product"
	"github.com/nautes-labs/deployment-runtime/controllers/productprovider"
	"github.com/nautes-labs/deployment-runtime/controllers/record"
	"github.com/nautes-labs/deployment-runtime/controllers/reminder"
	"github.com/nautes-labs/deployment-runtime/controllers/shard"
	"github.com/nautes-labs/deployment-runtime/controllers/teardown"
	"github.com/nautes-labs/deployment-runtime/internal/catalog"
	"github.com/nautes-labs/deployment-runtime/internal/clusters"
	"github.com/nautes-labs/deployment-runtime/internal/placement"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
	"github.com/nautes-labs/deployment-runtime/internal/rules"
	"github.com/nautes-labs/deployment-runtime/internal/tracing"
)

// Options of the operator. The zero value of a field is not valid; DefaultOptions has the defaults.
type Options struct {
	SystemNamespace string
	ArgoCDNamespace string
	// HubClusterName is the name under which Argo CD knows the management cluster.
	HubClusterName string
	// ClusterRole that the group of a product gets in its namespaces on runtime clusters.
	ClusterRole   string
	Timing        phases.Timing
	Brake         placement.Brake
	ProbeInterval time.Duration
	// RepoServer is Argo CD's.
	RepoServer reposerver.Options
	// MaxObjects bounds how many objects of a kind a product may have in its namespace, by the plural of the kind.
	MaxObjects map[string]int64
	// Shard is the name of the part of the products that this operator serves; empty for those that no other one serves.
	Shard string
	// MetricsPerObject adds a series to the metrics for each condition of each object.
	MetricsPerObject bool
	// ProductPollInterval is how often a git host is asked which groups are products.
	ProductPollInterval time.Duration
	// Tracer makes traces of passes; nil makes none. The reconcilers find it in the context of the manager.
	Tracer *tracing.Tracer
}

// DefaultOptions returns the defaults.
func DefaultOptions() Options {
	return Options{
		SystemNamespace: api.SystemNamespaceDefault,
		ArgoCDNamespace: "argocd",
		HubClusterName:  "in-cluster",
		ClusterRole:     "admin",
		Timing:          phases.DefaultTiming(),
		Brake:           placement.UsualBrake(),
		ProbeInterval:   30 * time.Second,

		ProductPollInterval: 15 * time.Second,
		MaxObjects: map[string]int64{
			"deploymentruntimes": 2000, "coderepoes": 1000, "coderepobindings": 5000, "environments": 500,
			"projects": 2000,
		},
	}
}

// repoServer returns how Argo CD's repo-server is reached: by default as the Service of a plain installation.
func (o Options) repoServer() reposerver.Options {
	if o.RepoServer.Address == "" {
		o.RepoServer.Address = "argocd-repo-server." + o.ArgoCDNamespace + ":8081"
	}
	return o.RepoServer
}

// Observed returns what wraps the transport to API servers: writes are counted, and what a pass asks is in its trace.
func (o Options) Observed(counters *metrics.Counters, role string) transport.WrapperFunc {
	return transport.Wrappers(counters.Counting(role), o.Tracer.Transport(clusters.RequestName))
}

// systemNamespaces returns the namespaces that no product may use, besides those of Kubernetes.
func (o Options) systemNamespaces() rules.SystemNamespaces {
	return rules.SystemNamespaces{o.SystemNamespace, o.ArgoCDNamespace}
}

// Scheme returns the kinds that the operator speaks of.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme,
		argo.AddToScheme, api.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return s, nil
}

// Index adds to a cache the field indexes by which the reconcilers find what an event or a pass concerns.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	if err := deploymentruntime.Index(ctx, indexer); err != nil {
		return err
	}
	return record.Index(ctx, indexer)
}

// Instance returns the identity of the management cluster: the UID of its kube-system namespace.
func Instance(ctx context.Context, live client.Reader) (string, error) {
	var ns corev1.Namespace
	if err := live.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, &ns); err != nil {
		return "", fmt.Errorf("reading the identity of the management cluster: %w", err)
	}
	return string(ns.UID), nil
}

// SetupWithManager adds all reconcilers to the manager.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	instance, err := Instance(ctx, mgr.GetAPIReader())
	if err != nil {
		return err
	}
	if err := Index(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	counters, err := metrics.NewCounters(ctrlmetrics.Registry)
	if err != nil {
		return err
	}
	c := mgr.GetClient()
	lookup := catalog.New(c, o.SystemNamespace, o.ArgoCDNamespace)
	if err := lookup.Index(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("indexing what the rules ask for: %w", err)
	}
	p := parts{
		Manager: mgr, options: o, instance: instance,
		lookup: lookup,
		registry: clusters.NewRegistry(c, o.SystemNamespace, clusters.Options{Scheme: mgr.GetScheme(),
			Wrap: o.Observed(counters, metrics.RoleRuntime)}),
		counters: counters,
		recorder: mgr.GetEventRecorderFor("nautes-operator"),
		hosts:    githosts.New(c, o.SystemNamespace),
		doubts:   &phases.Doubts{Clock: clock.RealClock{}, Untold: o.Timing.Doubt},
		shard:    &shard.Shard{Name: o.Shard, Cache: c, SystemNamespace: o.SystemNamespace},
		argoCD: &argocd.Version{Ask: reposerver.New(o.repoServer()).Version, Clock: clock.RealClock{},
			Log: mgr.GetLogger().WithName("argocd")},
		brakes: &record.Brakes{
			Client: c, Live: mgr.GetAPIReader(), Clock: clock.RealClock{},
			SystemNamespace: o.SystemNamespace, ArgoCDNamespace: o.ArgoCDNamespace, Limits: o.Brake,
			Tripped: counters.Tripped,
		},
	}
	setups := []func() error{
		p.metrics,
		p.shards,
		p.codeRepos,
		judgedBy(p, judged.Environments()),
		judgedBy(p, judged.Projects()),
		judgedBy(p, judged.CodeRepoBindings()),
		p.deployTokens,
		p.lentTokens,
		p.products,
		p.runtimes,
		p.teardowns,
		p.reminders,
	}
	if o.Shard == "" { // what belongs to no product has one operator
		setups = append(setups, p.argoCDVersion, p.clusters, judgedBy(p, judged.CodeRepoProviders(o.SystemNamespace)),
			p.productProviders)
	}
	for _, setup := range setups {
		if err := setup(); err != nil {
			return fmt.Errorf("setting up the reconcilers: %w", err)
		}
	}
	return nil
}

// parts are what the reconcilers are made of.
type parts struct {
	ctrl.Manager
	options  Options
	instance string
	lookup   rules.Lookup
	registry *clusters.Registry
	hosts    githosts.Hosts
	brakes   *record.Brakes
	shard    *shard.Shard
	doubts   *phases.Doubts
	argoCD   *argocd.Version
	counters *metrics.Counters
	recorder events.EventRecorder
}

func (p parts) argoCDVersion() error { return p.Add(p.argoCD) }

func (p parts) metrics() error {
	return p.Add(&metrics.Collector{
		Cache: p.GetClient(), Registry: ctrlmetrics.Registry, Serves: p.shard.Serves, PerObject: p.options.MetricsPerObject,
		SystemNamespace: p.options.SystemNamespace, ArgoCDNamespace: p.options.ArgoCDNamespace,
		ArgoCDVersion: p.argoCD.Told, Clock: clock.RealClock{}, Log: p.GetLogger().WithName("metrics"),
	})
}

func (p parts) shards() error {
	return (&shard.Reconciler{
		Client: p.GetClient(), Shard: p.shard,
		Leases:   &shard.Leases{Live: p.GetAPIReader(), Namespace: p.options.SystemNamespace, Clock: clock.RealClock{}},
		Recorder: p.recorder,
	}).SetupWithManager(p.Manager)
}

func (p parts) clusters() error {
	return (&cluster.Reconciler{
		Client: p.GetClient(), Live: p.GetAPIReader(), Registry: p.registry,
		SystemNamespace: p.options.SystemNamespace, ArgoCDNamespace: p.options.ArgoCDNamespace,
		HubClusterName: p.options.HubClusterName,
		Instance:       p.instance, ProbeInterval: p.options.ProbeInterval,
		Probed: p.counters.Probed, Forgotten: p.counters.Forgotten, Clock: clock.RealClock{},
		Doubts: p.doubts, Recorder: p.recorder,
	}).SetupWithManager(p.Manager)
}

func (p parts) codeRepos() error {
	return (&coderepo.Reconciler{
		Client: p.GetClient(), Live: p.GetAPIReader(), Lookup: p.lookup,
		SystemNamespace: p.options.SystemNamespace, ArgoCDNamespace: p.options.ArgoCDNamespace, Instance: p.instance,
		Projects: coderepo.NewProjectWatch(p.hosts, clock.RealClock{}), Shard: p.shard, Doubts: p.doubts,
		Recorder: p.recorder,
	}).SetupWithManager(p.Manager)
}

func (p parts) productProviders() error {
	return (&productprovider.Reconciler{
		Client: p.GetClient(), Lookup: p.lookup, Hosts: p.hosts,
		SystemNamespace: p.options.SystemNamespace, PollInterval: p.options.ProductPollInterval, Brake: p.options.Brake,
		Clock: clock.RealClock{}, ArgoCD: p.argoCD.Condition, Doubts: p.doubts, Recorder: p.recorder,
	}).SetupWithManager(p.Manager)
}

func (p parts) deployTokens() error { return p.tokens().SetupWithManager(p.Manager) }

func (p parts) lentTokens() error {
	return (&deploytoken.LentReconciler{Reconciler: *p.tokens()}).SetupWithManager(p.Manager)
}

func (p parts) tokens() *deploytoken.Reconciler {
	return &deploytoken.Reconciler{
		Client: p.GetClient(), Live: p.GetAPIReader(), Lookup: p.lookup, Hosts: p.hosts, Clock: clock.RealClock{},
		SystemNamespace: p.options.SystemNamespace, ArgoCDNamespace: p.options.ArgoCDNamespace, Instance: p.instance,
		Shard: p.shard, Doubts: p.doubts, Recorder: p.recorder,
	}
}

func (p parts) runtimes() error {
	return (&deploymentruntime.Reconciler{
		Client: p.GetClient(), Live: p.GetAPIReader(), Lookup: p.lookup, Clock: clock.RealClock{},
		ArgoCDNamespace: p.options.ArgoCDNamespace, Instance: p.instance,
		SystemNamespaces: p.options.systemNamespaces(), Timing: p.options.Timing,
		Files: reposerver.New(p.options.repoServer()), Brakes: p.brakes, Shard: p.shard, Doubts: p.doubts,
		Recorder:  p.recorder,
		RolledOut: p.counters.RolledOut, Delivered: p.counters.Delivered,
		Pods: &clusters.Pods{Clients: p.registry, Clock: clock.RealClock{}},
	}).SetupWithManager(p.Manager)
}

func (p parts) teardowns() error {
	return (&teardown.Reconciler{
		Client: p.GetClient(), Live: p.GetAPIReader(), Lookup: p.lookup, Clock: clock.RealClock{},
		ArgoCDNamespace: p.options.ArgoCDNamespace, Timing: p.options.Timing, Brakes: p.brakes, Shard: p.shard,
	}).SetupWithManager(p.Manager)
}

func (p parts) reminders() error {
	return (&reminder.Reconciler{Client: p.GetClient(), Clock: clock.RealClock{}, Timing: p.options.Timing,
		Instance: p.instance, Shard: p.shard}).SetupWithManager(p.Manager)
}

func (p parts) products() error {
	return (&product.Reconciler{
		Client: p.GetClient(), Live: p.GetAPIReader(), Lookup: p.lookup, Clusters: p.registry, Clock: clock.RealClock{},
		SystemNamespace: p.options.SystemNamespace, ArgoCDNamespace: p.options.ArgoCDNamespace,
		HubClusterName: p.options.HubClusterName,
		Instance:       p.instance, ClusterRole: p.options.ClusterRole, Timing: p.options.Timing,
		MaxObjects: p.options.MaxObjects, Shard: p.shard, Doubts: p.doubts, Recorder: p.recorder,
	}).SetupWithManager(p.Manager)
}

// judgedBy returns the setup of the reconciler of a kind that is only judged, to be run in its turn.
func judgedBy[T judged.Object[T]](p parts, kind judged.Kind[T]) func() error {
	return func() error {
		r := &judged.Reconciler[T]{Client: p.GetClient(), Lookup: p.lookup, Kind: kind, Shard: p.shard,
			Doubts: p.doubts, Recorder: p.recorder}
		return r.SetupWithManager(p.Manager)
	}
}
