package devenv

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

const manifests = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: example.com/web:1}
`

const application = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  source: {repoURL: %q, path: deploy, targetRevision: main}
  destination: {name: %s, namespace: web}
  syncPolicy:
    automated: {prune: true}
    syncOptions: [CreateNamespace=true]
`

const defaultProject = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", name: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`

func TestArgoCDDeploysToARuntimeCluster(t *testing.T) {
	t.Parallel()
	const runtime = "runtime"
	env := ForTest(t, Options{RuntimeClusters: []string{runtime}, Git: true, ArgoCD: argoCDUnderTest()})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()

	must(t, env.Git.CreateRepo(ctx, "group/web"))
	_, err := env.Git.Write(ctx, "group/web", "deploy", map[string]string{
		"deploy/web.yaml": manifests, "deploy/kustomization.yaml": "resources: [web.yaml]\n",
	})
	must(t, err)
	must(t, registerInArgoCD(ctx, env, env.Cluster(runtime)))
	must(t, env.Management.Apply(ctx, []byte(defaultProject)))
	must(t, env.Management.Apply(ctx, fmt.Appendf(nil, application, env.Git.URL("group/web"), runtime)))

	apps, err := dynamic.NewForConfig(env.Management.RESTConfig())
	must(t, err)
	web := apps.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1",
		Resource: "applications"}).
		Namespace(ArgoCDNamespace)
	eventually(ctx, t, func(ctx context.Context) error {
		app, err := web.Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		sync, _, _ := unstructured.NestedString(app.Object, "status", "sync", "status")
		health, _, _ := unstructured.NestedString(app.Object, "status", "health", "status")
		if sync != "Synced" || health != "Healthy" {
			return fmt.Errorf("the Application is %q and %q: %v", sync, health, app.Object["status"])
		}
		return nil
	})

	client, err := kubernetes.NewForConfig(env.Cluster(runtime).RESTConfig())
	must(t, err)
	pods, err := client.CoreV1().Pods("web").List(ctx, metav1.ListOptions{})
	must(t, err)
	if len(pods.Items) != 2 {
		t.Errorf("%d pods, want 2", len(pods.Items))
	}
	for _, p := range pods.Items {
		if p.Status.Phase != corev1.PodRunning {
			t.Errorf("pod %s is %s", p.Name, p.Status.Phase)
		}
	}

	isTrackedAsConfigured(ctx, t, env, client)

	must(t, web.Delete(ctx, "web", metav1.DeleteOptions{}))
	must(t, client.CoreV1().Namespaces().Delete(ctx, "web", metav1.DeleteOptions{}))
	eventually(ctx, t, func(ctx context.Context) error {
		ns, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=web"})
		if err == nil && len(ns.Items) > 0 {
			err = fmt.Errorf("namespace web is %s", ns.Items[0].Status.Phase)
		}
		return err
	})
	t.Logf("Argo CD %s, environment ready after %s", env.ArgoCD.Version, env.StartedIn.Round(100*time.Millisecond))
}

// isTrackedAsConfigured checks that config/argocd is in force: the live settings and those read at the start.
func isTrackedAsConfigured(ctx context.Context, t *testing.T, env *Env, client kubernetes.Interface) {
	t.Helper()
	id, err := env.Management.Identity(ctx)
	must(t, err)
	web, err := client.AppsV1().Deployments("web").Get(ctx, "web", metav1.GetOptions{})
	must(t, err)
	if got := web.Annotations["argocd.argoproj.io/installation-id"]; got != string(id) {
		t.Errorf("installation id = %q, want %q", got, id)
	}
	parameters, err := env.ArgoCD.parameters(ctx, "argocd-application-controller")
	must(t, err)
	if !slices.ContainsFunc(parameters, func(p string) bool {
		return strings.HasPrefix(p, "ARGOCD_APPLICATION_CONTROLLER_SYNC_TIMEOUT=")
	}) {
		t.Errorf("no sync timeout in %q", parameters)
	}
}

// argoCDUnderTest lets a person run these tests with the other version.
func argoCDUnderTest() string {
	if v := os.Getenv("DEVENV_ARGOCD"); v != "" {
		return v
	}
	return ArgoCDDefault
}

// registerInArgoCD writes the cluster Secret that the operator writes in a real installation.
func registerInArgoCD(ctx context.Context, env *Env, c *Cluster) error {
	access := c.Admin()
	config, err := json.Marshal(map[string]any{
		"bearerToken": access.Token, "tlsClientConfig": map[string]any{"caData": access.CA},
	})
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(env.Management.RESTConfig())
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Secrets(ArgoCDNamespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: c.Name,
			Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"}},
		StringData: map[string]string{"name": c.Name, "server": access.Server, "config": string(config)},
	}, metav1.CreateOptions{})
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until check succeeds, and fails the test with its last answer when the context ends before.
func eventually(ctx context.Context, t *testing.T, check func(context.Context) error) {
	t.Helper()
	last := fmt.Errorf("never checked")
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		if err := check(ctx); err == nil || ctx.Err() == nil {
			last = err
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%v: %v", err, last)
	}
}
