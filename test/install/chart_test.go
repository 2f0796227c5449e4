// Package install tries what a platform team does to install the operator: the Helm chart and the commands of the
// documentation, on real clusters.
package install

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
	"github.com/nautes-labs/deployment-runtime/test/hardened"
)

const (
	// root is the root of the repository.
	root = "../.."
	// Complete clusters, in which pods run on simulated nodes.
	hub, byHelm, byMake, byRelease, takenOver = "hub", "by-helm", "by-make", "by-release", "taken-over"
)

// env is the environment of this package's tests; TestMain alone sets it.
var env *devenv.Env

func TestMain(m *testing.M) {
	os.Exit(devenv.Main(m, devenv.Options{RuntimeClusters: []string{hub, byHelm, byMake, byRelease, takenOver},
		Kubectl: true, Helm: true}, &env))
}

var chart = filepath.Join(root, "charts", "deployment-runtime")

// image has the chart use the image that the manifests name.
var image = []string{"--set", "image.repository=deployment-runtime", "--set", "image.tag=latest"}

// TestTheChartSaysTheSameAsTheManifests: each object of config, and no other.
func TestTheChartSaysTheSameAsTheManifests(t *testing.T) {
	for name, row := range map[string]struct {
		kustomization string
		values        []string
	}{
		"the operator": {"resources: [ROOT/config/default]", nil},
		"with the REST API and protected metrics": {
			"resources: [ROOT/config/default, ROOT/config/apiserver]\ncomponents: [ROOT/config/metrics]",
			[]string{"--set", "apiserver.enabled=true,apiserver.gitlabURL=https://gitlab.example.com,metrics.authorize=true"},
		},
		"with NetworkPolicies": {
			"resources: [ROOT/config/default, ROOT/config/apiserver]\ncomponents: [ROOT/config/network-policy]",
			[]string{"--set", "apiserver.enabled=true,apiserver.gitlabURL=https://gitlab.example.com," +
				"networkPolicy.enabled=true"},
		},
		"with the Job that sets Argo CD up": {
			"resources: [ROOT/config/default, ROOT/config/argocd/job]", []string{"--set", "argocd.configure=true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := slices.Concat([]string{"template", "nautes", chart, "--namespace=nautes", "--kube-version=1.30"}, image,
				row.values)
			rendered, err := env.Cluster(hub).Helm(t.Context(), args...)
			if err != nil {
				t.Fatal(err)
			}
			got, want := objectsOf(t, rendered), objectsOf(t, built(t, row.kustomization))
			delete(want, "Namespace /nautes") // helm makes it: --create-namespace
			for id, object := range want {
				if got[id] == nil {
					t.Errorf("the chart has no %s", id)
				} else if !reflect.DeepEqual(got[id].Object, object.Object) {
					t.Errorf("%s differs:\n%s\nin config:\n%s", id, text(t, got[id]), text(t, object))
				}
			}
			for id := range got {
				if want[id] == nil {
					t.Errorf("config has no %s", id)
				}
			}
		})
	}
}

