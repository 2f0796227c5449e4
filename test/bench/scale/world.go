package main

import (
	"context"
	"fmt"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const (
	argoCD   = "argocd"
	system   = api.SystemNamespaceDefault
	writers  = 20
	patience = 30 * time.Minute
	poll     = 50 * time.Millisecond
	calm     = 10 * time.Second
	// many is above every number of runtimes, namespaces and objects here: limits are not what is measured.
	many = 100000
)

// world is an environment with clusters, products and runtimes.
type world struct {
	shape
	// servers are the names of the API servers that play the clusters.
	servers []string
	binary  string
	// inBlocks gives the first product the first runtimes, and so on, instead of giving each product one in turn.
	inBlocks bool
	// unreachable leaves the clusters without the Secrets with which they are reached.
	unreachable bool

	env    *devenv.Env
	scheme *runtime.Scheme
	hub    client.Client
	fronts *fronts
	seen   *watched
	// remotes are clients of the clusters, through their fronts.
	remotes []client.Client
}

// inWorld makes a world with all clusters and products, and no runtime, hands it over, and removes it.
func (b *bench) inWorld(ctx context.Context, s shape, do func(context.Context, *world) error) error {
	w := &world{shape: s, servers: []string{"east", "west"}, binary: b.binary}
	return w.during(ctx, func(ctx context.Context) error {
		if err := w.inhabit(ctx); err != nil {
			return err
		}
		return do(ctx, w)
	})
}

// during starts the servers and prepares them, does something, and stops them.
func (w *world) during(ctx context.Context, do func(context.Context) error) error {
	return devenv.Run(ctx, devenv.Options{APIServers: w.servers}, func(ctx context.Context, env *devenv.Env) error {
		w.env, w.fronts = env, newFronts()
		defer w.fronts.close()
		if err := w.prepare(ctx); err != nil {
			return err
		}
		return do(ctx)
	})
}

// prepare installs the CRDs, watches, and makes the clusters and products.
func (w *world) prepare(ctx context.Context) (err error) {
	if w.scheme, err = controllers.Scheme(); err != nil {
		return err
	}
	if w.hub, err = client.New(w.env.Management.RESTConfig(), client.Options{Scheme: w.scheme}); err != nil {
		return fmt.Errorf("connecting to the management cluster: %w", err)
	}
	if err := operator.InstallKinds(ctx, w.env); err != nil {
		return err
	}
	if w.seen, err = watch(ctx, w.env.Management.RESTConfig(), w.scheme, &argo.Application{},
		&api.DeploymentRuntime{}); err != nil {
		return err
	}
	if err := w.create(ctx, &corev1.Namespace{ObjectMeta: in("", system)},
		&corev1.Namespace{ObjectMeta: in("", argoCD)},
		&api.CodeRepoProvider{ObjectMeta: in(system, "gitlab"),
			Spec: api.CodeRepoProviderSpec{HTTPAddress: "https://gitlab.example.com", ProviderType: "gitlab"}},
	); err != nil {
		return err
	}
	for i := range w.clusters {
		if err := w.register(ctx, i); err != nil {
			return err
		}
	}
	return inParallel(w.products, func(i int) error {
		return w.create(ctx,
			&api.Product{ObjectMeta: in(system, product(i)), Spec: api.ProductSpec{Name: fmt.Sprint("team-", i)}})
	})
}

// register makes a cluster.
func (w *world) register(ctx context.Context, i int) error {
	server := w.env.Cluster(w.servers[i%len(w.servers)])
	var products []string
	for p := i; p < w.products; p += w.clusters {
		products = append(products, product(p))
	}
	if err := w.fronts.add(ctx, cluster(i), server, products); err != nil {
		return err
	}
	access := w.fronts.access(cluster(i), server.Admin().Token)
	remote, err := client.New(access.RESTConfig(), client.Options{Scheme: w.scheme})
	if err != nil {
		return fmt.Errorf("connecting to cluster %s: %w", cluster(i), err)
	}
	w.remotes = append(w.remotes, remote)
	limit := api.ProductLimit{Namespaces: many, Runtimes: many}
	if err := w.create(ctx, &api.Cluster{ObjectMeta: in(system, cluster(i)), Spec: api.ClusterSpec{
		APIServer: access.Server, ClusterType: api.ClusterTypePhysical, Usage: api.ClusterUsageWorker,
		WorkerType: api.WorkerTypeDeployment, ProductLimits: &api.ProductLimits{ProductLimit: limit}}}); err != nil {
		return err
	}
	if w.unreachable {
		return nil
	}
	return w.giveKubeconfig(ctx, i, access)
}

// giveKubeconfig creates the Secret with which a cluster is reached.
func (w *world) giveKubeconfig(ctx context.Context, i int, access devenv.Access) error {
	kubeconfig, err := access.Kubeconfig("")
	if err != nil {
		return err
	}
	return w.create(ctx, &corev1.Secret{ObjectMeta: in(system, cluster(i)+"-kubeconfig"),
		Data: map[string][]byte{"value": kubeconfig}})
}

// inhabit lets the operator make the namespaces of the products, creates what lies in them, and waits until it is calm.
func (w *world) inhabit(ctx context.Context) error {
	return w.running(ctx, func(o *operator.Process) error {
		if err := inParallel(w.products, func(i int) error { return w.furnish(ctx, i) }); err != nil {
			return err
		}
		_, err := o.Settle(ctx, calm, patience)
		return err
	})
}

// furnish gives a product its environment and its code repo.
func (w *world) furnish(ctx context.Context, i int) error {
	name := product(i)
	if err := w.until(ctx, func() (bool, error) {
		return w.hub.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{}) == nil, nil
	}); err != nil {
		return fmt.Errorf("waiting for namespace %s: %w", name, err)
	}
	return w.create(ctx,
		&api.Environment{ObjectMeta: in(name, "dev"),
			Spec: api.EnvironmentSpec{Product: name, Cluster: cluster(i % w.clusters), EnvType: "dev"}},
		&api.CodeRepo{ObjectMeta: in(name, repo(i)),
			Spec: api.CodeRepoSpec{Product: name, CodeRepoProvider: "gitlab", RepoName: "app"}})
}

