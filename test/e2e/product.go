package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	argo "github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/nautes-labs/deployment-runtime/api/v1alpha1"
	"github.com/nautes-labs/deployment-runtime/internal/identity"
)

// How long a scenario waits for something to happen, and how long it watches that something does not.
const (
	Patience = 3 * time.Minute
	Calm     = 3 * time.Second
	poll     = 200 * time.Millisecond
)

// Product is a product of one scenario: a Product, its group in git, a code repo "app" with manifests, and environments
// "dev" on East and "prod" on West.
type Product struct {
	*testing.T
	Gomega
	W    *World
	Ctx  context.Context
	Name string // product-<n>
	Path string // the path of the group
	Repo string // the name of the CodeRepo
}

// NewProduct makes a product with one project, "shop", that owns the code repo.
func (w *World) NewProduct(t *testing.T) *Product {
	t.Helper()
	p := w.plan(t)
	p.Found("")
	p.Create(p.Project("shop"), p.Environment("dev", East), p.Environment("prod", West),
		p.CodeRepo(p.Repo, "app", "shop"))
	return p
}

// plan names a product that does not exist yet.
func (w *World) plan(t *testing.T) *Product {
	n := w.products.Add(1)
	p := &Product{
		T: t, Gomega: NewWithT(t), W: w, Ctx: t.Context(),
		Name: fmt.Sprintf("product-%d", n), Path: fmt.Sprintf("team-%d", n), Repo: fmt.Sprintf("repo-%d", n),
	}
	p.SetDefaultEventuallyTimeout(Patience)
	p.SetDefaultEventuallyPollingInterval(poll)
	p.SetDefaultConsistentlyDuration(Calm)
	p.SetDefaultConsistentlyPollingInterval(poll)
	return p
}

// Found creates the Product, with the URL of its default.project or none, and the repository "app", and waits for its
// namespace.
func (p *Product) Found(metaDataPath string) {
	p.Helper()
	p.Expect(p.W.Env.Git.CreateRepo(p.Ctx, p.Path+"/app")).To(Succeed())
	p.Commit("app", map[string]string{"deploy/web.yaml": Deployment("web", 1)})
	product := p.product()
	product.Spec = api.ProductSpec{Name: p.Path, MetaDataPath: metaDataPath}
	p.Create(product)
	p.Eventually(func() error { return p.W.Client.Get(p.Ctx, client.ObjectKey{Name: p.Name}, &corev1.Namespace{}) }).
		Should(Succeed())
}

// Create creates objects; the scenario fails when that fails.
func (p *Product) Create(objects ...client.Object) {
	p.Helper()
	for _, o := range objects {
		p.Expect(p.W.Client.Create(p.Ctx, o)).To(Succeed())
	}
}

func (p *Product) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: p.Name, Name: name}
}

// Project returns a Project of the product.
func (p *Product) Project(name string) *api.Project {
	return &api.Project{ObjectMeta: p.meta(name), Spec: api.ProjectSpec{Product: p.Name}}
}

// Environment returns an Environment of the product.
func (p *Product) Environment(name, cluster string) *api.Environment {
	return &api.Environment{ObjectMeta: p.meta(name),
		Spec: api.EnvironmentSpec{Product: p.Name, Cluster: cluster, EnvType: name}}
}

// CodeRepo returns a CodeRepo of the product that belongs to a project, or to none.
func (p *Product) CodeRepo(name, repoName, project string) *api.CodeRepo {
	return &api.CodeRepo{ObjectMeta: p.meta(name), Spec: api.CodeRepoSpec{
		CodeRepoProvider: provider, Product: p.Name, Project: project, RepoName: repoName, DeploymentRuntime: true,
	}}
}

// Runtime returns a DeploymentRuntime of the directory "deploy" of the code repo.
func (p *Product) Runtime(name, environment string) *api.DeploymentRuntime {
	return &api.DeploymentRuntime{ObjectMeta: p.meta(name), Spec: api.DeploymentRuntimeSpec{
		Product: p.Name, ProjectsRef: []string{"shop"}, Destination: environment,
		ManifestSource: api.ManifestSource{CodeRepo: p.Repo, Path: "deploy", TargetRevision: "main"},
	}}
}

// Deploy creates a runtime under a namespace that no other product uses, and waits until it is ready.
func (p *Product) Deploy(name, environment string, changes ...func(*api.DeploymentRuntime)) *api.DeploymentRuntime {
	p.Helper()
	r := p.Runtime(name, environment)
	r.Spec.Namespaces = []string{p.Namespace(name)}
	for _, change := range changes {
		change(r)
	}
	p.Create(r)
	p.EventuallyReady(name)
	return r
}

// Namespace returns the namespace that Deploy gives a runtime.
func (p *Product) Namespace(runtime string) string { return p.Path + "-" + runtime }

// Commit writes files to a repository of the product's group, announces that, and returns the commit id.
func (p *Product) Commit(repo string, files map[string]string) string {
	p.Helper()
	sha, err := p.W.Env.Git.Write(p.Ctx, p.Path+"/"+repo, "change", files)
	p.Expect(err).NotTo(HaveOccurred())
	p.announce(repo)
	return sha
}

