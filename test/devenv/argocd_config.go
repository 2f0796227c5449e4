package devenv

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/nautes-labs/deployment-runtime/config/argocd"
)

// configMaps is the data of ConfigMaps by name and key.
type configMaps map[string]map[string]string

func (c configMaps) merge(other configMaps) {
	for name, data := range other {
		if c[name] == nil {
			c[name] = map[string]string{}
		}
		maps.Copy(c[name], data)
	}
}

// testSettings make Argo CD look at git every few seconds. Tests that count writes choose their own.
func testSettings() configMaps {
	return configMaps{"argocd-cm": {"timeout.reconciliation": "10s", "timeout.reconciliation.jitter": "0s"}}
}

// configure installs the CRDs and the configuration.
func (a *ArgoCD) configure(ctx context.Context) error {
	release, err := a.cluster.host.tools.ArgoCDManifests(ctx, a.Version)
	if err != nil {
		return err
	}
	manifests, err := concatenate(filepath.Join(release, "crds", "*.yaml"), filepath.Join(release, "config", "*.yaml"))
	if err != nil {
		return err
	}
	if err := a.cluster.Apply(ctx,
		[]byte("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: "+ArgoCDNamespace+"\n")); err != nil {
		return err
	}
	if err := a.cluster.applyIn(ctx, ArgoCDNamespace, manifests); err != nil {
		return err
	}
	config, err := a.repositoryConfig(ctx)
	if err != nil {
		return err
	}
	config.merge(testSettings())
	config.merge(a.config)
	return a.Configure(ctx, config)
}

// Configure merges data into Argo CD's ConfigMaps, by name and key. argocd-cm takes effect at once,
// argocd-cmd-params-cm when Controller and RepoServer are restarted.
func (a *ArgoCD) Configure(ctx context.Context, data map[string]map[string]string) error {
	client, err := a.cluster.clientset()
	if err != nil {
		return err
	}
	for name, values := range data {
		patch, err := json.Marshal(map[string]any{"data": values})
		if err != nil {
			return err
		}
		_, err = client.CoreV1().ConfigMaps(ArgoCDNamespace).Patch(ctx, name, types.MergePatchType, patch,
			metav1.PatchOptions{FieldManager: fieldManager})
		if err != nil {
			return fmt.Errorf("merging into ConfigMap %s: %w", name, err)
		}
	}
	return nil
}

// repositoryConfig returns config/argocd of this repository for the management cluster.
func (a *ArgoCD) repositoryConfig(ctx context.Context) (configMaps, error) {
	uid, err := a.cluster.Identity(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := argocd.Settings(argocd.Choices{InstallationID: string(uid), Jsonnet: argocd.LeftOut,
		Submodules: argocd.LeftOut})
	return configMaps(settings), err
}

// ArgoCDTypes returns the CustomResourceDefinitions of the Argo CD that the Go types of this module come from, for a
// cluster in which Argo CD does not run.
func ArgoCDTypes(ctx context.Context) ([]byte, error) {
	const module = "github.com/argoproj/argo-cd/v2"
	dir, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("looking for module %s: %w", module, err)
	}
	found, err := concatenate(filepath.Join(strings.TrimSpace(string(dir)), "manifests", "crds", "app*-crd.yaml"))
	if err == nil && len(found) == 0 {
		return nil, fmt.Errorf("module %s holds no CustomResourceDefinitions", module)
	}
	return found, err
}

// concatenate joins YAML files into one stream.
func concatenate(globs ...string) ([]byte, error) {
	var all bytes.Buffer
	for _, glob := range globs {
		files, err := filepath.Glob(glob)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				return nil, fmt.Errorf("reading manifests: %w", err)
			}
			all.WriteString("\n---\n")
			all.Write(data)
		}
	}
	return all.Bytes(), nil
}
