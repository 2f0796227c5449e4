package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nautes-labs/deployment-runtime/test/devenv"
)

// fromCheckout begins the commands that install the chart of a checkout.
const fromCheckout = "helm install nautes charts/deployment-runtime"

// block returns the shell commands of the one block in a page that holds some words.
func block(t *testing.T, page, words string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, part := range strings.Split(string(text), "```sh\n")[1:] {
		if commands, _, _ := strings.Cut(part, "```"); strings.Contains(commands, words) {
			found = append(found, commands)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks with %q, want 1", page, len(found), words)
	}
	return found[0]
}

// shell runs commands as a person would who has kubectl and helm, in a checkout of the repository.
func shell(t *testing.T, cluster *devenv.Cluster, commands string) {
	t.Helper()
	shellIn(t, root, cluster, commands)
}

func shellIn(t *testing.T, dir string, cluster *devenv.Cluster, commands string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir = dir
	path := filepath.Dir(env.KubectlPath()) + string(os.PathListSeparator) + filepath.Dir(env.HelmPath())
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.KubeconfigFile(),
		"PATH="+path+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, out)
	}
}

// TestTheDocumentedWaysToInstallWork: word by word, but for building and pushing the image.
func TestTheDocumentedWaysToInstallWork(t *testing.T) {
	for _, row := range []struct{ page, words, cluster string }{
		{"docs/howto/install.md", fromCheckout, byHelm},
		{"docs/howto/install.md", "make deploy", byMake},
	} {
		t.Run(row.words, func(t *testing.T) {
			cluster := env.Cluster(row.cluster)
			shell(t, cluster, "kubectl create namespace argocd")
			shell(t, cluster, block(t, row.page, row.words))
			shell(t, cluster, "kubectl -n nautes rollout status deployment nautes-operator --timeout=2m")
			shell(t, cluster, "kubectl get namespace nautes -o jsonpath='{.metadata.labels}' | grep -q restricted")
		})
	}
	shell(t, env.Cluster(byHelm), block(t, "docs/howto/use-the-rest-api.md", "helm upgrade"))
	shell(t, env.Cluster(byHelm), block(t, "docs/howto/upgrade.md", "helm upgrade"))
	shell(t, env.Cluster(byMake), block(t, "docs/howto/upgrade.md", "make deploy"))
	shell(t, env.Cluster(byMake), argoCD)
	shell(t, env.Cluster(byMake), block(t, "docs/howto/install.md", "make argocd"))
	shell(t, env.Cluster(byMake), "make argocd | grep 'everything is set already'")
}

// argoCD is as much of an Argo CD as the commands need: its ConfigMaps, and what is restarted.
const argoCD = `
kubectl -n argocd create configmap argocd-cm
kubectl -n argocd create configmap argocd-cmd-params-cm
kubectl -n argocd label configmap argocd-cm argocd-cmd-params-cm app.kubernetes.io/part-of=argocd
kubectl -n argocd create deployment argocd-repo-server --image=argocd
kubectl -n argocd apply -f - <<EOF
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: argocd-application-controller}
spec:
  serviceName: argocd-application-controller
  selector: {matchLabels: {app: argocd}}
  template:
    metadata: {labels: {app: argocd}}
    spec: {containers: [{name: argocd, image: argocd}]}
EOF
`

// TestHelmTakesOverWhatWasInstalledWithoutIt: as the page says.
func TestHelmTakesOverWhatWasInstalledWithoutIt(t *testing.T) {
	cluster, page := env.Cluster(takenOver), "docs/howto/install.md"
	shell(t, cluster, "kubectl create namespace argocd")
	shell(t, cluster, block(t, page, "make deploy"))
	shell(t, cluster, strings.Replace(block(t, page, fromCheckout), "helm install", "helm install --take-ownership", 1))
	shell(t, cluster, "kubectl -n nautes rollout status deployment nautes-operator --timeout=2m")
}

// TestTheDocumentedWaysToInstallAReleaseWork: in a directory with its chart and its install.yaml. hack/release has the test
// that what it writes says the same as this chart and as config/default.
func TestTheDocumentedWaysToInstallAReleaseWork(t *testing.T) {
	cluster, page, dir := env.Cluster(byRelease), "docs/howto/install.md", releaseFiles(t)
	shell(t, cluster, "kubectl create namespace argocd")
	shellIn(t, dir, cluster, block(t, page, "-f install.yaml"))
	shell(t, cluster, "kubectl -n nautes rollout status deployment nautes-operator --timeout=2m")
	install := block(t, page, "helm install nautes deployment-runtime-0.1.0.tgz")
	shellIn(t, dir, cluster, strings.Replace(install, "helm install", "helm install --take-ownership", 1))
	shell(t, cluster, "kubectl -n nautes rollout status deployment nautes-operator --timeout=2m")
	shell(t, cluster, "kubectl -n nautes get deployment nautes-operator -o jsonpath='{..image}' | grep "+
		"'^registry.example.com/deployment-runtime@sha256:'")
}

// releaseFiles makes what a release has for clusters: the chart with an image by digest, and the same as manifests.
func releaseFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copied := filepath.Join(dir, "deployment-runtime")
	if err := os.CopyFS(copied, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	values, err := os.ReadFile(filepath.Join(copied, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	text := strings.Replace(string(values), "\n  digest: \"\"\n", "\n  digest: "+digest+"\n", 1)
	text = strings.Replace(text, "\n  repository: \"\"\n", "\n  repository: ghcr.io/nautes-labs/deployment-runtime\n", 1)
	if err := os.WriteFile(filepath.Join(copied, "values.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace, err := filepath.Abs(filepath.Join(root, "config", "default", "namespace.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	shellIn(t, dir, env.Cluster(byRelease), `helm package deployment-runtime --version 0.1.0 --app-version v0.1.0
		{ cat `+namespace+`; echo ---
		helm template nautes deployment-runtime-0.1.0.tgz --namespace nautes --kube-version 1.30; } > install.yaml`)
	return dir
}
