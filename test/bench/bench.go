package main

import (
	"context"
	"fmt"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/config/crd"
	"github.com/nautes-labs/deployment-runtime/controllers"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
	"github.com/nautes-labs/deployment-runtime/test/bench/figures"
	"github.com/nautes-labs/deployment-runtime/test/bench/operator"
	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

const (
	cluster  = "runtime"
	product  = "product-1"
	group    = "team-1"
	patience = 2 * time.Minute
	calm     = 10 * time.Second
	poll     = 2 * time.Millisecond
)

// bench is one run.
type bench struct {
	runtimes int
	idle     time.Duration
	argoCD   string

	env      *devenv.Env
	hub      client.Client
	remote   client.Client
	operator *operator.Process
}

func (b *bench) run(ctx context.Context) error {
	o := devenv.Options{RuntimeClusters: []string{cluster}, Nodes: 1 + b.runtimes/50, Git: true, ArgoCD: b.argoCD}
	return devenv.Run(ctx, o, func(ctx context.Context, env *devenv.Env) error {
		b.env = env
		if err := b.prepare(ctx); err != nil {
			return err
		}
		defer b.operator.Stop()
		if err := b.deployOneByOne(ctx); err != nil {
			return err
		}
		if err := b.mendStream(ctx); err != nil {
			return err
		}
		return b.countIdleWrites(ctx)
	})
}

// prepare installs the CRDs, starts the operator as a process of its own, and makes a product.
func (b *bench) prepare(ctx context.Context) error {
	scheme, err := controllers.Scheme()
	if err != nil {
		return err
	}
	if b.hub, err = client.New(b.env.Management.RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting to the management cluster: %w", err)
	}
	if b.remote, err = client.New(b.env.Cluster(cluster).RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting to the runtime cluster: %w", err)
	}
	manifests, err := crd.Manifests()
	if err != nil {
		return err
	}
	if err := b.env.Management.Apply(ctx, manifests); err != nil {
		return fmt.Errorf("installing the CRDs: %w", err)
	}
	binary, err := operator.Build(ctx, b.env.Dir)
	if err != nil {
		return err
	}
	if b.operator, err = operator.Start(ctx, b.env, binary); err != nil {
		return err
	}
	if err := b.makeProduct(ctx); err != nil {
		b.operator.Stop()
		return err
	}
	return nil
}

func (b *bench) makeProduct(ctx context.Context) error {
	kubeconfig, err := b.env.Cluster(cluster).Kubeconfig()
	if err != nil {
		return err
	}
	if err := b.env.Git.CreateRepo(ctx, group+"/app"); err != nil {
		return err
	}
	files := map[string]string{}
	for i := range b.runtimes {
		files[fmt.Sprintf("%s/web.yaml", name(i))] = fmt.Sprintf(manifest, name(i))
	}
	if _, err := b.env.Git.Write(ctx, group+"/app", "manifests", files); err != nil {
		return err
	}
	inSystem := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: api.SystemNamespaceDefault, Name: name}
	}
	if err := b.create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: api.SystemNamespaceDefault}},
		&corev1.Secret{ObjectMeta: inSystem(cluster + "-kubeconfig"), Data: map[string][]byte{"value": kubeconfig}},
		&api.Cluster{ObjectMeta: inSystem(cluster), Spec: api.ClusterSpec{APIServer: b.env.Cluster(cluster).URL(),
			ClusterType: api.ClusterTypePhysical, Usage: api.ClusterUsageWorker, WorkerType: api.WorkerTypeDeployment}},
		&api.CodeRepoProvider{ObjectMeta: inSystem("gitlab"),
			Spec: api.CodeRepoProviderSpec{HTTPAddress: b.env.Git.BaseURL(), ProviderType: "gitlab"}},
		&api.Product{ObjectMeta: inSystem(product), Spec: api.ProductSpec{Name: group}},
	); err != nil {
		return err
	}
	if err := b.until(ctx, func() bool { return b.exists(ctx, &corev1.Namespace{}, "", product) }); err != nil {
		return fmt.Errorf("waiting for the product's namespace: %w", err)
	}
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: product, Name: name} }
	return b.create(ctx,
		&api.Environment{ObjectMeta: in("dev"),
			Spec: api.EnvironmentSpec{Product: product, Cluster: cluster, EnvType: "dev"}},
		&api.CodeRepo{ObjectMeta: in("repo-1"),
			Spec: api.CodeRepoSpec{Product: product, CodeRepoProvider: "gitlab", RepoName: "app"}},
	)
}

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec: {containers: [{name: main, image: "example.com/web:1"}]}
`

func name(i int) string { return fmt.Sprintf("dr-%03d", i) }

// deployOneByOne applies the runtimes one at a time and waits for each.
func (b *bench) deployOneByOne(ctx context.Context) error {
	var creates, recorded, available, ready figures.Timings
	for i := range b.runtimes {
		n := name(i)
		if err := b.yardstick(ctx, i, &creates); err != nil {
			return err
		}
		r := &api.DeploymentRuntime{ObjectMeta: metav1.ObjectMeta{Namespace: product, Name: n},
			Spec: api.DeploymentRuntimeSpec{
				Product: product, Destination: "dev",
				ManifestSource: api.ManifestSource{CodeRepo: "repo-1", Path: n, TargetRevision: "main"},
			}}
		began := time.Now()
		if err := b.hub.Create(ctx, r); err != nil {
			return fmt.Errorf("creating runtime %s: %w", n, err)
		}
		for _, step := range []struct {
			into *figures.Timings
			done func() bool
		}{
			{&recorded,
				func() bool { return b.exists(ctx, &argo.Application{}, "argocd", identity.Application(product, n)) }},
			{&available, func() bool { return b.isAvailable(ctx, n) }},
			{&ready, func() bool { return b.isReady(ctx, n) }},
		} {
			if err := b.until(ctx, step.done); err != nil {
				return fmt.Errorf("waiting for runtime %s: %w", n, err)
			}
			step.into.Add(time.Since(began))
		}
	}
	fmt.Printf("%d runtimes, one at a time, Argo CD %s\n", b.runtimes, b.argoCD)
	fmt.Println(creates.Line("yardstick: create one object", nil))
	fmt.Println(recorded.Line("apply to Application written", &creates))
	fmt.Println(available.Line("apply to pods Available", &creates))
	fmt.Println(ready.Line("apply to Ready=True", &creates))
	return nil
}

// yardstick times one write to the same API server.
func (b *bench) yardstick(ctx context.Context, i int, into *figures.Timings) error {
	began := time.Now()
	err := b.hub.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name(i)}})
	into.Add(time.Since(began))
	return err
}

// countIdleWrites counts what the operator writes while nothing happens.
func (b *bench) countIdleWrites(ctx context.Context) error {
	before, err := b.operator.Settle(ctx, calm, patience)
	if err != nil {
		return err
	}
	timer := time.NewTimer(b.idle)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	after, err := b.operator.Requests(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("writes of the operator in %s of steady state with %d runtimes: %d\n", b.idle, b.runtimes,
		after.Writes-before.Writes)
	memory, err := b.operator.PeakMemory()
	if err != nil {
		return err
	}
	fmt.Printf("peak memory of the operator: %d MiB\n", memory>>20)
	return nil
}

func (b *bench) create(ctx context.Context, objects ...client.Object) error {
	for _, o := range objects {
		if err := b.hub.Create(ctx, o); err != nil {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

func (b *bench) exists(ctx context.Context, into client.Object, namespace, name string) bool {
	return b.hub.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into) == nil
}

func (b *bench) isAvailable(ctx context.Context, namespace string) bool {
	var d appsv1.Deployment
	err := b.remote.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "web"}, &d)
	return err == nil && d.Status.AvailableReplicas == 1
}

func (b *bench) isReady(ctx context.Context, name string) bool {
	var r api.DeploymentRuntime
	err := b.hub.Get(ctx, client.ObjectKey{Namespace: product, Name: name}, &r)
	return err == nil && meta.IsStatusConditionTrue(r.Status.Conditions, api.ConditionReady)
}

func (b *bench) until(ctx context.Context, done func() bool) error {
	return wait.PollUntilContextTimeout(ctx, poll, patience, true,
		func(context.Context) (bool, error) { return done(), nil })
}
