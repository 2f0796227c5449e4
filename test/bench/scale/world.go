package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const (
	argoCD   = "argocd"
	system   = api.SystemNamespaceDefault
	writers  = 20
	patience = 30 * time.Minute
	poll     = 50 * time.Millisecond
)

// clusters are the API servers that play runtime clusters.
func clusters() []string { return []string{"east", "west"} }

// world is an environment with products, and what is measured in it.
type world struct {
	runtimes, products int
	// profile is the file to write a CPU profile to, if any.
	profile string

	env *devenv.Env
	hub client.Client
	// seen is what watches have told so far: counting must not load the API server.
	seen   cache.Cache
	binary string
	result result
}

func (w *world) prepare(ctx context.Context, env *devenv.Env) error {
	w.env = env
	scheme, err := controllers.Scheme()
	if err != nil {
		return err
	}
	config := env.Management.RESTConfig()
	config.QPS = -1
	if w.hub, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting to the management cluster: %w", err)
	}
	own, err := crd.Manifests()
	if err != nil {
		return err
	}
	foreign, err := devenv.ArgoCDTypes(ctx)
	if err != nil {
		return err
	}
	for _, manifests := range [][]byte{own, foreign} {
		if err := env.Management.Apply(ctx, manifests); err != nil {
			return fmt.Errorf("installing the CRDs: %w", err)
		}
	}
	if w.seen, err = cache.New(config, cache.Options{Scheme: scheme}); err != nil {
		return err
	}
	go func() { _ = w.seen.Start(ctx) }()
	for _, o := range []client.Object{&api.DeploymentRuntime{}, &argo.Application{}} {
		if _, err := w.seen.GetInformer(ctx, o); err != nil {
			return fmt.Errorf("watching: %w", err)
		}
	}
	return w.makeTenants(ctx)
}

// makeTenants registers the clusters, and gives each product an environment and a code repo.
func (w *world) makeTenants(ctx context.Context) error {
	in := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: in("", system)}, &corev1.Namespace{ObjectMeta: in("", argoCD)},
		&api.CodeRepoProvider{ObjectMeta: in(system, "gitlab"),
			Spec: api.CodeRepoProviderSpec{HTTPAddress: "https://gitlab.example.com", ProviderType: "gitlab"}},
	}
	for _, name := range clusters() {
		kubeconfig, err := w.env.Cluster(name).Kubeconfig()
		if err != nil {
			return err
		}
		objects = append(objects,
			&corev1.Secret{ObjectMeta: in(system, name+"-kubeconfig"), Data: map[string][]byte{"value": kubeconfig}},
			&api.Cluster{ObjectMeta: in(system, name), Spec: api.ClusterSpec{APIServer: w.env.Cluster(name).URL(),
				ClusterType: api.ClusterTypePhysical, Usage: api.ClusterUsageWorker,
				WorkerType: api.WorkerTypeDeployment}})
	}
	for i := range w.products {
		objects = append(objects,
			&api.Product{ObjectMeta: in(system, product(i)), Spec: api.ProductSpec{Name: fmt.Sprint("team-", i)}})
	}
	for _, o := range objects {
		if err := w.hub.Create(ctx, o); err != nil {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

// inhabit waits for the namespaces of the products, which the operator makes, and creates what lies in them.
func (w *world) inhabit(ctx context.Context) error {
	for i := range w.products {
		key := client.ObjectKey{Name: product(i)}
		if err := w.until(ctx,
			func() (bool, error) { return w.hub.Get(ctx, key, &corev1.Namespace{}) == nil, nil }); err != nil {
			return fmt.Errorf("waiting for namespace %s: %w", key.Name, err)
		}
		in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: key.Name, Name: name} }
		cluster := clusters()[i%len(clusters())]
		for _, o := range []client.Object{
			&api.Environment{ObjectMeta: in("dev"),
				Spec: api.EnvironmentSpec{Product: key.Name, Cluster: cluster, EnvType: "dev"}},
			&api.CodeRepo{ObjectMeta: in(fmt.Sprint("repo-", i+1)),
				Spec: api.CodeRepoSpec{Product: key.Name, CodeRepoProvider: "gitlab", RepoName: "app"}},
		} {
			if err := w.hub.Create(ctx, o); err != nil {
				return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
			}
		}
	}
	return nil
}

// createRuntimes creates all runtimes, evenly over the products.
func (w *world) createRuntimes(ctx context.Context) error {
	return inParallel(w.runtimes, func(i int) error {
		p := i % w.products
		name := fmt.Sprintf("p%d-dr%d", p, i)
		return w.hub.Create(ctx, &api.DeploymentRuntime{
			ObjectMeta: metav1.ObjectMeta{Namespace: product(p), Name: name},
			Spec: api.DeploymentRuntimeSpec{Product: product(p), Destination: "dev",
				ManifestSource: api.ManifestSource{CodeRepo: fmt.Sprint("repo-", p+1), Path: name,
					TargetRevision: "main"}},
		})
	})
}

func product(i int) string { return fmt.Sprint("product-", i+1) }

// applications counts the Applications that are there, and those that are automated.
func (w *world) applications(ctx context.Context) (all, automated int, err error) {
	var list argo.ApplicationList
	if err := w.seen.List(ctx, &list, client.InNamespace(argoCD), client.UnsafeDisableDeepCopy); err != nil {
		return 0, 0, err
	}
	for i := range list.Items {
		if p := list.Items[i].Spec.SyncPolicy; p != nil && p.Automated != nil {
			automated++
		}
	}
	return len(list.Items), automated, nil
}

// applied counts the runtimes whose status says Applied.
func (w *world) applied(ctx context.Context) (n int, err error) {
	var list api.DeploymentRuntimeList
	if err := w.seen.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return 0, err
	}
	for i := range list.Items {
		if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, api.ConditionApplied) {
			n++
		}
	}
	return n, nil
}

func (w *world) until(ctx context.Context, done func() (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, poll, patience, true,
		func(context.Context) (bool, error) { return done() })
}

// inParallel does n things with as many workers as a client may have, and returns the first error.
func inParallel(n int, do func(i int) error) (err error) {
	var all sync.WaitGroup
	var once sync.Once
	next := make(chan int)
	for range writers {
		all.Go(func() {
			for i := range next {
				if e := do(i); e != nil {
					once.Do(func() { err = e })
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
	return err
}