// announce marks the Product as the webhook does after a push. Argo CD would look by itself too late for the patience
// of a scenario.
func (p *Product) announce(repo string) {
	p.Helper()
	names := []string{metadata}
	if repo != metadata {
		var repos api.CodeRepoList
		p.Expect(p.W.Client.List(p.Ctx, &repos, client.InNamespace(p.Name))).To(Succeed())
		names = nil
		for _, r := range repos.Items {
			if r.Spec.RepoName == repo {
				names = append(names, r.Name)
			}
		}
	}
	for _, name := range names {
		mark := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, api.AnnotationRefresh+name,
			time.Now().UTC().Format(time.RFC3339Nano))
		err := p.W.Client.Patch(p.Ctx, p.product(), client.RawPatch(types.MergePatchType, []byte(mark)))
		p.Expect(client.IgnoreNotFound(err)).To(Succeed(), "a product may be founded after the first commit")
	}
}

// Get reads a runtime.
func (p *Product) Get(name string) *api.DeploymentRuntime {
	p.Helper()
	var r api.DeploymentRuntime
	p.Expect(p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: p.Name, Name: name}, &r)).To(Succeed())
	return &r
}

// Change changes a runtime, again if somebody else was faster.
func (p *Product) Change(name string, change func(*api.DeploymentRuntime)) {
	p.Helper()
	p.Eventually(func() error {
		var r api.DeploymentRuntime
		if err := p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: p.Name, Name: name}, &r); err != nil {
			return err
		}
		change(&r)
		return p.W.Client.Update(p.Ctx, &r)
	}).Should(Succeed())
}

// Delete deletes a runtime.
func (p *Product) Delete(name string) {
	p.Helper()
	p.Expect(p.W.Client.Delete(p.Ctx, &api.DeploymentRuntime{ObjectMeta: p.meta(name)})).To(Succeed())
}

// Condition returns a condition of a runtime as "True/Reason: message", for messages and matchers.
func (p *Product) Condition(name, condition string) string {
	var r api.DeploymentRuntime
	if err := p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: p.Name, Name: name}, &r); err != nil {
		return err.Error()
	}
	c := meta.FindStatusCondition(r.Status.Conditions, condition)
	if c == nil || c.ObservedGeneration != r.Generation {
		return "not said yet"
	}
	return fmt.Sprintf("%s/%s: %s", c.Status, c.Reason, c.Message)
}

// EventuallyReady waits until the runtime is ready.
func (p *Product) EventuallyReady(name string) {
	p.Helper()
	p.Eventually(func() string { return p.Condition(name, api.ConditionReady) }).Should(HavePrefix("True/"),
		"runtime %s/%s", p.Name, name)
}

// EventuallyNotReady waits until the runtime is not ready for the reason.
func (p *Product) EventuallyNotReady(name, reason string) {
	p.Helper()
	p.Eventually(func() string { return p.Condition(name, api.ConditionReady) }).Should(HavePrefix("False/"+reason+":"),
		"runtime %s/%s", p.Name, name)
}

// Application reads the Application of a runtime; nil when there is none.
func (p *Product) Application(name string) *argo.Application {
	p.Helper()
	var app argo.Application
	err := p.W.Client.Get(p.Ctx, client.ObjectKey{Namespace: argoNamespace, Name: identity.Application(p.Name, name)},
		&app)
	if client.IgnoreNotFound(err) != nil {
		p.Fatalf("getting the Application of %s: %v", name, err)
	}
	if err != nil {
		return nil
	}
	return &app
}

// EventuallyGone waits until nothing of a deleted runtime is left: neither Application nor namespace.
func (p *Product) EventuallyGone(name, cluster, namespace string) {
	p.Helper()
	p.Eventually(func() *argo.Application { return p.Application(name) }).Should(BeNil(),
		"the Application of %s/%s", p.Name, name)
	p.Expect(p.NamespaceExists(cluster, namespace)).To(BeFalse(), "namespace %s on %s", namespace, cluster)
}

// NamespaceExists says whether a namespace exists on a runtime cluster.
func (p *Product) NamespaceExists(cluster, namespace string) bool {
	p.Helper()
	err := p.W.Remote(p.T, cluster).Get(p.Ctx, client.ObjectKey{Name: namespace}, &corev1.Namespace{})
	if client.IgnoreNotFound(err) != nil {
		p.Fatalf("getting namespace %s: %v", namespace, err)
	}
	return err == nil
}

// Pods returns the UIDs of the running pods of a namespace on a runtime cluster, in order.
func (p *Product) Pods(cluster, namespace string) []string {
	p.Helper()
	var pods corev1.PodList
	p.Expect(p.W.Remote(p.T, cluster).List(p.Ctx, &pods, client.InNamespace(namespace))).To(Succeed())
	var out []string
	for _, pod := range pods.Items {
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp.IsZero() {
			out = append(out, string(pod.UID))
		}
	}
	slices.Sort(out)
	return out
}

// Deployment returns the manifest of a Deployment.
func Deployment(name string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers: [{name: main, image: "example.com/%[1]s:1"}]
`, name, replicas)
}
