// Package e2e holds the scenarios that run on a complete environment: real clusters, real Argo CD, real git, and the
// operator. The packages below it run them, one for each version of Argo CD.
//
// Scenarios share one environment and one operator. Each has products of its own, so they run side by side; those that
// disturb what others need (the operator, a cluster) get clusters of their own, or run alone at the end.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2/textlogger"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/command"
	"github.com/nautes-labs/deployment-runtime/internal/reposerver"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// The runtime clusters that scenarios share. Scenarios that stop, move or re-register a cluster use their own.
const (
	East = "east"
	West = "west"
)

const (
	systemNamespace = "nautes"
	argoNamespace   = "argocd"
	provider        = "gitlab"
)

// World is the environment with the operator in it.
type World struct {
	Env    *devenv.Env
	Client client.Client // of the management cluster
	// Options of the operator: the waits are short.
	Options controllers.Options

	operator struct {
		sync.Mutex
		stop func() error
	}
	products atomic.Int64
	remotes  sync.Map // of clients, by how the cluster is reached
	// GitLab is another source of products.
	GitLab *GitLab
	// API is the REST API over it.
	API *apiServer
}

// firstProduct is above the ids of the groups in GitLab, which name products too.
const firstProduct = 10000

// NewWorld prepares the management cluster, registers the clusters East and West, and starts the operator.
func NewWorld(ctx context.Context, env *devenv.Env) (*World, error) {
	scheme, err := controllers.Scheme()
	if err != nil {
		return nil, err
	}
	c, err := client.New(env.Management.RESTConfig(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	w := &World{Env: env, Client: c, Options: shortWaits()}
	w.Options.RepoServer = reposerver.Options{Address: env.ArgoCD.RepoServerAddress(), Plaintext: true}
	w.products.Store(firstProduct)
	if err := w.install(ctx); err != nil {
		return nil, err
	}
	if err := w.startGitLab(ctx); err != nil {
		return nil, err
	}
	if err := w.StartOperator(env.Management.RESTConfig()); err != nil {
		return nil, err
	}
	if err := w.startAPIServer(ctx); err != nil {
		return nil, err
	}
	for _, name := range []string{East, West} {
		if err := w.RegisterCluster(ctx, name, nil); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// shortWaits are options under which a scenario need not wait long. Everything else is the default.
func shortWaits() controllers.Options {
	o := controllers.DefaultOptions()
	o.Timing.Grace = 2 * time.Second
	o.Timing.RetryFirst, o.Timing.RetryLimit = time.Second, 4*time.Second
	o.Timing.Dwell = 2 * time.Second
	o.Brake.SharedFloor = 1000 // scenarios that run side by side are no mass deletion
	o.ProbeInterval, o.ProductPollInterval = 2*time.Second, time.Second
	return o
}

// installKinds installs the CustomResourceDefinitions.
func (w *World) installKinds(ctx context.Context) error {
	manifests, err := crd.Manifests()
	if err != nil {
		return fmt.Errorf("reading the CRDs: %w", err)
	}
	if err := w.Env.Management.Apply(ctx, manifests); err != nil {
		return fmt.Errorf("installing the CRDs: %w", err)
	}
	return nil
}

func (w *World) install(ctx context.Context) error {
	if err := w.installKinds(ctx); err != nil {
		return err
	}
	if err := w.Client.Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: systemNamespace}}); err != nil {
		return fmt.Errorf("creating the system namespace: %w", err)
	}
	for _, directory := range []string{"config/policy", "config/rbac/operator"} {
		if err := w.Env.Management.ApplyKustomization(ctx, directory); err != nil {
			return fmt.Errorf("installing %s: %w", directory, err)
		}
	}
	if err := w.Env.Cluster(East).ApplyKustomization(ctx, "config/runtime-cluster"); err != nil {
		return fmt.Errorf("installing the policies of a runtime cluster: %w", err)
	}
	git := &api.CodeRepoProvider{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: provider},
		Spec:       api.CodeRepoProviderSpec{HTTPAddress: w.Env.Git.BaseURL(), ProviderType: "gitlab"},
	}
	if err := w.Client.Create(ctx, git); err != nil {
		return fmt.Errorf("creating the code repo provider: %w", err)
	}
	return nil
}

// StartOperator starts the operator, with the rights of its ServiceAccount. The configuration is an administrator's,
// which a scenario may have wrapped, and waits for nothing.
func (w *World) StartOperator(cfg *rest.Config) error {
	w.operator.Lock()
	defer w.operator.Unlock()
	if w.operator.stop != nil {
		return fmt.Errorf("the operator runs already")
	}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS, cfg.Burst = 200, 400
	// It may do what config/rbac/operator says, and nothing else.
	cfg.Impersonate.UserName = "system:serviceaccount:" + systemNamespace + ":nautes-operator"
	file, err := os.OpenFile(filepath.Join(w.Env.Dir, "operator.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the operator's log: %w", err)
	}
	log := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(file)))
	ctrl.SetLogger(log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- command.Operator{Config: cfg, Options: w.Options, MetricsAddress: "0", ProbeAddress: "0",
			ShutdownTimeout: 10 * time.Second}.Run(ctx, log)
	}()
	w.operator.stop = func() error {
		cancel()
		return errors.Join(<-ended, file.Close())
	}
	return nil
}

// StopOperator ends the operator and waits until it is gone.
func (w *World) StopOperator() error {
	w.operator.Lock()
	defer w.operator.Unlock()
	if w.operator.stop == nil {
		return nil
	}
	defer func() { w.operator.stop = nil }()
	return w.operator.stop()
}

// RegisterCluster registers a runtime cluster of the environment as the platform team does: a Secret and a Cluster.
func (w *World) RegisterCluster(ctx context.Context, name string, change func(*api.Cluster)) error {
	cluster := w.Env.Cluster(name)
	kubeconfig, err := cluster.Kubeconfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig of %s: %w", name, err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: name + "-kubeconfig"},
		Data:       map[string][]byte{"value": kubeconfig},
	}
	registered := &api.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: name},
		Spec: api.ClusterSpec{
			APIServer: cluster.URL(), ClusterType: api.ClusterTypePhysical,
			Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment,
		},
	}
	if change != nil {
		change(registered)
	}
	for _, o := range []client.Object{secret, registered} {
		if err := w.Client.Create(ctx, o); err != nil {
			return fmt.Errorf("registering cluster %s: %w", name, err)
		}
	}
	return nil
}

// Remote returns a client of a runtime cluster, the same one as long as the cluster is reached in the same way: a new
// one would ask for all kinds first, and scenarios look often.
func (w *World) Remote(t testing.TB, cluster string) client.Client {
	t.Helper()
	cfg := w.Env.Cluster(cluster).RESTConfig()
	key := cfg.Host + string(cfg.CAData) + string(cfg.CertData) + cfg.BearerToken
	if c, known := w.remotes.Load(key); known {
		return c.(client.Client)
	}
	c, err := client.New(cfg, client.Options{Scheme: w.Client.Scheme()})
	if err != nil {
		t.Fatalf("connecting to cluster %s: %v", cluster, err)
	}
	w.remotes.Store(key, c)
	return c
}