// TestTheOptionsOfTheChartGiveValidObjects: the API server is asked whether it would take them.
func TestTheOptionsOfTheChartGiveValidObjects(t *testing.T) {
	installMonitoring(t, env.Cluster(hub))
	for name, values := range map[string]string{
		"all of the REST API": "apiserver.enabled=true,apiserver.gitlabURL=https://gitlab.example.com," +
			"apiserver.publicURL=https://api.example.com,apiserver.tlsSecretName=tls,apiserver.webhookSecretName=hook," +
			"apiserver.ingress.enabled=true,apiserver.ingress.host=*.example.com,apiserver.ingress.className=nginx," +
			"apiserver.ingress.tlsSecretName=tls,metrics.authorize=true",
		"network": "networkPolicy.enabled=true,apiserver.enabled=true,apiserver.gitlabURL=https://gitlab.example.com," +
			"networkPolicy.kubernetes.cidrs[0]=203.0.113.1/32,networkPolicy.kubernetes.cidrs[1]=2001:db8::/64," +
			"networkPolicy.kubernetes.ports[0]=6443,networkPolicy.gitlab.cidrs[0]=198.51.100.1/32," +
			"networkPolicy.dns[0].ipBlock.cidr=10.96.0.10/32,networkPolicy.apiFrom[0].podSelector.matchLabels.a=b," +
			"networkPolicy.metricsFrom[0].podSelector.matchLabels.a=b,networkPolicy.extraEgress[0].ports[0].port=3128",
		"argocd": "argocd.configure=true,argocd.extraArgs[0]=--jsonnet=true,imagePullSecrets[0].name=pull," +
			"operator.nodeSelector.a=b,operator.tolerations[0].operator=Exists",
		"pods": "operator.nodeSelector.a=b,operator.tolerations[0].operator=Exists,operator.podAnnotations.a=b," +
			"operator.extraArgs[0]=--log-level=debug,imagePullSecrets[0].name=pull,image.pullPolicy=Always," +
			"operator.resources.limits.memory=1.5Gi,operator.extraVolumes[0].name=ca," +
			"operator.extraVolumes[0].configMap.name=ca,operator.extraVolumeMounts[0].name=ca," +
			"operator.extraVolumeMounts[0].mountPath=/ca," +
			"image.digest=sha256:" + strings.Repeat("a", 64),
		"watched": "apiserver.enabled=true,apiserver.gitlabURL=https://gitlab.example.com," + monitoring,
		"watched by permission": "apiserver.enabled=true,apiserver.gitlabURL=https://gitlab.example.com," + monitoring +
			",metrics.authorize=true,metrics.podMonitor.tokenSecretName=prometheus",
	} {
		t.Run(name, func(t *testing.T) {
			namespace := "options-" + strings.ReplaceAll(strings.ToLower(name), " ", "-")
			cluster := env.Cluster(hub)
			if _, err := cluster.Kubectl(t.Context(), "create", "namespace", namespace); err != nil {
				t.Fatal(err)
			}
			rendered, err := cluster.Helm(t.Context(), "template", "nautes", chart, "--namespace="+namespace,
				"--kube-version=1.30", "--set", "image.repository=deployment-runtime,argocd.namespace=default",
				"--set", values)
			if err != nil {
				t.Fatal(err)
			}
			_, faults := hardened.Faults(slices.Collect(maps.Values(objectsOf(t, rendered)))) // none stands twice
			for _, fault := range faults {
				t.Error(fault)
			}
			file := filepath.Join(t.TempDir(), "rendered.yaml")
			if err := os.WriteFile(file, []byte(rendered), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = cluster.Kubectl(t.Context(), "apply", "--dry-run=server", "--validate=strict", "-f", file)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTheChartRefusesValuesThatMeanNothing: with the name of the value.
func TestTheChartRefusesValuesThatMeanNothing(t *testing.T) {
	for values, want := range map[string]string{
		"replicas=3":                              "replicas",
		"image.repository=":                       "image.repository: say where you pushed the image",
		"operator.resources.limits.memory=lots":   "memory",
		"apiserver.enabled=true":                  "apiserver.gitlabURL: say where GitLab is",
		"image.digest=latest":                     "digest",
		"apiserver.gitlabURL=gitlab.example.com":  "gitlabURL",
		"operator.replicas=two":                   "replicas",
		"apiserver.ingress.hosts=api.example.com": "hosts",
		"operator.replica=3":                      "replica",
		"apiserver.ingres.enabled=true":           "ingres",
		"apiserver.ingress.enabled=true":          "there is no REST API without apiserver.enabled",
		"argocd.namespace=default":                "a namespace of its own",
		"networkPolicy.gitlab.ports=null":         "ports",
		"networkPolicy.gitlab.cidrs[0]=gitlab":    "cidrs",
		"networkPolicy.metricsFrom=":              "metricsFrom",
		"metrics.alerts.runbook=the wiki":         "runbook",
		"metrics.podMonitor.enabled=true,metrics.authorize=true": "metrics.podMonitor.tokenSecretName: with " +
			"metrics.authorize, name a Secret",
	} {
		_, err := env.Cluster(hub).Helm(t.Context(), "template", "nautes", chart, "--kube-version=1.30",
			"--set", "image.repository=deployment-runtime", "--set", values)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", values, err, want)
		}
	}
}

// built returns what kustomize makes of a kustomization.
func built(t *testing.T, kustomization string) string {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	up, err := filepath.Rel(dir, here)
	if err != nil {
		t.Fatal(err)
	}
	content := strings.ReplaceAll(kustomization, "ROOT", filepath.ToSlash(up))
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := env.Cluster(hub).Kubectl(t.Context(), "kustomize", dir)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// objectsOf returns the objects of a stream of YAML documents, without what only helm reads.
func objectsOf(t *testing.T, stream string) map[string]*unstructured.Unstructured {
	t.Helper()
	out := map[string]*unstructured.Unstructured{}
	for document := range strings.SplitSeq(stream, "\n---") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if object.Object == nil {
			continue
		}
		unstructured.RemoveNestedField(object.Object, "spec", "template", "metadata", "annotations",
			"checksum/configuration")
		annotations := object.GetAnnotations()
		maps.DeleteFunc(annotations, func(key, _ string) bool { return strings.HasPrefix(key, "helm.sh/") })
		object.SetAnnotations(annotations)
		if len(annotations) == 0 {
			unstructured.RemoveNestedField(object.Object, "metadata", "annotations")
		}
		id := fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName())
		if out[id] != nil {
			t.Fatalf("%s stands twice", id)
		}
		out[id] = object
	}
	return out
}

func text(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	out, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestAReleaseIsInstalledUpgradedRolledBackAndUninstalled: and whatever runs or is declared stays.
func TestAReleaseIsInstalledUpgradedRolledBackAndUninstalled(t *testing.T) {
	ctx, cluster := t.Context(), env.Cluster(hub)
	helm := func(args ...string) {
		t.Helper()
		if out, err := cluster.Helm(ctx, append(args, "--namespace=nautes", "--wait", "--timeout=2m")...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := cluster.Kubectl(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kubectl("create", "namespace", "argocd")
	helm(append([]string{"install", "nautes", chart, "--create-namespace"}, image...)...)
	ready := func(want string) {
		t.Helper()
		out := kubectl("--namespace=nautes", "get", "deployment", "nautes-operator", "-o=jsonpath={.status.readyReplicas}")
		if out != want {
			t.Errorf("%s operators are ready, want %s", out, want)
		}
	}
	ready("2")
	declare(ctx, t, cluster)

	for range 2 { // a Job cannot be changed: each upgrade runs a new one
		helm(append([]string{"upgrade", "nautes", chart, "--set=operator.replicas=3,argocd.configure=true"}, image...)...)
		ready("3")
		if n := kubectl("--namespace=nautes", "get", "job", "nautes-argocd", "-o=jsonpath={.status.succeeded}"); n != "1" {
			t.Errorf("the Job has succeeded %q times", n)
		}
	}
	helm("rollback", "nautes", "1")
	ready("2")

	if out, err := cluster.Helm(ctx, "uninstall", "nautes", "--namespace=nautes", "--wait"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	left := kubectl("--namespace=nautes", "get", "deployments,serviceaccounts", "-o=name")
	if strings.Contains(left, "nautes-") {
		t.Errorf("left: %s", left)
	}
	kubectl("--namespace=nautes", "get", "products.nautes.resource.nautes.io", "product-7")
	kubectl("get", "validatingadmissionpolicy", "no-delete-hooks.nautes.resource.nautes.io")

	helm(append([]string{"install", "nautes", chart}, image...)...)
	ready("2")
}

// declare makes a Product, which must outlive everything.
func declare(ctx context.Context, t *testing.T, cluster *devenv.Cluster) {
	t.Helper()
	const product = `apiVersion: nautes.resource.nautes.io/v1alpha1
kind: Product
metadata: {name: product-7, namespace: nautes}
spec: {name: group, metaDataPath: "https://gitlab.example.com/group/default.project.git"}
`
	if err := cluster.Apply(ctx, []byte(product)); err != nil {
		t.Fatal(err)
	}
}