// createRuntimes creates runtimes, evenly over the products.
func (w *world) createRuntimes(ctx context.Context, from, to int) error {
	err := inParallel(to-from, func(i int) error { return w.create(ctx, w.newRuntime(from+i)) })
	if err != nil {
		return fmt.Errorf("creating the runtimes: %w", err)
	}
	return nil
}

func (w *world) newRuntime(i int) *api.DeploymentRuntime {
	p, key := w.productOf(i), w.runtime(i)
	return &api.DeploymentRuntime{ObjectMeta: in(key.Namespace, key.Name), Spec: api.DeploymentRuntimeSpec{
		Product: product(p), Destination: "dev",
		ManifestSource: api.ManifestSource{CodeRepo: repo(p), Path: key.Name, TargetRevision: "main"}}}
}

// runtime is the name of a runtime, which its namespace on the runtime cluster has too.
func (w *world) runtime(i int) client.ObjectKey {
	p := w.productOf(i)
	return client.ObjectKey{Namespace: product(p), Name: fmt.Sprintf("p%d-dr%d", p, i)}
}

func (w *world) productOf(i int) int {
	if w.inBlocks {
		return i * w.products / w.runtimes
	}
	return i % w.products
}

func (w *world) application(i int) client.ObjectKey {
	r := w.runtime(i)
	return client.ObjectKey{Namespace: argoCD, Name: identity.Application(r.Namespace, r.Name)}
}

// running starts the operator, does something, and stops it.
func (w *world) running(ctx context.Context, do func(*operator.Process) error) error {
	o, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer o.Stop()
	return do(o)
}

func (w *world) start(ctx context.Context, flags ...string) (*operator.Process, error) {
	return operator.Start(ctx, w.env, w.binary,
		append([]string{fmt.Sprint("--max-objects-per-product=deploymentruntimes=", many)}, flags...)...)
}

func (w *world) create(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := w.hub.Create(ctx, o); err != nil {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

func (w *world) until(ctx context.Context, done func() (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, poll, patience, true,
		func(context.Context) (bool, error) { return done() })
}

func in(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func product(i int) string { return fmt.Sprint("product-", i+1) }
func cluster(i int) string { return fmt.Sprint("cluster-", i+1) }
func repo(i int) string    { return fmt.Sprint("repo-", i+1) }

// bare returns a change of an Application that means nothing to anybody.
func bare(app *argo.Application, n int) (client.Object, client.Patch) {
	return app, client.RawPatch("application/merge-patch+json",
		fmt.Appendf(nil, `{"metadata":{"annotations":{"change":"%d"}}}`, n))
}

// runtimeServers are the API servers that play the clusters.
func (w *world) runtimeServers() []*devenv.Cluster {
	var all []*devenv.Cluster
	for _, name := range w.servers {
		all = append(all, w.env.Cluster(name))
	}
	return all
}
